//===- BlockedConvolutionPlan.cpp - convolutions of channel blocks --------===//
#include "lib/Lowering/KernelToLLVM/BlockedConvolutionPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace cinch;

/// Pixels per tile, elements of a panel, filters per block, and the bytes of
/// filters of a sum, which stay in the second level cache.
static constexpr int64_t maxPixels = 256, maxPanelElements = 12 * 1024,
                         maxFilters = 64, maxFilterBytes = 1 << 20;
/// Pixels of a row whose length is not known.
static constexpr int64_t dynamicColumns = 192;
/// Tiles that are enough for all threads, and pixels that are enough for one.
static constexpr int64_t enoughTiles = 8, enoughPixels = 48;

namespace {

/// Fills in a plan step by step; each step is false where there is none.
class Planner {
public:
  Planner(const KernelSchedule &schedule, BlockedConvolutionPlan &plan)
      : schedule(schedule), plan(plan), ranges(plan.op.getStaticLoopRanges()) {}

  bool classifyLoops();
  bool findInput();
  bool findFilter(bool isPacked);
  bool chooseBlocks();
  bool chooseTiles();

private:
  bool hasTapEverywhere(const BlockedAxis &axis, int64_t inputSize);

  const KernelSchedule &schedule;
  BlockedConvolutionPlan &plan;
  SmallVector<int64_t> ranges;
  RankedTensorType inputType; ///< of the argument
};

} // namespace

bool Planner::classifyLoops() {
  unsigned numParallel = plan.op.getNumParallelLoops();
  AffineMap map = plan.op.getMatchingIndexingMap(plan.getInput());
  unsigned numAxes = map.getNumResults() - std::min(map.getNumResults(), 2u);
  if (numAxes < 1 || numAxes > 2 || numParallel != numAxes + 2 ||
      plan.op.getNumLoops() != 2 * numAxes + 3 ||
      numParallel + schedule.split.has_value() != schedule.rank)
    return false;
  auto batch = dyn_cast<AffineDimExpr>(map.getResult(0)),
       channel = dyn_cast<AffineDimExpr>(map.getResult(1));
  if (!batch || !channel || channel.getPosition() < numParallel)
    return false;
  plan.batchLoop = batch.getPosition();
  plan.channelLoop = channel.getPosition();
  for (unsigned number = 0; number < numAxes; ++number) {
    auto window = getWindow(map.getResult(number + 2), numParallel);
    if (!window)
      return false;
    BlockedAxis &axis = number + 1 == numAxes ? plan.column : plan.row;
    axis = {window->out,        window->tap,         window->stride,
            window->dilation,   ranges[window->tap], /*low=*/0,
            ranges[window->out]};
    if (axis.taps < 1)
      return false;
  }
  const KernelReduction &reduction = schedule.reductions.front();
  plan.dimOfLoop.assign(reduction.spaceDims.begin(),
                        reduction.spaceDims.begin() + numParallel);
  for (auto [loop, dim] : llvm::enumerate(plan.dimOfLoop))
    if (dim < 0 && static_cast<int>(loop) != reduction.splitLoop)
      return false;
  return true;
}

/// The index of the loops that `value`, clamped or moved by a constant, is;
/// `low` is what it was moved down by.
static std::optional<unsigned> getLoop(Value value, int64_t &low) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto index = dyn_cast<linalg::IndexOp>(op))
      return index.getDim();
    if (isa<arith::MaxSIOp, arith::MinSIOp>(op)) {
      value = op->getOperand(0);
      continue;
    }
    auto sub = dyn_cast<arith::SubIOp>(op);
    std::optional<int64_t> moved =
        sub ? getConstantIntValue(sub.getRhs()) : std::nullopt;
    if (!moved || low != 0)
      return std::nullopt;
    low = *moved;
    value = sub.getLhs();
  }
  return std::nullopt;
}

/// The argument that `pad` reads at each of its indices less `lows`, zeros
/// outside; null where it does anything else.
static BlockArgument getPadded(linalg::GenericOp pad,
                               SmallVectorImpl<int64_t> &lows) {
  if (pad.getNumDpsInputs() != 0 || pad->getNumResults() != 1)
    return nullptr;
  auto select = pad.getBlock()
                    ->getTerminator()
                    ->getOperand(0)
                    .getDefiningOp<arith::SelectOp>();
  auto extract = select
                     ? select.getTrueValue().getDefiningOp<tensor::ExtractOp>()
                     : nullptr;
  if (!extract || !matchPattern(select.getFalseValue(), m_PosZeroFloat()))
    return nullptr;
  for (auto [axis, index] : llvm::enumerate(extract.getIndices())) {
    lows.push_back(0);
    if (getLoop(index, lows.back()) != axis)
      return nullptr;
  }
  return dyn_cast<BlockArgument>(extract.getTensor());
}

/// Whether every output reads an input: a sum of nothing has no microkernel.
bool Planner::hasTapEverywhere(const BlockedAxis &axis, int64_t inputSize) {
  if (ShapedType::isDynamic(axis.size) || ShapedType::isDynamic(inputSize))
    return axis.dilation == 1 && axis.low < axis.taps;
  for (int64_t out = 0; out < axis.size; ++out) {
    int64_t first = out * axis.stride - axis.low;
    bool hasTap = false;
    for (int64_t tap = 0; tap < axis.taps && !hasTap; ++tap) {
      int64_t at = first + tap * axis.dilation;
      hasTap = at >= 0 && at < inputSize;
    }
    if (!hasTap)
      return false;
  }
  return true;
}

bool Planner::findInput() {
  Value input = plan.getInput()->get();
  SmallVector<int64_t> lows;
  auto argument = dyn_cast<BlockArgument>(input);
  if (auto producer = input.getDefiningOp<linalg::GenericOp>()) {
    argument = getPadded(producer, lows);
    for (Value operand : producer.getDpsInputs())
      plan.packsRows &= !getChannelBlocks(operand.getType());
    producer.walk([&](tensor::ExtractOp extract) {
      plan.packsRows &= !getChannelBlocks(extract.getTensor().getType());
    });
  }
  exec::ChannelBlocksAttr blocks =
      argument ? getChannelBlocks(argument.getType()) : nullptr;
  plan.channels = ranges[plan.channelLoop];
  if (plan.channels < 1)
    return false;
  plan.inputBlock = plan.channels;
  if (!blocks)
    return true;
  inputType = cast<RankedTensorType>(argument.getType());
  if (!lows.empty()) {
    plan.column.low = lows.back();
    if (plan.row.out)
      plan.row.low = lows[2];
  }
  int64_t height = plan.row.out ? inputType.getDimSize(2) : 1;
  int64_t width = inputType.getShape().back();
  if (!hasTapEverywhere(plan.row, height) ||
      !hasTapEverywhere(plan.column, width)) {
    plan.row.low = plan.column.low = 0; // packed instead
    return true;
  }
  plan.inputArgument = argument.getArgNumber();
  plan.inputBlock = blocks.getSize();
  auto isPlain = [](const BlockedAxis &axis) {
    return axis.taps == 1 && axis.stride == 1 && axis.low == 0;
  };
  // Without pads at the end either, the sizes are the same.
  plan.isJoined = isPlain(plan.row) && isPlain(plan.column) && plan.row.out &&
                  isa<BlockArgument>(input) &&
                  schedule.merged[plan.dimOfLoop[*plan.row.out]];
  return true;
}

bool Planner::findFilter(bool isPacked) {
  AffineMap map = plan.op.getMatchingIndexingMap(plan.getFilter());
  SmallVector<unsigned> loops;
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return false;
    loops.push_back(dim.getPosition());
  }
  SmallVector<unsigned> taps;
  if (plan.row.tap)
    taps.push_back(*plan.row.tap);
  taps.push_back(*plan.column.tap);
  if (loops.size() < 2 || loops[0] >= plan.dimOfLoop.size() ||
      loops[1] != plan.channelLoop ||
      ArrayRef<unsigned>(loops).drop_front(2) != ArrayRef<unsigned>(taps))
    return false;
  plan.filterLoop = loops[0];
  plan.filters = ranges[plan.filterLoop];
  auto type = cast<RankedTensorType>(plan.getFilter()->get().getType());
  if (plan.filters < 1 || !type.hasStaticShape() ||
      !type.getElementType().isF32())
    return false;
  auto argument = dyn_cast<BlockArgument>(plan.getFilter()->get());
  if (!argument) {
    // A constant of one value.
    auto splat = plan.getFilter()->get().getDefiningOp<linalg::GenericOp>();
    return splat && splat.getNumDpsInputs() == 0 &&
           matchPattern(splat.getBlock()->getTerminator()->getOperand(0),
                        m_Constant());
  }
  plan.filterArgument = argument.getArgNumber();
  return !isPacked ||
         isa_and_nonnull<exec::FilterBlocksAttr>(type.getEncoding());
}

bool Planner::chooseBlocks() {
  // Filters: blocks of the output are whole numbers of these, or the reverse.
  int64_t block = schedule.split ? schedule.split->block : plan.filters;
  plan.filterBlock = std::min(plan.filters, maxFilters);
  if (schedule.split)
    while (plan.filterBlock % block != 0 && block % plan.filterBlock != 0)
      --plan.filterBlock;
  // Channels: equal parts, so that neighbours in memory stay together.
  int64_t limit = std::max<int64_t>(
      maxFilterBytes / sizeof(float) / maxFilters / plan.getNumTaps(), 1);
  int64_t in = plan.inputBlock;
  for (int64_t parts = llvm::divideCeil(plan.channels, limit);; ++parts) {
    plan.partChannels = plan.channels / parts;
    if (plan.channels % parts == 0 &&
        (plan.partChannels % in == 0 || in % plan.partChannels == 0))
      break;
  }
  plan.depth = std::min(in, plan.partChannels);
  // One value needs one small block of filters.
  if (!plan.filterArgument)
    while (plan.depth > maxFilters || plan.partChannels % plan.depth != 0)
      --plan.depth;
  return true;
}

bool Planner::chooseTiles() {
  int64_t rows = plan.row.size, columns = plan.column.size;
  if (plan.isJoined) {
    columns = ShapedType::isDynamic(rows) || ShapedType::isDynamic(columns)
                  ? ShapedType::kDynamic
                  : rows * columns;
    rows = 1;
  }
  plan.tileColumns = dynamicColumns;
  plan.tileRows = 1;
  // Equal parts of at most `limit`, where there are such, else of about one
  // size: the length of a run is then known.
  auto split = [](int64_t size, int64_t limit) -> int64_t {
    size = std::max<int64_t>(size, 1);
    int64_t fewest = llvm::divideCeil(size, limit);
    for (int64_t parts = fewest; parts <= 2 * fewest; ++parts)
      if (size % parts == 0)
        return size / parts;
    return llvm::divideCeil(size, fewest);
  };
  if (!ShapedType::isDynamic(columns)) {
    int64_t pixels = columns * (ShapedType::isDynamic(rows) ? 64 : rows);
    int64_t wanted = llvm::divideCeil(
        enoughTiles, llvm::divideCeil(plan.filters, plan.filterBlock));
    int64_t limit =
        std::clamp<int64_t>(pixels / wanted, enoughPixels, maxPixels);
    plan.tileColumns = split(columns, maxPixels);
    if (columns <= maxPixels || rows == 1)
      plan.tileColumns = rows == 1 ? split(columns, limit) : columns;
    plan.tileRows = std::max<int64_t>(limit / plan.tileColumns, 1);
    // Microkernels along the rows need the distance between these.
    if (plan.inputArgument &&
        ShapedType::isDynamic(inputType.getShape().back()))
      plan.tileRows = 1;
    if (!ShapedType::isDynamic(rows))
      plan.tileRows = split(rows, plan.tileRows);
  }
  if (plan.inputArgument)
    return true;
  auto canPack = [](const BlockedAxis &axis) {
    return axis.stride == 1 || axis.dilation == 1;
  };
  if (!canPack(plan.row) || !canPack(plan.column))
    return false;
  // The panel is on the stack.
  while (plan.getPanelSize() > maxPanelElements && plan.tileRows > 1)
    --plan.tileRows;
  while (plan.getPanelSize() > maxPanelElements && plan.tileColumns > 32)
    plan.tileColumns = llvm::divideCeil(plan.tileColumns, 2);
  while (plan.getPanelSize() > maxPanelElements && plan.partChannels % 2 == 0)
    plan.partChannels /= 2;
  if (plan.getPanelSize() > maxPanelElements)
    return false;
  plan.inputBlock = plan.partChannels;
  plan.depth = std::min(plan.depth, plan.partChannels);
  while (plan.partChannels % plan.depth != 0)
    --plan.depth;
  return true;
}

std::optional<BlockedConvolutionPlan>
BlockedConvolutionPlan::compute(const KernelSchedule &schedule, bool isPacked) {
  if (schedule.reductions.size() != 1)
    return std::nullopt;
  BlockedConvolutionPlan plan;
  plan.op = schedule.reductions.front().op;
  if (!hasChannelBlocks(plan.op->getParentOfType<func::FuncOp>()) ||
      !isMultiplyAdd(plan.op) || !startsAtZero(plan.op))
    return std::nullopt;
  Planner planner(schedule, plan);
  if (!planner.classifyLoops() || !planner.findInput() ||
      !planner.findFilter(isPacked) || !planner.chooseBlocks() ||
      !planner.chooseTiles())
    return std::nullopt;
  return plan;
}
