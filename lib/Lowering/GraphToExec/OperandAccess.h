//===- OperandAccess.h - movement as indexing -----------------------------===//
//
// Transposes, repetitions and reshapes in front of a matmul need not be made:
// the matmul reads where they would have read.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_OPERANDACCESS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_OPERANDACCESS_H

#include "lib/Lowering/GraphToExec/ShapeTable.h"
#include "mlir/IR/AffineExpr.h"

namespace cinch::form {

/// Where `op` reads its first operand for the element of its result at `axes`;
/// nullopt if it moves elements in a way that affine expressions do not say.
std::optional<llvm::SmallVector<mlir::AffineExpr>>
getReadAxes(mlir::Operation *op, llvm::ArrayRef<mlir::AffineExpr> axes,
            const ShapeTable &shapes);

/// The operations in front of `operand` that its owner can read through, the
/// nearest first: each is read by the next alone, and the last is one that
/// would have moved data.
llvm::SmallVector<mlir::Operation *>
findReadThrough(mlir::OpOperand &operand, const ShapeTable &shapes,
                const llvm::DenseSet<mlir::Operation *> &live);

/// Elements `start` to `end` of `axis`, of `size`.
struct StaticSlice {
  int64_t axis, start, end, size;
};
/// What `op` takes, if that is neighbours along one axis of known size.
std::optional<StaticSlice> getStaticSlice(graph::SliceOp op,
                                          const ShapeTable &shapes);

/// The slice of an argument of the function in front of `conv` that its
/// kernel can read through: elements outside of the slice are read as padding
/// only where they are outside of the argument.
graph::SliceOp findReadThrough(graph::ConvOp conv, const ShapeTable &shapes,
                               const llvm::DenseSet<mlir::Operation *> &live);

/// True if the result of `op` is larger than all that it and the cheap
/// element-wise operations in front of it, at most `maxDepth`, are computed
/// from: rows against columns, such as a one-hot code.
bool isExpansion(mlir::Operation *op, const ShapeTable &shapes,
                 unsigned maxDepth = 4);

/// The number of operations in `live`, or outside the dialect, that read the
/// elements of `value`.
unsigned countReaders(mlir::Value value,
                      const llvm::DenseSet<mlir::Operation *> &live);

/// True for a dequantization or conversion of elements of at most 8 bits to
/// wider floats, and for integers that are unpacked.
bool isDecoded(mlir::Operation *op);
/// True if the contraction that owns `operand` can compute such elements where
/// it reads them.
bool readsDecoded(mlir::OpOperand &operand);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_OPERANDACCESS_H
