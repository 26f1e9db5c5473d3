//===- ThinContraction.cpp - contractions with few rows or columns --------===//
//
// Where the wide operand has the depth along its rows in memory, a warp takes a
// few of its columns, its lanes groups of neighbours along the depth, and adds
// up over the lanes in the end. Else the lanes take groups of neighbouring
// columns, and the warps different parts of the depth. Either way the wide
// operand is read once, in whole sectors.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/ThinContraction.h"

#include "lib/Lowering/KernelToGPU/AsyncCopy.h"
#include "lib/Lowering/KernelToGPU/CodedFragments.h"
#include "lib/Lowering/KernelToGPU/ContractionEpilogue.h"
#include "lib/Lowering/KernelToGPU/ContractionSchedule.h"
#include "lib/Lowering/KernelToGPU/WarpReduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

namespace {
class ThinTiles {
public:
  ThinTiles(const DeviceBody &body, const KernelSchedule &kernel,
            const ContractionRoles &roles, const ThinSchedule &schedule,
            ElementEmitter &emitter)
      : body(body), kernel(kernel), roles(roles), schedule(schedule),
        emitter(emitter), builder(emitter.builder), loc(emitter.loc),
        wideRole(schedule.thinIsRight ? Role::Row : Role::Column),
        thinRole(schedule.thinIsRight ? Role::Column : Role::Row) {}
  Value makeSpace();
  LogicalResult emitBlock();

private:
  using Point = OperandReader::Point;
  Value multiplyAdd(Value a, Value b, Value sum);
  bool readGroup(OperandReader &reader, const Point &major, const Point &depth,
                 SmallVectorImpl<Value> &values);
  bool accumulate(Value firstDepth, SmallVectorImpl<Value> &sums);
  FailureOr<SmallVector<Value>> sumUp();
  FailureOr<SmallVector<Value>> sumUpGroups();
  void storeSums(ArrayRef<Value> sums);
  LogicalResult emitEpilogue();
  /// Columns of the wide side of a thread.
  int64_t getOwn() const {
    return schedule.isAlongDepth ? ThinSchedule::warpWide : schedule.group;
  }

  const DeviceBody &body;
  const KernelSchedule &kernel;
  const ContractionRoles &roles;
  const ThinSchedule &schedule;
  ElementEmitter &emitter;
  OpBuilder &builder;
  Location loc;
  Role wideRole, thinRole;

  ContractionSizes sizes;
  Value wideTiles, thread, lane, warp, depthWarp, firstWide;
  Value ownWide;     ///< of this thread, from that of the block
  Value sumsAddress; ///< of the partial sums of the block
  SmallVector<Value> at;
  std::unique_ptr<OperandReader> wideReader, thinReader;
  SmallVector<Point> widePoints, thinPoints;
};
} // namespace

Value ThinTiles::makeSpace() {
  if (!getContractionSizes(roles, emitter, sizes))
    return nullptr;
  wideTiles =
      emitter.ceilDiv(sizes.get(wideRole), emitter.constant(schedule.wide));
  return emitter.mul(sizes.batch, wideTiles);
}

Value ThinTiles::multiplyAdd(Value a, Value b, Value sum) {
  if (roles.accumulator.isF32())
    return LLVM::FMAOp::create(builder, loc, roles.accumulator, a, b, sum);
  return arith::AddIOp::create(builder, loc,
                               arith::MulIOp::create(builder, loc, a, b), sum);
}

/// The elements of the wide operand that a lane reads at once.
bool ThinTiles::readGroup(OperandReader &reader, const Point &major,
                          const Point &depth, SmallVectorImpl<Value> &values) {
  if (schedule.decodes) {
    const CodedOperand &coded = *roles.getOperand(!schedule.thinIsRight).coded;
    Value codes = loadCodes(emitter, reader.getAddress(major, depth),
                            schedule.group * coded.getBits() / 8);
    for (int64_t number = 0; number < schedule.group; ++number)
      values.push_back(CodeDecoder(emitter, coded).decode(codes, number));
    return true;
  }
  if (schedule.group == 1) {
    values.push_back(reader.read(major, depth));
    return values.back() != nullptr;
  }
  llvm::append_range(values, loadTogether(emitter, reader.operand.element,
                                          reader.getAddress(major, depth),
                                          schedule.group));
  return true;
}

/// Adds the products of this thread at the places `firstDepth`, and those
/// behind it that it reads at once, to `sums` [thin][wide].
bool ThinTiles::accumulate(Value firstDepth, SmallVectorImpl<Value> &sums) {
  int64_t own = getOwn();
  int64_t along = schedule.isAlongDepth ? schedule.group : 1;
  Type type = roles.accumulator;
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  Point first =
      wideReader->makePoint(Role::Depth, firstDepth,
                            /*mayBeOutside=*/true,
                            /*needsIndices=*/schedule.group == 1, along);
  SmallVector<Value> wides; // [wide][depth], or [depth][wide] of one place
  for (const Point &point : widePoints)
    if (!readGroup(*wideReader, point, first, wides))
      return false;
  for (int64_t depth = 0; depth < along; ++depth) {
    Value linear = emitter.add(firstDepth, emitter.constant(depth));
    Point point = thinReader->makePoint(Role::Depth, linear,
                                        /*mayBeOutside=*/true,
                                        /*needsIndices=*/true);
    for (int64_t thin = 0; thin < schedule.thin; ++thin) {
      Value a = thinReader->read(thinPoints[thin], point);
      if (!a)
        return false;
      a = thinReader->widen(a, type);
      a = arith::SelectOp::create(builder, loc, point.isInside, a, zero);
      for (int64_t wide = 0; wide < own; ++wide) {
        Value b = wides[schedule.isAlongDepth ? wide * along + depth : wide];
        // What is not there must not make a product with zero a NaN.
        b = arith::SelectOp::create(builder, loc, point.isInside,
                                    wideReader->widen(b, type), zero);
        Value &sum = sums[thin * own + wide];
        sum = multiplyAdd(a, b, sum);
      }
    }
  }
  return true;
}

/// Emits the loop over the part of the depth of this thread.
FailureOr<SmallVector<Value>> ThinTiles::sumUp() {
  int64_t along = schedule.isAlongDepth ? schedule.group : 1;
  // Neighbouring lanes read neighbours, warps what is behind them.
  int64_t stride =
      schedule.depthWarps * along * (schedule.isAlongDepth ? warpThreads : 1);
  Value begin =
      emitter.mul(depthWarp, emitter.constant(stride / schedule.depthWarps));
  if (schedule.isAlongDepth)
    begin = emitter.add(begin, emitter.mul(lane, emitter.constant(along)));
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(roles.accumulator));
  SmallVector<Value> init(schedule.thin * getOwn(), zero);
  OpBuilder::InsertionGuard guard(builder);
  int64_t times = along == 1 ? ThinSchedule::unrolled : 1;
  scf::ForOp loop = emitter.makeLoop(begin, sizes.depth,
                                     emitter.constant(stride * times), init);
  SmallVector<Value> sums(loop.getRegionIterArgs());
  for (int64_t time = 0; time < times; ++time)
    if (!accumulate(emitter.add(loop.getInductionVar(),
                                emitter.constant(time * stride)),
                    sums))
      return failure();
  scf::YieldOp::create(builder, loc, sums);
  return SmallVector<Value>(loop.getResults());
}

/// The same where groups along the depth have scales: whole ones.
FailureOr<SmallVector<Value>> ThinTiles::sumUpGroups() {
  Type f32 = roles.accumulator;
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(f32));
  Value size = emitter.constant(schedule.scaleGroup);
  SmallVector<Value> init(schedule.thin * getOwn(), zero);
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop =
      emitter.makeLoop(depthWarp, emitter.ceilDiv(sizes.depth, size),
                       emitter.constant(schedule.depthWarps), init);
  Value first = emitter.mul(loop.getInductionVar(), size);
  scf::ForOp places = emitter.makeLoop(
      first, emitter.min(emitter.add(first, size), sizes.depth),
      emitter.constant(ThinSchedule::unrolled), init);
  SmallVector<Value> part(places.getRegionIterArgs());
  for (int64_t place = 0; place < ThinSchedule::unrolled; ++place)
    if (!accumulate(
            emitter.add(places.getInductionVar(), emitter.constant(place)),
            part))
      return failure();
  scf::YieldOp::create(builder, loc, part);
  builder.setInsertionPointAfter(places);
  const ContractionOperand &scales =
      roles.getOperand(!schedule.thinIsRight).coded->getGroups()->operand;
  SmallVector<Value> sums(loop.getRegionIterArgs());
  for (int64_t wide = 0; wide < getOwn(); ++wide) {
    OperandReader reader(roles, sizes, scales, emitter, at);
    Point column = reader.makePoint(
        wideRole,
        emitter.add(emitter.add(firstWide, ownWide), emitter.constant(wide)),
        /*mayBeOutside=*/true, /*needsIndices=*/false);
    Point group = reader.makePoint(Role::Depth, loop.getInductionVar(),
                                   /*mayBeOutside=*/false,
                                   /*needsIndices=*/false);
    Value scale = loadTogether(emitter, scales.element,
                               reader.getAddress(column, group), 1)[0];
    if (scale.getType() != f32)
      scale = arith::ExtFOp::create(builder, loc, f32, scale);
    for (int64_t thin = 0; thin < schedule.thin; ++thin) {
      Value &sum = sums[thin * getOwn() + wide];
      sum = LLVM::FMAOp::create(builder, loc, f32,
                                places.getResult(thin * getOwn() + wide), scale,
                                sum);
    }
  }
  scf::YieldOp::create(builder, loc, sums);
  return SmallVector<Value>(loop.getResults());
}

/// Stores the sums of this thread as [part of the depth][thin][wide].
void ThinTiles::storeSums(ArrayRef<Value> sums) {
  int64_t own = getOwn();
  Value part =
      emitter.mul(depthWarp, emitter.constant(schedule.thin * schedule.wide));
  auto place = [&](int64_t thin) {
    Value offset = emitter.add(emitter.add(part, ownWide),
                               emitter.constant(thin * schedule.wide));
    return movePointer(emitter, sumsAddress,
                       emitter.mul(offset, emitter.constant(4)));
  };
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Value> all(sums);
  if (schedule.isAlongDepth) {
    for (Value &sum : all)
      for (int64_t mask = warpThreads / 2; mask > 0; mask /= 2) {
        Value other = shuffleXor(emitter, sum, mask);
        sum = roles.accumulator.isF32()
                  ? arith::AddFOp::create(builder, loc, sum, other).getResult()
                  : arith::AddIOp::create(builder, loc, sum, other);
      }
    Value isFirst = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, lane, emitter.constant(0));
    auto branch =
        scf::IfOp::create(builder, loc, isFirst, /*withElseRegion=*/false);
    builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  }
  for (int64_t thin = 0; thin < schedule.thin; ++thin)
    for (int64_t wide = 0; wide < own; wide += 4) {
      int64_t count = std::min<int64_t>(own, 4);
      storeTogether(emitter,
                    ArrayRef<Value>(all).slice(thin * own + wide, count),
                    movePointer(emitter, place(thin), 4 * wide));
    }
}

/// Adds the parts of the depth up and emits the results, an element a thread.
LogicalResult ThinTiles::emitEpilogue() {
  int64_t count = schedule.thin * schedule.wide;
  int64_t threads = warpThreads * schedule.depthWarps * schedule.wideWarps;
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop = emitter.makeLoop(thread, emitter.constant(count),
                                     emitter.constant(threads));
  Value element = loop.getInductionVar();
  Value thin = emitter.floorDiv(element, emitter.constant(schedule.wide));
  Value wide = emitter.add(
      firstWide, emitter.rem(element, emitter.constant(schedule.wide)));
  Value isInside = arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::slt, wide, sizes.get(wideRole));
  auto branch =
      scf::IfOp::create(builder, loc, isInside, /*withElseRegion=*/false);
  builder.setInsertionPoint(branch.thenBlock()->getTerminator());
  Value sum;
  for (int64_t part = 0; part < schedule.depthWarps; ++part) {
    Value offset = emitter.add(element, emitter.constant(part * count));
    Value next =
        loadTogether(emitter, roles.accumulator,
                     movePointer(emitter, sumsAddress,
                                 emitter.mul(offset, emitter.constant(4))),
                     1)[0];
    if (!sum)
      sum = next;
    else if (roles.accumulator.isF32())
      sum = arith::AddFOp::create(builder, loc, sum, next);
    else
      sum = arith::AddIOp::create(builder, loc, sum, next);
  }
  SmallVector<Value> place(at);
  decodeRole(roles, thinRole, thin, sizes, emitter, place);
  decodeRole(roles, wideRole, wide, sizes, emitter, place);
  ContractionEpilogue epilogue(body, kernel, roles, emitter,
                               /*most=*/1);
  if (schedule.decodes && schedule.scaleGroup == 0)
    epilogue.scaleBy(*roles.getOperand(!schedule.thinIsRight).coded);
  return epilogue.emit(place, sum);
}

LogicalResult ThinTiles::emitBlock() {
  Value block = getBlockNumber(emitter);
  int64_t threads = warpThreads * schedule.depthWarps * schedule.wideWarps;
  thread = getThreadNumber(emitter, threads);
  lane = emitter.rem(thread, emitter.constant(warpThreads));
  warp = emitter.floorDiv(thread, emitter.constant(warpThreads));
  depthWarp = emitter.rem(warp, emitter.constant(schedule.depthWarps));
  ownWide = emitter.mul(
      schedule.isAlongDepth
          ? emitter.floorDiv(warp, emitter.constant(schedule.depthWarps))
          : lane,
      emitter.constant(getOwn()));
  firstWide = emitter.mul(emitter.rem(block, wideTiles),
                          emitter.constant(schedule.wide));
  at.assign(roles.loops.size(), emitter.constant(0));
  decodeRole(roles, Role::Batch, emitter.floorDiv(block, wideTiles), sizes,
             emitter, at);
  sumsAddress = getSharedPool(emitter);
  auto makeReader = [&](const ContractionOperand &operand) {
    return std::make_unique<OperandReader>(roles, sizes, operand, emitter, at);
  };
  const ContractionOperand &wideOperand =
      roles.getOperand(!schedule.thinIsRight);
  wideReader =
      makeReader(schedule.decodes ? wideOperand.coded->codes : wideOperand);
  thinReader = makeReader(roles.getOperand(schedule.thinIsRight));
  for (int64_t thin = 0; thin < schedule.thin; ++thin)
    thinPoints.push_back(thinReader->makePoint(thinRole, emitter.constant(thin),
                                               /*mayBeOutside=*/false,
                                               /*needsIndices=*/true));
  Value wide = emitter.add(firstWide, ownWide);
  int64_t points = schedule.isAlongDepth ? ThinSchedule::warpWide : 1;
  for (int64_t point = 0; point < points; ++point)
    widePoints.push_back(wideReader->makePoint(
        wideRole, emitter.add(wide, emitter.constant(point)),
        /*mayBeOutside=*/true, /*needsIndices=*/schedule.group == 1,
        schedule.isAlongDepth ? 1 : schedule.group));
  FailureOr<SmallVector<Value>> sums =
      schedule.scaleGroup > 0 ? sumUpGroups() : sumUp();
  if (failed(sums))
    return failure();
  storeSums(*sums);
  emitBarrier(emitter);
  return emitEpilogue();
}

FailureOr<DeviceSchedule>
cinch::emitThinContraction(OpBuilder &builder, ModuleOp device,
                           const DeviceBody &body, const KernelSchedule &kernel,
                           const ContractionRoles &roles,
                           const ThinSchedule &schedule) {
  if (failed(emitDeviceFunctions(
          builder, device, body, [&](ElementEmitter &emitter) {
            return ThinTiles(body, kernel, roles, schedule, emitter);
          })))
    return failure();
  DeviceSchedule out;
  out.threads = warpThreads * schedule.depthWarps * schedule.wideWarps;
  out.sharedBytes = 4 * schedule.depthWarps * schedule.thin * schedule.wide;
  out.name = "thin " + std::to_string(schedule.thin) + "x" +
             std::to_string(schedule.wide);
  out.reason = schedule.reason;
  return out;
}
