//===- ContractionEpilogue.cpp - results of a contraction -----------------===//
#include "lib/Lowering/KernelToGPU/ContractionEpilogue.h"

#include "lib/Lowering/KernelToGPU/KernelToGPU.h"
#include "lib/Lowering/KernelToGPU/SharedTile.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t mostBytes = 16;

ContractionEpilogue::ContractionEpilogue(const DeviceBody &body,
                                         const KernelSchedule &kernel,
                                         const ContractionRoles &roles,
                                         ElementEmitter &emitter, int64_t most)
    : source(body.body), alignments(body.alignments), kernel(kernel),
      roles(roles), emitter(emitter) {
  // The innermost dimension is the innermost loop over columns.
  const RoleLoop *last = nullptr;
  for (const RoleLoop &loop : roles.loops)
    if (loop.loop == roles.loopOfDim.back())
      last = &loop;
  if (last->role != Role::Column || !last->size)
    return;
  auto isPossible = [&](int64_t count) {
    if (*last->size % count != 0)
      return false;
    return llvm::all_of(kernel.roots, [&](KernelRoot root) {
      AffineMap map =
          root.op.getIndexingMapMatchingResult(root.op->getResult(root.result));
      unsigned loop = getSpaceLoops(kernel, root).back();
      return !root.offset && map.getNumResults() > 0 &&
             map.getResults().back() ==
                 getAffineDimExpr(loop, map.getContext()) &&
             isTogether(root.argument, source.getArgumentTypes()[root.argument],
                        count);
    });
  };
  group = most;
  while (group > 1 && !isPossible(group))
    group /= 2;
}

/// True if `count` elements of an argument from a multiple of `count` on, along
/// its last axis, are one access.
bool ContractionEpilogue::isTogether(unsigned argument, Type type,
                                     int64_t count) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() == 0 || tensor.getEncoding())
    return false;
  Type element = tensor.getElementType();
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0)
    return false;
  int64_t bytes = count * element.getIntOrFloatBitWidth() / 8;
  int64_t inner = tensor.getShape().back();
  return !ShapedType::isDynamic(inner) && inner % count == 0 &&
         bytes <= mostBytes && alignments[argument] % bytes == 0;
}

/// Element `number` of the group that `argument` has at `indices`, if those are
/// of the current column; else the element there.
Value ContractionEpilogue::readTogether(unsigned argument,
                                        ArrayRef<Value> indices) {
  Type type = cast<RankedTensorType>(source.getArgumentTypes()[argument])
                  .getElementType();
  if (indices.back() != inner || emitter.builder.getInsertionBlock() != block)
    return emitter.load(type, emitter.address(argument, indices),
                        emitter.constant(0));
  ArrayRef<Value> outer = indices.drop_back();
  for (const Read &read : reads)
    if (read.argument == argument && ArrayRef<Value>(read.outer) == outer)
      return read.values[number];
  SmallVector<Value> first(indices);
  first.back() = firstInner;
  reads.push_back(
      {argument, llvm::to_vector(outer),
       loadTogether(emitter, type, emitter.address(argument, first), group)});
  return reads.back().values[number];
}

/// Stores the results of a group, by column.
void ContractionEpilogue::storeTogetherTo(ArrayRef<RootElement> elements) {
  size_t count = kernel.roots.size();
  for (size_t root = 0; root < count; ++root) {
    SmallVector<Value> values;
    for (size_t element = root; element < elements.size(); element += count)
      values.push_back(elements[element].value);
    const RootElement &first = elements[root];
    storeTogether(emitter, values,
                  emitter.address(first.argument, first.indices));
  }
}

/// The role loops at the column `column` behind `at`.
SmallVector<Value> ContractionEpilogue::moveTo(ArrayRef<Value> at,
                                               int64_t column) {
  SmallVector<Value> moved(at);
  SmallVector<unsigned> parts;
  for (auto [number, loop] : llvm::enumerate(roles.loops))
    if (loop.loop == roles.loopOfDim.back())
      parts.push_back(number);
  // The same value as the index of the results where it is the loop.
  Value &last = moved[parts.back()];
  last =
      parts.size() == 1 ? inner : emitter.add(last, emitter.constant(column));
  return moved;
}

/// `sum`, at the role loops `at`, as the contraction has it.
Value ContractionEpilogue::scale(Value sum, ArrayRef<Value> at) {
  OpBuilder &builder = emitter.builder;
  Type type = roles.accumulator;
  if (sum.getType() != type)
    sum = arith::SIToFPOp::create(builder, emitter.loc, type, sum);
  for (const CodedOperand *operand : scaled) {
    if (!operand->scale && !operand->number)
      continue;
    Value factor =
        operand->scale
            ? emitter.element(operand->scale->operand.source,
                              emitter.apply(operand->scale->operand.map, at))
            : arith::ConstantOp::create(builder, emitter.loc, operand->number);
    if (factor.getType() != type)
      factor = arith::ExtFOp::create(builder, emitter.loc, type, factor);
    sum = arith::MulFOp::create(builder, emitter.loc, sum, factor);
  }
  return sum;
}

LogicalResult ContractionEpilogue::emit(ArrayRef<Value> at, ValueRange sums) {
  SmallVector<Value> indices;
  for (unsigned loop : roles.loopOfDim) {
    Value index = emitter.constant(0);
    for (auto [part, value] : llvm::zip(roles.loops, at))
      if (part.loop == loop)
        index = emitter.add(index,
                            emitter.mul(value, emitter.constant(part.scale)));
    indices.push_back(index);
  }
  SmallVector<Value> redirected;
  firstInner = indices.back();
  block = emitter.builder.getInsertionBlock();
  reads.clear();
  if (group > 1)
    for (BlockArgument argument : source.getArguments())
      if (isTogether(argument.getArgNumber(), argument.getType(), group)) {
        redirected.push_back(argument);
        emitter.redirect(argument, [this, argument](ArrayRef<Value> where) {
          return readTogether(argument.getArgNumber(), where);
        });
      }
  SmallVector<RootElement> elements;
  LogicalResult result = success();
  for (auto [column, sum] : llvm::enumerate(sums)) {
    number = column;
    inner = indices.back() = emitter.add(firstInner, emitter.constant(column));
    Value scaled = scale(sum, moveTo(at, column));
    emitter.redirect(roles.op->getResult(0),
                     [scaled](ArrayRef<Value>) { return scaled; });
    if (failed(computeRoots(kernel, emitter, indices, elements))) {
      result = failure();
      break;
    }
  }
  for (Value argument : redirected)
    emitter.endRedirect(argument);
  if (failed(result))
    return failure();
  if (group > 1)
    storeTogetherTo(elements);
  else
    storeElements(emitter, elements);
  return success();
}
