//===- WarpReduction.h - one value of what threads have -------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_WARPREDUCTION_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_WARPREDUCTION_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

inline constexpr int64_t warpSize = 32;

/// The operation of a reduction per result, such as arith.addf; empty if one of
/// them is not a single associative operation with a neutral element.
llvm::SmallVector<mlir::Operation *> getCombiners(mlir::linalg::GenericOp op);

/// The neutral element of `combiner`, an operation of getCombiners.
mlir::Value getNeutral(ElementEmitter &emitter, mlir::Operation *combiner);
/// `combiner` of `a` and `b`.
mlir::Value combine(ElementEmitter &emitter, mlir::Operation *combiner,
                    mlir::Value a, mlir::Value b);

/// `value` of the lane whose number differs in the bits `mask`, for scalars of
/// up to 64 bits. All lanes of the warp take part.
mlir::Value shuffleXor(ElementEmitter &emitter, mlir::Value value,
                       int64_t mask);

/// What `combiner` makes of `value` of all lanes of a warp, in all of them.
mlir::Value reduceWarp(ElementEmitter &emitter, mlir::Operation *combiner,
                       mlir::Value value);
/// The same for a block of `threads` threads, of which this is number `thread`.
/// All of them take part: there is a barrier.
mlir::Value reduceBlock(ElementEmitter &emitter, mlir::Operation *combiner,
                        mlir::Value value, mlir::Value thread, int64_t threads);

/// A new static array in the shared memory of a block, aligned to 16 bytes: a
/// generic address.
mlir::Value allocateShared(ElementEmitter &emitter, mlir::Type element,
                           int64_t count);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_WARPREDUCTION_H
