//===- LoadStore.cpp - ld, st and addresses -------------------------------===//
#include "runtime/Emulator/Access.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"

using namespace cinch::emulator;

/// Instruction::flags: the access is volatile, relaxed, acquire or release.
static constexpr uint32_t kOrdered = 1;

/// Arguments: the results, then the base. Elements are of T; those of signed
/// types are extended to the width of their register.
template <typename T>
static void runLoad(Warp &warp, const Instruction &instruction, LaneMask mask) {
  Access access(warp, instruction, AccessKind::Load,
                sizeof(T) * instruction.count, instruction.flags & kOrdered);
  const Arg &base = instruction.args.back();
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    const char *from = access.at(base, lane);
    for (unsigned i = 0; i < instruction.count; ++i) {
      T value;
      memcpy(&value, from + i * sizeof(T), sizeof(T));
      warp.setCell(instruction.args[i], lane, uint64_t(int64_t(value)));
    }
  }
}

/// Arguments: the base, then the values.
template <typename T>
static void runStore(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  Access access(warp, instruction, AccessKind::Store,
                sizeof(T) * instruction.count, instruction.flags & kOrdered);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    char *to = access.at(instruction.args[0], lane);
    for (unsigned i = 0; i < instruction.count; ++i) {
      T value = warp.get<T>(instruction.args[1 + i], lane);
      memcpy(to + i * sizeof(T), &value, sizeof(T));
    }
  }
}

static Handler pickLoad(Type type) {
  bool hasSign = isSigned(type);
  switch (bytesOf(type)) {
  case 1:
    return hasSign ? runLoad<int8_t> : runLoad<uint8_t>;
  case 2:
    return hasSign ? runLoad<int16_t> : runLoad<uint16_t>;
  case 4:
    return hasSign ? runLoad<int32_t> : runLoad<uint32_t>;
  default:
    return runLoad<uint64_t>;
  }
}

static Handler pickStore(Type type) {
  switch (bytesOf(type)) {
  case 1:
    return runStore<uint8_t>;
  case 2:
    return runStore<uint16_t>;
  case 4:
    return runStore<uint32_t>;
  default:
    return runStore<uint64_t>;
  }
}

/// Takes the state space and what says how an access is ordered and cached.
static bool takeAccess(Decoder &decoder, Space &space, bool &isOrdered) {
  space = Space::Generic;
  if (decoder.takeOne({"global", "const"}))
    space = Space::Global;
  else if (decoder.takeOne({"shared", "shared::cta"}))
    space = Space::Shared;
  else if (decoder.take("local"))
    space = Space::Local;
  else if (decoder.takeOne({"param", "param::entry"}))
    space = Space::Param;
  isOrdered = decoder.takeOne({"volatile", "relaxed", "acquire", "release"})
                  .has_value();
  decoder.take("weak");
  decoder.takeOne({"cta", "cluster", "gpu", "sys"});
  // Caches are not modelled: results do not depend on them.
  decoder.takeOne({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  decoder.take("nc");
  decoder.takeOne({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
                   "L1::evict_last", "L1::no_allocate"});
  decoder.takeOne({"L2::64B", "L2::128B", "L2::256B"});
  return true;
}

static bool takeElements(Decoder &decoder, Type &type) {
  Instruction &instruction = *decoder.instruction;
  if (auto count = decoder.takeOne({"v2", "v4"}))
    instruction.count = *count ? 4 : 2;
  type = decoder.takeType();
  unsigned bytes = bytesOf(type);
  if (!bytes || bytes > 8 || bytes * instruction.count > 16)
    return decoder.fail("has no form for this type");
  return true;
}

/// What ld and st have in common.
static bool takeOperation(Decoder &decoder, Space &space, Type &type) {
  bool isOrdered;
  if (!takeAccess(decoder, space, isOrdered) || !takeElements(decoder, type))
    return false;
  decoder.instruction->flags = isOrdered ? kOrdered : 0;
  return decoder.expectOperands(2, 2);
}

bool cinch::emulator::decodeLoad(Decoder &decoder) {
  Space space;
  Type type;
  if (!takeOperation(decoder, space, type))
    return false;
  decoder.instruction->run = pickLoad(type);
  return decoder.writeAll(0, type, decoder.instruction->count, true) &&
         decoder.readAddress(1, space);
}

bool cinch::emulator::decodeStore(Decoder &decoder) {
  Space space;
  Type type;
  if (!takeOperation(decoder, space, type))
    return false;
  if (space == Space::Param)
    return decoder.fail("parameters cannot be written");
  decoder.instruction->run = pickStore(type);
  return decoder.readAddress(0, space) &&
         decoder.readAll(1, type, decoder.instruction->count, true);
}

/// cvta: adds or takes away the window of a state space.
static void runCvta(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const auto &args = instruction.args;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint64_t address = args[1].isWide ? warp.get<uint64_t>(args[1], lane)
                                      : warp.get<uint32_t>(args[1], lane);
    warp.setCell(args[0], lane, address + uint64_t(instruction.immediate));
  }
}

bool cinch::emulator::decodeCvta(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  bool isTo = decoder.take("to");
  auto space =
      decoder.takeOne({"global", "const", "shared", "shared::cta", "local"});
  if (!space)
    return decoder.fail("expected a state space");
  if (decoder.takeType() != Type::U64)
    return decoder.fail("takes .u64");
  uint64_t window = *space < 2 ? 0 : *space < 4 ? kSharedWindow : kLocalWindow;
  instruction.immediate = int64_t(isTo ? 0 - window : window);
  instruction.run = runCvta;
  return decoder.expectOperands(2, 2) && decoder.write(0, Type::U64) &&
         decoder.read(1, Type::U64);
}

/// isspacep: whether a generic address lies in a window. Immediate: its start;
/// 0 for global memory, which is all the rest.
static void runIsspacep(Warp &warp, const Instruction &instruction,
                        LaneMask mask) {
  uint64_t window = uint64_t(instruction.immediate);
  LaneMask result = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    auto address = warp.get<uint64_t>(instruction.args[1], lane);
    bool holds = window ? address - window < kWindowBytes
                        : address - kSharedWindow >= kWindowBytes &&
                              address - kLocalWindow >= kWindowBytes;
    result |= LaneMask(holds) << lane;
  }
  warp.setPredicate(instruction.args[0], mask, result);
}

bool cinch::emulator::decodeIsspacep(Decoder &decoder) {
  auto space = decoder.takeOne({"global", "shared", "shared::cta", "local"});
  if (!space)
    return decoder.fail("expected a state space");
  decoder.instruction->immediate = int64_t(*space == 0  ? 0
                                           : *space < 3 ? kSharedWindow
                                                        : kLocalWindow);
  decoder.instruction->run = runIsspacep;
  return decoder.expectOperands(2, 2) && decoder.write(0, Type::Pred) &&
         decoder.read(1, Type::U64);
}

bool cinch::emulator::decodeFence(Decoder &decoder) {
  // membar.gl, fence.acq_rel.gpu: how strong it is does not matter here, whose
  // memory has one order; which threads it reaches does.
  decoder.takeOne({"sc", "acq_rel", "acquire", "release"});
  auto scope = decoder.takeOne({"cta", "cluster", "gpu", "gl", "sys"});
  if (!scope)
    return decoder.fail("expected a scope");
  if (*scope >= 2)
    decoder.program->hasFences = true;
  decoder.instruction->flags = *scope >= 2;
  decoder.instruction->run = [](Warp &warp, const Instruction &instruction,
                                LaneMask) {
    if (instruction.flags)
      warp.block.global.fence();
  };
  return decoder.expectOperands(0, 0);
}

bool cinch::emulator::decodePrefetch(Decoder &decoder) {
  Space space;
  bool isOrdered;
  takeAccess(decoder, space, isOrdered);
  decoder.takeOne({"L1", "L2"});
  decoder.instruction->run = [](Warp &, const Instruction &, LaneMask) {};
  return decoder.expectOperands(1, 1) && decoder.readAddress(0, space);
}
