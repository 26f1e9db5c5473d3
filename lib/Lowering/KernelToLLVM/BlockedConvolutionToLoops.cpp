//===- BlockedConvolutionToLoops.cpp - convolutions of channel blocks -----===//
//
// A tile is a block of filters and of pixels, whose sums are on the stack,
// [pixels][filters]. A run of pixels that read the same taps is one call of a
// microkernel, which sums the products of all taps and blocks of channels: the
// accumulators stay in registers, and inputs in blocks of channels are read in
// place. At the borders of the image pixels have fewer taps: the columns there
// are runs along the rows, so that they too have many pixels.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/BlockedConvolutionEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/TileFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

Value BlockedConvolutionEmitter::makeSpace() {
  sizes = emitter.loopSizes(plan.op);
  if (sizes.empty())
    return nullptr;
  numRows = getSize(plan.row);
  numColumns = getSize(plan.column);
  if (plan.isJoined) {
    numColumns = emitter.mul(numRows, numColumns);
    numRows = constant(1);
  }
  rowTiles = emitter.ceilDiv(numRows, constant(plan.tileRows));
  columnTiles = emitter.ceilDiv(numColumns, constant(plan.tileColumns));
  filterTiles = constant(llvm::divideCeil(plan.filters, plan.filterBlock));
  return emitter.mul(emitter.mul(filterTiles, sizes[plan.batchLoop]),
                     emitter.mul(rowTiles, columnTiles));
}

/// The tiles of one block of filters are neighbours: its weights stay in cache.
void BlockedConvolutionEmitter::setTile(Value tile) {
  auto take = [&](Value size) {
    Value index = emitter.rem(tile, size);
    tile = emitter.floorDiv(tile, size);
    return index;
  };
  auto takeRange = [&](Value tiles, int64_t size, Value limit, Value &count) {
    Value begin = emitter.mul(take(tiles), constant(size));
    std::optional<int64_t> known = getConstantIntValue(limit);
    count = constant(size);
    if (!known || *known % size != 0)
      count = emitter.min(emitter.sub(limit, begin), count);
    return Interval{begin, emitter.add(begin, count)};
  };
  columns =
      takeRange(columnTiles, plan.tileColumns, numColumns, numTileColumns);
  rows = takeRange(rowTiles, plan.tileRows, numRows, numTileRows);
  loops[plan.batchLoop] = take(sizes[plan.batchLoop]);
  firstFilter = emitter.mul(take(filterTiles), constant(plan.filterBlock));
  width = emitter.min(constant(plan.filterBlock),
                      emitter.sub(constant(plan.filters), firstFilter));
  isWhole = nullptr;
  if (plan.filters % plan.filterBlock != 0)
    isWhole =
        arith::CmpIOp::create(builder, emitter.loc, arith::CmpIPredicate::eq,
                              width, constant(plan.filterBlock));
}

Value BlockedConvolutionEmitter::getInputSize(const BlockedAxis &axis) {
  ArrayRef<Value> inputSizes = emitter.frame.tensors[*plan.inputArgument].sizes;
  if (!axis.out)
    return constant(1);
  return axis.out == plan.column.out ? inputSizes.back() : inputSizes[2];
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

LogicalResult BlockedConvolutionEmitter::emitResultPixels(
    SmallVectorImpl<Value> &indices, function_ref<LogicalResult()> emit) {
  auto setIndex = [&](const BlockedAxis &axis, Value value) {
    if (axis.out)
      indices[plan.dimOfLoop[*axis.out]] = value;
  };
  return emitter.forRange(numTileRows, /*isParallel=*/false, [&](Value row) {
    localRow = row;
    setIndex(plan.row, emitter.add(rows.begin, row));
    return emitter.forRange(
        numTileColumns, /*isParallel=*/true, [&](Value column) {
          localColumn = column;
          setIndex(plan.column, emitter.add(columns.begin, column));
          return emit();
        });
  });
}

LogicalResult BlockedConvolutionEmitter::emitResults() {
  Value result = plan.op->getResult(0);
  emitter.redirect(result, [this](ArrayRef<Value>) {
    Value pixel = emitter.add(emitter.mul(localRow, constant(plan.tileColumns)),
                              localColumn);
    return emitter.load(
        builder.getF32Type(), accumulator,
        emitter.add(emitter.mul(pixel, constant(plan.filterBlock)),
                    localFilter));
  });
  SmallVector<Value> indices(schedule.rank, constant(0));
  indices[plan.dimOfLoop[plan.batchLoop]] = loops[plan.batchLoop];
  int filterDim = plan.dimOfLoop[plan.filterLoop];
  auto emitRootsAt = [&] { return emitRoots(schedule, emitter, indices); };
  LogicalResult emitted = success();
  if (!schedule.split && filterDim + 1 != static_cast<int>(schedule.rank)) {
    // Row-major: the accumulator is read across.
    emitted = emitter.forRange(width, /*isParallel=*/false, [&](Value filter) {
      localFilter = filter;
      indices[filterDim] = emitter.add(firstFilter, filter);
      return emitResultPixels(indices, emitRootsAt);
    });
  } else {
    // Blocks of neighbours in the result, innermost.
    int64_t block = schedule.split ? schedule.split->block : plan.filters;
    Value step = constant(std::min(block, plan.filterBlock));
    Value count = emitter.ceilDiv(width, step);
    emitted = emitter.forRange(count, /*isParallel=*/false, [&](Value number) {
      Value start = emitter.mul(number, step);
      Value first = emitter.add(firstFilter, start);
      Value length = schedule.split ? step : width;
      return emitResultPixels(indices, [&] {
        return emitter.forRange(length, /*isParallel=*/true, [&](Value filter) {
          localFilter = emitter.add(start, filter);
          if (!schedule.split) {
            indices[filterDim] = emitter.add(first, filter);
            return emitRootsAt();
          }
          Value size = constant(block);
          indices[schedule.split->outer] = emitter.floorDiv(first, size);
          indices[schedule.split->inner] =
              emitter.add(emitter.rem(first, size), filter);
          return emitRootsAt();
        });
      });
    });
  }
  emitter.endRedirect(result);
  return emitted;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void BlockedConvolutionEmitter::allocate() {
  Type f32 = builder.getF32Type(), i64 = builder.getI64Type();
  accumulator = emitter.allocateStack(f32, plan.tileRows * plan.tileColumns *
                                               plan.filterBlock);
  count = emitter.allocateStack(i64, 1);
  inputOffsets = emitter.allocateStack(i64, plan.getNumProducts());
  filterOffsets = emitter.allocateStack(i64, plan.getNumProducts());
  if (!plan.inputArgument)
    panel = emitter.allocateStack(f32, plan.getPanelSize());
}

LogicalResult BlockedConvolutionEmitter::emitPart(Value part) {
  firstChannel = emitter.mul(part, constant(plan.partChannels));
  isFirstPart = arith::CmpIOp::create(
      builder, emitter.loc, arith::CmpIPredicate::eq, part, constant(0));
  if (!splat) {
    SmallVector<Value> at(2 + (plan.row.out ? 2 : 1), constant(0));
    at[0] = firstFilter;
    at[1] = firstChannel;
    filterBase = emitter.address(*plan.filterArgument, at);
  }
  if (plan.inputArgument) {
    multiplyInPlace();
    return success();
  }
  if (failed(pack()))
    return failure();
  multiplyPanel();
  return success();
}

LogicalResult BlockedConvolutionEmitter::emitTiles() {
  allocate();
  loops.assign(plan.op.getNumLoops(), constant(0));
  if (!plan.filterArgument) {
    int64_t size = plan.depth * plan.filterBlock;
    splat = emitter.allocateStack(builder.getF32Type(), size);
    Value value = emitter.read(plan.op, plan.getFilter(), loops);
    if (!value)
      return failure();
    (void)emitter.forRange(constant(size), /*isParallel=*/true, [&](Value at) {
      emitter.store(value, splat, at);
      return success();
    });
  }
  scf::ForOp tiles =
      emitter.makeLoop(emitter.frame.begin, emitter.frame.end, constant(1));
  setTile(tiles.getInductionVar());
  if (failed(emitter.forRange(constant(plan.getNumParts()),
                              /*isParallel=*/false,
                              [&](Value part) { return emitPart(part); })))
    return failure();
  return emitResults();
}

static int64_t getWork(const BlockedConvolutionPlan &plan) {
  return 2 * plan.tileRows * plan.tileColumns * plan.filterBlock *
         plan.channels * plan.getNumTaps();
}

FailureOr<int64_t>
cinch::emitBlockedConvolution(OpBuilder &builder, func::FuncOp body,
                              ArrayRef<bool> shared,
                              MicrokernelTable &microkernels) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  std::optional<BlockedConvolutionPlan> plan =
      BlockedConvolutionPlan::compute(*schedule, /*isPacked=*/true);
  if (!plan)
    return emitDepthwise(builder, body, shared, microkernels);
  if (failed(emitTileFunctions(builder, body, shared, /*fast=*/true,
                               [&](ElementEmitter &emitter) {
                                 return BlockedConvolutionEmitter(
                                     *schedule, *plan, emitter, microkernels);
                               })))
    return failure();
  return getGrain(getWork(*plan));
}
