//===- LowerControlFlow.cpp - scf around the entry program ----------------===//
//
// Tensors have places, so only scalars are carried.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/ExecToLLVM/EntryLowering.h"

using namespace mlir;
using namespace cinch;

LogicalResult EntryLowering::lowerIf(scf::IfOp branch) {
  SmallVector<Type> types;
  for (Value result : branch.getResults())
    if (!isTensor(result))
      types.push_back(result.getType());
  auto lowered = scf::IfOp::create(
      builder, branch.getLoc(), types, scalars.lookup(branch.getCondition()),
      /*addThenBlock=*/true, /*addElseBlock=*/branch.elseBlock() != nullptr);
  OpBuilder::InsertionGuard guard(builder);
  for (auto [from, to] :
       llvm::zip(branch->getRegions(), lowered->getRegions())) {
    if (from.empty())
      continue;
    builder.setInsertionPointToEnd(&to.front());
    if (failed(lower(from.front())))
      return failure();
    Operation *yield = from.front().getTerminator();
    scf::YieldOp::create(builder, yield->getLoc(),
                         getScalars(yield->getOperands()));
  }
  mapScalars(branch.getResults(), lowered.getResults());
  return success();
}

LogicalResult EntryLowering::lowerFor(scf::ForOp loop) {
  auto lowered = scf::ForOp::create(
      builder, loop.getLoc(), scalars.lookup(loop.getLowerBound()),
      scalars.lookup(loop.getUpperBound()), scalars.lookup(loop.getStep()),
      getScalars(loop.getInitArgs()));
  scalars.map(loop.getInductionVar(), lowered.getInductionVar());
  mapScalars(loop.getRegionIterArgs(), lowered.getRegionIterArgs());
  OpBuilder::InsertionGuard guard(builder);
  Block *body = lowered.getBody();
  if (body->mightHaveTerminator())
    body->getTerminator()->erase();
  builder.setInsertionPointToEnd(body);
  if (failed(lower(*loop.getBody())))
    return failure();
  Operation *yield = loop.getBody()->getTerminator();
  scf::YieldOp::create(builder, yield->getLoc(),
                       getScalars(yield->getOperands()));
  mapScalars(loop.getResults(), lowered.getResults());
  return success();
}

LogicalResult EntryLowering::lowerWhile(scf::WhileOp loop) {
  SmallVector<Type> types;
  for (Value result : loop.getResults())
    if (!isTensor(result))
      types.push_back(result.getType());
  auto lowered = scf::WhileOp::create(builder, loop.getLoc(), types,
                                      getScalars(loop.getInits()));
  OpBuilder::InsertionGuard guard(builder);
  auto lowerRegion = [&](Region &from, Region &to) {
    SmallVector<Type> argumentTypes;
    for (Value argument : from.getArguments())
      if (!isTensor(argument))
        argumentTypes.push_back(argument.getType());
    SmallVector<Location> locations(argumentTypes.size(), loop.getLoc());
    Block *block = builder.createBlock(&to, {}, argumentTypes, locations);
    mapScalars(from.getArguments(), block->getArguments());
    return lower(from.front());
  };
  if (failed(lowerRegion(loop.getBefore(), lowered.getBefore())))
    return failure();
  scf::ConditionOp condition = loop.getConditionOp();
  Value goesOn = scalars.lookup(condition.getCondition());
  if (Value isRight = hasNoFault())
    goesOn =
        arith::AndIOp::create(builder, condition.getLoc(), goesOn, isRight);
  scf::ConditionOp::create(builder, condition.getLoc(), goesOn,
                           getScalars(condition.getArgs()));
  if (failed(lowerRegion(loop.getAfter(), lowered.getAfter())))
    return failure();
  scf::YieldOp::create(builder, loop.getLoc(),
                       getScalars(loop.getYieldOp().getResults()));
  mapScalars(loop.getResults(), lowered.getResults());
  return success();
}
