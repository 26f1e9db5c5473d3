//===- BlockedConvolutionRuns.cpp - runs of pixels of a convolution -------===//
//
// Packs rows of inputs where they are not in blocks of channels, and calls
// microkernels for runs of pixels that read the same taps.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/BlockedConvolutionEmitter.h"
#include "lib/Lowering/KernelToLLVM/MicrokernelCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

/// Pixels per call where their number is not known.
static constexpr int64_t dynamicRun = 32;

//===----------------------------------------------------------------------===//
// Packed inputs
//===----------------------------------------------------------------------===//

/// panel[row, column, channel] = the padded input of the tile and part.
LogicalResult BlockedConvolutionEmitter::pack() {
  auto setAxis = [&](const BlockedAxis &axis, Value first, Value index) {
    if (!axis.out)
      return;
    // A stride or a dilation of 1: every position has an output and a tap.
    Value stride = constant(axis.stride);
    loops[*axis.out] = emitter.add(first, emitter.floorDiv(index, stride));
    loops[*axis.tap] = emitter.rem(index, stride);
  };
  auto getCount = [&](const BlockedAxis &axis, Value outputs) {
    Value last = emitter.sub(outputs, constant(1));
    return emitter.add(emitter.mul(last, constant(axis.stride)),
                       constant(axis.getExtent()));
  };
  Value pitch = constant(plan.getPanelColumns());
  Value channels = constant(plan.partChannels);
  Value numPanelColumns = getCount(plan.column, numTileColumns);
  auto packElement = [&](Value line, Value column,
                         Value channel) -> LogicalResult {
    setAxis(plan.column, columns.begin, column);
    loops[plan.channelLoop] = emitter.add(firstChannel, channel);
    Value value = emitter.read(plan.op, plan.getInput(), loops);
    if (!value)
      return failure();
    Value pixel = emitter.mul(emitter.add(line, column), channels);
    emitter.store(value, panel, emitter.add(pixel, channel));
    return success();
  };
  auto packRow = [&](Value row) {
    setAxis(plan.row, rows.begin, row);
    Value line = emitter.mul(row, pitch);
    // The inner loop reads neighbours.
    return emitter.forRange(
        plan.packsRows ? channels : numPanelColumns, /*isParallel=*/false,
        [&](Value outer) {
          return emitter.forRange(
              plan.packsRows ? numPanelColumns : channels, /*isParallel=*/true,
              [&](Value inner) {
                return plan.packsRows ? packElement(line, inner, outer)
                                      : packElement(line, outer, inner);
              });
        });
  };
  return emitter.forRange(getCount(plan.row, numTileRows),
                          /*isParallel=*/false, packRow);
}

//===----------------------------------------------------------------------===//
// Runs of pixels
//===----------------------------------------------------------------------===//

/// The taps that output `out` reads inside of the image.
Interval BlockedConvolutionEmitter::getTaps(const BlockedAxis &axis,
                                            Value out) {
  Value zero = constant(0), dilation = constant(axis.dilation);
  if (axis.taps == 1 && axis.low == 0)
    return {zero, constant(1)};
  Value start =
      emitter.sub(emitter.mul(out, constant(axis.stride)), constant(axis.low));
  Value before = emitter.max(emitter.sub(zero, start), zero);
  Value behind = emitter.max(
      emitter.sub(emitter.sub(getInputSize(axis), constant(1)), start), zero);
  return {
      emitter.ceilDiv(before, dilation),
      emitter.min(emitter.add(emitter.floorDiv(behind, dilation), constant(1)),
                  constant(axis.taps))};
}

/// The outputs in `tile` that read all taps.
Interval BlockedConvolutionEmitter::getInterior(const BlockedAxis &axis,
                                                Interval tile) {
  Value stride = constant(axis.stride);
  Value begin = constant(llvm::divideCeil(axis.low, axis.stride));
  // The last one starts `extent` before the end.
  Value room =
      emitter.add(emitter.sub(getInputSize(axis), constant(axis.getExtent())),
                  constant(axis.low + axis.stride));
  Value end = emitter.floorDiv(emitter.max(room, constant(0)), stride);
  begin = emitter.min(emitter.max(begin, tile.begin), tile.end);
  return {begin, emitter.max(emitter.min(end, tile.end), begin)};
}

/// Emits a loop over the outputs of `tile` that are not in `interior`.
void BlockedConvolutionEmitter::forBorder(Interval tile, Interval interior,
                                          function_ref<void(Value)> emit) {
  Value inside = emitter.sub(interior.end, interior.begin);
  Value number = emitter.sub(emitter.sub(tile.end, tile.begin), inside);
  if (getConstantIntValue(number) == 0)
    return;
  Value before = emitter.sub(interior.begin, tile.begin);
  (void)emitter.forRange(number, /*isParallel=*/false, [&](Value index) {
    Value isBefore = arith::CmpIOp::create(
        builder, emitter.loc, arith::CmpIPredicate::slt, index, before);
    Value moved = arith::SelectOp::create(builder, emitter.loc, isBefore,
                                          constant(0), inside);
    emit(emitter.add(emitter.add(tile.begin, index), moved));
    return success();
  });
}

/// Writes the places of the products of the taps in the ranges.
void BlockedConvolutionEmitter::setOffsets(Interval rowTaps,
                                           Interval columnTaps) {
  OpBuilder::InsertionGuard guard(builder);
  bool isPanel = !plan.inputArgument;
  Value pitch =
      isPanel ? constant(plan.getPanelColumns()) : getInputSize(plan.column);
  Value block = constant(plan.inputBlock);
  Value perBlock =
      isPanel ? constant(0)
              : emitter.mul(emitter.mul(getInputSize(plan.row), pitch), block);
  int64_t numProducts = plan.partChannels / plan.depth;
  Value numColumnTaps = emitter.sub(columnTaps.end, columnTaps.begin);
  auto toBytes = [&](Value elements) -> Value {
    Value bytes = emitter.mul(elements, constant(sizeof(float)));
    return arith::IndexCastOp::create(builder, emitter.loc,
                                      builder.getI64Type(), bytes);
  };
  Value total = emitter.mul(
      emitter.mul(emitter.sub(rowTaps.end, rowTaps.begin), numColumnTaps),
      constant(numProducts));
  Value word = arith::IndexCastOp::create(builder, emitter.loc,
                                          builder.getI64Type(), total);
  emitter.store(word, count, constant(0));
  auto emitProduct = [&](Value line, Value rowTap, Value columnTap,
                         Value number) {
    Value channel = emitter.mul(number, constant(plan.depth));
    Value pixel = emitter.add(
        emitter.mul(emitter.mul(rowTap, constant(plan.row.dilation)), pitch),
        emitter.mul(columnTap, constant(plan.column.dilation)));
    Value input = emitter.add(
        emitter.mul(pixel, block),
        emitter.add(emitter.mul(emitter.floorDiv(channel, block), perBlock),
                    emitter.rem(channel, block)));
    Value tap =
        emitter.add(emitter.mul(rowTap, constant(plan.column.taps)), columnTap);
    Value filter = emitter.mul(
        emitter.add(emitter.mul(tap, constant(plan.partChannels)), channel),
        width);
    Value place = emitter.add(emitter.mul(line, constant(numProducts)), number);
    emitter.store(toBytes(input), inputOffsets, place);
    emitter.store(toBytes(splat ? constant(0) : filter), filterOffsets, place);
    return success();
  };
  auto rowLoop = emitter.makeLoop(rowTaps.begin, rowTaps.end, constant(1));
  Value rowTap = rowLoop.getInductionVar();
  auto columnLoop =
      emitter.makeLoop(columnTaps.begin, columnTaps.end, constant(1));
  Value columnTap = columnLoop.getInductionVar();
  Value line = emitter.add(
      emitter.mul(emitter.sub(rowTap, rowTaps.begin), numColumnTaps),
      emitter.sub(columnTap, columnTaps.begin));
  (void)emitter.forRange(constant(numProducts), /*isParallel=*/false,
                         [&](Value number) {
                           return emitProduct(line, rowTap, columnTap, number);
                         });
}

/// The address of the first tap of output (row, column), which may be outside.
Value BlockedConvolutionEmitter::getInput(Value row, Value column) {
  auto getFirst = [&](const BlockedAxis &axis, Value out) {
    return emitter.sub(emitter.mul(out, constant(axis.stride)),
                       constant(axis.low));
  };
  if (!plan.inputArgument) {
    Value y =
        emitter.mul(emitter.sub(row, rows.begin), constant(plan.row.stride));
    Value x = emitter.mul(emitter.sub(column, columns.begin),
                          constant(plan.column.stride));
    Value pixel =
        emitter.add(emitter.mul(y, constant(plan.getPanelColumns())), x);
    return advance(emitter, panel, pixel, plan.partChannels);
  }
  SmallVector<Value> at(plan.row.out ? 4 : 3, constant(0));
  at[0] = loops[plan.batchLoop];
  at[1] = firstChannel;
  Value pixel = emitter.add(
      emitter.mul(getFirst(plan.row, row), getInputSize(plan.column)),
      getFirst(plan.column, column));
  return advance(emitter, emitter.address(*plan.inputArgument, at), pixel,
                 plan.inputBlock);
}

void BlockedConvolutionEmitter::callRun(Value a, Value c, int64_t numPixels,
                                        bool isDownwards) {
  int64_t pitch = plan.inputArgument ? 0 : plan.getPanelColumns();
  if (isDownwards && plan.inputArgument) {
    auto type = cast<RankedTensorType>(
        emitter.frame.body.getArgumentTypes()[*plan.inputArgument]);
    pitch = type.getShape().back();
  }
  // The distance to the next pixel, where there is one.
  int64_t stride = isDownwards ? pitch * plan.row.stride : plan.column.stride;
  auto getPosition = [&](int64_t filters, int64_t beta) -> Value {
    MicrokernelTable::Shape shape = {
        static_cast<int32_t>(numPixels),
        static_cast<int32_t>(filters),
        static_cast<int32_t>(plan.depth),
        static_cast<int32_t>(numPixels == 1 ? plan.inputBlock
                                            : stride * plan.inputBlock),
        static_cast<int32_t>(filters),
        static_cast<int32_t>(plan.filterBlock *
                             (isDownwards ? plan.tileColumns : 1)),
        static_cast<int32_t>(beta),
        /*transpose_a=*/0,
        /*is_sum=*/1};
    return arith::ConstantIntOp::create(builder, emitter.loc,
                                        microkernels.getPosition(shape), 64);
  };
  auto ofFilters = [&](int64_t filters) {
    Value first = getPosition(filters, /*beta=*/0);
    if (plan.getNumParts() == 1)
      return first;
    return arith::SelectOp::create(builder, emitter.loc, isFirstPart, first,
                                   getPosition(filters, /*beta=*/1))
        .getResult();
  };
  Value position = ofFilters(plan.filterBlock);
  if (isWhole)
    position =
        arith::SelectOp::create(builder, emitter.loc, isWhole, position,
                                ofFilters(plan.filters % plan.filterBlock));
  callSumMicrokernel(emitter, position, a, splat ? splat : filterBase, c, count,
                     inputOffsets, filterOffsets);
}

/// Sums `numPixels` pixels from (row, column) on, in a row or `isDownwards`.
void BlockedConvolutionEmitter::call(Value row, Value column, Value numPixels,
                                     bool isDownwards) {
  auto emitAt = [&](Value done, int64_t number) {
    Value y = isDownwards ? emitter.add(row, done) : row;
    Value x = isDownwards ? column : emitter.add(column, done);
    Value pixel = emitter.add(
        emitter.mul(emitter.sub(y, rows.begin), constant(plan.tileColumns)),
        emitter.sub(x, columns.begin));
    callRun(getInput(y, x),
            advance(emitter, accumulator, pixel, plan.filterBlock), number,
            isDownwards);
  };
  if (std::optional<int64_t> known = getConstantIntValue(numPixels)) {
    if (*known > 0)
      emitAt(constant(0), *known);
    return;
  }
  Value run = constant(dynamicRun);
  Value whole = emitter.mul(emitter.floorDiv(numPixels, run), run);
  int64_t limit = isDownwards ? plan.tileRows : plan.tileColumns;
  if (limit >= dynamicRun) {
    OpBuilder::InsertionGuard guard(builder);
    scf::ForOp runs = emitter.makeLoop(constant(0), whole, run);
    emitAt(runs.getInductionVar(), dynamicRun);
  }
  int64_t digit =
      llvm::bit_floor<uint64_t>(std::clamp<int64_t>(limit, 1, dynamicRun - 1));
  forDigits(emitter, emitter.sub(numPixels, whole), digit,
            [&](int64_t number, Value done) {
              emitAt(emitter.add(whole, done), number);
            });
}

void BlockedConvolutionEmitter::multiplyPanel() {
  Interval all = {constant(0), constant(plan.row.taps)};
  setOffsets(all, {constant(0), constant(plan.column.taps)});
  (void)emitter.forRange(numTileRows, /*isParallel=*/false, [&](Value row) {
    call(emitter.add(rows.begin, row), columns.begin, numTileColumns,
         /*isDownwards=*/false);
    return success();
  });
}

void BlockedConvolutionEmitter::multiplyInPlace() {
  Value one = constant(1);
  if (plan.isJoined) {
    Interval tap = {constant(0), one};
    setOffsets(tap, tap);
    call(constant(0), columns.begin, numTileColumns,
         /*isDownwards=*/false);
    return;
  }
  Interval inside = getInterior(plan.column, columns);
  Value numInside = plan.column.taps == 1 && plan.column.low == 0
                        ? numTileColumns
                        : emitter.sub(inside.end, inside.begin);
  {
    OpBuilder::InsertionGuard guard(builder);
    Value row = emitter.makeLoop(rows.begin, rows.end, one).getInductionVar();
    setOffsets(getTaps(plan.row, row),
               {constant(0), constant(plan.column.taps)});
    call(row, inside.begin, numInside, /*isDownwards=*/false);
  }
  Interval insideRows = getInterior(plan.row, rows);
  forBorder(columns, inside, [&](Value column) {
    Interval taps = getTaps(plan.column, column);
    Value numRows = emitter.sub(insideRows.end, insideRows.begin);
    if (getConstantIntValue(numRows) != 0) {
      setOffsets({constant(0), constant(plan.row.taps)}, taps);
      call(insideRows.begin, column, numRows, /*isDownwards=*/true);
    }
    forBorder(rows, insideRows, [&](Value row) {
      setOffsets(getTaps(plan.row, row), taps);
      call(row, column, one, /*isDownwards=*/false);
    });
  });
}
