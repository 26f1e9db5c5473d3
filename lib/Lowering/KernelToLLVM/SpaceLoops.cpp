//===- SpaceLoops.cpp - dimensions of the space of a kernel ---------------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelSchedule.h"

using namespace mlir;
using namespace cinch;

exec::ChannelBlocksAttr cinch::getChannelBlocks(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor
             ? dyn_cast_or_null<exec::ChannelBlocksAttr>(tensor.getEncoding())
             : exec::ChannelBlocksAttr();
}

bool cinch::hasChannelBlocks(func::FuncOp body) {
  return llvm::any_of(body.getArgumentTypes(),
                      [](Type type) { return bool(getChannelBlocks(type)); });
}

exec::ChannelBlocksAttr cinch::getRootBlocks(const KernelSchedule &schedule) {
  KernelRoot root = schedule.roots.front();
  AffineMap map =
      root.op.getIndexingMapMatchingResult(root.op->getResult(root.result));
  if (map.getNumResults() < 2 || !isa<AffineDimExpr>(map.getResult(1)))
    return nullptr;
  return getChannelBlocks(root.op->getResult(root.result).getType());
}

SmallVector<unsigned> cinch::getSpaceLoops(const KernelSchedule &schedule,
                                           const KernelRoot &root) {
  // The parallel loops of the first root, in the order of its indices.
  auto parallelLoops = [](linalg::LinalgOp op) {
    SmallVector<unsigned> loops;
    op.getParallelDims(loops);
    return loops;
  };
  linalg::LinalgOp first = schedule.roots.front().op;
  SmallVector<unsigned> firstLoops = parallelLoops(first);
  SmallVector<unsigned> ownLoops = parallelLoops(root.op);
  AffineMap map = first.getIndexingMapMatchingResult(
      first->getResult(schedule.roots.front().result));
  SmallVector<unsigned> order;
  for (AffineExpr expr : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      order.push_back(dim.getPosition());
  for (unsigned loop : firstLoops)
    if (!llvm::is_contained(order, loop))
      order.insert(order.begin(), loop);
  SmallVector<int64_t> ranges = first.getStaticLoopRanges();
  if (exec::ChannelBlocksAttr blocks = getRootBlocks(schedule)) {
    unsigned channel = cast<AffineDimExpr>(map.getResult(1)).getPosition();
    if (ranges[channel] == blocks.getSize())
      llvm::erase(order, channel);
    order.push_back(channel);
  }
  std::stable_partition(order.begin(), order.end(),
                        [&](unsigned loop) { return ranges[loop] == 1; });
  SmallVector<unsigned> loops;
  for (unsigned loop : order) {
    size_t position = llvm::find(firstLoops, loop) - firstLoops.begin();
    if (position >= ownLoops.size())
      return {};
    loops.push_back(ownLoops[position]);
  }
  return loops;
}

/// Whether `loop` of the first root walks the rows of a state that it
/// continues.
static bool isRowLoop(const KernelSchedule &schedule, const KernelFrame &frame,
                      unsigned loop) {
  if (!frame.firstRow)
    return false;
  KernelRoot root = schedule.roots.front();
  AffineMap map = root.op.getIndexingMapMatchingResult(
      cast<OpResult>(root.op->getResult(root.result)));
  return map.getResult(frame.rowAxis) ==
         getAffineDimExpr(loop, map.getContext());
}

bool cinch::getSpaceSizes(const KernelSchedule &schedule,
                          ElementEmitter &emitter, SpaceSizes &space) {
  const KernelRoot &root = schedule.roots.front();
  SmallVector<Value> loopSizes = emitter.loopSizes(root.op);
  SmallVector<unsigned> loops = getSpaceLoops(schedule, root);
  if (loopSizes.empty() && !loops.empty())
    return false;
  for (unsigned loop : loops) {
    space.sizes.push_back(loopSizes[loop]);
    space.starts.push_back(emitter.constant(0));
    if (!isRowLoop(schedule, emitter.frame, loop))
      continue;
    space.starts.back() = emitter.frame.firstRow;
    space.sizes.back() = emitter.sub(loopSizes[loop], emitter.frame.firstRow);
  }
  if (schedule.split) {
    Value block = emitter.constant(schedule.split->block);
    Value &outer = space.sizes[schedule.split->outer];
    outer = emitter.floorDiv(outer, block);
    space.sizes[schedule.split->inner] = block;
  }
  return true;
}

int64_t cinch::getRunLength(const KernelSchedule &schedule,
                            const SpaceSizes &space) {
  if (schedule.rank == 0 || getConstantIntValue(space.starts.back()) != 0)
    return 1;
  int64_t length = 1;
  for (unsigned dim = schedule.rank; dim-- > 0;) {
    if (dim + 1 < schedule.rank && !schedule.merged[dim])
      break;
    length *= getConstantIntValue(space.sizes[dim]).value_or(1);
  }
  return length;
}

void cinch::mergeSizes(const KernelSchedule &schedule, ElementEmitter &emitter,
                       SpaceSizes &space) {
  for (unsigned dim = 0; dim + 1 < schedule.rank; ++dim)
    if (schedule.merged[dim]) {
      space.sizes[dim + 1] =
          emitter.mul(space.sizes[dim], space.sizes[dim + 1]);
      space.sizes[dim] = emitter.constant(1);
    }
}
