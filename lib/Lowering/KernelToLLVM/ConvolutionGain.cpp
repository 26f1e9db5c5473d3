//===- ConvolutionGain.cpp - what channel blocks save ---------------------===//
#include "lib/Lowering/KernelToLLVM/ConvolutionGain.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;

/// What a region is judged by, in nanoseconds of one thread, measured with
/// AVX-512: saved per operation (155 instead of 80 GFLOP/s); per element that
/// is packed because it is row-major, and that is written across. A dynamic
/// size counts as `nominalSize`.
static constexpr double savedTime = 0.006, packTime = 1, acrossTime = 1.5;
static constexpr int64_t nominalSize = 64;

linalg::GenericOp cinch::findConvolution(func::FuncOp body) {
  linalg::GenericOp found;
  for (auto op : body.getOps<linalg::GenericOp>()) {
    if (op.getNumReductionLoops() < 2 || !isMultiplyAdd(op))
      continue;
    AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
    if (map.getNumResults() < 3 ||
        !getWindow(map.getResults().back(), op.getNumParallelLoops()))
      continue;
    if (found)
      return nullptr;
    found = op;
  }
  return found;
}

BlockArgument cinch::findConvolved(linalg::GenericOp op) {
  Value input = op.getDpsInputOperand(0)->get();
  auto producer = input.getDefiningOp<linalg::GenericOp>();
  if (!producer)
    return dyn_cast<BlockArgument>(input);
  BlockArgument found;
  for (Value operand : producer.getDpsInputs())
    found = dyn_cast<BlockArgument>(operand);
  producer.walk([&](tensor::ExtractOp extract) {
    found = dyn_cast<BlockArgument>(extract.getTensor());
  });
  return found;
}

double cinch::getGain(BlockedConvolutionPlan &plan, bool writesAcross) {
  double pixels = 1, inputs = plan.channels;
  for (const BlockedAxis *axis : {&plan.row, &plan.column}) {
    pixels *= ShapedType::isDynamic(axis->size) ? nominalSize : axis->size;
    inputs *= std::min(axis->stride, axis->getExtent());
  }
  double gain =
      2 * savedTime * pixels * plan.filters * plan.channels * plan.getNumTaps();
  if (!plan.inputArgument) // for every block of filters
    gain -= packTime * pixels * inputs *
            llvm::divideCeil(plan.filters, plan.filterBlock);
  if (writesAcross)
    gain -= acrossTime * pixels * plan.filters;
  return gain;
}
