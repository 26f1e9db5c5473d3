//===- AsyncCopy.cpp - cp.async -------------------------------------------===//
#include "runtime/Emulator/Access.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>

using namespace cinch::emulator;

/// Arguments: destination, source, [bytes to read]. Immediate: offset of the
/// source; target: that of the destination. Count: bytes. What is not read is
/// zero. The data is read now and seen when the group was waited for.
static void runCopy(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const auto &args = instruction.args;
  uint32_t bytes = instruction.count;
  SharedMemory &shared = warp.block.shared;
  Access source(warp, instruction, AccessKind::Load, bytes, false);
  uint32_t offsets[kLanes];
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint64_t to = (args[0].isWide ? warp.get<uint64_t>(args[0], lane)
                                  : warp.get<uint32_t>(args[0], lane)) +
                  uint64_t(int64_t(int32_t(instruction.target)));
    auto refuse = [&](Code code, const char *what) {
      warp.fault(instruction, lane, code,
                 "to " + std::to_string(to) + " of shared memory " + what);
    };
    if (to % bytes)
      refuse(Code::MisalignedAddress, "is not aligned");
    if (to > shared.size() || bytes > shared.size() - to)
      refuse(Code::IllegalAddress, "is outside of the block's shared memory");
    uint32_t given = args.size() > 2
                         ? std::min(bytes, warp.get<uint32_t>(args[2], lane))
                         : bytes;
    Warp::PendingCopy copy = {
        uint8_t(lane), uint8_t(bytes), uint32_t(to), warp.groups[lane], {}};
    if (given)
      memcpy(copy.data, source.at(args[1], lane), given);
    if (const char *what = shared.beginCopy(uint32_t(to), bytes, warp.index))
      refuse(Code::LaunchFailed, what);
    offsets[lane] = uint32_t(to);
    warp.copies.push_back(copy);
  }
  Traffic &traffic = warp.block.counters.sharedStore;
  ++traffic.requests;
  traffic.bytes += uint64_t(bytes) * __builtin_popcount(mask);
  traffic.wavefronts += countWavefronts(offsets, mask, bytes);
}

/// Makes what the lanes of `mask` copied in groups before `limit` seen.
template <typename Limit>
static void finishCopies(Warp &warp, LaneMask mask, Limit limit) {
  auto isOver = [&](const Warp::PendingCopy &copy) {
    if (!(mask >> copy.lane & 1) || copy.group >= limit(copy.lane))
      return false;
    warp.block.shared.finishCopy(copy.offset, copy.data, copy.bytes,
                                 warp.index);
    return true;
  };
  auto &copies = warp.copies;
  copies.erase(std::remove_if(copies.begin(), copies.end(), isOver),
               copies.end());
}

static bool decodeWait(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  if (decoder.take("wait_all")) {
    instruction.run = [](Warp &warp, const Instruction &, LaneMask mask) {
      finishCopies(warp, mask, [](unsigned) { return ~uint32_t(0); });
    };
    return decoder.expectOperands(0, 0);
  }
  if (!decoder.expectOperands(1, 1))
    return false;
  const ptx::Operand &pending = decoder.getOperand(0);
  if (pending.kind != ptx::Operand::Immediate || pending.bits > 1 << 20)
    return decoder.fail("expected a number of groups");
  instruction.immediate = int64_t(pending.bits);
  instruction.run = [](Warp &warp, const Instruction &self, LaneMask mask) {
    uint32_t pending = uint32_t(self.immediate);
    finishCopies(warp, mask, [&](unsigned lane) {
      return warp.groups[lane] - std::min(warp.groups[lane], pending);
    });
  };
  return true;
}

bool cinch::emulator::decodeCp(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  if (!decoder.take("async") || !decoder.requireSm(80))
    return decoder.fail("is supported as cp.async");
  if (decoder.take("commit_group")) {
    instruction.run = [](Warp &warp, const Instruction &, LaneMask mask) {
      for (LaneMask rest = mask; rest; rest &= rest - 1)
        ++warp.groups[__builtin_ctz(rest)];
    };
    return decoder.expectOperands(0, 0);
  }
  if (decoder.getStatement().modifiers.size() > 1 &&
      (decoder.take("wait_group") ||
       decoder.getStatement().modifiers[1] == "wait_all"))
    return decodeWait(decoder);
  auto cache = decoder.takeOne({"ca", "cg"});
  bool isShared = decoder.takeOne({"shared", "shared::cta"}).has_value();
  if (!cache || !isShared || !decoder.take("global"))
    return decoder.fail("expected .ca or .cg, .shared and .global");
  decoder.takeOne({"L2::64B", "L2::128B", "L2::256B"});
  if (!decoder.expectOperands(3, 4))
    return false;
  const ptx::Operand &size = decoder.getOperand(2);
  bool isKnown =
      size.kind == ptx::Operand::Immediate &&
      (size.bits == 16 || (*cache == 0 && (size.bits == 4 || size.bits == 8)));
  if (!isKnown)
    return decoder.fail("copies 16 bytes, or with .ca 4, 8 or 16");
  instruction.run = runCopy;
  instruction.count = uint8_t(size.bits);
  if (!decoder.readAddress(0, Space::Shared))
    return false;
  instruction.target = uint32_t(int32_t(instruction.immediate));
  if (!decoder.readAddress(1, Space::Global))
    return false;
  return decoder.numOperands() < 4 || decoder.read(3, Type::U32);
}
