//===- ConvolutionPlan.cpp - how a convolution becomes taps of GEMM -------===//
#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"

using namespace mlir;
using namespace cinch;

/// Elements of the accumulator and of the input panel, on the stack.
static constexpr int64_t maxTileElements = 16 * 1024,
                         maxPanelElements = 12 * 1024;
/// Shorter rows are better joined: the microkernel needs columns.
static constexpr int64_t minColumns = 20, maxColumns = 96, maxCallFilters = 64;
/// Rows of such lengths are joined.
static constexpr int64_t minJoined = 4, maxJoined = 47;

/// `expr` as a loop times a constant.
static std::optional<std::pair<unsigned, int64_t>> getTerm(AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return std::make_pair(dim.getPosition(), int64_t(1));
  auto product = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!product || product.getKind() != AffineExprKind::Mul)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(product.getLHS());
  auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
  if (!dim || !factor || factor.getValue() < 1)
    return std::nullopt;
  return std::make_pair(dim.getPosition(), factor.getValue());
}

std::optional<Window> cinch::getWindow(AffineExpr expr, unsigned numParallel) {
  auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!sum || sum.getKind() != AffineExprKind::Add)
    return std::nullopt;
  auto first = getTerm(sum.getLHS()), second = getTerm(sum.getRHS());
  if (!first || !second)
    return std::nullopt;
  if (first->first >= numParallel)
    std::swap(first, second);
  if (first->first >= numParallel || second->first < numParallel)
    return std::nullopt;
  return Window{first->first, second->first, first->second, second->second};
}

/// Finds the roles of the loops in the map of the input, [n, c, windows...].
static bool classifyInput(ConvolutionPlan &plan, unsigned numParallel) {
  AffineMap map = plan.op.getMatchingIndexingMap(plan.getInput());
  if (map.getNumResults() < 3)
    return false;
  auto batch = dyn_cast<AffineDimExpr>(map.getResult(0));
  auto channel = dyn_cast<AffineDimExpr>(map.getResult(1));
  if (!batch || !channel || channel.getPosition() < numParallel)
    return false;
  plan.outerLoops.push_back(batch.getPosition());
  plan.channelLoop = channel.getPosition();
  std::optional<Window> row;
  for (AffineExpr expr : map.getResults().drop_front(2)) {
    std::optional<Window> window = getWindow(expr, numParallel);
    if (!window)
      return false;
    bool isLast = expr == map.getResults().back();
    if (isLast) {
      plan.columnLoop = window->out;
      plan.columnTap = window->tap;
      plan.stride = window->stride;
      plan.dilation = window->dilation;
    } else {
      plan.outerLoops.push_back(window->out);
      plan.outerTaps.push_back(window->tap);
      row = window;
    }
  }
  SmallVector<int64_t> ranges = plan.op.getStaticLoopRanges();
  int64_t columns = ranges[plan.columnLoop];
  if (row && row->stride == 1 && plan.stride == 1 && columns >= minJoined &&
      columns <= maxJoined) {
    plan.rowLoop = row->out;
    plan.rowTap = row->tap;
    plan.rowTaps = ranges[row->tap];
    plan.rowDilation = row->dilation;
    plan.outerLoops.pop_back();
    plan.outerTaps.pop_back();
  }
  // A phase is read as a tap of its own.
  return plan.stride == 1 || plan.dilation == 1;
}

/// Whether the map of the filter is [taps, f, c], or else [f, c, taps].
static bool classifyFilter(ConvolutionPlan &plan, bool isPacked) {
  AffineMap map = plan.op.getMatchingIndexingMap(plan.getFilter());
  auto type = cast<RankedTensorType>(plan.getFilter()->get().getType());
  if (!isa<BlockArgument>(plan.getFilter()->get()) ||
      !type.getElementType().isF32() || !type.hasStaticShape())
    return false;
  SmallVector<unsigned> expected(plan.outerTaps);
  if (plan.rowLoop)
    expected.push_back(plan.rowTap);
  expected.push_back(plan.columnTap);
  auto filter = dyn_cast<AffineDimExpr>(
      map.getResult(isPacked ? map.getNumResults() - 2 : 0));
  if (!filter)
    return false;
  plan.filterLoop = filter.getPosition();
  SmallVector<unsigned> roles = {plan.filterLoop, plan.channelLoop};
  expected.insert(isPacked ? expected.end() : expected.begin(), roles.begin(),
                  roles.end());
  return map.getNumResults() == expected.size() &&
         llvm::all_of(llvm::zip(map.getResults(), expected), [&](auto pair) {
           return std::get<0>(pair) ==
                  getAffineDimExpr(std::get<1>(pair), map.getContext());
         });
}

static void chooseBlocks(ConvolutionPlan &plan, int64_t columns, int64_t rows) {
  plan.blockColumns = 64;
  if (!ShapedType::isDynamic(columns)) {
    int64_t parts = llvm::divideCeil(columns, maxColumns);
    plan.blockColumns = llvm::divideCeil(columns, parts);
    if (parts > 1)
      plan.blockColumns = llvm::alignTo(plan.blockColumns, 8);
  }
  if (plan.rowLoop) {
    int64_t fit = (maxColumns + plan.getPitch() - columns) / plan.getPitch();
    plan.blockRows = std::max<int64_t>(fit, 1);
    if (!ShapedType::isDynamic(rows)) // of about one size
      plan.blockRows = llvm::divideCeil(
          rows, llvm::divideCeil(
                    rows, std::clamp<int64_t>(plan.blockRows, 1,
                                              std::max<int64_t>(rows, 1))));
  }
  int64_t fit = std::max<int64_t>(maxPanelElements / plan.getPanelWidth(), 8);
  int64_t parts = llvm::divideCeil(plan.channels, fit);
  plan.blockChannels = llvm::divideCeil(plan.channels, parts);
  if (parts > 1)
    plan.blockChannels = llvm::alignTo(plan.blockChannels, 8);
  plan.tileFilters = std::min<int64_t>(
      plan.filters,
      llvm::alignDown(maxTileElements / plan.getWidth(), maxCallFilters));
  plan.callFilters = std::min(plan.filters, maxCallFilters);
}

std::optional<ConvolutionPlan>
ConvolutionPlan::compute(const KernelSchedule &schedule, bool isPacked) {
  if (schedule.reductions.size() != 1)
    return std::nullopt;
  const KernelReduction &reduction = schedule.reductions.front();
  ConvolutionPlan plan;
  plan.op = reduction.op;
  unsigned numParallel = plan.op.getNumParallelLoops();
  if (hasChannelBlocks(plan.op->getParentOfType<func::FuncOp>()) ||
      !isMultiplyAdd(plan.op) || !startsAtZero(plan.op) ||
      numParallel != schedule.rank || !classifyInput(plan, numParallel) ||
      !classifyFilter(plan, isPacked) ||
      plan.outerLoops.size() + (plan.rowLoop ? 3 : 2) != numParallel ||
      plan.outerTaps.size() + (plan.rowLoop ? 3 : 2) !=
          plan.op.getNumReductionLoops())
    return std::nullopt;
  for (int dim : ArrayRef<int>(reduction.spaceDims).take_front(numParallel)) {
    if (dim < 0)
      return std::nullopt;
    plan.dimOfLoop.push_back(dim);
  }
  SmallVector<int64_t> ranges = plan.op.getStaticLoopRanges();
  plan.filters = ranges[plan.filterLoop];
  plan.channels = ranges[plan.channelLoop];
  plan.taps = ranges[plan.columnTap];
  int64_t columns = ranges[plan.columnLoop];
  int64_t numTaps = plan.taps * plan.rowTaps;
  for (unsigned tap : plan.outerTaps)
    numTaps *= ranges[tap];
  // An unknown length of the only axis may be short: its filters are
  // columns then (ContractionPlan).
  bool isLong =
      plan.rowLoop || (ShapedType::isDynamic(columns) ? !plan.outerTaps.empty()
                                                      : columns >= minColumns);
  if (plan.dimOfLoop[plan.columnLoop] != schedule.rank - 1 || numTaps < 2 ||
      plan.taps < 1 || plan.rowTaps < 1 || plan.filters < 1 ||
      plan.channels < 1 || !isLong || plan.taps * plan.dilation > maxColumns ||
      plan.rowTaps * plan.rowDilation > maxColumns)
    return std::nullopt;
  chooseBlocks(plan, columns, plan.rowLoop ? ranges[*plan.rowLoop] : 1);
  return plan;
}
