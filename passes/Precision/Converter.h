//===- Converter.h - values of a function in 16 bits ----------------------===//
#ifndef CINCH_PASSES_PRECISION_CONVERTER_H
#define CINCH_PASSES_PRECISION_CONVERTER_H

#include "dialects/Graph/Rounding.h"
#include "passes/Common/Selector.h"
#include "passes/Precision/KeptValues.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

namespace cinch::precision {

/// What was done with the operations of a function.
struct Counts {
  int64_t converted = 0, clamped = 0, unselected = 0;
  int64_t left[numReasons] = {}; ///< by Reason
};

/// Rewrites one function so that its f32 values are stored in 16 bits, or not,
/// as convert-precision says.
class Converter {
public:
  Converter(mlir::func::FuncOp function, mlir::FloatType element,
            const Selector &selector)
      : function(function), element(element), selector(selector),
        suffix(element.isF16() ? "/f16" : "/bf16"),
        isRepeated(function->hasAttr(graph::roundsAtStoreAttrName)),
        kept(function, element) {}

  llvm::Error run();
  const Counts &getCounts() const { return counts; }
  const KeptValues &getKept() const { return kept; }

private:
  bool isWide(mlir::Value value) const {
    return mlir::getElementTypeOrSelf(value.getType()).isF32();
  }
  bool isNarrow(mlir::Value value) const {
    return mlir::getElementTypeOrSelf(value.getType()) == element;
  }
  /// Whether readers that can choose take `value` in 16 bits.
  bool prefersNarrow(mlir::Value value) const;
  /// Whether the results of `op`, which follow its operands, stay f32.
  bool staysWide(mlir::Operation *op) const;
  bool hasVanishing(mlir::Operation *op) const;
  mlir::Value getVersion(mlir::Value value, mlir::FloatType type);
  mlir::Value getNarrow(mlir::Value value) {
    return getVersion(value, element);
  }
  mlir::Value getWide(mlir::Value value) {
    return getVersion(value, mlir::Float32Type::get(value.getContext()));
  }
  mlir::Value getRounded(graph::ConstantOp constant);
  mlir::Value makeCast(mlir::Value value, mlir::FloatType type);
  std::string makeName(const llvm::Twine &name);
  void widen(mlir::Operation *op);
  void leave(mlir::Operation *op, Reason reason);
  void keep(mlir::Operation *op);
  bool readsKept(mlir::Operation *op);
  void narrow(mlir::Operation *op);
  void narrowInside(mlir::Operation *op);
  void convert(mlir::Operation *op);

  mlir::func::FuncOp function;
  mlir::FloatType element;
  const Selector &selector;
  std::string suffix;
  bool isRepeated; ///< casts that are there may be those of the pass
  KeptValues kept;
  llvm::DenseSet<mlir::Operation *> wideOps; ///< for an error goal
  llvm::StringSet<> names;
  /// Values in f32 that operations computed for readers in 16 bits.
  llvm::DenseSet<mlir::Value> rounded;
  llvm::DenseSet<mlir::Value> narrowed; ///< were f32
  llvm::DenseMap<mlir::Attribute, mlir::TypedAttr> roundedConstants;
  llvm::MapVector<mlir::Value, mlir::Value> roundedValues; ///< constants
  Counts counts;
  llvm::Error error = llvm::Error::success();
};

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_CONVERTER_H
