//===- Plan.h - which values are stored in few bits, and how --------------===//
#ifndef CINCH_PASSES_QUANTIZE_PLAN_H
#define CINCH_PASSES_QUANTIZE_PLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Quantize/Calibrators.h"
#include "passes/Quantize/Format.h"
#include "passes/Quantize/Granularity.h"
#include "passes/Quantize/ScaleFormat.h"
#include "llvm/Support/Error.h"
#include <map>
#include <memory>
#include <string>

namespace cinch::quantize {

/// What is done with one value.
struct ValuePlan {
  const Format *format = nullptr; ///< null: nothing, for `reason`
  Granularity granularity = Granularity::Tensor;
  int64_t group = 0; ///< elements, of a group
  bool isSymmetric = true;
  Method method = Method::MinMax; ///< of weights MinMax or Mse
  bool isDynamic = false;         ///< scales are computed from each input
  ScaleFormat scales = ScaleFormat::F32;
  std::string reason; ///< a sentence for the user
  /// What readers other than products get; null: the exact value. It is
  /// static, of granularity Tensor or Channel, and has no others. The same as
  /// for products where all these members are equal.
  std::shared_ptr<const ValuePlan> others = nullptr;

  /// Whether the same codes serve both.
  bool hasSameGrid(const ValuePlan &other) const {
    return format == other.format && granularity == other.granularity &&
           isSymmetric == other.isSymmetric && method == other.method &&
           isDynamic == other.isDynamic && group == other.group &&
           scales == other.scales;
  }
};

/// The attribute `graph.quantization_plan` of a function: a dictionary of
/// values by name, which are activations (operands of products) and constants
/// (weights).
class QuantizationPlan {
public:
  static constexpr llvm::StringLiteral attributeName =
      "graph.quantization_plan";

  /// That of `function`; empty if it has none. An error names a value whose
  /// entry is wrong.
  static llvm::Expected<QuantizationPlan> get(mlir::func::FuncOp function);
  void set(mlir::func::FuncOp function) const;

  /// As JSON: {"cinch_quantization_plan": 1, "values": {"x": {"format": "i8",
  /// ...}}}. Only `format` is required. An error names the file and what is
  /// wrong in it.
  static llvm::Expected<QuantizationPlan> read(llvm::StringRef path);
  llvm::Error write(llvm::StringRef path) const;

  /// By name, in alphabetical order.
  std::map<std::string, ValuePlan> values;
  /// Null if there is no entry.
  const ValuePlan *find(llvm::StringRef name) const;
  /// Whether `name` is to be quantized.
  bool chooses(llvm::StringRef name) const;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_PLAN_H
