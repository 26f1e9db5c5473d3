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
    rate =
        double(limits.matrixByteRate) / double(schedule.lhs.tile.elementBytes);
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

ContractionSchedule ContractionSchedule::choose(const ContractionRoles &roles,
                                                StringRef chip,
                                                bool allowTF32) {
  GpuLimits limits = GpuLimits::get(chip);
  std::optional<MatrixKind> kind = findKind(roles, allowTF32);
  std::optional<ContractionSchedule> best;
  double bestCycles = 0;
  unsigned considered = 0;
  for (const TileShape &shape :
       kind ? ArrayRef<TileShape>(matrixShapes) : threadShapes) {
    ContractionSchedule next;
    next.rows = shape.rows;
    next.columns = shape.columns;
    next.rowWarps = shape.rowWarps;
    next.columnWarps = shape.columnWarps;
    next.kind = kind;
    next.depth = kind ? 2 * getMatrixDepth(*kind) : 16;
    next.lhs = TileCopy::plan(roles, /*isRight=*/false, next.rows, next.depth,
                              kind.has_value());
    next.rhs = TileCopy::plan(roles, /*isRight=*/true, next.columns, next.depth,
                              kind.has_value());
    next.stages = !next.isAsync() ? 2 : kind ? 4 : 3;
    while (next.stages > 2 && next.getSharedBytes() > limits.sharedBytes)
      --next.stages;
    if (next.getSharedBytes() > limits.sharedBytes)
      continue;
    double cycles = getCycles(roles, next, limits);
    ++considered;
    if (best && cycles >= bestCycles)
      continue;
    best = next;
    bestCycles = cycles;
  }
  best->reason = "shortest of " + std::to_string(considered) +
                 " schedules: " + std::to_string(int64_t(bestCycles)) +
                 " modelled cycles on " + chip.str();
  return *best;
}
