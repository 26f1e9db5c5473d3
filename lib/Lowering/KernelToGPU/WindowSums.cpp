//===- WindowSums.cpp - convolutions of each channel by itself ------------===//
//
// There is nothing to share between the rows and columns of a product, only
// between windows: with taps one after the other, n neighbours read n - 1
// elements more than one of them. All taps are unrolled.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/WindowSums.h"

#include "lib/Lowering/KernelToGPU/ContractionEpilogue.h"
#include "lib/Lowering/KernelToLLVM/ConvolutionPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t mostTaps = 64, mostGroup = 4, blockThreads = 128;

std::optional<WindowSchedule>
WindowSchedule::choose(const ContractionRoles &roles) {
  std::optional<int64_t> taps = roles.getSize(Role::Depth);
  if (roles.getSize(Role::Row) != 1 || !taps || *taps < 1 || *taps > mostTaps ||
      roles.rhs.map.getNumResults() == 0)
    return std::nullopt;
  // Of the role loops, those of the depth come last.
  unsigned numOuter = 0;
  while (numOuter < roles.loops.size() &&
         roles.loops[numOuter].role != Role::Depth)
    ++numOuter;
  std::optional<Window> window =
      getWindow(roles.rhs.map.getResults().back(), numOuter);
  if (!window || roles.loops[window->out].role != Role::Column ||
      roles.loops[window->out].loop != roles.loopOfDim.back())
    return std::nullopt;
  WindowSchedule schedule = {window->out, window->tap, window->stride,
                             window->dilation, mostGroup};
  int64_t width = roles.loops[window->out].size.value_or(1);
  while (width % schedule.group != 0)
    schedule.group /= 2;
  return schedule;
}

namespace {
class WindowTiles {
public:
  WindowTiles(const DeviceBody &body, const KernelSchedule &kernel,
              const ContractionRoles &roles, const WindowSchedule &schedule,
              ElementEmitter &emitter)
      : roles(roles), schedule(schedule),
        epilogue(std::make_unique<ContractionEpilogue>(body, kernel, roles,
                                                       emitter)),
        emitter(emitter), builder(emitter.builder), loc(emitter.loc) {}
  Value makeSpace();
  LogicalResult emitBlock();

private:
  Value read(const ContractionOperand &operand, ArrayRef<Value> at);
  LogicalResult sumUp(SmallVector<Value> at, SmallVectorImpl<Value> &sums);
  bool addRow(SmallVector<Value> at, SmallVectorImpl<Value> &sums);

  const ContractionRoles &roles;
  const WindowSchedule &schedule;
  std::unique_ptr<ContractionEpilogue> epilogue;
  ElementEmitter &emitter;
  OpBuilder &builder;
  Location loc;
  ContractionSizes sizes;
  Value columnGroups, total;
};
} // namespace

Value WindowTiles::makeSpace() {
  if (!getContractionSizes(roles, emitter, sizes))
    return nullptr;
  columnGroups =
      emitter.floorDiv(sizes.columns, emitter.constant(schedule.group));
  total = emitter.mul(sizes.batch, columnGroups);
  return emitter.ceilDiv(total, emitter.constant(blockThreads));
}

/// An element of an operand as it is multiplied.
Value WindowTiles::read(const ContractionOperand &operand, ArrayRef<Value> at) {
  Value value =
      emitter.element(operand.operand->get(), emitter.apply(operand.map, at));
  if (!value || value.getType() == roles.accumulator)
    return value;
  IRMapping mapping;
  mapping.map(operand.widen->getOperand(0), value);
  return builder.clone(*operand.widen, mapping)->getResult(0);
}

/// Adds the products with the taps along the row of windows at `at`.
bool WindowTiles::addRow(SmallVector<Value> at, SmallVectorImpl<Value> &sums) {
  Value first = at[schedule.out];
  llvm::DenseMap<int64_t, Value> row; // by the distance from the first element
  int64_t taps = *roles.loops[schedule.tap].size;
  for (int64_t tap = 0; tap < taps; ++tap) {
    at[schedule.tap] = emitter.constant(tap);
    at[schedule.out] = first;
    Value factor = read(roles.lhs, at);
    if (!factor)
      return false;
    for (int64_t number = 0; number < schedule.group; ++number) {
      Value &element = row[number * schedule.stride + tap * schedule.dilation];
      at[schedule.out] = emitter.add(first, emitter.constant(number));
      if (!element)
        element = read(roles.rhs, at);
      if (!element)
        return false;
      Value &sum = sums[number];
      sum =
          roles.accumulator.isF32()
              ? LLVM::FMAOp::create(builder, loc, roles.accumulator, element,
                                    factor, sum)
                    .getResult()
              : arith::AddIOp::create(
                    builder, loc,
                    arith::MulIOp::create(builder, loc, element, factor), sum);
    }
  }
  return true;
}

/// Adds all products of the windows at `at`, one row of taps after the other.
LogicalResult WindowTiles::sumUp(SmallVector<Value> at,
                                 SmallVectorImpl<Value> &sums) {
  SmallVector<unsigned> others = roles.getLoops(Role::Depth);
  llvm::erase(others, schedule.tap);
  int64_t rows = 1;
  for (unsigned loop : others)
    rows *= *roles.loops[loop].size;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t rest = row;
    for (unsigned loop : llvm::reverse(others)) {
      at[loop] = emitter.constant(rest % *roles.loops[loop].size);
      rest /= *roles.loops[loop].size;
    }
    if (!addRow(at, sums))
      return failure();
  }
  return success();
}

LogicalResult WindowTiles::emitBlock() {
  Value number = emitter.add(
      emitter.mul(getBlockNumber(emitter), emitter.constant(blockThreads)),
      getThreadNumber(emitter, blockThreads));
  Value isInside = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::slt, number, total);
  auto branch =
      scf::IfOp::create(builder, loc, isInside, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  SmallVector<Value> at(roles.loops.size(), emitter.constant(0));
  Value column = emitter.mul(emitter.rem(number, columnGroups),
                             emitter.constant(schedule.group));
  decodeRole(roles, Role::Column, column, sizes, emitter, at);
  decodeRole(roles, Role::Batch, emitter.floorDiv(number, columnGroups), sizes,
             emitter, at);
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(roles.accumulator));
  SmallVector<Value> sums(schedule.group, zero);
  if (failed(sumUp(at, sums)))
    return failure();
  int64_t together = epilogue->getGroup();
  for (int64_t first = 0; first < schedule.group; first += together) {
    SmallVector<Value> place(at);
    place[schedule.out] =
        emitter.add(at[schedule.out], emitter.constant(first));
    if (failed(epilogue->emit(place,
                              ArrayRef<Value>(sums).slice(first, together))))
      return failure();
  }
  return success();
}

FailureOr<DeviceSchedule>
cinch::emitWindowSums(OpBuilder &builder, ModuleOp device,
                      const DeviceBody &body, const KernelSchedule &kernel,
                      const ContractionRoles &roles,
                      const WindowSchedule &schedule) {
  if (failed(emitDeviceFunctions(
          builder, device, body, [&](ElementEmitter &emitter) {
            return WindowTiles(body, kernel, roles, schedule, emitter);
          })))
    return failure();
  DeviceSchedule out;
  out.threads = blockThreads;
  out.name = "windows";
  out.reason = "a filter for each channel: " + std::to_string(schedule.group) +
               " neighbours a thread";
  return out;
}
