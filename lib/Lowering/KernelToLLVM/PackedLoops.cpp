//===- PackedLoops.cpp - loops of kernels whose elements share bytes ------===//
//
// A byte is written once, by one thread, with all its elements. Where every row
// of the results is whole bytes, the loop over the last dimension takes the
// elements of a byte at once. Elsewhere (rows of odd length, results in several
// orders) each result is a run of bytes of its own, whose elements are computed
// from their number: slower, as what rows have in common is computed again.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/PackedLoops.h"

#include "dialects/Graph/ElementTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace cinch;

static int64_t getPerByte(func::FuncOp body, unsigned argument) {
  return graph::getElementsPerByte(
      getElementTypeOrSelf(body.getArgumentTypes()[argument]));
}

/// The map from the loops of a root to its place.
static AffineMap getPlaceMap(KernelRoot root) {
  return root.op.getIndexingMapMatchingResult(root.op->getResult(root.result));
}

/// Whether the elements of a byte of `root` are neighbours along the last
/// dimension of the space, from a multiple of `perByte` on.
static bool storesUnits(const KernelSchedule &schedule, KernelRoot root,
                        RankedTensorType type, int64_t perByte) {
  AffineMap map = getPlaceMap(root);
  if (root.offset || schedule.rank == 0 || map.getNumResults() == 0)
    return false;
  SmallVector<unsigned> loops = getSpaceLoops(schedule, root);
  auto isWalked = [&](AffineExpr expr) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return false;
    size_t position = llvm::find(loops, dim.getPosition()) - loops.begin();
    return position < loops.size() && !schedule.merged[position];
  };
  if (map.getResults().back() !=
      getAffineDimExpr(loops.back(), map.getContext()))
    return false;
  int64_t known = 1;
  for (unsigned axis = map.getNumResults() - 1; axis-- > 0;) {
    int64_t size = type.getDimSize(axis + 1);
    known *= ShapedType::isDynamic(size) ? 1 : size;
    if (isWalked(map.getResult(axis)) && known % perByte != 0)
      return false;
  }
  return true;
}

PackedWalk PackedWalk::choose(const KernelSchedule &schedule, func::FuncOp body,
                              int64_t runLength) {
  PackedWalk walk;
  for (unsigned argument = 0; argument < body.getNumArguments(); ++argument)
    walk.unit = std::max(walk.unit, getPerByte(body, argument));
  while (walk.unit > 1 && runLength % walk.unit != 0)
    walk.unit /= 2;
  for (KernelRoot root : schedule.roots) {
    int64_t perByte = getPerByte(body, root.argument);
    auto type = cast<RankedTensorType>(body.getArgumentTypes()[root.argument]);
    walk.isFlat |= perByte > 1 && (walk.unit % perByte != 0 ||
                                   !storesUnits(schedule, root, type, perByte));
  }
  return walk;
}

LogicalResult cinch::emitUnit(const KernelSchedule &schedule,
                              ElementEmitter &emitter,
                              SmallVector<Value> indices, Value unit,
                              int64_t size) {
  SmallVector<RootElement> elements;
  for (int64_t number = 0; number < size; ++number) {
    indices.back() = emitter.joinUnit(unit, number, size);
    if (failed(computeRoots(schedule, emitter, indices, elements)))
      return failure();
  }
  storeRoots(emitter, elements);
  return success();
}

void cinch::storeRoots(ElementEmitter &emitter,
                       ArrayRef<RootElement> elements) {
  llvm::MapVector<unsigned, SmallVector<const RootElement *>> bytes;
  for (const RootElement &element : elements) {
    int64_t perByte = getPerByte(emitter.frame.body, element.argument);
    if (perByte == 1) {
      emitter.store(element.value, element.argument, element.indices);
      continue;
    }
    SmallVector<const RootElement *> &byte = bytes[element.argument];
    byte.push_back(&element);
    if (static_cast<int64_t>(byte.size()) < perByte)
      continue;
    SmallVector<Value> values;
    for (const RootElement *part : byte)
      values.push_back(part->value);
    emitter.storeByte(values, element.argument, byte.front()->indices);
    byte.clear();
  }
  assert(llvm::all_of(bytes, [](auto &byte) { return byte.second.empty(); }) &&
         "part of a byte would stay unwritten");
}

/// The loops of `root` at element number `number` of its result.
static SmallVector<Value> getLoopsAt(KernelRoot root, ElementEmitter &emitter,
                                     ArrayRef<Value> sizes, Value number) {
  SmallVector<unsigned> dims;
  SmallVector<Value> walked;
  for (AffineExpr expr : getPlaceMap(root).getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      if (getConstantIntValue(sizes[dim.getPosition()]) != 1) {
        dims.push_back(dim.getPosition());
        walked.push_back(sizes[dim.getPosition()]);
      }
  SmallVector<Value> loops(root.op.getNumLoops(), emitter.constant(0));
  for (auto [dim, index] :
       llvm::zip_equal(dims, emitter.delinearize(number, walked)))
    loops[dim] = index;
  return loops;
}

Value cinch::getFlatSize(const KernelSchedule &schedule,
                         ElementEmitter &emitter) {
  KernelRoot root = schedule.roots.front();
  SmallVector<Value> sizes = emitter.loopSizes(root.op);
  if (sizes.empty() && root.op.getNumLoops() != 0)
    return nullptr;
  Value size = emitter.constant(1);
  for (AffineExpr expr : getPlaceMap(root).getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      size = emitter.mul(size, sizes[dim.getPosition()]);
  return size;
}

LogicalResult cinch::emitFlat(const KernelSchedule &schedule,
                              ElementEmitter &emitter, Value begin, Value end,
                              Value size) {
  OpBuilder &builder = emitter.builder;
  Value one = emitter.constant(1);
  for (KernelRoot root : schedule.roots) {
    if (root.offset || root.isOfRow)
      return emitter.frame.body.emitOpError(
          "has results beside elements that share bytes within rows");
    OpBuilder::InsertionGuard guard(builder);
    Value result = root.op->getResult(root.result);
    SmallVector<Value> sizes = emitter.loopSizes(root.op);
    if (sizes.empty() && root.op.getNumLoops() != 0)
      return failure();
    int64_t perByte = getPerByte(emitter.frame.body, root.argument);
    Value count = emitter.constant(perByte);
    scf::ForOp loop = emitter.makeLoop(
        emitter.floorDiv(begin, count),
        emitter.min(emitter.floorDiv(end, count), emitter.ceilDiv(size, count)),
        one);
    Value unit = loop.getInductionVar();
    SmallVector<Value> values, indices;
    for (int64_t part = 0; part < perByte; ++part) {
      Value number =
          emitter.add(emitter.mul(unit, count), emitter.constant(part));
      // Behind the last element there are zeros.
      Value place =
          part == 0 ? number : emitter.min(number, emitter.sub(size, one));
      indices = emitter.apply(getPlaceMap(root),
                              getLoopsAt(root, emitter, sizes, place));
      Value value = emitter.element(result, indices);
      if (!value)
        return failure();
      if (part > 0) {
        Value isInside = arith::CmpIOp::create(
            builder, emitter.loc, arith::CmpIPredicate::slt, number, size);
        Value zero = arith::ConstantOp::create(
            builder, emitter.loc, builder.getZeroAttr(value.getType()));
        value = arith::SelectOp::create(builder, emitter.loc, isInside, value,
                                        zero);
      }
      values.push_back(value);
    }
    if (perByte == 1)
      emitter.store(values[0], root.argument, indices);
    else
      emitter.storeByte(values, root.argument, unit);
  }
  return success();
}
