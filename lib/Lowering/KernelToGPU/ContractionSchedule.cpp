//===- ContractionSchedule.cpp - tiles of a contraction -------------------===//
//
// The model: a multiprocessor takes the blocks that fall to it one after the
// other, a block its steps. A step takes as long as its multiply-adds, or as
// the bytes of its tiles from the second level cache, whichever is longer. What
// a block costs once (addresses, the first copies, the epilogue) is a constant.
// So large tiles win until they leave multiprocessors idle or compute much that
// is outside of the result. Dimensions of unknown size count as 256.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/ContractionSchedule.h"

#include "lib/Lowering/KernelToGPU/CodeDecoder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t typicalSize = 256;
/// Bytes per cycle from the second level cache to a multiprocessor; cycles that
/// a block costs in any case, and a step (a barrier and its latency).
static constexpr double cacheRate = 48, blockCycles = 1500, stepCycles = 60;

GpuLimits GpuLimits::get(StringRef chip) {
  constexpr int64_t kib = 1024;
  if (chip == "sm_80")
    return {108, 163 * kib, 164 * kib, 64, 2048};
  if (chip == "sm_90")
    return {132, 227 * kib, 228 * kib, 128, 4096};
  if (chip == "sm_120")
    return {170, 99 * kib, 100 * kib, 128, 1024};
  return {chip == "sm_89" ? 128 : 84, 99 * kib, 100 * kib, 128, 1024};
}

namespace {
/// A tile: elements, and warps along its rows and columns.
struct TileShape {
  int64_t rows, columns, rowWarps, columnWarps;
};
} // namespace

/// For multiply-adds of threads: every thread has 8 x 8, 8 x 4 or 4 x 4 sums.
/// Two warps at least, so that one computes while another one waits.
static constexpr TileShape threadShapes[] = {
    {128, 128, 4, 2}, {128, 64, 4, 1}, {64, 128, 2, 2},
    {64, 64, 2, 2},   {64, 32, 4, 1},  {32, 64, 2, 1},
    {32, 32, 2, 1},   {16, 64, 1, 2},  {16, 128, 1, 4},
};
/// For matrix instructions: a warp has up to 64 x 32 sums.
static constexpr TileShape matrixShapes[] = {
    {128, 128, 2, 4}, {128, 64, 2, 2}, {64, 128, 1, 4},
    {64, 64, 2, 2},   {64, 32, 2, 1},  {32, 64, 1, 2},
    {32, 32, 2, 1},   {16, 128, 1, 4}, {16, 64, 1, 2},
};

static std::optional<MatrixKind> findKind(const ContractionRoles &roles,
                                          bool allowTF32) {
  Type type = roles.lhs.element;
  if (type != roles.rhs.element)
    return std::nullopt;
  Operation *left = roles.lhs.widen, *right = roles.rhs.widen;
  if (roles.accumulator.isF32()) {
    if (!left && !right && allowTF32)
      return MatrixKind::TF32;
    if (!left || !right)
      return std::nullopt;
    if (type.isF16())
      return MatrixKind::F16;
    return type.isBF16() ? std::optional(MatrixKind::BF16) : std::nullopt;
  }
  if (!type.isInteger(8) || !left || !right)
    return std::nullopt;
  if (isa<arith::ExtSIOp>(left))
    return isa<arith::ExtSIOp>(right) ? MatrixKind::S8 : MatrixKind::S8U8;
  return isa<arith::ExtSIOp>(right) ? MatrixKind::U8S8 : MatrixKind::U8;
}

std::string ContractionSchedule::getName() const {
  return (kind ? "mma " : "fma ") + std::to_string(rows) + "x" +
         std::to_string(columns) + "x" + std::to_string(depth);
}

/// Modelled cycles of the whole contraction.
static double getCycles(const ContractionRoles &roles,
                        const ContractionSchedule &schedule,
                        const GpuLimits &limits) {
  auto sizeOf = [&](Role role) {
    return roles.getSize(role).value_or(typicalSize);
  };
  int64_t blocks = sizeOf(Role::Batch) *
                   llvm::divideCeil(sizeOf(Role::Row), schedule.rows) *
                   llvm::divideCeil(sizeOf(Role::Column), schedule.columns);
  int64_t steps = llvm::divideCeil(sizeOf(Role::Depth), schedule.depth);
  double products =
      double(schedule.rows) * double(schedule.columns) * double(schedule.depth);
  double rate = double(limits.f32Rate);
  if (schedule.kind)
    rate = double(limits.matrixByteRate) * getMatrixDepth(*schedule.kind) / 32;
  // Small blocks do not fill a multiprocessor alone; some run at once.
  int64_t together = std::clamp<int64_t>(256 / schedule.getThreads(), 1, 8);
  int64_t perProcessor = llvm::divideCeil(blocks, limits.processors);
  double busy = double(std::min(perProcessor, together)) / double(together);
  double bytes = double(schedule.getStageBytes());
  // Elements that do not come in groups of 16 bytes take more instructions.
  for (const TileCopy *copy : {&schedule.lhs, &schedule.rhs})
    if (!copy->isAsync)
      bytes += double(copy->tile.getBytes());
  double step = std::max(products / rate, bytes / cacheRate);
  // A block alone has the whole multiprocessor, if it has enough threads.
  step *= std::max(1.0 / busy / double(together), 1.0);
  return double(perProcessor) *
         (blockCycles / double(together) + double(steps) * (step + stepCycles));
}

Type ContractionSchedule::getSumType(Type accumulator) const {
  return kind && !hasGroups()
             ? getAccumulatorType(*kind, accumulator.getContext())
             : accumulator;
}

namespace {
/// A way to multiply: by an instruction or by threads, and which operands are
/// in shared memory as codes. Those of both lie along the depth, and are
/// multiplied as they are or, floats of 8 bits for f16, widened.
struct Way {
  std::optional<MatrixKind> kind;
  bool lhsCodes = false, rhsCodes = false;
};

/// Makes the schedules of one contraction.
class Planner {
public:
  Planner(const ContractionRoles &roles, StringRef chip, bool allowTF32)
      : roles(roles), limits(GpuLimits::get(chip)),
        hasByteFloats(chip != "sm_80" && chip != "sm_86") {
    std::optional<MatrixKind> kind = findKind(roles, allowTF32);
    if (auto codes = findCodesKind())
      ways.push_back({codes, true, true});
    if (decodesRight(kind))
      ways.push_back({kind, false, true});
    ways.push_back({kind, false, false});
  }
  /// The ways, best first; the last one is always possible.
  SmallVector<Way> ways;
  /// The schedule of `way` with tiles of `shape`; nullopt where it does not
  /// fit.
  std::optional<ContractionSchedule> plan(const Way &way,
                                          const TileShape &shape);

private:
  std::optional<MatrixKind> findCodesKind() const;
  bool decodesRight(std::optional<MatrixKind> kind) const;
  bool planSide(ContractionSchedule &next, const Way &way, bool isRight);
  bool planTiles(ContractionSchedule &next, const Way &way);

  const ContractionRoles &roles;
  GpuLimits limits;
  bool hasByteFloats;
};
} // namespace

/// How two operands of codes are multiplied; nullopt where they cannot be.
std::optional<MatrixKind> Planner::findCodesKind() const {
  const CodedOperand *lhs = roles.lhs.coded.get(), *rhs = roles.rhs.coded.get();
  if (!lhs || !rhs || lhs->zero || rhs->zero || !roles.accumulator.isF32() ||
      !CodeDecoder::isKnown(*lhs) || !CodeDecoder::isKnown(*rhs) ||
      lhs->isFloat() != rhs->isFloat())
    return std::nullopt;
  auto choose = [](bool isFirst, bool isSecond,
                   std::array<MatrixKind, 4> kinds) {
    return kinds[2 * !isFirst + !isSecond];
  };
  using Kind = MatrixKind;
  if (lhs->isFloat()) {
    if (!hasByteFloats)
      return Kind::F16;
    return choose(isa<Float8E4M3FNType>(lhs->type),
                  isa<Float8E4M3FNType>(rhs->type),
                  {Kind::E4M3, Kind::E4M3E5M2, Kind::E5M2E4M3, Kind::E5M2});
  }
  if (lhs->getBits() < rhs->getBits())
    return std::nullopt;
  // The sums of integers are exact, those of groups in any case.
  int64_t most = int64_t(1) << (lhs->getBits() + rhs->getBits());
  int64_t depth = roles.getSize(Role::Depth).value_or(INT64_MAX);
  for (const CodedOperand *operand : {lhs, rhs})
    if (const CodeParameter *groups = operand->getGroups())
      depth = std::min(depth, groups->groupSize);
  if (depth > INT32_MAX / most)
    return std::nullopt;
  if (lhs->getBits() == 4)
    return choose(lhs->isSigned(), rhs->isSigned(),
                  {Kind::S4, Kind::S4U4, Kind::U4S4, Kind::U4});
  return choose(lhs->isSigned(), rhs->isSigned(),
                {Kind::S8, Kind::S8U8, Kind::U8S8, Kind::U8});
}

/// Whether the right operand may be decoded where it is read: to 16 bits for
/// matrix instructions, else to f32.
bool Planner::decodesRight(std::optional<MatrixKind> kind) const {
  const CodedOperand *rhs = roles.rhs.coded.get();
  bool takesFloats = kind == MatrixKind::F16 || kind == MatrixKind::BF16 ||
                     (!kind && roles.accumulator.isF32());
  return rhs && takesFloats && !rhs->zero && CodeDecoder::isKnown(*rhs);
}

/// Plans the tile of one operand of `next`, whose depth is known.
bool Planner::planSide(ContractionSchedule &next, const Way &way,
                       bool isRight) {
  TileCopy &copy = isRight ? next.rhs : next.lhs;
  int64_t major = isRight ? next.columns : next.rows;
  bool isMatrix = way.kind.has_value();
  if (!(isRight ? way.rhsCodes : way.lhsCodes)) {
    copy = TileCopy::plan(roles, isRight, major, next.depth, isMatrix);
    return true;
  }
  auto codes = TileCopy::planCodes(roles, isRight, major, next.depth,
                                   /*depthIsInner=*/way.lhsCodes, isMatrix);
  if (!codes)
    return false;
  copy = *codes;
  if (!roles.getOperand(isRight).coded->getGroups())
    return true;
  // What is multiplied at once has one scale. Threads decode four places.
  int64_t least = isMatrix ? next.getPieceDepth() : 4;
  auto &groups = isRight ? next.rhsGroups : next.lhsGroups;
  groups = GroupCopy::plan(roles, isRight, major, next.depth, least);
  return groups.has_value();
}

bool Planner::planTiles(ContractionSchedule &next, const Way &way) {
  next.lhsGroups.reset();
  next.rhsGroups.reset();
  return planSide(next, way, /*isRight=*/false) &&
         planSide(next, way, /*isRight=*/true);
}

std::optional<ContractionSchedule> Planner::plan(const Way &way,
                                                 const TileShape &shape) {
  ContractionSchedule next;
  next.rows = shape.rows;
  next.columns = shape.columns;
  next.rowWarps = shape.rowWarps;
  next.columnWarps = shape.columnWarps;
  next.kind = way.kind;
  int64_t least = way.kind ? getMatrixDepth(*way.kind) : 16;
  if (way.lhsCodes && roles.lhs.coded->isFloat())
    least = 32; // also as f16, of which two instructions multiply 32 bytes
  // Beside codes a step of floats may be longer. A step is a part of a group,
  // or groups are parts of it.
  int64_t depth = !way.kind                       ? least
                  : !way.lhsCodes && way.rhsCodes ? 4 * least
                                                  : 2 * least;
  for (bool isPlanned = false; !isPlanned; depth /= 2) {
    if (depth < least)
      return std::nullopt;
    next.depth = depth;
    isPlanned = planTiles(next, way);
  }
  next.stages = !next.isAsync() ? 2 : way.kind ? 4 : 3;
  while (next.stages > 2 && next.getSharedBytes() > limits.sharedBytes)
    --next.stages;
  if (next.getSharedBytes() > limits.sharedBytes)
    return std::nullopt;
  return next;
}

ContractionSchedule ContractionSchedule::choose(const ContractionRoles &roles,
                                                StringRef chip,
                                                bool allowTF32) {
  GpuLimits limits = GpuLimits::get(chip);
  Planner planner(roles, chip, allowTF32);
  std::optional<ContractionSchedule> best;
  double bestCycles = 0;
  unsigned considered = 0;
  for (const Way &way : planner.ways) {
    for (const TileShape &shape :
         way.kind ? ArrayRef<TileShape>(matrixShapes) : threadShapes) {
      std::optional<ContractionSchedule> next = planner.plan(way, shape);
      if (!next)
        continue;
      double cycles = getCycles(roles, *next, limits);
      ++considered;
      if (best && cycles >= bestCycles)
        continue;
      best = next;
      bestCycles = cycles;
    }
    if (best)
      break;
  }
  best->reason = "shortest of " + std::to_string(considered) +
                 " schedules: " + std::to_string(int64_t(bestCycles)) +
                 " modelled cycles on " + chip.str();
  return *best;
}
