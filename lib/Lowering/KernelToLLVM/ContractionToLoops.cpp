//===- ContractionToLoops.cpp - contractions over microkernels ------------===//
//
// A tile is a block of rows and columns of one GEMM. Its accumulator and the
// panels of operands that microkernels cannot read in place are on the stack; a
// panel is filled element by element, through the elementwise operations in
// front of the operand (padding, conversion), and padded with zeros. The
// elementwise operations behind the contraction run while the tile is written
// out.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ContractionEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/MicrokernelCalls.h"
#include "lib/Lowering/KernelToLLVM/TileFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

Value ContractionEmitter::product(ArrayRef<unsigned> dims) {
  Value size = emitter.constant(1);
  for (unsigned dim : dims)
    size = emitter.mul(size, dimSizes[dim]);
  return size;
}

bool ContractionEmitter::select(const ContractionPlan &next) {
  plan = next;
  loopSizes = emitter.loopSizes(plan.op);
  if (loopSizes.empty())
    return false;
  dimSizes.clear();
  for (int loop : plan.loopOfDim)
    dimSizes.push_back(loopSizes[loop]);
  numDepth = emitter.constant(1);
  depthLoops.clear();
  for (unsigned loop : plan.reduced) {
    numDepth = emitter.mul(numDepth, loopSizes[loop]);
    if (getConstantIntValue(loopSizes[loop]) != 1)
      depthLoops.push_back(loop);
  }
  return true;
}

Value ContractionEmitter::makeSpace() {
  if (!select(plans.front()))
    return nullptr;
  numRows = product(plan.rows);
  numColumns = product(plan.columns);
  rowTiles = emitter.ceilDiv(numRows, emitter.constant(plan.tileRows));
  columnBlocks =
      emitter.ceilDiv(numColumns, emitter.constant(plan.blockColumns));
  Value groups =
      emitter.ceilDiv(columnBlocks, emitter.constant(plan.groupBlocks));
  return emitter.mul(product(plan.outer), emitter.mul(rowTiles, groups));
}

/// Calls the microkernel of `m` rows on the block.
void ContractionEmitter::callOnce(int64_t m, Value isFullColumns,
                                  Value isFullDepth, Value a, Value b,
                                  Value c) {
  Location loc = emitter.loc;
  auto position = [&](int64_t n, int64_t k) -> Value {
    MicrokernelTable::Shape shape = {
        static_cast<int32_t>(m),
        static_cast<int32_t>(n),
        static_cast<int32_t>(k),
        static_cast<int32_t>(plan.lhsStride.value_or(plan.blockDepth)),
        static_cast<int32_t>(plan.rhsStride.value_or(plan.blockColumns)),
        static_cast<int32_t>(plan.blockColumns),
        /*beta=*/1,
        /*transpose_a=*/0};
    return arith::ConstantIntOp::create(builder, loc,
                                        microkernels.getPosition(shape), 64);
  };
  int64_t lastColumns = plan.rhsStride && !plan.packedArgument
                            ? *plan.numColumns % plan.blockColumns
                            : 0;
  int64_t lastDepth = plan.depth ? *plan.depth % plan.blockDepth : 0;
  auto ofColumns = [&](int64_t n) -> Value {
    Value full = position(n, plan.blockDepth);
    if (lastDepth == 0)
      return full;
    return arith::SelectOp::create(builder, loc, isFullDepth, full,
                                   position(n, lastDepth));
  };
  Value number = ofColumns(plan.blockColumns);
  if (lastColumns != 0)
    number = arith::SelectOp::create(builder, loc, isFullColumns, number,
                                     ofColumns(lastColumns));
  callMicrokernel(emitter, number, a, b, c);
}

void ContractionEmitter::call(Value rows, Value columns, Value depth, Value a,
                              Value b, Value c) {
  Location loc = emitter.loc;
  auto isEqual = [&](Value value, int64_t number) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, value,
                                 emitter.constant(number));
  };
  Value isFullColumns = isEqual(columns, plan.blockColumns);
  Value isFullDepth = isEqual(depth, plan.blockDepth);
  if (plan.numRows) {
    int64_t last = *plan.numRows % plan.callRows;
    if (last == 0) {
      callOnce(plan.callRows, isFullColumns, isFullDepth, a, b, c);
      return;
    }
    auto choice = scf::IfOp::create(builder, loc, isEqual(rows, plan.callRows),
                                    /*withElse=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.thenBlock());
    callOnce(plan.callRows, isFullColumns, isFullDepth, a, b, c);
    builder.setInsertionPointToStart(choice.elseBlock());
    callOnce(last, isFullColumns, isFullDepth, a, b, c);
    return;
  }
  forDigits(emitter, rows, plan.callRows, [&](int64_t m, Value done) {
    callOnce(
        m, isFullColumns, isFullDepth,
        advance(emitter, a, done, plan.lhsStride.value_or(plan.blockDepth)), b,
        advance(emitter, c, done, plan.blockColumns));
  });
}

LogicalResult ContractionEmitter::emitEpilogue(Value firstRow, Value rows) {
  for (auto [each, base] : llvm::zip(plans, accumulators)) {
    linalg::GenericOp op = each.op;
    emitter.redirect(op->getResult(0), [this, base = base](ArrayRef<Value>) {
      Value row = emitter.mul(localRow, emitter.constant(plan.blockColumns));
      Value place = emitter.add(blockStart, emitter.add(row, localColumn));
      Value sum = emitter.load(getSumType(), base, place);
      return dot && dot->isShifted() ? unshift(sum, base) : sum;
    });
  }
  return forBlocks([&]() {
    Value firstColumn = getFirstColumn(), columns = getColumns();
    return emitter.forRange(rows, /*isParallel=*/false, [&](Value row) {
      localRow = row;
      setRow(emitter.add(firstRow, row));
      return forColumns(firstColumn, columns, [&](Value local) {
        localColumn = local;
        return emitRoots(schedule, emitter, indices);
      });
    });
  });
}

/// Adds A[row.., firstDepth..] * B[firstDepth.., block] to the accumulator.
LogicalResult ContractionEmitter::multiplyBlock(Value row, Value count,
                                                Value firstDepth, Value depth) {
  Value zero = emitter.constant(0), firstColumn = getFirstColumn();
  // The addresses of the block: the linear index over the depth goes to the
  // innermost loop, as the axes that it counts are neighbours in place.
  for (unsigned loop : plan.reduced)
    loops[loop] = zero;
  if (!depthLoops.empty())
    loops[depthLoops.back()] = firstDepth;
  for (unsigned dim : plan.columns)
    indices[dim] = loops[plan.loopOfDim[dim]] = zero;
  indices[plan.columns.back()] = firstColumn;
  loops[plan.loopOfDim[plan.columns.back()]] = firstColumn;
  Value a = plan.lhsStride ? addressOf(plan.lhs) : lhsPanel;
  Value b = rhsPanel;
  if (plan.packedArgument && dot)
    b = emitter.address(
        *plan.packedArgument,
        {block, emitter.floorDiv(firstDepth, emitter.constant(dotDepth)), zero,
         zero});
  else if (plan.packedArgument)
    b = emitter.address(*plan.packedArgument, {block, firstDepth, zero});
  else if (plan.rhsStride)
    b = addressOf(plan.rhs);
  Value c =
      advance(emitter, advance(emitter, accumulator, blockStart, /*stride=*/1),
              row, plan.blockColumns);
  if (dot)
    callDot(count, depth, b, c);
  else
    call(count, getColumns(), depth, a, b, c);
  return success();
}

/// Fills the accumulator of the current tile.
LogicalResult ContractionEmitter::multiply(Value firstRow, Value rows) {
  OpBuilder::InsertionGuard guard(builder);
  Value zero = emitter.constant(0);
  scf::ForOp depthLoop =
      emitter.makeLoop(zero, numDepth, emitter.constant(plan.blockDepth));
  Value firstDepth = depthLoop.getInductionVar();
  Value depth = emitter.min(emitter.sub(numDepth, firstDepth),
                            emitter.constant(plan.blockDepth));
  if (!plan.rhsStride) {
    block = firstBlock; // the only one of the tile
    if (failed(packRhs(firstDepth, depth, getFirstColumn(), getColumns())))
      return failure();
  }
  scf::ForOp rowLoop =
      emitter.makeLoop(zero, rows, emitter.constant(plan.callRows));
  Value local = rowLoop.getInductionVar();
  Value row = emitter.add(firstRow, local);
  Value count =
      emitter.min(emitter.sub(rows, local), emitter.constant(plan.callRows));
  if (!plan.lhsStride && failed(packLhs(row, count, firstDepth, depth)))
    return failure();
  setRow(row);
  return forBlocks(
      [&]() { return multiplyBlock(local, count, firstDepth, depth); });
}

Type ContractionEmitter::getSumType() {
  return dot ? Type(builder.getI32Type()) : Type(builder.getF32Type());
}

/// The accumulators of a tile and the panels of a call, on the stack.
void ContractionEmitter::allocatePanels() {
  Type element = builder.getF32Type();
  int64_t lhsElements = 0, rhsElements = 0;
  for (const ContractionPlan &each : plans) {
    accumulators.push_back(emitter.allocateStack(
        getSumType(),
        each.groupBlocks * getAccumulatorRows() * each.blockColumns));
    if (!each.lhsStride)
      lhsElements = std::max(
          lhsElements, (each.callRows + getAccumulatorRows() - plan.tileRows) *
                           each.blockDepth);
    if (!each.rhsStride)
      rhsElements = std::max(rhsElements, each.blockDepth * each.blockColumns);
  }
  Type lhsType = dot ? builder.getIntegerType(dot->isWide ? 16 : 8) : element;
  Type rhsType = dot ? Type(builder.getI8Type()) : element;
  if (lhsElements)
    lhsPanel = emitter.allocateStack(lhsType, lhsElements);
  if (rhsElements)
    rhsPanel = emitter.allocateStack(rhsType, rhsElements);
}

LogicalResult ContractionEmitter::emitTiles() {
  Value zero = emitter.constant(0), one = emitter.constant(1);
  allocatePanels();
  scf::ForOp tiles =
      emitter.makeLoop(emitter.frame.begin, emitter.frame.end, one);
  indices.assign(schedule.rank, zero);
  Value tile = tiles.getInductionVar();
  Value perTile = emitter.constant(plan.groupBlocks);
  Value groups = emitter.ceilDiv(columnBlocks, perTile);
  firstBlock = emitter.mul(emitter.rem(tile, groups), perTile);
  blocks = emitter.min(emitter.sub(columnBlocks, firstBlock), perTile);
  Value rest = emitter.floorDiv(tile, groups);
  Value firstRow =
      emitter.mul(emitter.rem(rest, rowTiles), emitter.constant(plan.tileRows));
  decode(emitter.floorDiv(rest, rowTiles), plan.outer, dimSizes, indices);
  Value rows = emitter.min(emitter.sub(numRows, firstRow),
                           emitter.constant(plan.tileRows));
  tileRows = rows;
  Value used = emitter.mul(
      emitter.add(rows, emitter.constant(getAccumulatorRows() - plan.tileRows)),
      emitter.constant(plan.blockColumns));
  for (auto [each, base] : llvm::zip(plans, accumulators)) {
    if (!select(each))
      return failure();
    accumulator = base;
    loops.assign(plan.op.getNumLoops(), zero);
    for (unsigned dim : plan.outer)
      loops[plan.loopOfDim[dim]] = indices[dim];
    (void)forBlocks([&]() {
      emitter.fillZeros(accumulator, blockStart, emitter.add(blockStart, used));
      return success();
    });
    if (failed(multiply(firstRow, rows)))
      return failure();
  }
  return emitEpilogue(firstRow, rows);
}

static int64_t getTileGrain(ArrayRef<ContractionPlan> plans) {
  int64_t work = 0;
  for (const ContractionPlan &plan : plans) {
    if (!plan.numRows || !plan.depth)
      return grainByFlops;
    work +=
        2 * plan.tileRows * plan.groupBlocks * plan.blockColumns * *plan.depth;
  }
  return getGrain(work);
}

FailureOr<int64_t> cinch::emitContraction(OpBuilder &builder, func::FuncOp body,
                                          ArrayRef<bool> shared,
                                          MicrokernelTable &microkernels) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  SmallVector<ContractionPlan, 1> plans = ContractionPlan::compute(*schedule);
  if (plans.empty())
    return emitKernelLoops(builder, body, shared, /*reference=*/false);
  if (plans.front().integers &&
      microkernels.getDotProducts() == DotProducts::None)
    return emitKernelLoops(builder, body, shared, /*reference=*/false);
  if (failed(emitTileFunctions(
          builder, body, shared, /*fast=*/true, [&](ElementEmitter &emitter) {
            return ContractionEmitter(*schedule, plans, emitter, microkernels);
          })))
    return failure();
  return getTileGrain(plans);
}
