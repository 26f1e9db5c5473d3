//===- GenericToGPU.cpp - which way a kernel goes -------------------------===//
#include "dialects/Graph/ElementTypes.h"
#include "lib/Lowering/KernelToGPU/KernelToGPU.h"
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

void cinch::joinLast(ElementEmitter &emitter,
                     ArrayRef<SmallVector<Value>> points) {
  SmallVector<Value> items;
  for (const SmallVector<Value> &point : points)
    items.push_back(point.back());
  emitter.joinItems(items);
}

/// Whether elements of the argument share bytes.
static bool isPacked(func::FuncOp body, unsigned argument) {
  return graph::isPacked(
      getElementTypeOrSelf(body.getArgumentTypes()[argument]));
}

void cinch::storeElements(ElementEmitter &emitter,
                          ArrayRef<RootElement> elements) {
  // The element of the argument of `first` at the last index `item`.
  auto find = [&](const RootElement &first, Value item) -> Value {
    ArrayRef<Value> outer = ArrayRef<Value>(first.indices).drop_back();
    for (const RootElement &other : elements)
      if (other.argument == first.argument && other.indices.back() == item &&
          ArrayRef<Value>(other.indices).drop_back() == outer)
        return other.value;
    return nullptr;
  };
  SmallVector<RootElement> packed;
  for (const RootElement &element : elements) {
    if (isPacked(emitter.frame.body, element.argument)) {
      packed.push_back(element);
      continue;
    }
    ArrayRef<Value> joined =
        emitter.getJoined(element.argument, element.indices);
    SmallVector<Value> values;
    for (Value item : joined)
      values.push_back(find(element, item));
    if (values.empty() || llvm::is_contained(values, Value()))
      emitter.store(element.value, element.argument, element.indices);
    else if (element.indices.back() == joined.front())
      emitter.storeJoined(values, element.argument, element.indices);
  }
  storeRoots(emitter, packed);
}

FailureOr<DeviceSchedule>
cinch::emitGeneric(OpBuilder &builder, ModuleOp device, const DeviceBody &body,
                   const ContractionOptions &options) {
  FailureOr<KernelSchedule> schedule = KernelSchedule::compute(body.body);
  if (failed(schedule))
    return failure();
  FailureOr<std::optional<DeviceSchedule>> contraction =
      emitContraction(builder, device, body, *schedule, options);
  if (failed(contraction))
    return failure();
  if (*contraction)
    return **contraction;
  bool byRows = isForRows(*schedule) && writesWholeBytes(body, *schedule);
  for (KernelRoot &root : schedule->roots)
    if (root.isOfRow && !byRows) // only rows write these
      return root.op.emitOpError("is a result of rows that share bytes");
  FailureOr<DeviceSchedule> result =
      byRows ? emitRows(builder, device, body, *schedule)
             : emitElements(builder, device, body, *schedule);
  StringRef kind = exec::getKernelKind(body.body);
  if (succeeded(result) && kind != "generic") {
    result->isFallback = true;
    result->reason =
        ("no schedule for this " + kind + "; " + result->reason).str();
  }
  return result;
}

FailureOr<DeviceSchedule> cinch::emitOneThread(OpBuilder &builder,
                                               ModuleOp device,
                                               const DeviceBody &body) {
  OpBuilder::InsertionGuard guard(builder);
  DeviceFunctions functions(builder, device, body);
  KernelFrame frame = functions.beginBody();
  if (failed(emitBufferizedBody(builder, frame)))
    return failure();
  functions.beginTiles();
  Location loc = frame.body.getLoc();
  functions.endTiles(arith::ConstantIndexOp::create(builder, loc, 1));
  DeviceSchedule schedule;
  schedule.threads = 1;
  schedule.name = "one thread";
  schedule.reason = "its loops depend on each other";
  schedule.isFallback = true;
  return schedule;
}
