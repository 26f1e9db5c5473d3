//===- WarpOps.cpp - values that pass between the lanes of a warp ---------===//
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>

using namespace cinch::emulator;

/// The instruction waits for the lanes that operand `index` names.
static bool convergeOn(Decoder &decoder, size_t index) {
  Instruction &instruction = *decoder.instruction;
  instruction.flow = Flow::Converge;
  instruction.members = int32_t(instruction.args.size());
  return decoder.read(index, Type::B32);
}

enum ShuffleMode : uint32_t { Up, Down, Bfly, Idx };

/// Arguments: d, [p], a, b, c, members. Flags: mode, whether there is p.
static void runShuffle(Warp &warp, const Instruction &instruction,
                       LaneMask mask) {
  const auto &args = instruction.args;
  ShuffleMode mode = ShuffleMode(instruction.flags & 3);
  size_t first = instruction.flags & 4 ? 2 : 1;
  uint32_t values[kLanes];
  memcpy(values, warp.row(args[first]), sizeof(values));
  LaneMask inRange = 0;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    auto b = warp.get<uint32_t>(args[first + 1], lane) & 31;
    auto c = warp.get<uint32_t>(args[first + 2], lane);
    // Segments of the warp: PTX, "shfl.sync".
    uint32_t clamp = c & 31, segment = c >> 8 & 31;
    uint32_t highest = (lane & segment) | (clamp & ~segment);
    uint32_t lowest = lane & segment;
    int32_t from = mode == Up     ? int32_t(lane) - int32_t(b)
                   : mode == Down ? int32_t(lane + b)
                   : mode == Bfly ? int32_t(lane ^ b)
                                  : int32_t(lowest | (b & ~segment));
    bool isIn =
        mode == Up ? from >= int32_t(highest) : from <= int32_t(highest);
    if (!isIn)
      from = int32_t(lane);
    if (!(mask >> from & 1))
      warp.fault(instruction, lane, Code::LaunchFailed,
                 "takes a value from lane " + std::to_string(from) +
                     ", which does not take part");
    inRange |= LaneMask(isIn) << lane;
    warp.setCell(args[0], lane, values[from]);
  }
  if (first == 2)
    warp.setPredicate(args[1], mask, inRange);
}

bool cinch::emulator::decodeShfl(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  if (!decoder.take("sync"))
    return decoder.fail("needs .sync");
  auto mode = decoder.takeOne({"up", "down", "bfly", "idx"});
  if (!mode || decoder.takeType() != Type::B32)
    return decoder.fail("expected .up, .down, .bfly or .idx, and .b32");
  instruction.flags = uint32_t(*mode);
  instruction.run = runShuffle;
  if (!decoder.expectOperands(5, 5))
    return false;
  const ptx::Operand &result = decoder.getOperand(0);
  if (result.kind == ptx::Operand::Pair) {
    instruction.flags |= 4;
    if (!decoder.write(result.elements[0], Type::B32) ||
        !decoder.write(result.elements[1], Type::Pred))
      return false;
  } else if (!decoder.write(0, Type::B32)) {
    return false;
  }
  return decoder.read(1, Type::B32) && decoder.read(2, Type::B32) &&
         decoder.read(3, Type::B32) && convergeOn(decoder, 4);
}

enum VoteMode : uint32_t { All, Any, Uni, Ballot };

static void runVote(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const auto &args = instruction.args;
  LaneMask votes = warp.getPredicate(args[1]) & mask;
  if (instruction.flags == Ballot) {
    for (LaneMask rest = mask; rest; rest &= rest - 1)
      warp.setCell(args[0], __builtin_ctz(rest), votes);
    return;
  }
  bool result = instruction.flags == All   ? votes == mask
                : instruction.flags == Any ? votes != 0
                                           : votes == 0 || votes == mask;
  warp.setPredicate(args[0], mask, result ? kAllLanes : 0);
}

bool cinch::emulator::decodeVote(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  if (!decoder.take("sync"))
    return decoder.fail("needs .sync");
  auto mode = decoder.takeOne({"all", "any", "uni", "ballot"});
  Type type = decoder.takeType();
  if (!mode || type != (*mode == Ballot ? Type::B32 : Type::Pred))
    return decoder.fail("expected .all, .any, .uni or .ballot, and its type");
  instruction.flags = uint32_t(*mode);
  instruction.run = runVote;
  return decoder.expectOperands(3, 3) && decoder.write(0, type) &&
         decoder.read(1, Type::Pred) && convergeOn(decoder, 2);
}

/// match.any: the lanes with the same value.
static void runMatch(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  const auto &args = instruction.args;
  auto get = [&](unsigned lane) -> uint64_t {
    return args[1].isWide ? warp.get<uint64_t>(args[1], lane)
                          : warp.get<uint32_t>(args[1], lane);
  };
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    LaneMask equal = 0;
    for (LaneMask others = mask; others; others &= others - 1) {
      unsigned other = __builtin_ctz(others);
      equal |= LaneMask(get(other) == get(lane)) << other;
    }
    warp.setCell(args[0], lane, equal);
  }
}

bool cinch::emulator::decodeMatch(Decoder &decoder) {
  if (!decoder.take("any") || !decoder.take("sync"))
    return decoder.fail("is supported as match.any.sync");
  Type type = decoder.takeType();
  if (type != Type::B32 && type != Type::B64)
    return decoder.fail("takes .b32 or .b64");
  decoder.instruction->run = runMatch;
  return decoder.expectOperands(3, 3) && decoder.write(0, Type::B32) &&
         decoder.read(1, type) && convergeOn(decoder, 2);
}

enum ReduxMode : uint32_t { RAdd, RMin, RMax, RAnd, ROr, RXor };

static void runRedux(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  const auto &args = instruction.args;
  unsigned first = __builtin_ctz(mask);
  bool isSigned = instruction.flags >> 8;
  auto result = warp.get<uint32_t>(args[1], first);
  for (LaneMask rest = mask & (mask - 1); rest; rest &= rest - 1) {
    auto value = warp.get<uint32_t>(args[1], __builtin_ctz(rest));
    bool isLess = isSigned ? int32_t(value) < int32_t(result) : value < result;
    switch (ReduxMode(instruction.flags & 255)) {
    case RAdd:
      result += value;
      break;
    case RMin:
      result = isLess ? value : result;
      break;
    case RMax:
      result = isLess ? result : value;
      break;
    case RAnd:
      result &= value;
      break;
    case ROr:
      result |= value;
      break;
    case RXor:
      result ^= value;
      break;
    }
  }
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    warp.setCell(args[0], __builtin_ctz(rest), result);
}

bool cinch::emulator::decodeRedux(Decoder &decoder) {
  if (!decoder.take("sync") || !decoder.requireSm(80))
    return decoder.fail("needs .sync");
  auto mode = decoder.takeOne({"add", "min", "max", "and", "or", "xor"});
  Type type = decoder.takeType();
  if (!mode || bytesOf(type) != 4 || isFloat(type))
    return decoder.fail("expected an operation and .u32, .s32 or .b32");
  decoder.instruction->flags = uint32_t(*mode) | uint32_t(isSigned(type)) << 8;
  decoder.instruction->run = runRedux;
  return decoder.expectOperands(3, 3) && decoder.write(0, Type::B32) &&
         decoder.read(1, Type::B32) && convergeOn(decoder, 2);
}

bool cinch::emulator::decodeActivemask(Decoder &decoder) {
  if (decoder.takeType() != Type::B32)
    return decoder.fail("takes .b32");
  decoder.instruction->run = [](Warp &warp, const Instruction &instruction,
                                LaneMask mask) {
    for (LaneMask rest = mask; rest; rest &= rest - 1)
      warp.setCell(instruction.args[0], __builtin_ctz(rest), mask);
  };
  return decoder.expectOperands(1, 1) && decoder.write(0, Type::B32);
}

// -- Flow of control ---------------------------------------------------------

bool cinch::emulator::decodeBra(Decoder &decoder) {
  decoder.take("uni");
  if (!decoder.expectOperands(1, 1))
    return false;
  decoder.instruction->flow = Flow::Branch;
  decoder.instruction->target = decoder.getOperand(0).index;
  return true;
}

bool cinch::emulator::decodeExit(Decoder &decoder) {
  decoder.take("uni");
  decoder.instruction->flow = Flow::Exit;
  return decoder.expectOperands(0, 0);
}

bool cinch::emulator::decodeTrap(Decoder &decoder) {
  decoder.instruction->run = [](Warp &warp, const Instruction &instruction,
                                LaneMask mask) {
    warp.fault(instruction, __builtin_ctz(mask), Code::IllegalInstruction,
               "was reached");
  };
  return decoder.expectOperands(0, 0);
}

bool cinch::emulator::decodeNanosleep(Decoder &decoder) {
  decoder.instruction->run = [](Warp &, const Instruction &, LaneMask) {};
  return decoder.takeType() == Type::U32 ? decoder.expectOperands(1, 1)
                                         : decoder.fail("takes .u32");
}

/// bar.sync, bar.arrive, barrier.sync, bar.warp.sync. Flags: does not wait.
/// Immediate: is for whole warps.
bool cinch::emulator::decodeBarrier(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  bool isAligned =
      decoder.take("aligned") || decoder.getStatement().opcode == "bar";
  if (decoder.take("warp")) {
    instruction.run = [](Warp &, const Instruction &, LaneMask) {};
    return (decoder.take("sync") || decoder.fail("needs .sync")) &&
           decoder.expectOperands(1, 1) && convergeOn(decoder, 0);
  }
  decoder.take("cta");
  auto kind = decoder.takeOne({"sync", "arrive"});
  if (!kind)
    return decoder.fail("is supported as .sync and .arrive");
  instruction.flow = Flow::Barrier;
  instruction.flags = uint32_t(*kind);
  instruction.immediate = isAligned;
  return decoder.expectOperands(*kind ? 2 : 1, 2) &&
         decoder.read(0, Type::B32) &&
         (decoder.numOperands() < 2 || decoder.read(1, Type::B32));
}
