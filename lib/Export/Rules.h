//===- Rules.h - what each operation becomes in ONNX ----------------------===//
#ifndef CINCH_LIB_EXPORT_RULES_H
#define CINCH_LIB_EXPORT_RULES_H

#include "lib/Export/Emitter.h"
#include "llvm/ADT/StringMap.h"
#include <functional>

namespace cinch::onnx_export {

/// Emits the ONNX form of `op`; fails after a diagnostic when there is none.
using Rule =
    std::function<llvm::LogicalResult(mlir::Operation *op, Emitter &emitter)>;

/// Rules by operation name.
class RuleTable {
public:
  /// The table of all rules.
  static const RuleTable &get();

  /// The rule of `op`; nullptr if it has no ONNX form.
  const Rule *find(mlir::Operation *op) const;

  template <typename OpTy>
  void add(std::function<llvm::LogicalResult(OpTy, Emitter &)> rule) {
    rules[OpTy::getOperationName()] =
        [rule = std::move(rule)](mlir::Operation *op, Emitter &emitter) {
          return rule(llvm::cast<OpTy>(op), emitter);
        };
  }
  /// `OpTy` is the ONNX operator `type` with the same operands and no
  /// attributes.
  template <typename OpTy> void addDirect(llvm::StringRef type) {
    add<OpTy>([type](OpTy op, Emitter &emitter) {
      emitter.addNode(type, op, emitter.getInputs(op));
      return mlir::success();
    });
  }

private:
  llvm::StringMap<Rule> rules;
};

/// Whether `op` only spreads a bias over the rows of convolutions that take it
/// as an input.
bool isBiasAlone(graph::UnsqueezeOp op);

/// Whether `op` is a (de)quantization whose scale is stored in fewer bits than
/// its real numbers.
bool hasWidenedScale(mlir::Operation *op);

void addElementwiseRules(RuleTable &table);
void addContractionRules(RuleTable &table);
void addReductionRules(RuleTable &table);
void addMovementRules(RuleTable &table);
void addIndexingRules(RuleTable &table);
void addQuantizationRules(RuleTable &table);
void addRecurrentRules(RuleTable &table);
void addControlFlowRules(RuleTable &table);

} // namespace cinch::onnx_export

#endif // CINCH_LIB_EXPORT_RULES_H
