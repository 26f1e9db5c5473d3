//===- RowThreads.cpp - how many threads share a row ----------------------===//
#include "lib/Lowering/KernelToGPU/RowTiles.h"
#include "lib/Lowering/KernelToGPU/WarpReduction.h"

using namespace mlir;
using namespace cinch;

/// Threads of a block where warps have rows of their own, and most of a block.
static constexpr int64_t warpsBlock = 128, maxThreads = 1024;
/// Vectors of items that a thread has in registers: where a warp is enough, and
/// at most.
static constexpr int64_t fewVectors = 8, maxVectors = 32;
/// Items of a reduction that are worth a warp.
static constexpr int64_t worthwhileItems = 32;

/// The number of iterations of the reduction loops of `op`; 0 if not static.
static int64_t countItems(linalg::GenericOp op) {
  SmallVector<unsigned> dims;
  op.getReductionDims(dims);
  int64_t count = 1;
  for (unsigned dim : dims) {
    int64_t range = op.getStaticLoopRanges()[dim];
    count = ShapedType::isDynamic(range) ? 0 : count * range;
  }
  return count;
}

/// Whether the indices of `reduction` are those of tiles alone.
static bool isOfRow(const KernelSchedule &schedule,
                    const KernelReduction &reduction) {
  uint64_t bits = 0;
  for (unsigned dim : schedule.tileDims)
    bits |= uint64_t(1) << dim;
  return (reduction.dims & ~bits) == 0;
}

/// Whether the threads of a row can compute `reduction` together.
static bool isShared(const KernelSchedule &schedule,
                     const KernelReduction &reduction) {
  if (!isOfRow(schedule, reduction) || reduction.splitLoop >= 0 ||
      getCombiners(reduction.op).empty())
    return false;
  linalg::GenericOp op = reduction.op;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (auto [loop, dim] : llvm::enumerate(reduction.spaceDims))
    if (kinds[loop] == utils::IteratorType::parallel && dim < 0 &&
        ranges[loop] != 1)
      return false;
  return true;
}

bool cinch::isForRows(const KernelSchedule &schedule) {
  if (schedule.tileDims.size() < schedule.rank)
    return true;
  bool isLong = false;
  for (const KernelReduction &reduction : schedule.reductions) {
    if (reduction.byColumns || !isShared(schedule, reduction))
      return false;
    int64_t count = countItems(reduction.op);
    isLong |= count == 0 || count >= worthwhileItems;
  }
  return isLong;
}

/// Chooses the threads for the longest row that is walked.
void RowTiles::chooseThreads() {
  int64_t innermost = 1;
  bool isStatic = true, areShared = true;
  statistics.clear();
  auto addRow = [&](int64_t count, int64_t last) {
    isStatic &= count > 0;
    if (count > length)
      length = count, innermost = last;
  };
  for (const KernelReduction &reduction : schedule.reductions) {
    if (!isOfRow(schedule, reduction))
      continue; // of an item, a loop of its thread
    statistics.push_back(reduction);
    areShared &= isShared(schedule, reduction);
    linalg::GenericOp op = reduction.op;
    SmallVector<unsigned> dims;
    op.getReductionDims(dims);
    addRow(countItems(op), op.getStaticLoopRanges()[dims.back()]);
  }
  int64_t items = itemDims.empty() ? 0 : 1;
  for (unsigned dim : itemDims)
    items *= getConstantIntValue(space.sizes[dim]).value_or(0);
  if (!itemDims.empty())
    addRow(items, getConstantIntValue(space.sizes.back()).value_or(1));
  out.name = "rows";
  if (!areShared) {
    out.threads = warpsBlock;
    out.reason = "a thread for each row: its reduction has no single operation";
    return;
  }
  if (!isStatic) {
    length = 0;
    out.threads = rowThreads = warpsBlock;
    out.reason = "a block for each row, whose length is not static";
    return;
  }
  KernelSchedule plain; // the reductions are of rows, not of elements
  width = getVectorWidth(body, plain, innermost);
  int64_t vectors = llvm::divideCeil(length, width);
  rowThreads =
      std::min(maxThreads, static_cast<int64_t>(llvm::PowerOf2Ceil(
                               llvm::divideCeil(vectors, fewVectors))));
  rowThreads = std::max(rowThreads, warpSize);
  bool isOneWarp = rowThreads == warpSize;
  out.threads = isOneWarp ? warpsBlock : rowThreads;
  out.reason = std::string(isOneWarp ? "a warp" : "a block") +
               " for each row of " + std::to_string(length) + ", " +
               std::to_string(width) + " items at once";
  if (vectors > rowThreads * maxVectors) {
    length = 0; // more than registers hold
    out.reason += ", read again for each statistic";
  }
}
