//===- OperandReader.cpp - elements of the operands of a contraction ------===//
#include "lib/Lowering/KernelToGPU/OperandReader.h"

#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/KernelToGPU/SharedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

Value ContractionSizes::get(Role role) const {
  switch (role) {
  case Role::Batch:
    return batch;
  case Role::Row:
    return rows;
  case Role::Column:
    return columns;
  case Role::Depth:
    return depth;
  }
  llvm_unreachable("unknown role");
}

bool cinch::getContractionSizes(const ContractionRoles &roles,
                                ElementEmitter &emitter,
                                ContractionSizes &sizes) {
  SmallVector<Value> all = emitter.loopSizes(roles.op);
  if (all.empty())
    return false;
  for (Value *size : {&sizes.batch, &sizes.rows, &sizes.columns, &sizes.depth})
    *size = emitter.constant(1);
  for (const RoleLoop &loop : roles.loops) {
    Value size = loop.size ? emitter.constant(*loop.size) : all[loop.loop];
    sizes.loops.push_back(size);
    Value &product = loop.role == Role::Batch    ? sizes.batch
                     : loop.role == Role::Row    ? sizes.rows
                     : loop.role == Role::Column ? sizes.columns
                                                 : sizes.depth;
    product = emitter.mul(product, size);
  }
  return true;
}

void cinch::decodeRole(const ContractionRoles &roles, Role role, Value linear,
                       const ContractionSizes &sizes, ElementEmitter &emitter,
                       MutableArrayRef<Value> at) {
  SmallVector<unsigned> loops = roles.getLoops(role);
  llvm::erase_if(loops,
                 [&](unsigned loop) { return roles.loops[loop].size == 1; });
  auto spans = llvm::map_to_vector(
      loops, [&](unsigned loop) { return sizes.loops[loop]; });
  for (auto [loop, index] :
       llvm::zip_equal(loops, emitter.delinearize(linear, spans)))
    at[loop] = index;
}

/// The part of the offset of an element that the loops of `role` give.
static Value getOffset(const ContractionRoles &roles,
                       const ContractionOperand &operand, Role role,
                       const ContractionSizes &sizes, ElementEmitter &emitter,
                       ArrayRef<Value> at) {
  Value offset = emitter.constant(0);
  for (const LinearRun &run : operand.runs) {
    if (roles.loops[run.loops.front()].role != role)
      continue;
    Value linear = at[run.loops.front()];
    for (unsigned loop : ArrayRef<unsigned>(run.loops).drop_front())
      linear = emitter.add(emitter.mul(linear, sizes.loops[loop]), at[loop]);
    offset =
        emitter.add(offset, emitter.mul(linear, emitter.constant(run.stride)));
  }
  return offset;
}

bool cinch::comesInGroups(const ContractionRoles &roles,
                          const ContractionOperand &operand, Role role,
                          int64_t count) {
  if (count == 1)
    return true;
  if (operand.constant % count != 0)
    return false;
  const LinearRun *inner = nullptr;
  for (const LinearRun &run : operand.runs) {
    if (run.stride == 1 && !inner)
      inner = &run;
    else if (run.stride % count != 0)
      return false;
  }
  if (!inner || roles.loops[inner->loops.front()].role != role)
    return false;
  // The innermost loops of the role, whole groups of them.
  SmallVector<unsigned> loops = roles.getLoops(role);
  while (!loops.empty() && roles.loops[loops.back()].size == 1)
    loops.pop_back();
  int64_t length = 1;
  for (unsigned loop : llvm::reverse(inner->loops)) {
    while (!loops.empty() && roles.loops[loops.back()].size == 1)
      loops.pop_back();
    if (loops.empty() || loops.back() != loop)
      return false;
    loops.pop_back();
    // One loop that is a number of groups makes all outer ones so.
    length *= roles.loops[loop].size.value_or(1);
  }
  return length % count == 0;
}

bool cinch::isAlongDepth(const ContractionRoles &roles,
                         const ContractionOperand &operand) {
  for (const LinearRun &run : operand.runs)
    if (run.stride == 1)
      return roles.loops[run.loops.front()].role == Role::Depth;
  for (AffineExpr expr : llvm::reverse(operand.map.getResults())) {
    bool inDepth = false, inMajor = false;
    for (auto [number, loop] : llvm::enumerate(roles.loops))
      if (expr.isFunctionOfDim(number)) {
        inDepth |= loop.role == Role::Depth;
        inMajor |= loop.role == Role::Row || loop.role == Role::Column;
      }
    if (inDepth || inMajor)
      return !inMajor;
  }
  return false;
}

OperandReader::OperandReader(const ContractionRoles &roles,
                             const ContractionSizes &sizes,
                             const ContractionOperand &operand,
                             ElementEmitter &emitter, ArrayRef<Value> at)
    : operand(operand), roles(roles), sizes(sizes), emitter(emitter),
      batchAt(at) {
  if (operand.isLinear)
    batchOffset =
        emitter.add(getOffset(roles, operand, Role::Batch, sizes, emitter, at),
                    emitter.constant(operand.constant));
}

OperandReader::Point OperandReader::makePoint(Role role, Value linear,
                                              bool mayBeOutside,
                                              bool needsIndices,
                                              int64_t count) {
  Point point;
  if (mayBeOutside) {
    Value size = sizes.get(role);
    point.isInside = arith::CmpIOp::create(
        emitter.builder, emitter.loc, arith::CmpIPredicate::slt, linear, size);
    linear = emitter.min(linear, emitter.sub(size, emitter.constant(count)));
  }
  point.at = batchAt;
  // All loops of the role in one run need no division.
  SmallVector<unsigned> loops = roles.getLoops(role);
  llvm::erase_if(loops,
                 [&](unsigned loop) { return roles.loops[loop].size == 1; });
  for (const LinearRun &run : operand.runs)
    if (operand.isLinear && run.loops == loops)
      point.offset = emitter.mul(linear, emitter.constant(run.stride));
  if (point.offset && !needsIndices)
    return point;
  decodeRole(roles, role, linear, sizes, emitter, point.at);
  if (operand.isLinear && !point.offset)
    point.offset = getOffset(roles, operand, role, sizes, emitter, point.at);
  return point;
}

Value OperandReader::isInside(const Point &major, const Point &depth) {
  if (!major.isInside || !depth.isInside)
    return major.isInside ? major.isInside : depth.isInside;
  return arith::AndIOp::create(emitter.builder, emitter.loc, major.isInside,
                               depth.isInside);
}

Value OperandReader::read(const Point &major, const Point &depth) {
  SmallVector<Value> at(major.at);
  for (auto [number, loop] : llvm::enumerate(roles.loops))
    if (loop.role == Role::Depth)
      at[number] = depth.at[number];
  return emitter.element(operand.operand->get(),
                         emitter.apply(operand.map, at));
}

Value OperandReader::getAddress(const Point &major, const Point &depth) {
  int64_t bits = graph::getStorageBits(operand.element);
  auto toBytes = [&](Value elements) {
    return bits < 8 ? emitter.floorDiv(elements, emitter.constant(8 / bits))
                    : emitter.mul(elements, emitter.constant(bits / 8));
  };
  // What changes with the depth is added last.
  Value line = emitter.add(batchOffset, major.offset);
  Value from = movePointer(
      emitter, emitter.frame.tensors[operand.source.getArgNumber()].address,
      toBytes(line));
  return movePointer(emitter, from, toBytes(depth.offset));
}

Value OperandReader::widen(Value element, Type type) {
  if (element.getType() == type)
    return element;
  IRMapping mapping;
  mapping.map(operand.widen->getOperand(0), element);
  return emitter.builder.clone(*operand.widen, mapping)->getResult(0);
}
