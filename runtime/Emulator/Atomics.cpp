//===- Atomics.cpp - atom and red -----------------------------------------===//
#include "runtime/Emulator/Access.h"
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>

using namespace cinch::emulator;

/// In the order of kNames.
enum Operation : uint8_t { And, Or, Xor, Exch, Add, Min, Max, Inc, Dec, Cas };

template <typename T>
static T combineInteger(Operation operation, T old, T b, T c) {
  using Bits = std::make_unsigned_t<T>;
  switch (operation) {
  case And:
    return T(old & b);
  case Or:
    return T(old | b);
  case Xor:
    return T(old ^ b);
  case Exch:
    return b;
  case Add:
    return T(Bits(old) + Bits(b));
  case Min:
    return std::min(old, b);
  case Max:
    return std::max(old, b);
  case Inc: // counts up to b, then from 0 again
    return old >= b ? T(0) : T(old + 1);
  case Dec:
    return old == 0 || old > b ? b : T(old - 1);
  case Cas:
    return old == b ? c : old;
  }
  return old;
}

static uint64_t combine(Type type, Operation operation, uint64_t old,
                        uint64_t b, uint64_t c) {
  auto half = [](uint64_t x, uint64_t y, unsigned shift) -> uint64_t {
    return uint64_t(doubleToHalf(double(halfToFloat(uint16_t(x >> shift))) +
                                 halfToFloat(uint16_t(y >> shift))))
           << shift;
  };
  auto bfloat = [](uint64_t x, uint64_t y, unsigned shift) -> uint64_t {
    return uint64_t(
               doubleToBfloat(addToOdd(bfloatToFloat(uint16_t(x >> shift)),
                                       bfloatToFloat(uint16_t(y >> shift)))))
           << shift;
  };
  switch (type) {
  case Type::F32:
    return bitCast<uint32_t>(bitCast<float>(uint32_t(old)) +
                             bitCast<float>(uint32_t(b)));
  case Type::F64:
    return bitCast<uint64_t>(bitCast<double>(old) + bitCast<double>(b));
  case Type::F16:
    return half(old, b, 0);
  case Type::F16x2:
    return half(old, b, 0) | half(old, b, 16);
  case Type::BF16:
    return bfloat(old, b, 0);
  case Type::BF16x2:
    return bfloat(old, b, 0) | bfloat(old, b, 16);
  case Type::S32:
    return uint32_t(combineInteger(operation, int32_t(old), int32_t(b), 0));
  case Type::S64:
    return uint64_t(
        combineInteger(operation, int64_t(old), int64_t(b), int64_t(0)));
  case Type::B16:
    return combineInteger(operation, uint16_t(old), uint16_t(b), uint16_t(c));
  case Type::B64:
  case Type::U64:
    return combineInteger(operation, old, b, c);
  default:
    return combineInteger(operation, uint32_t(old), uint32_t(b), uint32_t(c));
  }
}

/// Arguments: [d], base, b, [c]. Flags: type, operation, whether there is d.
static void runAtomic(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const auto &args = instruction.args;
  Type type = Type(instruction.flags & 255);
  Operation operation = Operation(instruction.flags >> 8 & 255);
  size_t first = instruction.flags >> 16;
  unsigned size = bytesOf(type);
  auto get = [&](const Arg &arg, unsigned lane) -> uint64_t {
    return arg.isWide ? warp.get<uint64_t>(arg, lane)
                      : warp.get<uint32_t>(arg, lane);
  };
  Access access(warp, instruction, AccessKind::Atomic, size, true);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    char *word = access.at(args[first], lane);
    uint64_t old = 0;
    memcpy(&old, word, size);
    uint64_t value =
        combine(type, operation, old, get(args[first + 1], lane),
                args.size() > first + 2 ? get(args[first + 2], lane) : 0);
    memcpy(word, &value, size);
    if (first)
      warp.setCell(args[0], lane, old);
  }
}

static bool decodeAtomic(Decoder &decoder, bool hasResult) {
  Instruction &instruction = *decoder.instruction;
  Space space = Space::Generic;
  if (decoder.take("global"))
    space = Space::Global;
  else if (decoder.takeOne({"shared", "shared::cta"}))
    space = Space::Shared;
  decoder.takeOne({"relaxed", "acquire", "release", "acq_rel"});
  decoder.takeOne({"cta", "cluster", "gpu", "sys"});
  auto operation = decoder.takeOne(
      {"and", "or", "xor", "exch", "add", "min", "max", "inc", "dec", "cas"});
  decoder.take("noftz");
  Type type = decoder.takeType();
  if (!operation)
    return decoder.fail("expected an operation");
  bool isKnown = isFloat(type) ? *operation == Add && type != Type::TF32
                               : bytesOf(type) == 4 || bytesOf(type) == 8 ||
                                     (type == Type::B16 && *operation == Cas);
  if (!isKnown)
    return decoder.fail("has no form for this type");
  if (space != Space::Shared)
    decoder.program->hasGlobalAtomics = true;
  size_t operands = size_t(hasResult) + 2 + (*operation == Cas);
  if (!decoder.expectOperands(operands, operands))
    return false;
  instruction.flags =
      uint32_t(type) | uint32_t(*operation) << 8 | uint32_t(hasResult) << 16;
  instruction.run = runAtomic;
  size_t next = 0;
  if (hasResult && !decoder.write(next++, type))
    return false;
  if (!decoder.readAddress(next++, space))
    return false;
  while (next < operands)
    if (!decoder.read(next++, type))
      return false;
  return true;
}

bool cinch::emulator::decodeAtom(Decoder &decoder) {
  return decodeAtomic(decoder, /*hasResult=*/true);
}

bool cinch::emulator::decodeRed(Decoder &decoder) {
  return decodeAtomic(decoder, /*hasResult=*/false);
}
