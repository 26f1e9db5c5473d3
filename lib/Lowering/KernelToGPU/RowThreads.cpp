//===- RowThreads.cpp - how many threads share a row ----------------------===//
#include "dialects/Graph/ElementTypes.h"
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

/// Dimensions of the space that are those of rows; others are items of them.
static uint64_t getRowDims(const KernelSchedule &schedule) {
  return schedule.hasStatistics ? schedule.statisticDims
                                : (uint64_t(1) << schedule.rank) - 1;
}

/// Whether the indices of `reduction` are those of rows alone.
static bool isOfRow(const KernelSchedule &schedule,
                    const KernelReduction &reduction) {
  return (reduction.dims & ~getRowDims(schedule)) == 0;
}

/// Whether neighbouring items of the reduction are neighbours in memory, in all
/// that it reads of them.
static bool readsRows(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (OpOperand *input : op.getDpsInputOperands()) {
    SmallVector<unsigned> dims;
    op.getMatchingIndexingMap(input).walkExprs([&](AffineExpr expr) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        if (ranges[dim.getPosition()] != 1)
          dims.push_back(dim.getPosition());
    });
    auto isReduced = [&](unsigned dim) {
      return kinds[dim] == utils::IteratorType::reduction;
    };
    if (llvm::any_of(dims, isReduced) && !isReduced(dims.back()))
      return false;
  }
  return true;
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
  if (schedule.hasStatistics)
    return true;
  bool isLong = false;
  for (const KernelReduction &reduction : schedule.reductions) {
    if (!readsRows(reduction.op) || !isShared(schedule, reduction))
      return false;
    int64_t count = countItems(reduction.op);
    isLong |= count == 0 || count >= worthwhileItems;
  }
  return isLong;
}

/// Elements of a byte of argument number `argument` of `body`.
static int64_t getPerByte(const DeviceBody &body, unsigned argument) {
  func::FuncOp function = body.body;
  return graph::getElementsPerByte(
      getElementTypeOrSelf(function.getArgumentTypes()[argument]));
}

bool cinch::writesWholeBytes(const DeviceBody &body,
                             const KernelSchedule &schedule) {
  bool isPacked = false;
  for (KernelRoot root : schedule.roots) {
    int64_t perByte = getPerByte(body, root.argument);
    if (perByte == 1)
      continue;
    isPacked = true;
    AffineMap map =
        root.op.getIndexingMapMatchingResult(root.op->getResult(root.result));
    unsigned last = getSpaceLoops(schedule, root).back();
    int64_t length = root.op.getStaticLoopRanges()[last];
    if (map.getResults().back() != getAffineDimExpr(last, map.getContext()) ||
        ShapedType::isDynamic(length) || length % perByte != 0 ||
        length > graph::maxPackedRow)
      return false;
  }
  return !isPacked ||
         llvm::all_of(schedule.reductions, [&](const KernelReduction &part) {
           int64_t count = countItems(part.op);
           return isShared(schedule, part) && readsRows(part.op) && count > 0 &&
                  count <= graph::maxPackedRow;
         });
}

/// Splits the space into rows and items, and chooses the threads for the
/// longest row that is walked.
void RowTiles::chooseThreads() {
  uint64_t bits = getRowDims(schedule);
  for (unsigned dim = 0; dim < schedule.rank; ++dim)
    (bits >> dim & 1 ? rowDims : itemDims).push_back(dim);
  int64_t innermost = 1;
  bool isStatic = true, areShared = true, areRows = true;
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
    areRows &= readsRows(reduction.op);
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
  if (!areShared || !areRows) {
    out.threads = warpsBlock;
    out.reason = areShared
                     ? "a thread for each row: neighbours are of other rows"
                     : "a thread for each row: its reduction is no single "
                       "operation";
    return;
  }
  if (!isStatic) {
    length = 0;
    out.threads = rowThreads = warpsBlock;
    out.reason = "a block for each row, whose length is not static";
    return;
  }
  width = getVectorWidth(body, innermost);
  for (const KernelRoot &root : schedule.roots) // a thread writes whole bytes
    width = std::max(width, getPerByte(body, root.argument));
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
