//===- AsyncCopy.cpp - copies from global to shared memory ----------------===//
#include "lib/Lowering/KernelToGPU/AsyncCopy.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

void cinch::copyAsync(ElementEmitter &emitter, Value to, Value from,
                      int64_t bytes, Value isInside) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  auto global = LLVM::LLVMPointerType::get(
      builder.getContext(), unsigned(NVVM::NVVMMemorySpace::Global));
  from = LLVM::AddrSpaceCastOp::create(builder, loc, global, from);
  Value size;
  if (isInside)
    size = arith::SelectOp::create(
        builder, loc, isInside,
        arith::ConstantIntOp::create(builder, loc, bytes, 32),
        arith::ConstantIntOp::create(builder, loc, 0, 32));
  // Only copies of 16 bytes may leave out the first level cache.
  auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG
                           : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(builder, loc, to, from, bytes, cache, size);
}

void cinch::commitCopies(ElementEmitter &emitter) {
  NVVM::CpAsyncCommitGroupOp::create(emitter.builder, emitter.loc);
}

void cinch::waitForCopies(ElementEmitter &emitter, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(emitter.builder, emitter.loc, pending);
}

void cinch::emitBarrier(ElementEmitter &emitter) {
  NVVM::Barrier0Op::create(emitter.builder, emitter.loc);
}
