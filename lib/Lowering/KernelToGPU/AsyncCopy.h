//===- AsyncCopy.h - copies from global to shared memory ------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_ASYNCCOPY_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_ASYNCCOPY_H

#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

namespace cinch {

/// Starts a copy (cp.async) of `bytes` bytes, 4, 8 or 16, which both addresses
/// are multiples of: from `from`, a generic address of global memory, to `to`
/// (!llvm.ptr<3>). Where `isInside` (i1, null: always) is 0, nothing is read
/// and zeros are written.
void copyAsync(ElementEmitter &emitter, mlir::Value to, mlir::Value from,
               int64_t bytes, mlir::Value isInside);

/// Ends the group of the copies that this thread has started since the last
/// one; and waits until at most `pending` groups of it are not done. Others see
/// the data after a barrier.
void commitCopies(ElementEmitter &emitter);
void waitForCopies(ElementEmitter &emitter, int64_t pending);

/// All threads of the block wait for each other.
void emitBarrier(ElementEmitter &emitter);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_ASYNCCOPY_H
