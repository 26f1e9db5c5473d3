//===- PermuteAxes.h - operations on operands with permuted axes ----------===//
//
// Axis i of what is permuted by `permutation` is axis permutation[i] of what it
// was, as for graph.transpose.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_PASSES_GRAPH_PERMUTEAXES_H
#define CINCH_PASSES_GRAPH_PERMUTEAXES_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/Builders.h"

namespace cinch::graph {

using Permutation = llvm::SmallVector<int64_t, 6>;

/// By `outer` what was permuted by `inner`.
Permutation compose(llvm::ArrayRef<int64_t> inner,
                    llvm::ArrayRef<int64_t> outer);
Permutation invert(llvm::ArrayRef<int64_t> permutation);
/// The type of a value of `type` that is permuted.
mlir::RankedTensorType permuteType(mlir::RankedTensorType type,
                                   llvm::ArrayRef<int64_t> permutation);
/// True if the elements of a tensor of `shape` stay in order: only axes of size
/// 1 move.
bool keepsOrder(llvm::ArrayRef<int64_t> shape,
                llvm::ArrayRef<int64_t> permutation);

/// Whether `op` computes its only result, of `rank` axes, with axes permuted if
/// its operands are: element-wise operations, reductions that keep their axes,
/// and what else works along given axes.
bool canPermute(mlir::Operation *op, int64_t rank);
/// Whether an operand of an operation that can permute has to be permuted with
/// the result (one of lower rank after leading axes are added).
bool isPermutedOperand(mlir::OpOperand &operand);
/// A copy of `op`, which can permute, of `operands`, permuted as
/// `isPermutedOperand` says. It has the attributes of `op`, names too.
mlir::Operation *clonePermuted(mlir::OpBuilder &builder, mlir::Operation *op,
                               mlir::ValueRange operands,
                               llvm::ArrayRef<int64_t> permutation);

/// Whether the result of `op` is the same if its operand 0 is permuted and its
/// axes are: what drops axes where the others stay in order.
bool absorbs(mlir::Operation *op, llvm::ArrayRef<int64_t> permutation);
/// Changes the axes of `op`, which absorbs the permutation, accordingly.
void permuteAxes(mlir::Operation *op, llvm::ArrayRef<int64_t> permutation);

/// The axes that each result element of `op` goes along: of a reduction, a
/// softmax; empty for others.
llvm::SmallVector<int64_t> getReducedAxes(mlir::Operation *op);

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_PERMUTEAXES_H
