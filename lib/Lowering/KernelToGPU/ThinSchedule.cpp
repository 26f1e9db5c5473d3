//===- ThinSchedule.cpp - how contractions of few rows are computed -------===//
#include "lib/Lowering/KernelToGPU/ThinContraction.h"

#include "lib/Lowering/KernelToGPU/CodeDecoder.h"
#include "lib/Lowering/KernelToGPU/ContractionSchedule.h"

using namespace mlir;
using namespace cinch;

/// Rows (columns) up to which a side is thin.
static constexpr int64_t mostThin = 8;

/// Lets `schedule` read codes of the wide operand, neighbours along `fast`, if
/// there are any.
static void chooseCodes(ThinSchedule &schedule, const ContractionRoles &roles,
                        Role fast) {
  const CodedOperand *coded =
      roles.getOperand(!schedule.thinIsRight).coded.get();
  if (!coded || coded->zero || schedule.isAlongDepth ||
      !roles.accumulator.isF32() || !CodeDecoder::isKnown(*coded))
    return;
  const CodeParameter *groups = coded->getGroups();
  if (groups && groups->groupSize % ThinSchedule::unrolled != 0)
    return;
  // Decoded from one word.
  for (int64_t count : {8, 4, 2}) {
    int64_t bits = count * coded->getBits();
    if (bits > 32 || bits < 8 || coded->codes.alignment * 8 % bits != 0 ||
        !comesInGroups(roles, coded->codes, fast, count))
      continue;
    schedule.decodes = true;
    schedule.group = count;
    schedule.scaleGroup = groups ? groups->groupSize : 0;
    return;
  }
}

std::optional<ThinSchedule> ThinSchedule::choose(const ContractionRoles &roles,
                                                 StringRef chip) {
  std::optional<int64_t> rows = roles.getSize(Role::Row);
  std::optional<int64_t> columns = roles.getSize(Role::Column);
  ThinSchedule schedule;
  schedule.thinIsRight = columns && (!rows || *columns < *rows);
  std::optional<int64_t> thin = schedule.thinIsRight ? columns : rows;
  if (!thin || *thin > mostThin || *thin < 1 ||
      roles.getSize(Role::Depth).value_or(1024) < 32)
    return std::nullopt;
  schedule.thin = *thin;
  const ContractionOperand &wide = roles.getOperand(!schedule.thinIsRight);
  schedule.isAlongDepth = cinch::isAlongDepth(roles, wide);
  Role fast = schedule.isAlongDepth  ? Role::Depth
              : schedule.thinIsRight ? Role::Row
                                     : Role::Column;
  int64_t bytes = wide.element.getIntOrFloatBitWidth() / 8;
  chooseCodes(schedule, roles, fast);
  if (wide.isLinear)
    for (int64_t count : {8, 4, 2})
      if (count * bytes <= 16 && wide.alignment % (count * bytes) == 0 &&
          schedule.group == 1 && comesInGroups(roles, wide, fast, count))
        schedule.group = count;
  // Fewer columns of a block where there would be few blocks.
  int64_t processors = GpuLimits::get(chip).processors;
  int64_t size = (schedule.thinIsRight ? rows : columns).value_or(1024) *
                 roles.getSize(Role::Batch).value_or(1);
  if (schedule.isAlongDepth) {
    schedule.wideWarps = 4;
    while (schedule.wideWarps > 1 &&
           size < 2 * processors * warpWide * schedule.wideWarps) {
      schedule.wideWarps /= 2;
      schedule.depthWarps *= 2;
    }
    schedule.wide = warpWide * schedule.wideWarps;
  } else {
    schedule.depthWarps = 8;
    // A warp reads at least one sector.
    int64_t least = schedule.decodes && wide.coded->getBits() == 4 ? 2 : 1;
    while (schedule.group > least &&
           size < processors * warpThreads * schedule.group)
      schedule.group /= 2;
    schedule.wide = warpThreads * schedule.group;
  }
  schedule.reason = std::to_string(*thin) +
                    (schedule.thinIsRight ? " columns: " : " rows: ") +
                    "the other operand is read once, the depth is divided "
                    "among threads";
  if (schedule.decodes)
    schedule.reason += "; its codes are decoded in registers";
  return schedule;
}
