//===- TransposeRegion.h - what is cheaper with permuted axes -------------===//
#ifndef CINCH_PASSES_GRAPH_TRANSPOSEREGION_H
#define CINCH_PASSES_GRAPH_TRANSPOSEREGION_H

#include "passes/Graph/PermuteAxes.h"

namespace cinch::graph {

/// How a transpose that undoes itself ([1, 0], for one) counts: as one of the
/// values in front of it, or of those behind it.
enum class Involution { Front, Behind };

/// Bytes up to which a constant is copied for users of another order.
constexpr int64_t maxCopiedConstantBytes = int64_t(1) << 16;

/// Whether `value` is the same in every order: it has one element.
bool isSingleElement(mlir::Value value);
/// Whether nothing has to be moved at run time to permute `value`: a constant
/// that may be copied, or one element.
bool isFreeToPermute(mlir::Value value);
/// `type` with axes of size 1 in front up to `rank`.
mlir::RankedTensorType extendType(mlir::RankedTensorType type, int64_t rank);

/// The operations of `block`, in order, that are to compute their results
/// permuted, so that transposes cost least: those in front of and behind the
/// operations that compute permuted or not, weighed by their elements and by
/// what reads them. Empty if it is cheapest as it is. All of them can permute.
llvm::SmallVector<mlir::Operation *>
findRegion(mlir::Block &block, llvm::ArrayRef<int64_t> permutation,
           Involution involution);

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_TRANSPOSEREGION_H
