//===- StepCopies.cpp - operands of the steps of a contraction ------------===//
#include "lib/Lowering/KernelToGPU/StepCopies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

StepCopies::StepCopies(const ContractionRoles &roles,
                       const ContractionSizes &sizes,
                       const ContractionSchedule &schedule,
                       ElementEmitter &emitter, Value pool, Value thread,
                       Value firstRow, Value firstColumn, ArrayRef<Value> at)
    : schedule(schedule), emitter(emitter), pool(pool),
      lhs(roles, sizes, /*isRight=*/false, schedule.lhs, emitter, thread,
          schedule.getThreads(), firstRow, at),
      rhs(roles, sizes, /*isRight=*/true, schedule.rhs, emitter, thread,
          schedule.getThreads(), firstColumn, at) {
  auto addGroups = [&](std::optional<GroupLoader> &loader, bool isRight) {
    const auto &copy = isRight ? schedule.rhsGroups : schedule.lhsGroups;
    if (copy)
      loader.emplace(roles, sizes, isRight, *copy, schedule.stages, emitter,
                     thread, schedule.getThreads(),
                     isRight ? firstColumn : firstRow, at);
  };
  addGroups(lhsGroups, /*isRight=*/false);
  addGroups(rhsGroups, /*isRight=*/true);
}

/// Address of a tile of stage `number`.
Value StepCopies::moveToStage(Value number, bool isRight) {
  Value offset =
      emitter.mul(number, emitter.constant(schedule.getStageBytes()));
  return movePointer(emitter, movePointer(emitter, pool, offset),
                     isRight ? schedule.lhs.tile.getBytes() : 0);
}

/// Address of the slots for scales.
Value StepCopies::getSlots(bool isRight) {
  return movePointer(emitter, pool, schedule.getGroupOffset(isRight));
}

StepTiles StepCopies::getTiles(Value step, Value stage) {
  StepTiles tiles;
  tiles.lhs = moveToStage(stage, /*isRight=*/false);
  tiles.rhs = moveToStage(stage, /*isRight=*/true);
  if (lhsGroups)
    tiles.lhsScales = lhsGroups->getSlot(step, getSlots(/*isRight=*/false));
  if (rhsGroups)
    tiles.rhsScales = rhsGroups->getSlot(step, getSlots(/*isRight=*/true));
  return tiles;
}

void StepCopies::start(Value step, Value stage) {
  for (TileLoader *loader : {&lhs, &rhs})
    if (loader->copy.isAsync)
      loader->startCopies(step, moveToStage(stage, loader == &rhs));
  if (lhsGroups)
    lhsGroups->startCopies(step, getSlots(/*isRight=*/false));
  if (rhsGroups)
    rhsGroups->startCopies(step, getSlots(/*isRight=*/true));
}

bool StepCopies::load(Value step, SmallVectorImpl<Value> &values) {
  for (TileLoader *loader : {&lhs, &rhs})
    if (!loader->copy.isAsync && !loader->load(step, values))
      return false;
  return true;
}

FailureOr<SmallVector<Value>> StepCopies::loadIf(Value isThere, Value step) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  SmallVector<Type> types;
  for (TileLoader *loader : {&lhs, &rhs})
    if (!loader->copy.isAsync)
      types.append(loader->getCount(), loader->copy.element);
  if (types.empty())
    return SmallVector<Value>();
  auto branch = scf::IfOp::create(builder, loc, types, isThere,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  SmallVector<Value> values;
  if (!load(step, values))
    return failure();
  scf::YieldOp::create(builder, loc, values);
  builder.setInsertionPointToStart(branch.elseBlock());
  SmallVector<Value> zeros;
  for (Type type : types)
    zeros.push_back(
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type)));
  scf::YieldOp::create(builder, loc, zeros);
  return SmallVector<Value>(branch.getResults());
}

void StepCopies::store(ValueRange values, Value stage) {
  for (TileLoader *loader : {&lhs, &rhs}) {
    if (loader->copy.isAsync)
      continue;
    loader->store(values.take_front(loader->getCount()),
                  moveToStage(stage, loader == &rhs));
    values = values.drop_front(loader->getCount());
  }
}
