//===- LowerGrain.cpp - when a call is worth threads ----------------------===//
#include "lib/Lowering/ExecToLLVM/EntryLowering.h"
#include "lib/Lowering/ExecToLLVM/Passes.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"

using namespace mlir;
using namespace cinch;

/// What reading a byte of weights costs, in FLOPs, and how many times its FLOPs
/// a kernel is at most worth because of them: it may read a part of its weights
/// only, and has then fewer FLOPs.
static constexpr int64_t flopsPerWeightByte = 8, maxReadingFactor = 16;

/// The fewest tiles of `kernel` that are worth a thread, an i64.
Value EntryLowering::getGrain(exec::KernelOp kernel, LLVM::LLVMFuncOp callee,
                              Value count) {
  auto grain = callee->getAttrOfType<IntegerAttr>("exec.grain");
  auto flops = kernel->getAttrOfType<StringAttr>("exec.flops");
  if (!grain || grain.getInt() != grainByFlops || !flops)
    return code.constant(grain ? std::max<int64_t>(grain.getInt(), 1) : 1);
  // Tiles of equal work, as many as make up what is worthwhile.
  Location loc = kernel.getLoc();
  Value all =
      code.evaluate(*plan::Expr::parse(std::string_view(flops.getValue())));
  Value one = code.constant(1);
  all = LLVM::SMaxOp::create(builder, loc, all, one);
  // Weights that are read for few rows cost more than their FLOPs.
  int64_t weightBytes = 0;
  for (Value input : kernel.getInputs())
    if (auto type = dyn_cast<RankedTensorType>(input.getType());
        type && input.getDefiningOp<exec::WeightOp>())
      weightBytes += llvm::divideCeil(
          type.getNumElements() * type.getElementTypeBitWidth(), 8);
  Value most =
      LLVM::MulOp::create(builder, loc, all, code.constant(maxReadingFactor));
  Value reading = LLVM::SMinOp::create(
      builder, loc, most, code.constant(flopsPerWeightByte * weightBytes));
  all = LLVM::SMaxOp::create(builder, loc, all, reading);
  Value wanted =
      LLVM::MulOp::create(builder, loc, count, code.constant(worthwhileFlops));
  Value fewest = LLVM::UDivOp::create(builder, loc, wanted, all);
  return LLVM::SMaxOp::create(builder, loc, fewest, one);
}
