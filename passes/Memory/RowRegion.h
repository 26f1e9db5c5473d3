//===- RowRegion.h - operations that are computed in bands of rows --------===//
#ifndef CINCH_PASSES_MEMORY_ROWREGION_H
#define CINCH_PASSES_MEMORY_ROWREGION_H

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/StringSet.h"

namespace cinch::memory {

/// Rows [begin, end) of a value: positions along its axis before the last,
/// which is the height of images and the rows of matrices.
struct Rows {
  int64_t begin = 0, end = 0;
  int64_t getSize() const { return end - begin; }
  bool operator==(const Rows &other) const {
    return begin == other.begin && end == other.end;
  }
};

/// The number of rows of a value that has a known number of them.
int64_t getNumRows(mlir::Value value);

/// Whether rows of the result of `op` can be computed from rows of its
/// operands: a convolution, pooling, a product with a matrix, or an
/// element-wise operation, of f32 images or one matrix. All sizes are known,
/// but for the number of images, if it is not 1.
bool hasRows(mlir::Operation *op);
/// Whether `op` is one of these but for the element-wise ones.
bool isWindowed(mlir::Operation *op);

/// Whether only some rows of `operand`, of an operation that has rows, are
/// read for some rows of the result; otherwise all of it is.
bool isReadByRows(mlir::OpOperand &operand);
/// The rows of `operand` that are read for `rows` of the result; empty where
/// only padding is.
Rows getOperandRows(mlir::OpOperand &operand, Rows rows);

/// Operations in program order of which nobody else reads anything but the
/// result of the last one, all in one block.
struct RowRegion {
  llvm::SmallVector<mlir::Operation *> ops;

  mlir::Value getExit() const { return ops.back()->getResult(0); }
  bool contains(mlir::Operation *op) const {
    return llvm::is_contained(ops, op);
  }
  /// The rows that every operation computes for `rows` of the exit, those
  /// read by several users once; nullopt where one would be empty.
  std::optional<llvm::SmallVector<Rows>> getRows(Rows rows) const;
  /// `numRows` rows in bands of one size, the last may be smaller.
  llvm::SmallVector<Rows> getBands(int64_t numBands) const;

  /// Computes the exit in bands and joins these; names are made from those of
  /// the values, and unlike those in `taken`.
  void split(int64_t numBands, llvm::StringSet<> &taken) const;
};

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_ROWREGION_H
