//===- Contractions.h - building sums of products -------------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_CONTRACTIONS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_CONTRACTIONS_H

#include "lib/Lowering/GraphToExec/KernelBody.h"

namespace cinch::form {

/// Defines the result of `op` as the sum over the reduction loops of the
/// product of `ins`, and makes the body a contraction if it can be one.
llvm::LogicalResult
contract(KernelBody &body, mlir::Operation *op, llvm::ArrayRef<Operand> ins,
         mlir::AffineMap outMap,
         llvm::ArrayRef<mlir::utils::IteratorType> iterators);

/// A splat as a tensor with a value (of which loops can take their bounds).
Tensor materializeSplat(KernelBody &body, const Tensor &splat);

/// `in` [N, C, spatial...] with `begins` elements of `filler` before each
/// spatial axis and as many after it as make its size `extents`, fewer than
/// none to leave elements out; `in` itself if that changes nothing.
Tensor padWindows(KernelBody &body, const Tensor &in,
                  llvm::ArrayRef<int64_t> begins, llvm::ArrayRef<Expr> extents,
                  llvm::function_ref<mlir::Value(Scalars &)> filler);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_CONTRACTIONS_H
