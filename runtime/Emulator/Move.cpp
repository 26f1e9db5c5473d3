//===- Move.cpp - mov and cvt ---------------------------------------------===//
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>
#include <limits>

using namespace cinch::emulator;

template <typename T>
static void runMove(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  forLanes<T>(warp, instruction.args[0], mask,
              [=](unsigned lane) { return T(a[lane]); });
}

static void runMovePredicate(Warp &warp, const Instruction &instruction,
                             LaneMask mask) {
  warp.setPredicate(instruction.args[0], mask,
                    warp.getPredicate(instruction.args[1]));
}

/// mov.pred p, 0 or another number: false, true.
static void runSetPredicate(Warp &warp, const Instruction &instruction,
                            LaneMask mask) {
  warp.setPredicate(instruction.args[0], mask,
                    instruction.immediate ? mask : 0);
}

/// d = {a, b, …}: args are d, then the parts. Immediate: bits of a part. A part
/// that was never written counts as zeros: compilers leave halves undefined
/// that nothing uses.
static void runPack(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const auto &args = instruction.args;
  unsigned bits = unsigned(instruction.immediate);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint64_t value = 0;
    for (size_t i = 1; i < args.size(); ++i)
      if (warp.isWritten(args[i], lane))
        value |= (uint64_t(warp.get<uint32_t>(args[i], lane)) &
                  ((uint64_t(1) << bits) - 1))
                 << (i - 1) * bits;
    warp.setCell(args[0], lane, value);
  }
}

/// {a, b, …} = s: args are the parts, then s.
static void runUnpack(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const auto &args = instruction.args;
  unsigned bits = unsigned(instruction.immediate);
  const Arg &source = args.back();
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint64_t value = source.isWide ? warp.get<uint64_t>(source, lane)
                                   : warp.get<uint32_t>(source, lane);
    for (size_t i = 0; i + 1 < args.size(); ++i)
      warp.setCell(args[i], lane,
                   value >> i * bits & ((uint64_t(1) << bits) - 1));
  }
}

static Type bitsType(unsigned bytes) {
  return bytes == 1 ? Type::B8 : bytes == 2 ? Type::B16 : Type::B32;
}

/// mov between a register and the vector operand `vector`.
static bool decodeParts(Decoder &decoder, Type type, size_t vector) {
  size_t count = decoder.getOperand(vector).elements.size();
  if (count != 2 && count != 4)
    return decoder.fail("expected 2 or 4 registers in braces");
  unsigned bytes = bytesOf(type) / unsigned(count);
  if (bytesOf(type) > 8 || bytes == 0)
    return decoder.fail("has no such parts of this type");
  decoder.instruction->immediate = 8 * bytes;
  decoder.instruction->run = vector == 1 ? runPack : runUnpack;
  Type part = bitsType(bytes);
  if (vector == 0)
    return decoder.writeAll(0, part, count) && decoder.read(1, type);
  if (!decoder.write(0, type) || !decoder.readAll(1, part, count))
    return false;
  decoder.instruction->reads.clear();
  return true;
}

bool cinch::emulator::decodeMov(Decoder &decoder) {
  Type type = decoder.takeType();
  if (!decoder.expectOperands(2, 2))
    return false;
  for (size_t i = 0; i < 2; ++i)
    if (decoder.getOperand(i).kind == ptx::Operand::Vector)
      return decodeParts(decoder, type, i);
  const ptx::Operand &source = decoder.getOperand(1);
  if (type == Type::Pred && source.kind == ptx::Operand::Immediate) {
    decoder.instruction->run = runSetPredicate;
    decoder.instruction->immediate = source.bits != 0;
    return decoder.write(0, type);
  }
  if (type == Type::Pred) {
    decoder.instruction->run = runMovePredicate;
  } else {
    if (bytesOf(type) < 2 || bytesOf(type) > 8)
      return decoder.fail("has no form for this type");
    decoder.instruction->run =
        bytesOf(type) == 8 ? runMove<uint64_t> : runMove<uint32_t>;
  }
  return decoder.write(0, type) && decoder.read(1, type);
}

namespace {
/// Instruction::flags of cvt.
enum Flags : uint32_t {
  kRounding = 7,
  kIntegral = 8, // .rni, .rzi, .rmi, .rpi
  kFlush = 16,
  kSaturate = 32,
  kRelu = 64,
};
} // namespace

/// The types of a cvt, in its immediate.
static int64_t packTypes(Type to, Type from) {
  return int64_t(to) << 8 | int64_t(from);
}

static double loadFloat(Type type, uint64_t bits) {
  switch (type) {
  case Type::F16:
    return halfToFloat(uint16_t(bits));
  case Type::BF16:
    return bfloatToFloat(uint16_t(bits));
  case Type::F32:
    return bitCast<float>(uint32_t(bits));
  default:
    return bitCast<double>(bits);
  }
}

static uint64_t storeFloat(Type type, double value, Rounding rounding) {
  switch (type) {
  case Type::F16:
    return doubleToHalf(value, rounding);
  case Type::BF16:
    return doubleToBfloat(value, rounding);
  case Type::F32:
    return bitCast<uint32_t>(doubleToFloat(value, rounding));
  case Type::TF32:
    return bitCast<uint32_t>(float(doubleToTf32(value, rounding)));
  default:
    return bitCast<uint64_t>(value);
  }
}

/// Bits of `bytes` as a number with or without sign.
static __int128 loadInteger(Type type, uint64_t bits) {
  unsigned shift = 64 - 8 * bytesOf(type);
  return isSigned(type) ? __int128(int64_t(bits << shift) >> shift)
                        : __int128(bits << shift >> shift);
}

static __int128 clampTo(Type type, __int128 value) {
  unsigned bits = 8 * bytesOf(type);
  __int128 low = isSigned(type) ? -(__int128(1) << (bits - 1)) : 0;
  __int128 high = (__int128(1) << (bits - isSigned(type))) - 1;
  return std::clamp(value, low, high);
}

/// Rounds an integer of any size once: above 2^53 a double would round first.
static double integerToDouble(__int128 value, Type to, Rounding rounding) {
  double nearest = double(value);
  if (__int128(nearest) == value)
    return nearest;
  if (to == Type::F64 && rounding == Rounding::Nearest)
    return nearest;
  // To odd, or for f64 in the direction asked for.
  double error = double(value - __int128(nearest));
  if (to == Type::F64) {
    bool up =
        rounding == Rounding::Up || (rounding == Rounding::Zero && value < 0);
    if (error > 0 && up)
      return std::nextafter(nearest, HUGE_VAL);
    if (error < 0 && !up)
      return std::nextafter(nearest, -HUGE_VAL);
    return nearest;
  }
  return addToOdd(nearest, error);
}

static uint64_t convert(const Instruction &instruction, uint64_t bits) {
  Type to = Type(instruction.immediate >> 8),
       from = Type(instruction.immediate & 255);
  uint32_t flags = instruction.flags;
  Rounding rounding = Rounding(flags & kRounding);
  if (isInteger(from)) {
    __int128 value = loadInteger(from, bits);
    if (isInteger(to)) {
      if (flags & kSaturate)
        value = clampTo(to, value);
      // Extended by its sign, for registers that are wider.
      return uint64_t(value);
    }
    return storeFloat(to, integerToDouble(value, to, rounding), rounding);
  }
  double value = loadFloat(from, bits);
  bool isSmall = std::fabs(value) < 0x1p-126;
  if ((flags & kFlush) && from == Type::F32 && isSmall)
    value = std::copysign(0.0, value);
  if (isInteger(to)) {
    if (std::isnan(value)) // as hardware does: 0, of 64 bits the lowest
      return bytesOf(to) == 8 ? uint64_t(1) << 63 : 0;
    value = std::clamp(roundIntegral(value, rounding), -0x1p64, 0x1p64);
    return uint64_t(clampTo(to, __int128(value)));
  }
  if (flags & kIntegral)
    value = roundIntegral(value, rounding);
  if (flags & kSaturate)
    value = value > 0 ? std::min(value, 1.0) : 0; // NaN and -0 are +0
  if ((flags & kRelu) && !std::isnan(value))
    value = std::max(value, 0.0);
  uint64_t result = storeFloat(to, value, rounding);
  if ((flags & kFlush) && to == Type::F32 &&
      std::fabs(loadFloat(to, result)) < 0x1p-126)
    result &= 0x80000000;
  return result;
}

static void runConvert(Warp &warp, const Instruction &instruction,
                       LaneMask mask) {
  const Arg &to = instruction.args[0], &from = instruction.args[1];
  Type type = Type(instruction.immediate >> 8);
  bool extends = isSigned(type);
  unsigned bits = 8 * bytesOf(type);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint64_t value =
        convert(instruction, from.isWide ? warp.get<uint64_t>(from, lane)
                                         : warp.get<uint32_t>(from, lane));
    if (bits < 64)
      value = extends ? uint64_t(int64_t(value << (64 - bits)) >> (64 - bits))
                      : value & ((uint64_t(1) << bits) - 1);
    warp.setCell(to, lane, value);
  }
}

/// Two floats to one pair: d's high half is a, its low half b.
static void runConvertPair(Warp &warp, const Instruction &instruction,
                           LaneMask mask) {
  const auto &args = instruction.args;
  Type to = Type(instruction.immediate >> 8);
  Rounding rounding = Rounding(instruction.flags & kRounding);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    auto one = [&](const Arg &arg) -> uint32_t {
      double value = warp.get<float>(arg, lane);
      if ((instruction.flags & kRelu) && !std::isnan(value))
        value = std::max(value, 0.0);
      switch (to) {
      case Type::F16x2:
        return doubleToHalf(value, rounding);
      case Type::BF16x2:
        return doubleToBfloat(value, rounding);
      case Type::E4M3x2:
        return doubleToE4M3(value);
      default:
        return doubleToE5M2(value);
      }
    };
    unsigned bits = bytesOf(to) == 4 ? 16 : 8;
    warp.setCell(args[0], lane, one(args[1]) << bits | one(args[2]));
  }
}

/// A pair of FP8 to a pair of f16.
static void runWidenPair(Warp &warp, const Instruction &instruction,
                         LaneMask mask) {
  bool isE4M3 = Type(instruction.immediate & 255) == Type::E4M3x2;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    auto pair = warp.get<uint16_t>(instruction.args[1], lane);
    auto one = [=](uint8_t bits) -> uint32_t {
      return doubleToHalf(isE4M3 ? e4m3ToFloat(bits) : e5m2ToFloat(bits));
    };
    warp.setCell(instruction.args[0], lane,
                 one(uint8_t(pair >> 8)) << 16 | one(uint8_t(pair)));
  }
}

static bool decodePairs(Decoder &decoder, Type to, Type from) {
  Instruction &instruction = *decoder.instruction;
  bool isFp8 = to == Type::E4M3x2 || to == Type::E5M2x2;
  if (isFp8 && !decoder.take("satfinite"))
    return decoder.fail("needs .satfinite");
  if ((isFp8 || from == Type::E4M3x2 || from == Type::E5M2x2) &&
      !decoder.requireSm(89))
    return false;
  if (from == Type::F32) {
    instruction.run = runConvertPair;
    return decoder.expectOperands(3, 3) && decoder.write(0, to) &&
           decoder.read(1, from) && decoder.read(2, from);
  }
  if (to == Type::F16x2 && (from == Type::E4M3x2 || from == Type::E5M2x2)) {
    instruction.run = runWidenPair;
    return decoder.expectOperands(2, 2) && decoder.write(0, to) &&
           decoder.read(1, from);
  }
  return decoder.fail("has no form for these types");
}

bool cinch::emulator::decodeCvt(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  Type to = decoder.takeType(), from = decoder.takeType();
  if (auto rounding = decoder.takeOne({"rn", "rz", "rm", "rp", "rna"}))
    instruction.flags |= uint32_t(*rounding);
  else if (auto integral = decoder.takeOne({"rni", "rzi", "rmi", "rpi"}))
    instruction.flags |= uint32_t(*integral) | kIntegral;
  if (decoder.take("ftz"))
    instruction.flags |= kFlush;
  if (decoder.take("sat"))
    instruction.flags |= kSaturate;
  if (decoder.take("relu"))
    instruction.flags |= kRelu;
  instruction.immediate = packTypes(to, from);
  if (to == Type::F16x2 || to == Type::BF16x2 || to == Type::E4M3x2 ||
      to == Type::E5M2x2)
    return decodePairs(decoder, to, from);
  auto isKnown = [](Type type) { return isInteger(type) || isFloat(type); };
  if (!isKnown(to) || !isKnown(from) || from == Type::TF32 ||
      from == Type::F16x2 || from == Type::BF16x2 || bytesOf(to) > 8)
    return decoder.fail("has no form for these types");
  instruction.run = runConvert;
  return decoder.expectOperands(2, 2) && decoder.write(0, to, true) &&
         decoder.read(1, from, true);
}
