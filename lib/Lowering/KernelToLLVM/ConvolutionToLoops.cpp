//===- ConvolutionToLoops.cpp - convolutions over microkernels ------------===//
//
// A tile is a block of filters and of columns of one output row. For every tap
// along the outer axes, one row of inputs goes to a panel, borders as zeros;
// the taps along the row are microkernel calls at shifted addresses of that
// panel, which all add to the accumulator. So an input is copied once per outer
// tap, not once per tap, and in whole rows.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/MicrokernelCalls.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

namespace {

class ConvolutionEmitter {
public:
  ConvolutionEmitter(const KernelSchedule &schedule, ConvolutionPlan &plan,
                     ElementEmitter &emitter, MicrokernelTable &microkernels)
      : schedule(schedule), plan(plan), emitter(emitter),
        builder(emitter.builder), microkernels(microkernels) {}

  /// The number of tiles; null after an error.
  Value makeSpace();
  LogicalResult emitTiles();

private:
  using Body = function_ref<LogicalResult(Value)>;
  LogicalResult forRange(Value count, bool isParallel, Body body);
  void setTile(Value tile);
  LogicalResult packRow(Value firstChannel, int64_t channels);
  LogicalResult multiply(Value firstChannel, int64_t channels);
  void multiplyTap(int64_t tap, int64_t channels);
  LogicalResult emitResults();

  const KernelSchedule &schedule;
  ConvolutionPlan &plan;
  ElementEmitter &emitter;
  OpBuilder &builder;
  MicrokernelTable &microkernels;

  SmallVector<Value> sizes, loops;
  Value columnBlocks, filterTiles;
  Value accumulator, panel;
  // Of the current tile.
  Value firstFilter, numFilters, firstColumn, numColumns;
  Value localRow, localColumn;
};

} // namespace

LogicalResult ConvolutionEmitter::forRange(Value count, bool isParallel,
                                           Body body) {
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop =
      emitter.makeLoop(emitter.constant(0), count, emitter.constant(1));
  if (isParallel)
    emitter.markParallel(loop);
  return body(loop.getInductionVar());
}

Value ConvolutionEmitter::makeSpace() {
  sizes = emitter.loopSizes(plan.op);
  if (sizes.empty())
    return nullptr;
  columnBlocks = emitter.ceilDiv(sizes[plan.columnLoop],
                                 emitter.constant(plan.blockColumns));
  filterTiles =
      emitter.constant(llvm::divideCeil(plan.filters, plan.tileFilters));
  Value tiles = emitter.mul(columnBlocks, filterTiles);
  for (unsigned loop : plan.outerLoops)
    tiles = emitter.mul(tiles, sizes[loop]);
  return tiles;
}

void ConvolutionEmitter::setTile(Value tile) {
  auto take = [&](Value size) {
    Value index = emitter.rem(tile, size);
    tile = emitter.floorDiv(tile, size);
    return index;
  };
  firstFilter =
      emitter.mul(take(filterTiles), emitter.constant(plan.tileFilters));
  numFilters =
      emitter.min(emitter.sub(emitter.constant(plan.filters), firstFilter),
                  emitter.constant(plan.tileFilters));
  firstColumn =
      emitter.mul(take(columnBlocks), emitter.constant(plan.blockColumns));
  numColumns = emitter.min(emitter.sub(sizes[plan.columnLoop], firstColumn),
                           emitter.constant(plan.blockColumns));
  for (unsigned loop : llvm::reverse(plan.outerLoops))
    loops[loop] = loop == plan.outerLoops.front() ? tile : take(sizes[loop]);
}

/// panel[c, phase, j] = in[firstChannel + c, (firstColumn + j) * stride +
/// phase] of the row that the outer loops and taps give.
LogicalResult ConvolutionEmitter::packRow(Value firstChannel,
                                          int64_t channels) {
  return forRange(
      emitter.constant(channels), /*isParallel=*/false,
      [&](Value channel) -> LogicalResult {
        loops[plan.channelLoop] = emitter.add(firstChannel, channel);
        for (int64_t phase = 0; phase < plan.getNumPhases(); ++phase) {
          Value line = emitter.add(
              emitter.mul(channel, emitter.constant(plan.getPanelWidth())),
              emitter.constant(phase * plan.getPhaseWidth()));
          int64_t behind =
              ((plan.taps - 1) * plan.dilation - phase) / plan.stride;
          Value count =
              emitter.min(emitter.add(numColumns, emitter.constant(behind)),
                          emitter.constant(plan.getPhaseWidth()));
          loops[plan.columnTap] = emitter.constant(phase);
          if (failed(forRange(
                  count, /*isParallel=*/true, [&](Value j) -> LogicalResult {
                    loops[plan.columnLoop] = emitter.add(firstColumn, j);
                    OpOperand *input = plan.getInput();
                    Value value = emitter.element(
                        input->get(),
                        emitter.apply(plan.op.getMatchingIndexingMap(input),
                                      loops));
                    if (!value)
                      return failure();
                    emitter.store(value, panel, emitter.add(line, j));
                    return success();
                  })))
            return failure();
        }
        return success();
      });
}

/// Adds the product of one tap and the panel to the accumulator.
void ConvolutionEmitter::multiplyTap(int64_t tap, int64_t channels) {
  int64_t moved = tap * plan.dilation;
  Value b =
      advance(emitter, panel, emitter.constant(1),
              moved % plan.stride * plan.getPhaseWidth() + moved / plan.stride);
  auto call = [&](int64_t filters, Value first) {
    loops[plan.filterLoop] = emitter.add(firstFilter, first);
    OpOperand *filter = plan.getFilter();
    Value a = emitter.address(
        cast<BlockArgument>(filter->get()).getArgNumber(),
        emitter.apply(plan.op.getMatchingIndexingMap(filter), loops));
    MicrokernelTable::Shape shape = {static_cast<int32_t>(filters),
                                     static_cast<int32_t>(plan.blockColumns),
                                     static_cast<int32_t>(channels),
                                     static_cast<int32_t>(plan.channels),
                                     static_cast<int32_t>(plan.getPanelWidth()),
                                     static_cast<int32_t>(plan.blockColumns),
                                     /*beta=*/1,
                                     /*transpose_a=*/0};
    Value position = arith::ConstantIntOp::create(
        builder, emitter.loc, microkernels.getPosition(shape), 64);
    callMicrokernel(emitter, position, a, b,
                    advance(emitter, accumulator, first, plan.blockColumns));
  };
  // All calls but the last of the last tile have `callFilters` rows.
  int64_t rest = plan.filters % plan.callFilters;
  Value step = emitter.constant(plan.callFilters);
  Value whole = emitter.mul(emitter.floorDiv(numFilters, step), step);
  {
    OpBuilder::InsertionGuard guard(builder);
    scf::ForOp rows = emitter.makeLoop(emitter.constant(0), whole, step);
    call(plan.callFilters, rows.getInductionVar());
  }
  if (rest == 0)
    return;
  Value hasRest = arith::CmpIOp::create(
      builder, emitter.loc, arith::CmpIPredicate::ne, whole, numFilters);
  auto choice =
      scf::IfOp::create(builder, emitter.loc, hasRest, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(choice.thenBlock());
  call(rest, whole);
}

/// Walks the taps of the outer axes for a block of channels.
LogicalResult ConvolutionEmitter::multiply(Value firstChannel,
                                           int64_t channels) {
  OpBuilder::InsertionGuard guard(builder);
  for (unsigned tap : plan.outerTaps)
    loops[tap] =
        emitter.makeLoop(emitter.constant(0), sizes[tap], emitter.constant(1))
            .getInductionVar();
  if (failed(packRow(firstChannel, channels)))
    return failure();
  loops[plan.channelLoop] = firstChannel;
  for (int64_t tap = 0; tap < plan.taps; ++tap) {
    loops[plan.columnTap] = emitter.constant(tap);
    multiplyTap(tap, channels);
  }
  return success();
}

LogicalResult ConvolutionEmitter::emitResults() {
  Value result = plan.op->getResult(0);
  emitter.redirect(result, [this](ArrayRef<Value>) {
    Value row = emitter.mul(localRow, emitter.constant(plan.blockColumns));
    return emitter.load(builder.getF32Type(), accumulator,
                        emitter.add(row, localColumn));
  });
  SmallVector<Value> indices(schedule.rank);
  for (unsigned loop : plan.outerLoops)
    indices[plan.dimOfLoop[loop]] = loops[loop];
  LogicalResult emitted =
      forRange(numFilters, /*isParallel=*/false, [&](Value row) {
        localRow = row;
        indices[plan.dimOfLoop[plan.filterLoop]] =
            emitter.add(firstFilter, row);
        return forRange(numColumns, /*isParallel=*/true, [&](Value column) {
          localColumn = column;
          indices[plan.dimOfLoop[plan.columnLoop]] =
              emitter.add(firstColumn, column);
          return emitRoots(schedule, emitter, indices);
        });
      });
  emitter.endRedirect(result);
  return emitted;
}

LogicalResult ConvolutionEmitter::emitTiles() {
  Type f32 = builder.getF32Type();
  int64_t size = plan.tileFilters * plan.blockColumns;
  accumulator = emitter.allocateStack(f32, size);
  panel = emitter.allocateStack(f32, plan.blockChannels * plan.getPanelWidth());
  loops.assign(plan.op.getNumLoops(), emitter.constant(0));
  scf::ForOp tiles = emitter.makeLoop(emitter.frame.begin, emitter.frame.end,
                                      emitter.constant(1));
  setTile(tiles.getInductionVar());
  (void)forRange(emitter.mul(numFilters, emitter.constant(plan.blockColumns)),
                 /*isParallel=*/true, [&](Value at) {
                   Value zero = arith::ConstantOp::create(
                       builder, emitter.loc, builder.getF32FloatAttr(0));
                   emitter.store(zero, accumulator, at);
                   return success();
                 });
  int64_t whole = llvm::alignDown(plan.channels, plan.blockChannels);
  {
    OpBuilder::InsertionGuard guard(builder);
    scf::ForOp blocks =
        emitter.makeLoop(emitter.constant(0), emitter.constant(whole),
                         emitter.constant(plan.blockChannels));
    if (failed(multiply(blocks.getInductionVar(), plan.blockChannels)))
      return failure();
  }
  if (whole != plan.channels &&
      failed(multiply(emitter.constant(whole), plan.channels - whole)))
    return failure();
  return emitResults();
}

/// A tile of less than about 256 thousand operations is not worth a thread.
static int64_t getGrain(const ConvolutionPlan &plan) {
  int64_t work =
      2 * plan.tileFilters * plan.blockColumns * plan.channels * plan.taps;
  return std::max<int64_t>(1, 262144 / std::max<int64_t>(work, 1));
}

FailureOr<int64_t> cinch::emitConvolution(OpBuilder &builder, func::FuncOp body,
                                          ArrayRef<bool> shared,
                                          MicrokernelTable &microkernels) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  std::optional<ConvolutionPlan> plan =
      ConvolutionPlan::compute(*schedule, /*isPacked=*/true);
  if (!plan)
    return emitContraction(builder, body, shared, microkernels);
  OpBuilder::InsertionGuard guard(builder);
  KernelFunctions functions(builder, body, shared);
  OpBuilder::InsertPoint point = builder.saveInsertionPoint();
  {
    ElementEmitter emitter(builder, functions.beginBody(), /*fast=*/true);
    ConvolutionEmitter convolution(*schedule, *plan, emitter, microkernels);
    if (!convolution.makeSpace() || failed(convolution.emitTiles()))
      return failure();
  }
  builder.restoreInsertionPoint(point);
  ElementEmitter emitter(builder, functions.beginTiles(), /*fast=*/true);
  Value tiles =
      ConvolutionEmitter(*schedule, *plan, emitter, microkernels).makeSpace();
  if (!tiles)
    return failure();
  functions.endTiles(tiles);
  return getGrain(*plan);
}
