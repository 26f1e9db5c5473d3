//===- ElementwiseToGPU.cpp - a thread per element ------------------------===//
//
// Threads take runs of the last dimension, as many elements as fit in 16 bytes
// where its length is a multiple of that, and load and store them together. A
// reduction that every element has for itself is a loop of its thread.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/KernelToGPU.h"
#include "lib/Lowering/KernelToLLVM/PackedLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t defaultThreads = 256;

int64_t cinch::getVectorWidth(const DeviceBody &body, int64_t length) {
  int64_t bytes = 1, alignment = 16;
  func::FuncOp function = body.body;
  for (auto [number, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || (tensor.hasStaticShape() && tensor.getNumElements() <= 1))
      continue;
    Type element = tensor.getElementType();
    bytes = std::max<int64_t>(
        bytes, element.isIndex() ? 8 : element.getIntOrFloatBitWidth() / 8);
    alignment = std::min(alignment, body.alignments[number]);
  }
  int64_t width = alignment / bytes;
  while (width > 1 && length % width != 0)
    width /= 2;
  return std::max<int64_t>(width, 1);
}

namespace {

class ElementTiles {
public:
  ElementTiles(const DeviceBody &body, const KernelSchedule &schedule,
               ElementEmitter &emitter, DeviceSchedule &out)
      : body(body), schedule(schedule), emitter(emitter), out(out) {}
  Value makeSpace();
  LogicalResult emitBlock();

private:
  SmallVector<SmallVector<Value>> getPoints(Value first);

  const DeviceBody &body;
  const KernelSchedule &schedule;
  ElementEmitter &emitter;
  DeviceSchedule &out;
  SpaceSizes space;
  Value total;
  int64_t width = 1;
  PackedWalk walk;
};

} // namespace

Value ElementTiles::makeSpace() {
  if (!getSpaceSizes(schedule, emitter, space))
    return nullptr;
  int64_t length = getRunLength(schedule, space);
  walk = PackedWalk::choose(schedule, body.body, length);
  if (schedule.reductions.empty())
    width = getVectorWidth(body, length);
  width = walk.isFlat ? flatStep : std::max(width, walk.unit);
  mergeSizes(schedule, emitter, space);
  total = emitter.constant(1);
  for (Value size : space.sizes)
    total = emitter.mul(total, size);
  out.name = "elementwise";
  out.reason = std::to_string(width) + " elements a thread";
  out.threads = defaultThreads;
  if (auto count = getConstantIntValue(total))
    out.threads = std::clamp<int64_t>(
        llvm::alignTo(llvm::divideCeil(*count, width), 32), 32, defaultThreads);
  return emitter.ceilDiv(total, emitter.constant(out.threads * width));
}

/// The indices of the elements from number `first` on.
SmallVector<SmallVector<Value>> ElementTiles::getPoints(Value first) {
  SmallVector<Value> indices(schedule.rank, emitter.constant(0));
  SmallVector<unsigned> walked;
  SmallVector<Value> sizes;
  for (unsigned dim = 0; dim < schedule.rank; ++dim)
    if (!schedule.merged[dim]) {
      walked.push_back(dim);
      sizes.push_back(space.sizes[dim]);
    }
  for (auto [dim, index] :
       llvm::zip_equal(walked, emitter.delinearize(first, sizes)))
    indices[dim] = emitter.add(index, space.starts[dim]);
  SmallVector<SmallVector<Value>> points(width, indices);
  if (walk.unit > 1) {
    Value unit = emitter.floorDiv(indices.back(), emitter.constant(width));
    for (int64_t next = 0; next < width; ++next)
      points[next].back() = emitter.joinUnit(unit, next, width);
  } else {
    for (int64_t next = 1; next < width; ++next)
      points[next].back() = emitter.add(indices.back(), emitter.constant(next));
  }
  joinLast(emitter, points);
  return points;
}

LogicalResult ElementTiles::emitBlock() {
  OpBuilder &builder = emitter.builder;
  Value thread = emitter.add(
      emitter.mul(getBlockNumber(emitter), emitter.constant(out.threads)),
      getThreadNumber(emitter, out.threads));
  Value first = emitter.mul(thread, emitter.constant(width));
  if (walk.isFlat)
    return emitFlat(schedule, emitter, first,
                    emitter.add(first, emitter.constant(width)), total);
  Value isInside = arith::CmpIOp::create(
      builder, emitter.loc, arith::CmpIPredicate::ult, first, total);
  auto branch = scf::IfOp::create(builder, emitter.loc, isInside,
                                  /*withElseRegion=*/false);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  SmallVector<RootElement> elements;
  for (ArrayRef<Value> point : getPoints(first))
    if (failed(computeRoots(schedule, emitter, point, elements)))
      return failure();
  storeElements(emitter, elements);
  return success();
}

FailureOr<DeviceSchedule> cinch::emitElements(OpBuilder &builder,
                                              ModuleOp device,
                                              const DeviceBody &body,
                                              const KernelSchedule &schedule) {
  DeviceSchedule out;
  if (failed(emitDeviceFunctions(
          builder, device, body, [&](ElementEmitter &emitter) {
            return ElementTiles(body, schedule, emitter, out);
          })))
    return failure();
  return out;
}
