//===- KeptValues.h - values that stay in f32, and why --------------------===//
#ifndef CINCH_PASSES_PRECISION_KEPTVALUES_H
#define CINCH_PASSES_PRECISION_KEPTVALUES_H

#include "passes/Precision/Rules.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Error.h"
#include <string>

namespace cinch::precision {

/// The values of a function that stay in f32. Those are out of range whose
/// largest magnitude, by `graph.magnitudes`, is above a fourth of the largest
/// number of f16 or below its smallest normal one, and not 0; none are for
/// bf16, which has the exponents of f32.
class KeptValues {
public:
  KeptValues(mlir::func::FuncOp function, mlir::FloatType element);
  /// Whether `value` is out of range.
  bool contains(mlir::Value value) const { return outOfRange.contains(value); }
  /// Whether the largest magnitude of an f32 `constant`, which is exact, is no
  /// normal number of f16 and not 0. An error if it cannot be read.
  llvm::Expected<bool> isOutOfRange(mlir::TypedAttr constant);
  /// Takes note of a value that stays in f32.
  void note(mlir::Value value, Reason reason);

  /// The largest magnitudes of the values that are out of range.
  const llvm::DenseMap<mlir::Value, double> &getOutOfRange() const {
    return outOfRange;
  }
  /// How many values are out of range, and which is farthest, in a sentence.
  std::string describe() const;
  /// The reasons that were noted, by the names of the values.
  mlir::DictionaryAttr getReasons() const;

private:
  mlir::MLIRContext *context;
  bool isHalf;
  llvm::DenseMap<mlir::Value, double> outOfRange;
  llvm::DenseMap<mlir::Attribute, bool> constants;
  llvm::SmallVector<mlir::NamedAttribute> reasons;
};

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_KEPTVALUES_H
