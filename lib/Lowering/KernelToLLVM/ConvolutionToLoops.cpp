//===- ConvolutionToLoops.cpp - convolutions over microkernels ------------===//
//
// A tile is a block of filters and of columns of one output row. For every tap
// along the outer axes, one row of inputs goes to a panel, borders as zeros;
// the taps along the row are microkernel calls at shifted addresses of that
// panel, which all add to the accumulator. So an input is copied once per outer
// tap, not once per tap, and in whole rows. Short rows are joined: the panel
// holds several, and the accumulator has columns between them that nobody
// reads.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/MicrokernelCalls.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"
#include "lib/Lowering/KernelToLLVM/TileFunctions.h"

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
  void setTile(Value tile);
  LogicalResult pack(Value firstChannel, int64_t channels);
  LogicalResult packRow(Value line, int64_t phase);
  LogicalResult multiply(Value firstChannel, int64_t channels);
  void multiplyTap(Value rowTap, int64_t tap, int64_t channels);
  LogicalResult emitResults();
  LogicalResult emitResultRow(SmallVectorImpl<Value> &indices, Value filter,
                              Value row);

  const KernelSchedule &schedule;
  ConvolutionPlan &plan;
  ElementEmitter &emitter;
  OpBuilder &builder;
  MicrokernelTable &microkernels;

  SmallVector<Value> sizes, loops;
  Value columnBlocks, rowBlocks, filterTiles;
  Value accumulator, panel;
  // Of the current tile.
  Value firstFilter, numFilters, firstRow, numRows, firstColumn, numColumns;
  Value place; ///< of a result in the accumulator
};

} // namespace

Value ConvolutionEmitter::makeSpace() {
  sizes = emitter.loopSizes(plan.op);
  if (sizes.empty())
    return nullptr;
  columnBlocks = emitter.ceilDiv(sizes[plan.columnLoop],
                                 emitter.constant(plan.blockColumns));
  filterTiles =
      emitter.constant(llvm::divideCeil(plan.filters, plan.tileFilters));
  rowBlocks = plan.rowLoop ? emitter.ceilDiv(sizes[*plan.rowLoop],
                                             emitter.constant(plan.blockRows))
                           : emitter.constant(1);
  Value tiles = emitter.mul(emitter.mul(columnBlocks, rowBlocks), filterTiles);
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
  numRows = emitter.constant(1);
  if (plan.rowLoop) {
    firstRow = emitter.mul(take(rowBlocks), emitter.constant(plan.blockRows));
    numRows = emitter.min(emitter.sub(sizes[*plan.rowLoop], firstRow),
                          emitter.constant(plan.blockRows));
  }
  for (unsigned loop : llvm::reverse(plan.outerLoops))
    loops[loop] = loop == plan.outerLoops.front() ? tile : take(sizes[loop]);
}

/// panel[line + j] = in[(firstColumn + j) * stride + phase] of the channel and
/// row that the loops give.
LogicalResult ConvolutionEmitter::packRow(Value line, int64_t phase) {
  int64_t behind = ((plan.taps - 1) * plan.dilation - phase) / plan.stride;
  Value count = emitter.min(emitter.add(numColumns, emitter.constant(behind)),
                            emitter.constant(plan.getPhaseWidth()));
  loops[plan.columnTap] = emitter.constant(phase);
  return emitter.forRange(
      count, /*isParallel=*/true, [&](Value j) -> LogicalResult {
        loops[plan.columnLoop] = emitter.add(firstColumn, j);
        Value value = emitter.read(plan.op, plan.getInput(), loops);
        if (!value)
          return failure();
        emitter.store(value, panel, emitter.add(line, j));
        return success();
      });
}

/// Fills the panel with the rows that the outer loops and taps give.
LogicalResult ConvolutionEmitter::pack(Value firstChannel, int64_t channels) {
  auto packChannel = [&](Value channel) -> LogicalResult {
    loops[plan.channelLoop] = emitter.add(firstChannel, channel);
    Value start = emitter.mul(channel, emitter.constant(plan.getPanelWidth()));
    if (!plan.rowLoop) {
      for (int64_t phase = 0; phase < plan.getNumPhases(); ++phase)
        if (failed(packRow(
                emitter.add(start,
                            emitter.constant(phase * plan.getPhaseWidth())),
                phase)))
          return failure();
      return success();
    }
    loops[plan.rowTap] = emitter.constant(0);
    Value count = emitter.add(
        numRows, emitter.constant(plan.getInputRows() - plan.blockRows));
    return emitter.forRange(count, /*isParallel=*/false, [&](Value row) {
      loops[*plan.rowLoop] = emitter.add(firstRow, row);
      Value line = emitter.mul(row, emitter.constant(plan.getPitch()));
      return packRow(emitter.add(start, line), /*phase=*/0);
    });
  };
  return emitter.forRange(emitter.constant(channels), /*isParallel=*/false,
                          packChannel);
}

/// Adds the product of one tap and the panel to the accumulator.
void ConvolutionEmitter::multiplyTap(Value rowTap, int64_t tap,
                                     int64_t channels) {
  int64_t moved = tap * plan.dilation;
  Value b =
      advance(emitter, panel, emitter.constant(1),
              moved % plan.stride * plan.getPhaseWidth() + moved / plan.stride);
  if (plan.rowLoop)
    b = advance(emitter, b, rowTap, plan.rowDilation * plan.getPitch());
  auto call = [&](int64_t filters, Value first) {
    loops[plan.filterLoop] = emitter.add(firstFilter, first);
    Value a = emitter.addressOf(plan.op, plan.getFilter(), loops);
    MicrokernelTable::Shape shape = {static_cast<int32_t>(filters),
                                     static_cast<int32_t>(plan.getWidth()),
                                     static_cast<int32_t>(channels),
                                     static_cast<int32_t>(plan.channels),
                                     static_cast<int32_t>(plan.getPanelWidth()),
                                     static_cast<int32_t>(plan.getWidth()),
                                     /*beta=*/1,
                                     /*transpose_a=*/0};
    Value position = arith::ConstantIntOp::create(
        builder, emitter.loc, microkernels.getPosition(shape), 64);
    callMicrokernel(emitter, position, a, b,
                    advance(emitter, accumulator, first, plan.getWidth()));
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
  if (failed(pack(firstChannel, channels)))
    return failure();
  loops[plan.channelLoop] = firstChannel;
  return emitter.forRange(emitter.constant(plan.rowTaps), /*isParallel=*/false,
                          [&](Value rowTap) {
                            if (plan.rowLoop)
                              loops[plan.rowTap] = rowTap;
                            for (int64_t tap = 0; tap < plan.taps; ++tap) {
                              loops[plan.columnTap] = emitter.constant(tap);
                              multiplyTap(rowTap, tap, channels);
                            }
                            return success();
                          });
}

LogicalResult ConvolutionEmitter::emitResultRow(SmallVectorImpl<Value> &indices,
                                                Value filter, Value row) {
  if (plan.rowLoop)
    indices[plan.dimOfLoop[*plan.rowLoop]] = emitter.add(firstRow, row);
  Value line =
      emitter.add(emitter.mul(filter, emitter.constant(plan.getWidth())),
                  emitter.mul(row, emitter.constant(plan.getPitch())));
  return emitter.forRange(numColumns, /*isParallel=*/true, [&](Value column) {
    place = emitter.add(line, column);
    indices[plan.dimOfLoop[plan.columnLoop]] = emitter.add(firstColumn, column);
    return emitRoots(schedule, emitter, indices);
  });
}

LogicalResult ConvolutionEmitter::emitResults() {
  Value result = plan.op->getResult(0);
  emitter.redirect(result, [this](ArrayRef<Value>) {
    return emitter.load(builder.getF32Type(), accumulator, place);
  });
  SmallVector<Value> indices(schedule.rank);
  for (unsigned loop : plan.outerLoops)
    indices[plan.dimOfLoop[loop]] = loops[loop];
  LogicalResult emitted =
      emitter.forRange(numFilters, /*isParallel=*/false, [&](Value filter) {
        indices[plan.dimOfLoop[plan.filterLoop]] =
            emitter.add(firstFilter, filter);
        return emitter.forRange(numRows, /*isParallel=*/false, [&](Value row) {
          return emitResultRow(indices, filter, row);
        });
      });
  emitter.endRedirect(result);
  return emitted;
}

LogicalResult ConvolutionEmitter::emitTiles() {
  Type f32 = builder.getF32Type();
  int64_t size = plan.tileFilters * plan.getWidth();
  accumulator = emitter.allocateStack(f32, size);
  panel = emitter.allocateStack(f32, plan.blockChannels * plan.getPanelWidth());
  loops.assign(plan.op.getNumLoops(), emitter.constant(0));
  scf::ForOp tiles = emitter.makeLoop(emitter.frame.begin, emitter.frame.end,
                                      emitter.constant(1));
  setTile(tiles.getInductionVar());
  emitter.fillZeros(accumulator, emitter.constant(0),
                    emitter.mul(numFilters, emitter.constant(plan.getWidth())));
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

static int64_t getWork(const ConvolutionPlan &plan) {
  return 2 * plan.tileFilters * plan.getWidth() * plan.channels * plan.taps *
         plan.rowTaps;
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
  if (failed(emitTileFunctions(
          builder, body, shared, /*fast=*/true, [&](ElementEmitter &emitter) {
            return ConvolutionEmitter(*schedule, *plan, emitter, microkernels);
          })))
    return failure();
  return getGrain(getWork(*plan));
}
