//===- Approximate.cpp - roots, exponentials, sines -----------------------===//
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"

using namespace cinch::emulator;

// Computed in double and rounded once: closer to the exact value than hardware,
// whose error the PTX manual bounds (2 ulp and more); comparisons must allow
// it.
namespace {
struct Rcp {
  static double apply(double a) { return 1 / a; }
};
struct Sqrt {
  static double apply(double a) { return std::sqrt(a); }
};
struct Rsqrt {
  static double apply(double a) { return 1 / std::sqrt(a); }
};
struct Ex2 {
  static double apply(double a) { return std::exp2(a); }
};
struct Lg2 {
  static double apply(double a) { return std::log2(a); }
};
struct Sin {
  static double apply(double a) { return std::sin(a); }
};
struct Cos {
  static double apply(double a) { return std::cos(a); }
};
struct Tanh {
  static double apply(double a) { return std::tanh(a); }
};
enum Flags : uint32_t { kRounding = 7, kFlush = 8 };
} // namespace

static double flushFloat(double value) {
  return std::fabs(value) < 0x1p-126 ? std::copysign(0.0, value) : value;
}

template <typename F>
static void runFloat(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  uint32_t flags = instruction.flags;
  forLanes<float>(warp, instruction.args[0], mask, [=](unsigned lane) {
    double x = bitCast<float>(a[lane]);
    if (flags & kFlush)
      x = flushFloat(x);
    float value = doubleToFloat(F::apply(x), Rounding(flags & kRounding));
    return flags & kFlush ? float(flushFloat(value)) : value;
  });
}

template <typename F>
static void runDouble(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const uint64_t *a = cells<uint64_t>(warp, instruction.args[1]);
  forLanes<double>(warp, instruction.args[0], mask, [=](unsigned lane) {
    return F::apply(bitCast<double>(a[lane]));
  });
}

/// f16, bf16 and their pairs. Immediate: 1 bf16, 2 pair.
template <typename F>
static void runHalf(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  bool isBfloat = instruction.immediate & 1, isPair = instruction.immediate & 2;
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    auto one = [=](uint16_t bits) -> uint32_t {
      double value =
          F::apply(isBfloat ? bfloatToFloat(bits) : halfToFloat(bits));
      return isBfloat ? doubleToBfloat(value) : doubleToHalf(value);
    };
    uint32_t low = one(uint16_t(a[lane]));
    return isPair ? one(uint16_t(a[lane] >> 16)) << 16 | low : low;
  });
}

template <typename F> static bool decode(Decoder &decoder, bool hasHalf) {
  Instruction &instruction = *decoder.instruction;
  Type type = decoder.takeType();
  decoder.take("approx");
  if (auto rounding = decoder.takeOne({"rn", "rz", "rm", "rp"}))
    instruction.flags |= uint32_t(*rounding);
  if (decoder.take("ftz"))
    instruction.flags |= kFlush;
  bool isBfloat = type == Type::BF16 || type == Type::BF16x2;
  bool isPair = type == Type::F16x2 || type == Type::BF16x2;
  if (type == Type::F32)
    instruction.run = runFloat<F>;
  else if (type == Type::F64 && (instruction.flags & kRounding) == 0)
    instruction.run = runDouble<F>;
  else if (hasHalf && (type == Type::F16 || isBfloat || isPair))
    instruction.run = runHalf<F>;
  else
    return decoder.fail("has no form for this type");
  instruction.immediate = isBfloat | isPair << 1;
  return decoder.expectOperands(2, 2) && decoder.write(0, type) &&
         decoder.read(1, type);
}

bool cinch::emulator::decodeApproximation(Decoder &decoder) {
  const std::string &opcode = decoder.getStatement().opcode;
  if (opcode == "rcp")
    return decode<Rcp>(decoder, false);
  if (opcode == "sqrt")
    return decode<Sqrt>(decoder, false);
  if (opcode == "rsqrt")
    return decode<Rsqrt>(decoder, false);
  if (opcode == "ex2")
    return decode<Ex2>(decoder, true);
  if (opcode == "lg2")
    return decode<Lg2>(decoder, false);
  if (opcode == "sin")
    return decode<Sin>(decoder, false);
  if (opcode == "cos")
    return decode<Cos>(decoder, false);
  return decode<Tanh>(decoder, true);
}
