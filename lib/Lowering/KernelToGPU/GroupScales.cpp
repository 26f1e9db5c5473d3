//===- GroupScales.cpp - scales of groups along the depth -----------------===//
#include "lib/Lowering/KernelToGPU/GroupScales.h"

#include "lib/Lowering/KernelToGPU/AsyncCopy.h"
#include "lib/Lowering/KernelToGPU/SharedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

std::optional<GroupCopy> GroupCopy::plan(const ContractionRoles &roles,
                                         bool isRight, int64_t major,
                                         int64_t depth, int64_t least) {
  const CodeParameter *scale = roles.getOperand(isRight).coded->getGroups();
  int64_t size = scale->groupSize;
  bool fits = size % depth == 0 || (depth % size == 0 && size % least == 0);
  const ContractionOperand &operand = scale->operand;
  Type type = operand.element;
  if (!fits || !(type.isF32() || type.isF16() || type.isBF16()))
    return std::nullopt;
  Role role = isRight ? Role::Column : Role::Row;
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  for (int64_t width : {4, 2, 1})
    if (width * bytes >= 4 && operand.alignment % (width * bytes) == 0 &&
        comesInGroups(roles, operand, role, width))
      return GroupCopy{size, major, depth, type, width};
  return std::nullopt;
}

GroupLoader::GroupLoader(const ContractionRoles &roles,
                         const ContractionSizes &sizes, bool isRight,
                         const GroupCopy &copy, int64_t slots,
                         ElementEmitter &emitter, Value thread, int64_t threads,
                         Value first, ArrayRef<Value> at)
    : copy(copy), slots(slots), threads(threads), emitter(emitter),
      reader(roles, sizes,
             roles.getOperand(isRight).coded->getGroups()->operand, emitter,
             at),
      role(isRight ? Role::Column : Role::Row), thread(thread), first(first),
      numGroups(emitter.ceilDiv(sizes.depth, emitter.constant(copy.size))) {}

Value GroupLoader::getSlot(Value step, Value base) {
  Value number = emitter.rem(
      emitter.floorDiv(step, emitter.constant(copy.getStepsPerGroup())),
      emitter.constant(slots));
  return movePointer(
      emitter, base,
      emitter.mul(number, emitter.constant(copy.getSlotBytes())));
}

void GroupLoader::startCopies(Value step, Value base) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  OpBuilder::InsertionGuard guard(builder);
  auto beginIf = [&](arith::CmpIPredicate predicate, Value a, Value b) {
    Value holds = arith::CmpIOp::create(builder, loc, predicate, a, b);
    auto branch =
        scf::IfOp::create(builder, loc, holds, /*withElseRegion=*/false);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  };
  Value slot = getSlot(step, base);
  Value steps = emitter.constant(copy.getStepsPerGroup());
  if (copy.getStepsPerGroup() > 1)
    beginIf(arith::CmpIPredicate::eq, emitter.rem(step, steps),
            emitter.constant(0));
  Value firstGroup = emitter.mul(emitter.floorDiv(step, steps),
                                 emitter.constant(copy.getGroupsPerStep()));
  int64_t line = copy.major / copy.width;
  int64_t pieces = line * copy.getGroupsPerStep();
  for (int64_t begin = 0; begin < pieces; begin += threads) {
    OpBuilder::InsertionGuard inPiece(builder);
    Value piece = emitter.add(thread, emitter.constant(begin));
    if (begin + threads > pieces)
      beginIf(arith::CmpIPredicate::slt, piece, emitter.constant(pieces));
    Value inStep = emitter.floorDiv(piece, emitter.constant(line));
    Value major = emitter.mul(emitter.rem(piece, emitter.constant(line)),
                              emitter.constant(copy.width));
    OperandReader::Point point = reader.makePoint(
        role, emitter.add(first, major),
        /*mayBeOutside=*/true, /*needsIndices=*/false, copy.width);
    // The last step may have fewer groups.
    Value group = emitter.add(firstGroup, inStep);
    Value last = emitter.sub(numGroups, emitter.constant(1));
    OperandReader::Point place =
        reader.makePoint(Role::Depth, emitter.min(group, last),
                         /*mayBeOutside=*/false, /*needsIndices=*/false);
    place.isInside = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, group, numGroups);
    Value offset =
        emitter.add(emitter.mul(inStep, emitter.constant(copy.getRowBytes())),
                    emitter.mul(major, emitter.constant(copy.getScaleBytes())));
    copyAsync(emitter, movePointer(emitter, slot, offset),
              reader.getAddress(point, place),
              copy.width * copy.getScaleBytes(), reader.isInside(point, place));
  }
}
