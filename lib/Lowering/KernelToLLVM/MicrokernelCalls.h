//===- MicrokernelCalls.h - calls of microkernels -------------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_MICROKERNELCALLS_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_MICROKERNELCALLS_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// Calls the microkernel at `position` (an i64) of the table as fn(a, b, c).
void callMicrokernel(ElementEmitter &emitter, mlir::Value position,
                     mlir::Value a, mlir::Value b, mlir::Value c);

/// Calls a microkernel that sums `count` (an i64) products, whose operands are
/// at the offsets, in bytes, in the buffers `aOffsets` and `bOffsets`.
void callSumMicrokernel(ElementEmitter &emitter, mlir::Value position,
                        mlir::Value a, mlir::Value b, mlir::Value c,
                        mlir::Value count, mlir::Value aOffsets,
                        mlir::Value bOffsets);

/// `base` moved by `count * stride` elements of float32.
mlir::Value advance(ElementEmitter &emitter, mlir::Value base,
                    mlir::Value count, int64_t stride);

/// Splits a count that is known at run time, at most twice `largest` (a power
/// of 2) less one, into its binary digits: `emit(size, done)` is guarded by the
/// digit `size`, from the largest on, with `done` of the count before it.
void forDigits(ElementEmitter &emitter, mlir::Value count, int64_t largest,
               llvm::function_ref<void(int64_t size, mlir::Value done)> emit);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_MICROKERNELCALLS_H
