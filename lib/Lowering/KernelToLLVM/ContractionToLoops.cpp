//===- ContractionToLoops.cpp - contractions over microkernels
//---------------===//
//
// A tile is a block of rows and columns of one GEMM. Its accumulator and the
// panels of operands that microkernels cannot read in place are on the stack; a
// panel is filled element by element, through the elementwise operations in
// front of the operand (padding, conversion), and padded with zeros. The
// elementwise operations behind the contraction run while the tile is written
// out.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"
#include "lib/Lowering/KernelToLLVM/Microkernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

namespace {

class ContractionEmitter {
public:
  ContractionEmitter(const KernelSchedule &schedule, ContractionPlan &plan,
                     ElementEmitter &emitter, MicrokernelTable &microkernels)
      : schedule(schedule), plan(plan), emitter(emitter),
        builder(emitter.builder), microkernels(microkernels) {}

  /// The number of tiles; null after an error.
  Value makeSpace();
  LogicalResult emitTiles();

private:
  Value product(ArrayRef<unsigned> dims);
  /// Sets `indices[dims]` for the linear index `linear` over `dims`.
  void decode(Value linear, ArrayRef<unsigned> dims, ArrayRef<Value> sizes,
              MutableArrayRef<Value> indices);
  void setDepth(Value linear);
  void setRow(Value linear);
  /// Calls `emit(local)` in a loop over the columns [first, first + count),
  /// with their dimensions set and `local` counted from `first`.
  LogicalResult forColumns(Value first, Value count,
                           function_ref<LogicalResult(Value local)> emit);
  void fillZeros(Value buffer, Value begin, Value end);
  Value read(OpOperand *operand);
  Value addressOf(OpOperand *operand);
  LogicalResult packLhs(Value firstRow, Value count, Value firstDepth,
                        Value depth);
  LogicalResult packRhs(Value firstDepth, Value depth, Value firstColumn,
                        Value count);
  void call(Value rows, Value columns, Value depth, Value a, Value b, Value c);
  void callOnce(int64_t m, Value isFullColumns, Value isFullDepth, Value a,
                Value b, Value c);
  LogicalResult emitEpilogue(Value firstRow, Value rows, Value firstColumn,
                             Value columns);

  const KernelSchedule &schedule;
  ContractionPlan &plan;
  ElementEmitter &emitter;
  OpBuilder &builder;
  MicrokernelTable &microkernels;

  SmallVector<Value> loopSizes, dimSizes;
  SmallVector<unsigned> depthLoops; ///< reduced loops that are not of size 1
  Value numRows, numColumns, numDepth, rowTiles, columnBlocks;
  /// The current indices: per dimension of the space, per loop of the op.
  SmallVector<Value> indices, loops;
  Value accumulator, lhsPanel, rhsPanel;
  Value localRow, localColumn;
};

} // namespace

Value ContractionEmitter::product(ArrayRef<unsigned> dims) {
  Value size = emitter.constant(1);
  for (unsigned dim : dims)
    size = emitter.mul(size, dimSizes[dim]);
  return size;
}

Value ContractionEmitter::makeSpace() {
  loopSizes = emitter.loopSizes(plan.op);
  if (loopSizes.empty())
    return nullptr;
  for (int loop : plan.loopOfDim)
    dimSizes.push_back(loopSizes[loop]);
  numDepth = emitter.constant(1);
  for (unsigned loop : plan.reduced) {
    numDepth = emitter.mul(numDepth, loopSizes[loop]);
    if (getConstantIntValue(loopSizes[loop]) != 1)
      depthLoops.push_back(loop);
  }
  numRows = product(plan.rows);
  numColumns = product(plan.columns);
  rowTiles = emitter.ceilDiv(numRows, emitter.constant(plan.tileRows));
  columnBlocks =
      emitter.ceilDiv(numColumns, emitter.constant(plan.blockColumns));
  return emitter.mul(product(plan.outer), emitter.mul(rowTiles, columnBlocks));
}

void ContractionEmitter::decode(Value linear, ArrayRef<unsigned> dims,
                                ArrayRef<Value> sizes,
                                MutableArrayRef<Value> into) {
  for (unsigned dim : llvm::reverse(dims)) {
    if (dim == dims.front()) {
      into[dim] = linear;
      break;
    }
    into[dim] = emitter.rem(linear, sizes[dim]);
    linear = emitter.floorDiv(linear, sizes[dim]);
  }
}

void ContractionEmitter::setDepth(Value linear) {
  decode(linear, depthLoops, loopSizes, loops);
}

void ContractionEmitter::setRow(Value linear) {
  // Rows of several dimensions are merged: the last one takes the linear index.
  if (plan.rows.empty())
    return;
  indices[plan.rows.back()] = linear;
  loops[plan.loopOfDim[plan.rows.back()]] = linear;
}

LogicalResult
ContractionEmitter::forColumns(Value first, Value count,
                               function_ref<LogicalResult(Value)> emit) {
  OpBuilder::InsertionGuard guard(builder);
  Value one = emitter.constant(1), end = emitter.add(first, count);
  auto set = [&](unsigned dim, Value value) {
    indices[dim] = value;
    loops[plan.loopOfDim[dim]] = value;
  };
  unsigned last = plan.columns.back();
  if (plan.linearColumns) {
    scf::ForOp loop = emitter.makeLoop(first, end, one);
    emitter.markParallel(loop);
    set(last, loop.getInductionVar());
    return emit(emitter.sub(loop.getInductionVar(), first));
  }
  // Runs of the last dimension, one for each value of the others.
  Value width = dimSizes[last];
  Value begin = emitter.floorDiv(first, width);
  scf::ForOp runs = emitter.makeLoop(begin, emitter.ceilDiv(end, width), one);
  Value run = runs.getInductionVar();
  decode(run, ArrayRef<unsigned>(plan.columns).drop_back(), dimSizes, indices);
  for (unsigned dim : plan.columns)
    loops[plan.loopOfDim[dim]] = indices[dim];
  Value start = emitter.mul(run, width);
  Value low = emitter.max(emitter.sub(first, start), emitter.constant(0));
  Value high = emitter.min(emitter.sub(end, start), width);
  scf::ForOp loop = emitter.makeLoop(low, high, one);
  emitter.markParallel(loop);
  set(last, loop.getInductionVar());
  return emit(emitter.add(loop.getInductionVar(), emitter.sub(start, first)));
}

void ContractionEmitter::fillZeros(Value buffer, Value begin, Value end) {
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop = emitter.makeLoop(begin, end, emitter.constant(1));
  emitter.markParallel(loop);
  Value zero = arith::ConstantOp::create(builder, emitter.loc,
                                         builder.getF32FloatAttr(0));
  emitter.store(zero, buffer, loop.getInductionVar());
}

Value ContractionEmitter::read(OpOperand *operand) {
  return emitter.element(
      operand->get(),
      emitter.apply(plan.op.getMatchingIndexingMap(operand), loops));
}

Value ContractionEmitter::addressOf(OpOperand *operand) {
  return emitter.address(
      cast<BlockArgument>(operand->get()).getArgNumber(),
      emitter.apply(plan.op.getMatchingIndexingMap(operand), loops));
}

/// A[firstRow + r, firstDepth + d] -> lhsPanel[r, d], zeros behind the depth.
LogicalResult ContractionEmitter::packLhs(Value firstRow, Value count,
                                          Value firstDepth, Value depth) {
  OpBuilder::InsertionGuard guard(builder);
  Value zero = emitter.constant(0), one = emitter.constant(1);
  Value width = emitter.constant(plan.blockDepth);
  scf::ForOp rows = emitter.makeLoop(zero, count, one);
  setRow(emitter.add(firstRow, rows.getInductionVar()));
  Value start = emitter.mul(rows.getInductionVar(), width);
  {
    OpBuilder::InsertionGuard inner(builder);
    scf::ForOp loop = emitter.makeLoop(zero, depth, one);
    emitter.markParallel(loop);
    setDepth(emitter.add(firstDepth, loop.getInductionVar()));
    Value value = read(plan.lhs);
    if (!value)
      return failure();
    emitter.store(value, lhsPanel, emitter.add(start, loop.getInductionVar()));
  }
  if (!plan.depth)
    fillZeros(lhsPanel, emitter.add(start, depth), emitter.add(start, width));
  return success();
}

/// B[firstDepth + d, firstColumn + c] -> rhsPanel[d, c], zeros behind both.
LogicalResult ContractionEmitter::packRhs(Value firstDepth, Value depth,
                                          Value firstColumn, Value count) {
  OpBuilder::InsertionGuard guard(builder);
  Value zero = emitter.constant(0), one = emitter.constant(1);
  Value width = emitter.constant(plan.blockColumns);
  {
    OpBuilder::InsertionGuard inner(builder);
    scf::ForOp loop = emitter.makeLoop(zero, depth, one);
    setDepth(emitter.add(firstDepth, loop.getInductionVar()));
    Value start = emitter.mul(loop.getInductionVar(), width);
    if (failed(
            forColumns(firstColumn, count, [&](Value local) -> LogicalResult {
              Value value = read(plan.rhs);
              if (!value)
                return failure();
              emitter.store(value, rhsPanel, emitter.add(start, local));
              return success();
            })))
      return failure();
    fillZeros(rhsPanel, emitter.add(start, count), emitter.add(start, width));
  }
  if (!plan.depth)
    fillZeros(rhsPanel, emitter.mul(depth, width),
              emitter.constant(plan.blockDepth * plan.blockColumns));
  return success();
}

/// Calls the microkernel of `m` rows on the block.
void ContractionEmitter::callOnce(int64_t m, Value isFullColumns,
                                  Value isFullDepth, Value a, Value b,
                                  Value c) {
  Location loc = emitter.loc;
  Type i64 = builder.getI64Type();
  auto position = [&](int64_t n, int64_t k) -> Value {
    MicrokernelTable::Shape shape = {
        static_cast<int32_t>(m),
        static_cast<int32_t>(n),
        static_cast<int32_t>(k),
        static_cast<int32_t>(plan.lhsStride.value_or(plan.blockDepth)),
        static_cast<int32_t>(plan.rhsStride.value_or(plan.blockColumns)),
        static_cast<int32_t>(plan.blockColumns),
        1};
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
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value entry = LLVM::GEPOp::create(builder, loc, pointer, i64,
                                    emitter.frame.microkernels,
                                    ArrayRef<LLVM::GEPArg>{number});
  Value function = LLVM::LoadOp::create(builder, loc, pointer, entry);
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  {pointer, pointer, pointer});
  LLVM::CallOp::create(builder, loc, type, ValueRange{function, a, b, c});
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
  auto advance = [&](Value base, Value row, int64_t stride) -> Value {
    Value offset = arith::IndexCastOp::create(
        builder, loc, builder.getI64Type(),
        arith::MulIOp::create(builder, loc, row, emitter.constant(stride)));
    return LLVM::GEPOp::create(
        builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
        builder.getF32Type(), base, ArrayRef<LLVM::GEPArg>{offset});
  };
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
  // Any number of rows: its binary digits, from the highest.
  for (int64_t m = plan.callRows; m > 0; m /= 2) {
    Value digit =
        arith::AndIOp::create(builder, loc, rows, emitter.constant(m));
    Value isSet = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                        digit, emitter.constant(0));
    Value done =
        arith::AndIOp::create(builder, loc, rows, emitter.constant(-2 * m));
    auto choice = scf::IfOp::create(builder, loc, isSet, /*withElse=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.thenBlock());
    callOnce(m, isFullColumns, isFullDepth,
             advance(a, done, plan.lhsStride.value_or(plan.blockDepth)), b,
             advance(c, done, plan.blockColumns));
  }
}

LogicalResult ContractionEmitter::emitEpilogue(Value firstRow, Value rows,
                                               Value firstColumn,
                                               Value columns) {
  OpBuilder::InsertionGuard guard(builder);
  Value result = plan.op->getResult(0);
  emitter.redirect(result, [this](ArrayRef<Value>) {
    Value row = emitter.mul(localRow, emitter.constant(plan.blockColumns));
    return emitter.load(builder.getF32Type(), accumulator,
                        emitter.add(row, localColumn));
  });
  scf::ForOp loop =
      emitter.makeLoop(emitter.constant(0), rows, emitter.constant(1));
  localRow = loop.getInductionVar();
  setRow(emitter.add(firstRow, localRow));
  return forColumns(firstColumn, columns, [&](Value local) {
    localColumn = local;
    return emitRoots(schedule, emitter, indices);
  });
}

LogicalResult ContractionEmitter::emitTiles() {
  Value zero = emitter.constant(0), one = emitter.constant(1);
  Type f32 = builder.getF32Type();
  accumulator = emitter.allocateStack(f32, plan.tileRows * plan.blockColumns);
  if (!plan.lhsStride)
    lhsPanel = emitter.allocateStack(f32, plan.callRows * plan.blockDepth);
  if (!plan.rhsStride)
    rhsPanel = emitter.allocateStack(f32, plan.blockDepth * plan.blockColumns);

  scf::ForOp tiles =
      emitter.makeLoop(emitter.frame.begin, emitter.frame.end, one);
  indices.assign(schedule.rank, zero);
  loops.assign(plan.op.getNumLoops(), zero);
  Value tile = tiles.getInductionVar();
  Value firstColumn = emitter.mul(emitter.rem(tile, columnBlocks),
                                  emitter.constant(plan.blockColumns));
  Value rest = emitter.floorDiv(tile, columnBlocks);
  Value firstRow =
      emitter.mul(emitter.rem(rest, rowTiles), emitter.constant(plan.tileRows));
  decode(emitter.floorDiv(rest, rowTiles), plan.outer, dimSizes, indices);
  for (unsigned dim : plan.outer)
    loops[plan.loopOfDim[dim]] = indices[dim];
  Value columns = emitter.min(emitter.sub(numColumns, firstColumn),
                              emitter.constant(plan.blockColumns));
  Value rows = emitter.min(emitter.sub(numRows, firstRow),
                           emitter.constant(plan.tileRows));
  fillZeros(accumulator, zero,
            emitter.mul(rows, emitter.constant(plan.blockColumns)));
  {
    OpBuilder::InsertionGuard guard(builder);
    scf::ForOp depthLoop =
        emitter.makeLoop(zero, numDepth, emitter.constant(plan.blockDepth));
    Value firstDepth = depthLoop.getInductionVar();
    Value depth = emitter.min(emitter.sub(numDepth, firstDepth),
                              emitter.constant(plan.blockDepth));
    if (!plan.rhsStride &&
        failed(packRhs(firstDepth, depth, firstColumn, columns)))
      return failure();
    scf::ForOp rowLoop =
        emitter.makeLoop(zero, rows, emitter.constant(plan.callRows));
    Value row = emitter.add(firstRow, rowLoop.getInductionVar());
    Value count = emitter.min(emitter.sub(rows, rowLoop.getInductionVar()),
                              emitter.constant(plan.callRows));
    if (!plan.lhsStride && failed(packLhs(row, count, firstDepth, depth)))
      return failure();
    // The addresses of the block: the linear index over the depth goes to the
    // innermost loop, as the axes that it counts are neighbours in place.
    for (unsigned loop : plan.reduced)
      loops[loop] = zero;
    if (!depthLoops.empty())
      loops[depthLoops.back()] = firstDepth;
    setRow(row);
    for (unsigned dim : plan.columns)
      indices[dim] = loops[plan.loopOfDim[dim]] = zero;
    indices[plan.columns.back()] = firstColumn;
    loops[plan.loopOfDim[plan.columns.back()]] = firstColumn;
    Value a = plan.lhsStride ? addressOf(plan.lhs) : lhsPanel;
    Value b = rhsPanel;
    if (plan.packedArgument) {
      Value block =
          emitter.floorDiv(firstColumn, emitter.constant(plan.blockColumns));
      b = emitter.address(*plan.packedArgument, {block, firstDepth, zero});
    } else if (plan.rhsStride) {
      b = addressOf(plan.rhs);
    }
    Value offset = arith::IndexCastOp::create(
        builder, emitter.loc, builder.getI64Type(),
        emitter.mul(rowLoop.getInductionVar(),
                    emitter.constant(plan.blockColumns)));
    Value c =
        LLVM::GEPOp::create(builder, emitter.loc, accumulator.getType(), f32,
                            accumulator, ArrayRef<LLVM::GEPArg>{offset});
    call(count, columns, depth, a, b, c);
  }
  return emitEpilogue(firstRow, rows, firstColumn, columns);
}

/// Tiles of less than about 256 thousand operations are not worth a thread
/// each.
static int64_t getGrain(const ContractionPlan &plan) {
  int64_t rows = plan.numRows.value_or(plan.callRows);
  int64_t work = 2 * std::min(rows, plan.tileRows) * plan.blockColumns *
                 plan.depth.value_or(64);
  return std::max<int64_t>(1, 262144 / std::max<int64_t>(work, 1));
}

FailureOr<int64_t> cinch::emitContraction(OpBuilder &builder, func::FuncOp body,
                                          ArrayRef<bool> shared,
                                          MicrokernelTable &microkernels) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body);
  if (failed(schedule))
    return failure();
  std::optional<ContractionPlan> plan = ContractionPlan::compute(*schedule);
  if (!plan)
    return emitKernelLoops(builder, body, shared, /*reference=*/false);
  OpBuilder::InsertionGuard guard(builder);
  KernelFunctions functions(builder, body, shared);
  OpBuilder::InsertPoint point = builder.saveInsertionPoint();
  {
    ElementEmitter emitter(builder, functions.beginBody(), /*fast=*/true);
    ContractionEmitter contraction(*schedule, *plan, emitter, microkernels);
    if (!contraction.makeSpace() || failed(contraction.emitTiles()))
      return failure();
  }
  builder.restoreInsertionPoint(point);
  ElementEmitter emitter(builder, functions.beginTiles(), /*fast=*/true);
  Value tiles =
      ContractionEmitter(*schedule, *plan, emitter, microkernels).makeSpace();
  if (!tiles)
    return failure();
  functions.endTiles(tiles);
  return getGrain(*plan);
}
