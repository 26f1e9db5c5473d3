//===- ContractionPlan.cpp - how a contraction becomes tiles of GEMM ------===//
#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"

#include "dialects/Graph/ElementTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace cinch;

/// Rows per microkernel call; bytes of stack for the accumulator of a tile.
static constexpr int64_t maxCallRows = 64, maxTileElements = 16 * 1024;

/// The product of the sizes of `loops`, if they are static.
static std::optional<int64_t> getSize(ArrayRef<int64_t> ranges,
                                      ArrayRef<unsigned> loops) {
  int64_t size = 1;
  for (unsigned loop : loops) {
    if (ShapedType::isDynamic(ranges[loop]))
      return std::nullopt;
    size *= ranges[loop];
  }
  return size;
}

namespace {
/// Fills in a plan step by step.
class Planner {
public:
  Planner(const KernelSchedule &schedule, ContractionPlan &plan)
      : schedule(schedule), plan(plan), ranges(plan.op.getStaticLoopRanges()) {}

  bool classify(const KernelReduction &reduction);
  void findOperandsInPlace();
  void findFewBits();
  void chooseBlocks();

private:
  bool takeFilters();
  void addRows(unsigned end);
  void findLhsInPlace();
  bool dependsOn(OpOperand *operand, unsigned dim) {
    AffineMap map = getSimplifiedMap(plan.op, operand);
    return llvm::any_of(map.getResults(), [&](AffineExpr expr) {
      return expr.isFunctionOfDim(plan.loopOfDim[dim]);
    });
  }
  SmallVector<unsigned> loopsOf(ArrayRef<unsigned> dims) {
    SmallVector<unsigned> loops;
    for (unsigned dim : dims)
      loops.push_back(plan.loopOfDim[dim]);
    return loops;
  }

  const KernelSchedule &schedule;
  ContractionPlan &plan;
  SmallVector<int64_t> ranges;
};
} // namespace

/// Makes the filters of a convolution with few positions the columns, as a
/// GEMM is only as good as its columns are many. B is the input before, and
/// the filter after.
bool Planner::takeFilters() {
  AffineMap map = plan.op.getMatchingIndexingMap(plan.rhs);
  if (map.getNumResults() < 3)
    return false;
  std::optional<Window> window =
      getWindow(map.getResults().back(), plan.op.getNumParallelLoops());
  unsigned last = schedule.rank - 1;
  if (!window || static_cast<int>(window->out) != plan.loopOfDim[last])
    return false;
  // Of several axes, rows are read one by one, so that only the shortest ones
  // are better off as rows of the GEMM.
  int64_t positions = ranges[window->out];
  bool isLine = map.getNumResults() == 3;
  if (ShapedType::isDynamic(positions) ? !isLine
                                       : positions >= (isLine ? 20 : 4))
    return false;
  std::optional<unsigned> filters;
  for (unsigned dim = 0; dim < last; ++dim)
    if (dependsOn(plan.lhs, dim)) {
      if (filters || dependsOn(plan.rhs, dim))
        return false;
      filters = dim;
    }
  if (!filters)
    return false;
  std::swap(plan.lhs, plan.rhs);
  plan.columns.push_back(*filters);
  return true;
}

/// Finds the rows among the dimensions in front of `end`.
void Planner::addRows(unsigned end) {
  auto isRow = [&](unsigned dim) {
    return dependsOn(plan.lhs, dim) && !dependsOn(plan.rhs, dim);
  };
  for (unsigned row = end; row-- > 0;) {
    if (!isRow(row))
      continue;
    unsigned begin = row;
    while (begin > 0 && schedule.merged[begin - 1] && isRow(begin - 1))
      --begin;
    for (unsigned dim = begin; dim <= row; ++dim)
      plan.rows.push_back(dim);
    return;
  }
}

bool Planner::classify(const KernelReduction &reduction) {
  plan.loopOfDim.assign(schedule.rank, -1);
  for (auto [loop, dim] : llvm::enumerate(reduction.spaceDims))
    if (dim >= 0)
      plan.loopOfDim[dim] = loop;
  if (llvm::is_contained(plan.loopOfDim, -1) || schedule.rank == 0)
    return false;
  plan.op.getReductionDims(plan.reduced);

  OpOperand *first = plan.op.getDpsInputOperand(0);
  OpOperand *second = plan.op.getDpsInputOperand(1);
  unsigned last = schedule.rank - 1;
  bool inFirst = dependsOn(first, last), inSecond = dependsOn(second, last);
  if (inFirst == inSecond)
    return false;
  plan.lhs = inFirst ? second : first;
  plan.rhs = inFirst ? first : second;

  if (takeFilters()) {
    addRows(schedule.rank);
  } else {
    unsigned dim = schedule.rank;
    while (dim > 0 && dependsOn(plan.rhs, dim - 1) &&
           !dependsOn(plan.lhs, dim - 1))
      --dim;
    // A batch dimension of B in front of its columns stays outside, except that
    // the positions of a convolution are columns together.
    for (unsigned column = dim; column < schedule.rank; ++column)
      plan.columns.push_back(column);
    addRows(dim);
  }
  for (unsigned d = 0; d < schedule.rank; ++d)
    if (!llvm::is_contained(plan.rows, d) &&
        !llvm::is_contained(plan.columns, d))
      plan.outer.push_back(d);

  plan.linearColumns = true;
  for (unsigned d : ArrayRef<unsigned>(plan.columns).drop_back())
    plan.linearColumns &= schedule.merged[d];
  plan.numRows = getSize(ranges, loopsOf(plan.rows));
  plan.numColumns = getSize(ranges, loopsOf(plan.columns));
  plan.depth = getSize(ranges, plan.reduced);
  return true;
}

/// True for an operand that is an argument of float32.
static bool isMemory(OpOperand *operand) {
  return isa<BlockArgument>(operand->get()) &&
         getElementTypeOrSelf(operand->get().getType()).isF32();
}

void Planner::findLhsInPlace() {
  auto type = cast<RankedTensorType>(plan.lhs->get().getType());
  AffineMap map = getSimplifiedMap(plan.op, plan.lhs);
  size_t axis = 0;
  bool depthIsInner = areNeighbours(type, map, plan.reduced, ranges, axis) &&
                      getStride(type, axis) == 1;
  if (depthIsInner || *plan.depth == 1) {
    SmallVector<unsigned> rowLoops = loopsOf(plan.rows);
    if (plan.numRows == 1)
      plan.lhsStride = *plan.depth;
    else if (areNeighbours(type, map, rowLoops, ranges, axis))
      plan.lhsStride = getStride(type, axis);
    return;
  }
  // A window along the only axis of one channel: rows that overlap. A call
  // reads no further than the next row (chooseBlocks), so steps must be long.
  if (plan.rows.size() != 1 || map.getNumResults() == 0)
    return;
  AffineExpr inner = map.getResults().back();
  std::optional<Window> window =
      getWindow(inner, plan.op.getNumParallelLoops());
  if (!window || window->dilation != 1 || window->stride < 16 ||
      static_cast<int>(window->out) != plan.loopOfDim[plan.rows.back()])
    return;
  for (AffineExpr expr : map.getResults().drop_back())
    for (unsigned loop : plan.reduced)
      if (expr.isFunctionOfDim(loop))
        return;
  for (unsigned loop : plan.reduced)
    if (loop != window->tap && ranges[loop] != 1)
      return;
  plan.lhsStride = window->stride;
}

void Planner::findOperandsInPlace() {
  if (!plan.depth)
    return;
  size_t axis = 0;
  if (isMemory(plan.lhs))
    findLhsInPlace();
  if (plan.integers && isa<BlockArgument>(plan.lhs->get())) {
    auto type = cast<RankedTensorType>(plan.lhs->get().getType());
    plan.hasLinearDepth =
        areNeighbours(type, getSimplifiedMap(plan.op, plan.lhs), plan.reduced,
                      ranges, axis) &&
        getStride(type, axis) == 1;
  }
  if (auto unpack = plan.rhs->get().getDefiningOp<linalg::GenericOp>())
    if (auto block = unpack->getAttrOfType<IntegerAttr>(unpackAttrName)) {
      plan.rhsStride = plan.blockColumns = block.getInt();
      plan.packedArgument = getPackedArgument(unpack);
    }
  if (isMemory(plan.rhs) && plan.numColumns) {
    auto type = cast<RankedTensorType>(plan.rhs->get().getType());
    AffineMap map = getSimplifiedMap(plan.op, plan.rhs);
    bool columnsAreInner =
        areNeighbours(type, map, loopsOf(plan.columns), ranges, axis) &&
        getStride(type, axis) == 1 &&
        (plan.linearColumns || plan.columns.size() == 1);
    if (columnsAreInner && areNeighbours(type, map, plan.reduced, ranges, axis))
      plan.rhsStride = getStride(type, axis);
  }
  // Strides of microkernels are 32 bits.
  auto isLarge = [](std::optional<int64_t> &stride) {
    return stride && *stride > (int64_t(1) << 24);
  };
  if (isLarge(plan.lhsStride))
    plan.lhsStride.reset();
  if (isLarge(plan.rhsStride))
    plan.rhsStride.reset();
}

/// Finds how the panels of a B of few bits are filled.
void Planner::findFewBits() {
  OpOperand *source = cinch::findFewBits(plan.rhs->get());
  if (!source || plan.columns.size() != 1 || !plan.numColumns)
    return;
  auto unpack = source->get().getDefiningOp<linalg::GenericOp>();
  auto block = unpack ? unpack->getAttrOfType<IntegerAttr>(unpackAttrName)
                      : IntegerAttr();
  if (block) {
    plan.unpack = unpack;
    plan.blockColumns = block.getInt();
  }
  int64_t perByte =
      graph::getElementsPerByte(getElementTypeOrSelf(source->get().getType()));
  AffineMap map = plan.op.getMatchingIndexingMap(plan.rhs);
  bool isInner =
      map.getNumResults() != 0 &&
      findAxis(map, plan.loopOfDim[plan.columns[0]]) == map.getNumResults() - 1;
  if (*plan.numColumns % perByte == 0 &&
      (block || (isInner && isa<BlockArgument>(source->get()))))
    plan.columnUnit = perByte;
}

void Planner::chooseBlocks() {
  // Columns: the width that wastes least in the last block.
  if (!plan.packedArgument && !plan.unpack)
    plan.blockColumns = 64;
  if (plan.numColumns && plan.rhsStride && !plan.packedArgument)
    plan.blockColumns = std::min<int64_t>(*plan.numColumns, 64);
  if (plan.numColumns && !plan.rhsStride && !plan.unpack) {
    int64_t best = std::numeric_limits<int64_t>::max();
    for (int64_t width = 96; width >= 8; width -= 8) {
      int64_t padded = llvm::divideCeil(*plan.numColumns, width) * width;
      if (padded < best && (width >= 48 || best > 2 * *plan.numColumns ||
                            *plan.numColumns <= 48)) {
        best = padded;
        plan.blockColumns = width;
      }
    }
  }
  // Depth: one panel of B stays in the first level cache or close to it.
  int64_t maxDepth = plan.rhsStride ? 512 : plan.lhsStride ? 128 : 64;
  plan.blockDepth = 32;
  if (plan.depth) {
    int64_t parts =
        std::max<int64_t>(llvm::divideCeil(*plan.depth, maxDepth), 1);
    plan.blockDepth = llvm::divideCeil(*plan.depth, parts);
    // Whole windows, where A is packed: their taps are a loop of known size.
    int64_t taps = plan.reduced.size() > 1 && !plan.lhsStride
                       ? ranges[plan.reduced.back()]
                       : 1;
    if (parts > 1)
      plan.blockDepth =
          llvm::alignTo(plan.blockDepth, taps > 1 && taps < 64 ? taps : 16);
    plan.blockDepth = std::max<int64_t>(plan.blockDepth, 1);
    if (plan.lhsStride && plan.blockDepth > *plan.lhsStride)
      plan.blockDepth = llvm::alignDown(*plan.lhsStride, 16);
  }
  // Rows: a packed panel of B serves as many as the accumulator can hold.
  int64_t fit =
      llvm::alignDown(maxTileElements / plan.blockColumns, maxCallRows);
  int64_t limit =
      plan.rhsStride ? maxCallRows : std::clamp<int64_t>(fit, maxCallRows, 256);
  plan.tileRows = limit;
  plan.callRows = maxCallRows;
  if (plan.numRows) {
    plan.tileRows = std::min(limit, std::max<int64_t>(*plan.numRows, 1));
    plan.callRows = std::min(maxCallRows, std::max<int64_t>(*plan.numRows, 1));
  }
  // Columns of a tile: what is packed of A serves as many as the accumulator
  // can hold.
  if (plan.packedArgument && !plan.lhsStride && plan.numColumns)
    plan.groupBlocks = std::clamp<int64_t>(
        maxTileElements / (plan.tileRows * plan.blockColumns), 1,
        llvm::divideCeil(*plan.numColumns, plan.blockColumns));
}

/// The plan of one contraction; nullopt where microkernels do not apply.
static std::optional<ContractionPlan> planOne(const KernelSchedule &schedule,
                                              const KernelReduction &reduction,
                                              bool packsWeights) {
  ContractionPlan plan;
  plan.op = reduction.op;
  std::optional<IntegerOperands> integers = findIntegerProduct(plan.op);
  if (!(isMultiplyAdd(plan.op) || integers) || !startsAtZero(plan.op) ||
      hasChannelBlocks(plan.op->getParentOfType<func::FuncOp>()))
    return std::nullopt;
  Planner planner(schedule, plan);
  if (!planner.classify(reduction))
    return std::nullopt;
  if (integers && plan.lhs != plan.op.getDpsInputOperand(0))
    std::swap(integers->isLhsSigned, integers->isRhsSigned);
  plan.integers = integers;
  planner.findOperandsInPlace();
  planner.findFewBits();
  // A panel of B that serves one row costs more than the row, unless elements
  // are found faster together.
  bool isFast = plan.rhsStride || plan.unpack || plan.columnUnit > 1;
  if (plan.numRows == 1 && !isFast && !packsWeights)
    return std::nullopt;
  if (integers)
    chooseIntegerBlocks(plan);
  else
    planner.chooseBlocks();
  return plan;
}

SmallVector<ContractionPlan, 1>
ContractionPlan::compute(const KernelSchedule &schedule, bool packsWeights) {
  SmallVector<ContractionPlan, 1> plans;
  for (const KernelReduction &reduction : schedule.reductions) {
    std::optional<ContractionPlan> plan =
        planOne(schedule, reduction, packsWeights);
    if (!plan)
      return {};
    plans.push_back(*plan);
  }
  if (plans.size() < 2)
    return plans;
  if (llvm::any_of(plans, [](const ContractionPlan &plan) {
        return plan.integers.has_value();
      }))
    return {};
  // One tile space: the rows of the smallest tiles, and one block of columns.
  int64_t tileRows = plans.front().tileRows;
  for (const ContractionPlan &plan : plans) {
    if (plan.rows != plans.front().rows ||
        plan.columns != plans.front().columns ||
        plan.blockColumns != plans.front().blockColumns)
      return {};
    tileRows = std::min(tileRows, plan.tileRows);
  }
  uint64_t fit = maxTileElements / (plans.front().blockColumns *
                                    static_cast<int64_t>(plans.size()));
  tileRows =
      std::min<int64_t>(tileRows, llvm::bit_floor(std::max<uint64_t>(fit, 1)));
  for (ContractionPlan &plan : plans) {
    plan.tileRows = tileRows;
    plan.callRows = std::min(plan.callRows, tileRows);
    plan.groupBlocks = 1;
  }
  return plans;
}
