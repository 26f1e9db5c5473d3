//===- Rows.h - operations that can be computed for some rows -------------===//
#ifndef CINCH_PASSES_MEMORY_ROWS_H
#define CINCH_PASSES_MEMORY_ROWS_H

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

/// Whether `op` computes in the place of its operand.
inline bool isElementwise(mlir::Operation *op) {
  return op->hasTrait<graph::Elementwise>();
}
/// Whether the kernel that makes `operand` computes the operation that reads
/// it, too: to read it by rows would cut the kernel in two.
bool continuesKernel(mlir::OpOperand &operand);

/// Whether only some rows of `operand`, of an operation that has rows, are
/// read for some rows of the result; otherwise all of it is.
bool isReadByRows(mlir::OpOperand &operand);
/// The rows of `operand` that are read for `rows` of the result; empty where
/// only padding is.
Rows getOperandRows(mlir::OpOperand &operand, Rows rows);

/// Whether the windows of `operand` for each of `numBands` equal parts of the
/// rows of the result lie in the same part of its own rows, and no more windows
/// would fit there. Both numbers of rows are multiples of `numBands`.
bool readsOwnBand(mlir::OpOperand &operand, int64_t numBands);

/// Whether `value` is an image: of rank 4, with more than one channel.
bool isImage(mlir::Value value);
/// Whether there may be more than one image.
bool isBatch(mlir::Value value);
bool isPooling(mlir::Operation *op);
/// Whether `value` is an image that can be stored in one block that holds all
/// channels: parts of joined channels have smaller ones.
bool isInOneBlock(mlir::Value value);

/// Computes some rows of values by copies of operations.
class RowBuilder {
public:
  /// Builds in front of `place`; the names of the copies are those of the
  /// values with `number` behind them, and unlike those in `taken`.
  RowBuilder(mlir::Operation *place, size_t number, llvm::StringSet<> &taken)
      : builder(place), loc(place->getLoc()), number(number), taken(taken) {}

  /// From now on `rows` of `value`, and no others, are found in `part`.
  void set(mlir::Value value, mlir::Value part, Rows rows) {
    made[value] = {part, rows};
  }
  /// Copies `op`, which has rows, for these `rows` of its result.
  mlir::Value copy(mlir::Operation *op, Rows rows);
  /// Joins `parts`, neighbours that are `rows` of `value`.
  mlir::Value join(mlir::Value value, Rows rows, mlir::ValueRange parts);

private:
  void setName(mlir::Operation *op, llvm::StringRef base);
  mlir::Value slice(mlir::Value value, Rows rows, int64_t offset);
  mlir::Value getRows(mlir::OpOperand &operand, Rows rows);
  void setPads(mlir::Operation *op, mlir::Operation *copy, Rows rows,
               Rows inputs);

  mlir::OpBuilder builder;
  mlir::Location loc;
  size_t number;
  llvm::StringSet<> &taken;
  llvm::DenseMap<mlir::Value, std::pair<mlir::Value, Rows>> made;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> slices;
};

/// Joins `parts`, rows of `value` in their order, in front of `place`; the
/// result takes over the name.
mlir::Value joinRows(mlir::Operation *place, mlir::Value value,
                     mlir::ValueRange parts);

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_ROWS_H
