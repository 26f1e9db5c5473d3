//===- ContractionToGPU.cpp - contractions by tiles of blocks -------------===//
//
// A block computes a tile of C in steps along the depth. The tiles of A and B
// of a step are in shared memory, in one of several stages: while one is
// multiplied, the next ones are on their way. One barrier a step is enough, as
// what is overwritten then was multiplied in the step before. In the end the
// sums go through shared memory, the rows of one row of warps at a time, so
// that threads have neighbouring columns for the elementwise operations behind
// the contraction, and their loads and stores are whole sectors.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/ContractionToGPU.h"

#include "lib/Lowering/KernelToGPU/AsyncCopy.h"
#include "lib/Lowering/KernelToGPU/BlockProduct.h"
#include "lib/Lowering/KernelToGPU/ContractionEpilogue.h"
#include "lib/Lowering/KernelToGPU/ContractionRecord.h"
#include "lib/Lowering/KernelToGPU/KernelToGPU.h"
#include "lib/Lowering/KernelToGPU/StepCopies.h"
#include "lib/Lowering/KernelToGPU/ThinContraction.h"
#include "lib/Lowering/KernelToGPU/WindowSums.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

namespace {
class ContractionTiles {
public:
  ContractionTiles(const DeviceBody &body, const KernelSchedule &kernel,
                   const ContractionRoles &roles,
                   const ContractionSchedule &schedule, ElementEmitter &emitter)
      : roles(roles), schedule(schedule),
        epilogue(std::make_unique<ContractionEpilogue>(body, kernel, roles,
                                                       emitter)),
        emitter(emitter), builder(emitter.builder), loc(emitter.loc) {
    // What does not change along the depth is multiplied once.
    for (bool isRight : {false, true})
      if ((isRight ? schedule.rhs : schedule.lhs).isCoded &&
          !(isRight ? schedule.rhsGroups : schedule.lhsGroups))
        epilogue->scaleBy(*roles.getOperand(isRight).coded);
  }
  Value makeSpace();
  LogicalResult emitBlock();

private:
  Value lessThan(Value a, Value b);
  Value next(Value stage);
  void findBlock();
  LogicalResult fillNow(Value step, Value stage);
  FailureOr<SmallVector<Value>> multiply();
  bool sumsCoverLastTiles() const;
  LogicalResult emitEpilogue(ValueRange sums);
  LogicalResult emitElements(Value firstSumRow);

  const ContractionRoles &roles;
  const ContractionSchedule &schedule;
  std::unique_ptr<ContractionEpilogue> epilogue;
  ElementEmitter &emitter;
  OpBuilder &builder;
  Location loc;

  ContractionSizes sizes;
  Value rowTiles, columnTiles;
  Value pool, thread, warpRow, firstRow, firstColumn, steps;
  SmallVector<Value> at; ///< per role loop: set for the batch
  std::unique_ptr<BlockProduct> product;
  std::unique_ptr<StepCopies> copies;
};
} // namespace

Value ContractionTiles::lessThan(Value a, Value b) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, a, b);
}

Value ContractionTiles::makeSpace() {
  if (!getContractionSizes(roles, emitter, sizes))
    return nullptr;
  rowTiles = emitter.ceilDiv(sizes.rows, emitter.constant(schedule.rows));
  columnTiles =
      emitter.ceilDiv(sizes.columns, emitter.constant(schedule.columns));
  return emitter.mul(sizes.batch, emitter.mul(rowTiles, columnTiles));
}

/// Sets what depends on the numbers of the block and of the thread.
void ContractionTiles::findBlock() {
  Value block = getBlockNumber(emitter);
  thread = getThreadNumber(emitter, schedule.getThreads());
  firstColumn = emitter.mul(emitter.rem(block, columnTiles),
                            emitter.constant(schedule.columns));
  Value rest = emitter.floorDiv(block, columnTiles);
  firstRow =
      emitter.mul(emitter.rem(rest, rowTiles), emitter.constant(schedule.rows));
  at.assign(roles.loops.size(), emitter.constant(0));
  decodeRole(roles, Role::Batch, emitter.floorDiv(rest, rowTiles), sizes,
             emitter, at);
  steps = emitter.ceilDiv(sizes.depth, emitter.constant(schedule.depth));
  pool = getSharedPool(emitter);
  Value warp = emitter.floorDiv(thread, emitter.constant(warpThreads));
  Value lane = emitter.rem(thread, emitter.constant(warpThreads));
  Value perRow = emitter.constant(schedule.columnWarps);
  warpRow = emitter.floorDiv(warp, perRow);
  Value warpColumn = emitter.rem(warp, perRow);
  product = schedule.kind
                ? BlockProduct::makeMatrix(emitter, roles, schedule, warpRow,
                                           warpColumn, lane)
                : BlockProduct::makeThreads(emitter, roles, schedule, warpRow,
                                            warpColumn, lane);
  copies = std::make_unique<StepCopies>(roles, sizes, schedule, emitter, pool,
                                        thread, firstRow, firstColumn, at);
}

Value ContractionTiles::next(Value stage) {
  Value last =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, stage,
                            emitter.constant(schedule.stages - 1));
  Value one = arith::AddIOp::create(builder, loc, stage, emitter.constant(1));
  return arith::SelectOp::create(builder, loc, last, emitter.constant(0), one);
}

/// Fills stage `stage` with step `step`, if there is such a step.
LogicalResult ContractionTiles::fillNow(Value step, Value stage) {
  auto branch = scf::IfOp::create(builder, loc, lessThan(step, steps),
                                  /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    copies->start(step, stage);
    SmallVector<Value> values;
    if (!copies->load(step, values))
      return failure();
    copies->store(values, stage);
  }
  if (schedule.isAsync())
    commitCopies(emitter);
  return success();
}

/// Emits the steps; returns the sums of this thread.
FailureOr<SmallVector<Value>> ContractionTiles::multiply() {
  int64_t ahead = schedule.stages - 1;
  for (int64_t step = 0; step < ahead; ++step)
    if (failed(fillNow(emitter.constant(step), emitter.constant(step))))
      return failure();
  Value zero = arith::ConstantOp::create(
      builder, loc,
      builder.getZeroAttr(schedule.getSumType(roles.accumulator)));
  SmallVector<Value> init(product->getCount(), zero);
  init.push_back(emitter.constant(0));
  init.push_back(emitter.constant(ahead));
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop =
      emitter.makeLoop(emitter.constant(0), steps, emitter.constant(1), init);
  Value step = loop.getInductionVar();
  SmallVector<Value> carried(loop.getRegionIterArgs());
  Value filled = carried.pop_back_val(), current = carried.pop_back_val();
  if (schedule.isAsync())
    waitForCopies(emitter, schedule.stages - 2);
  emitBarrier(emitter);
  Value later = emitter.add(step, emitter.constant(ahead));
  Value isThere = lessThan(later, steps);
  if (schedule.isAsync()) {
    auto branch = scf::IfOp::create(builder, loc, isThere,
                                    /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard inBranch(builder);
      builder.setInsertionPoint(branch.thenBlock()->getTerminator());
      copies->start(later, filled);
    }
    commitCopies(emitter);
  }
  FailureOr<SmallVector<Value>> values = copies->loadIf(isThere, later);
  if (failed(values))
    return failure();
  product->accumulate(copies->getTiles(step, current), carried);
  if (!values->empty()) {
    auto branch = scf::IfOp::create(builder, loc, isThere,
                                    /*withElseRegion=*/false);
    OpBuilder::InsertionGuard inBranch(builder);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    copies->store(*values, filled);
  }
  carried.push_back(next(current));
  carried.push_back(next(filled));
  scf::YieldOp::create(builder, loc, carried);
  SmallVector<Value> sums(loop.getResults().drop_back(2));
  return sums;
}

/// Emits the elements of the rows of one row of warps, which are in the pool,
/// the first of them row `firstSumRow` of the matrix.
LogicalResult ContractionTiles::emitElements(Value firstSumRow) {
  int64_t group = epilogue->getGroup();
  int64_t line = schedule.columns / group, threads = schedule.getThreads();
  int64_t linesAtOnce = std::max<int64_t>(threads / line, 1);
  // A line of groups per `line` threads, or the threads along the line.
  Value inLine = emitter.mul(
      emitter.rem(thread, emitter.constant(std::min(line, threads))),
      emitter.constant(group));
  Value lineNumber = emitter.floorDiv(thread, emitter.constant(line));
  for (int64_t start = 0; start < line; start += threads) {
    Value inTile = emitter.add(inLine, emitter.constant(start * group));
    Value column = emitter.add(firstColumn, inTile);
    Value isColumn = lessThan(column, sizes.columns);
    SmallVector<Value> place(at);
    decodeRole(roles, Role::Column, column, sizes, emitter, place);
    OpBuilder::InsertionGuard guard(builder);
    scf::ForOp lines =
        emitter.makeLoop(lineNumber, emitter.constant(schedule.getWarpRows()),
                         emitter.constant(linesAtOnce));
    Value inRows = lines.getInductionVar();
    Value row = emitter.add(firstSumRow, inRows);
    Value isInside = arith::AndIOp::create(builder, loc, isColumn,
                                           lessThan(row, sizes.rows));
    auto branch = scf::IfOp::create(builder, loc, isInside,
                                    /*withElseRegion=*/false);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    decodeRole(roles, Role::Row, row, sizes, emitter, place);
    Value offset = emitter.add(
        emitter.mul(inRows, emitter.constant(schedule.getSumPitch())), inTile);
    SmallVector<Value> sums = loadTogether(
        emitter, schedule.getSumType(roles.accumulator),
        movePointer(emitter, pool, emitter.mul(offset, emitter.constant(4))),
        group);
    if (failed(epilogue->emit(place, sums)))
      return failure();
  }
  return success();
}

/// Whether the sums may take the place of the tiles of the last step, which
/// other warps may still multiply.
bool ContractionTiles::sumsCoverLastTiles() const {
  std::optional<int64_t> depth = roles.getSize(Role::Depth);
  bool coversGroups = schedule.hasGroups() &&
                      schedule.getGroupOffset(false) < schedule.getSumBytes();
  if (!depth || coversGroups)
    return true;
  int64_t last = llvm::divideCeil(*depth, schedule.depth) - 1;
  return last % schedule.stages * schedule.getStageBytes() <
         schedule.getSumBytes();
}

LogicalResult ContractionTiles::emitEpilogue(ValueRange sums) {
  Value zero = emitter.constant(0), one = emitter.constant(1);
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop =
      emitter.makeLoop(zero, emitter.constant(schedule.rowWarps), one);
  Value turn = loop.getInductionVar();
  // The sums of this turn take the place of those of the turn before, and the
  // first ones that of the tiles.
  {
    OpBuilder::InsertionGuard inBranch(builder);
    if (!sumsCoverLastTiles()) {
      auto branch = scf::IfOp::create(builder, loc, lessThan(zero, turn),
                                      /*withElseRegion=*/false);
      builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    }
    emitBarrier(emitter);
  }
  Value isOwn = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      turn, warpRow);
  {
    auto branch =
        scf::IfOp::create(builder, loc, isOwn, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard inBranch(builder);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
    product->store(sums, pool);
  }
  emitBarrier(emitter);
  return emitElements(emitter.add(
      firstRow, emitter.mul(turn, emitter.constant(schedule.getWarpRows()))));
}

LogicalResult ContractionTiles::emitBlock() {
  findBlock();
  FailureOr<SmallVector<Value>> sums = multiply();
  return failed(sums) ? failure() : emitEpilogue(*sums);
}

/// False where a thread per element does less: what is not in the tile of a
/// block but computed anyway is most of it.
static bool isWorthTiles(const ContractionRoles &roles) {
  constexpr int64_t smallest = 8;
  for (Role role : {Role::Row, Role::Column, Role::Depth})
    if (roles.getSize(role).value_or(smallest) < smallest)
      return false;
  return true;
}

FailureOr<std::optional<DeviceSchedule>>
cinch::emitContraction(OpBuilder &builder, ModuleOp device,
                       const DeviceBody &body, const KernelSchedule &kernel,
                       const ContractionOptions &options) {
  std::optional<ContractionRoles> roles =
      ContractionRoles::compute(kernel, body.alignments);
  if (!roles)
    return std::optional<DeviceSchedule>();
  auto wrap = [](FailureOr<DeviceSchedule> out)
      -> FailureOr<std::optional<DeviceSchedule>> {
    if (failed(out))
      return failure();
    return std::optional(*out);
  };
  if (auto windows = WindowSchedule::choose(*roles))
    return wrap(
        emitWindowSums(builder, device, body, kernel, *roles, *windows));
  if (auto thin = ThinSchedule::choose(*roles, options.chip))
    return wrap(
        emitThinContraction(builder, device, body, kernel, *roles, *thin));
  if (!isWorthTiles(*roles))
    return wrap(emitElements(builder, device, body, kernel));
  ContractionSchedule schedule =
      ContractionSchedule::choose(*roles, options.chip, options.allowTF32);
  if (failed(emitDeviceFunctions(
          builder, device, body, [&](ElementEmitter &emitter) {
            return ContractionTiles(body, kernel, *roles, schedule, emitter);
          })))
    return failure();
  DeviceSchedule out;
  out.threads = schedule.getThreads();
  out.sharedBytes = schedule.getSharedBytes();
  out.name = schedule.getName();
  out.reason = schedule.reason;
  out.details = describeContraction(body.body, *roles, schedule);
  return std::optional(out);
}
