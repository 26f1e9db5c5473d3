//===- DepthwiseToLoops.cpp - convolutions of single channels -------------===//
//
// out[n, f, y, x] = sum over taps of in[n, f, y * s + ty, x * s + tx] *
// filter[f, ty, tx]. A tile is a block of rows of one channel. Its input rows
// go to a panel on the stack, borders as zeros and the phases of the stride
// apart, so that the loop over x has no border and reads neighbours: every tap
// is one load and one multiply-add of a vector, and the sum stays in a
// register.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/TileFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

/// Rows and columns of a tile, and the taps that are worth unrolling.
static constexpr int64_t maxBlockRows = 8, maxBlockColumns = 256, maxTaps = 64;

namespace {

struct DepthwisePlan {
  linalg::GenericOp op;
  unsigned batchLoop = 0, channelLoop = 0;
  Window row, column;
  int64_t rowTaps = 0, columnTaps = 0;
  int64_t blockColumns = 0;
  SmallVector<unsigned> dimOfLoop; ///< per parallel loop of `op`

  OpOperand *getInput() { return op.getDpsInputOperand(0); }
  OpOperand *getFilter() { return op.getDpsInputOperand(1); }
  int64_t getNumPhases() const { return std::min(column.stride, columnTaps); }
  int64_t getPhaseWidth() const {
    return llvm::alignTo(
        blockColumns + (columnTaps - 1) * column.dilation / column.stride, 8);
  }
  int64_t getRowWidth() const { return getNumPhases() * getPhaseWidth(); }
  /// Input rows behind `rows` rows of results, less their stride.
  int64_t getRowSpan() const { return (rowTaps - 1) * row.dilation + 1; }

  static std::optional<DepthwisePlan> compute(const KernelSchedule &schedule);
};

class DepthwiseEmitter {
public:
  DepthwiseEmitter(const KernelSchedule &schedule, DepthwisePlan &plan,
                   ElementEmitter &emitter)
      : schedule(schedule), plan(plan), emitter(emitter),
        builder(emitter.builder) {}

  /// The number of tiles; null after an error.
  Value makeSpace();
  LogicalResult emitTiles();

private:
  LogicalResult pack();
  LogicalResult packRow(Value inputRow);
  LogicalResult emitRow(SmallVectorImpl<Value> &indices, Value row);
  Value sumTaps(Value row, Value column);

  const KernelSchedule &schedule;
  DepthwisePlan &plan;
  ElementEmitter &emitter;
  OpBuilder &builder;
  SmallVector<Value> sizes, loops;
  Value rowBlocks, columnBlocks, panel;
  Value firstRow, numRows, firstColumn, numColumns;
};

} // namespace

std::optional<DepthwisePlan>
DepthwisePlan::compute(const KernelSchedule &schedule) {
  if (schedule.reductions.size() != 1)
    return std::nullopt;
  const KernelReduction &reduction = schedule.reductions.front();
  DepthwisePlan plan;
  plan.op = reduction.op;
  unsigned numParallel = plan.op.getNumParallelLoops();
  if (hasChannelBlocks(plan.op->getParentOfType<func::FuncOp>()) ||
      !isMultiplyAdd(plan.op) || !startsAtZero(plan.op) || numParallel != 4 ||
      schedule.rank != 4 || plan.op.getNumReductionLoops() != 2)
    return std::nullopt;
  for (int dim : ArrayRef<int>(reduction.spaceDims).take_front(numParallel)) {
    if (dim < 0)
      return std::nullopt;
    plan.dimOfLoop.push_back(dim);
  }
  AffineMap in = plan.op.getMatchingIndexingMap(plan.getInput()),
            filter = plan.op.getMatchingIndexingMap(plan.getFilter());
  if (in.getNumResults() != 4 || filter.getNumResults() != 4)
    return std::nullopt;
  auto batch = dyn_cast<AffineDimExpr>(in.getResult(0)),
       channel = dyn_cast<AffineDimExpr>(in.getResult(1));
  auto row = getWindow(in.getResult(2), numParallel),
       column = getWindow(in.getResult(3), numParallel);
  if (!batch || !channel || !row || !column ||
      filter.getResult(0) != in.getResult(1) ||
      filter.getResult(1) != getAffineConstantExpr(0, filter.getContext()) ||
      filter.getResult(2) != getAffineDimExpr(row->tap, filter.getContext()) ||
      filter.getResult(3) != getAffineDimExpr(column->tap, filter.getContext()))
    return std::nullopt;
  plan.batchLoop = batch.getPosition();
  plan.channelLoop = channel.getPosition();
  plan.row = *row;
  plan.column = *column;
  SmallVector<int64_t> ranges = plan.op.getStaticLoopRanges();
  plan.rowTaps = ranges[row->tap];
  plan.columnTaps = ranges[column->tap];
  auto hasPhases = [](const Window &w) {
    return w.stride == 1 || w.dilation == 1; // a phase is read as a tap
  };
  if (plan.rowTaps < 1 || plan.columnTaps < 1 ||
      plan.rowTaps * plan.columnTaps > maxTaps || !hasPhases(*row) ||
      !hasPhases(*column) || row->stride > 4 || column->stride > 4 ||
      row->dilation > 8 || column->dilation > 8 ||
      plan.dimOfLoop[column->out] != schedule.rank - 1)
    return std::nullopt;
  plan.blockColumns = maxBlockColumns;
  if (int64_t columns = ranges[column->out]; !ShapedType::isDynamic(columns))
    plan.blockColumns = llvm::divideCeil(
        columns,
        std::max<int64_t>(llvm::divideCeil(columns, maxBlockColumns), 1));
  return plan;
}

Value DepthwiseEmitter::makeSpace() {
  sizes = emitter.loopSizes(plan.op);
  if (sizes.empty())
    return nullptr;
  rowBlocks =
      emitter.ceilDiv(sizes[plan.row.out], emitter.constant(maxBlockRows));
  columnBlocks = emitter.ceilDiv(
      sizes[plan.column.out],
      emitter.constant(std::max<int64_t>(plan.blockColumns, 1)));
  return emitter.mul(
      emitter.mul(sizes[plan.batchLoop], sizes[plan.channelLoop]),
      emitter.mul(rowBlocks, columnBlocks));
}

/// panel[inputRow, phase, j] = in[firstRow * stride + inputRow, (firstColumn +
/// j) * stride + phase].
LogicalResult DepthwiseEmitter::packRow(Value inputRow) {
  Value stride = emitter.constant(plan.row.stride);
  loops[plan.row.out] =
      emitter.add(firstRow, emitter.floorDiv(inputRow, stride));
  loops[plan.row.tap] = emitter.rem(inputRow, stride);
  for (int64_t phase = 0; phase < plan.getNumPhases(); ++phase) {
    int64_t behind = ((plan.columnTaps - 1) * plan.column.dilation - phase) /
                     plan.column.stride;
    Value start =
        emitter.add(emitter.mul(inputRow, emitter.constant(plan.getRowWidth())),
                    emitter.constant(phase * plan.getPhaseWidth()));
    loops[plan.column.tap] = emitter.constant(phase);
    Value count = emitter.add(numColumns, emitter.constant(behind));
    if (failed(emitter.forRange(
            count, /*isParallel=*/true, [&](Value j) -> LogicalResult {
              loops[plan.column.out] = emitter.add(firstColumn, j);
              Value value = emitter.read(plan.op, plan.getInput(), loops);
              if (!value)
                return failure();
              emitter.store(value, panel, emitter.add(start, j));
              return success();
            })))
      return failure();
  }
  return success();
}

LogicalResult DepthwiseEmitter::pack() {
  Value count =
      emitter.add(emitter.mul(emitter.sub(numRows, emitter.constant(1)),
                              emitter.constant(plan.row.stride)),
                  emitter.constant(plan.getRowSpan()));
  return emitter.forRange(count, /*isParallel=*/false,
                          [&](Value row) { return packRow(row); });
}

/// The result at row `row` and column `column` of the tile.
Value DepthwiseEmitter::sumTaps(Value row, Value column) {
  Type f32 = builder.getF32Type();
  Value sum;
  for (int64_t ty = 0; ty < plan.rowTaps; ++ty)
    for (int64_t tx = 0; tx < plan.columnTaps; ++tx) {
      loops[plan.row.tap] = emitter.constant(ty);
      loops[plan.column.tap] = emitter.constant(tx);
      Value weight = emitter.read(plan.op, plan.getFilter(), loops);
      if (!weight)
        return nullptr;
      int64_t moved = tx * plan.column.dilation;
      Value line = emitter.mul(
          emitter.add(emitter.mul(row, emitter.constant(plan.row.stride)),
                      emitter.constant(ty * plan.row.dilation)),
          emitter.constant(plan.getRowWidth()));
      Value place = emitter.add(
          emitter.add(line, emitter.constant(moved % plan.column.stride *
                                                 plan.getPhaseWidth() +
                                             moved / plan.column.stride)),
          column);
      Value value = emitter.load(f32, panel, place);
      auto product = arith::MulFOp::create(builder, emitter.loc, value, weight,
                                           arith::FastMathFlags::contract);
      if (!sum) {
        sum = product;
        continue;
      }
      sum = arith::AddFOp::create(builder, emitter.loc, sum, product,
                                  arith::FastMathFlags::contract);
    }
  return sum;
}

LogicalResult DepthwiseEmitter::emitRow(SmallVectorImpl<Value> &indices,
                                        Value row) {
  indices[plan.dimOfLoop[plan.row.out]] = emitter.add(firstRow, row);
  return emitter.forRange(
      numColumns, /*isParallel=*/true, [&](Value column) -> LogicalResult {
        Value sum = sumTaps(row, column);
        if (!sum)
          return failure();
        Value result = plan.op->getResult(0);
        emitter.redirect(result, [sum](ArrayRef<Value>) { return sum; });
        indices[plan.dimOfLoop[plan.column.out]] =
            emitter.add(firstColumn, column);
        LogicalResult emitted = emitRoots(schedule, emitter, indices);
        emitter.endRedirect(result);
        return emitted;
      });
}

LogicalResult DepthwiseEmitter::emitTiles() {
  int64_t inputRows = (maxBlockRows - 1) * plan.row.stride + plan.getRowSpan();
  panel = emitter.allocateStack(builder.getF32Type(),
                                inputRows * plan.getRowWidth());
  loops.assign(plan.op.getNumLoops(), emitter.constant(0));
  scf::ForOp tiles = emitter.makeLoop(emitter.frame.begin, emitter.frame.end,
                                      emitter.constant(1));
  Value rest = tiles.getInductionVar();
  auto take = [&](Value size) {
    Value index = emitter.rem(rest, size);
    rest = emitter.floorDiv(rest, size);
    return index;
  };
  auto takeBlock = [&](Value blocks, int64_t size, Value extent, Value &first) {
    first = emitter.mul(take(blocks), emitter.constant(size));
    return emitter.min(emitter.sub(extent, first), emitter.constant(size));
  };
  numColumns = takeBlock(columnBlocks, plan.blockColumns,
                         sizes[plan.column.out], firstColumn);
  numRows = takeBlock(rowBlocks, maxBlockRows, sizes[plan.row.out], firstRow);
  loops[plan.channelLoop] = take(sizes[plan.channelLoop]);
  loops[plan.batchLoop] = rest;
  if (failed(pack()))
    return failure();
  SmallVector<Value> indices(schedule.rank);
  for (unsigned loop : {plan.batchLoop, plan.channelLoop})
    indices[plan.dimOfLoop[loop]] = loops[loop];
  return emitter.forRange(numRows, /*isParallel=*/false,
                          [&](Value row) { return emitRow(indices, row); });
}

FailureOr<int64_t> cinch::emitDepthwise(OpBuilder &builder, func::FuncOp body,
                                        ArrayRef<bool> shared,
                                        MicrokernelTable &microkernels) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  std::optional<DepthwisePlan> plan = DepthwisePlan::compute(*schedule);
  if (!plan)
    return emitConvolution(builder, body, shared, microkernels);
  if (failed(emitTileFunctions(
          builder, body, shared, /*fast=*/true, [&](ElementEmitter &emitter) {
            return DepthwiseEmitter(*schedule, *plan, emitter);
          })))
    return failure();
  // Each costs about four of a GEMM.
  return getGrain(8 * plan->rowTaps * plan->columnTaps * maxBlockRows *
                  plan->blockColumns);
}
