//===- IntegerOperand.h - operands of products as 8-bit integers ----------===//
#ifndef CINCH_PASSES_QUANTIZE_INTEGEROPERAND_H
#define CINCH_PASSES_QUANTIZE_INTEGEROPERAND_H

#include "dialects/Graph/Graph.h"
#include <optional>

namespace cinch::quantize {

/// A value that is (integers - zero) * scale.
struct IntegerOperand {
  mlir::Value integers; ///< of i8 or ui8; null where `constant` has them
  /// The integers where they are constant: the bytes of i8 or ui8, row-major.
  std::optional<std::vector<int8_t>> constant;
  llvm::SmallVector<int64_t> shape;
  bool isSigned = true;
  /// The zero point, of an integer type, or its elements where they are
  /// constant; neither: none.
  mlir::Value zero;
  std::optional<llvm::SmallVector<int64_t>> zeros;
  mlir::Value scale; ///< of f32; null: of an integer product
  /// Where scale and zero point change, as of graph.quantize.
  int64_t axis = 0, groupSize = 0;

  /// What `value` is; nullopt where it is no such value.
  static std::optional<IntegerOperand> match(mlir::Value value);

  int64_t getRank() const { return shape.size(); }
  bool hasZero() const { return zero || zeros; }
  /// Whether every element has the same zero point, or none.
  bool hasOneZero() const;
  /// The largest magnitude of (integers - zero).
  int64_t getMaxMagnitude() const;
  /// Takes the zero point into constant integers and makes them signed, as far
  /// as the results are 8-bit. What stays unsigned has no zero point that fits.
  void absorbZero();
};

/// Whether `value` has one element.
bool hasOneElement(mlir::Value value);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_INTEGEROPERAND_H
