//===- Float.cpp - arithmetic of floats -----------------------------------===//
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>
#include <cfenv>

using namespace cinch::emulator;

namespace {
/// Instruction::flags of this family.
enum Flags : uint32_t {
  kRounding = 7,
  kFlush = 8,
  kSaturate = 16,
  kNan = 32,
  kRelu = 64,
};

/// A format as the handlers see it: computed in `Compute`, which holds every
/// value, and rounded on the way back.
struct F32 {
  using Bits = uint32_t;
  static double load(Bits bits) { return bitCast<float>(bits); }
  static Bits store(double value, Rounding rounding) {
    return bitCast<uint32_t>(doubleToFloat(value, rounding));
  }
  static constexpr double kSmallest = 0x1p-126;
};
struct F16 {
  using Bits = uint16_t;
  static double load(Bits bits) { return halfToFloat(bits); }
  static Bits store(double value, Rounding rounding) {
    return doubleToHalf(value, rounding);
  }
  static constexpr double kSmallest = 0x1p-14;
};
struct BF16 {
  using Bits = uint16_t;
  static double load(Bits bits) { return bfloatToFloat(bits); }
  static Bits store(double value, Rounding rounding) {
    return doubleToBfloat(value, rounding);
  }
  static constexpr double kSmallest = 0x1p-126;
};

// What is computed, in double and to odd, so that one rounding is left.

/// Sums of `F::addends`.
template <typename F> struct Sum {
  static double apply(double a, double b, double c, Rounding rounding) {
    auto [x, y] = F::addends(a, b, c);
    double sum = addToOdd(x, y);
    // What cancels is -0 on the way down, but for +0 and +0.
    if (sum == 0 && rounding == Rounding::Down)
      return std::signbit(x) || std::signbit(y) ? -0.0 : 0.0;
    return sum;
  }
};
struct Add : Sum<Add> {
  static std::pair<double, double> addends(double a, double b, double) {
    return {a, b};
  }
  static float fast(float a, float b, float) { return a + b; }
};
struct Sub : Sum<Sub> {
  static std::pair<double, double> addends(double a, double b, double) {
    return {a, -b};
  }
  static float fast(float a, float b, float) { return a - b; }
};
struct Fma : Sum<Fma> {
  static std::pair<double, double> addends(double a, double b, double c) {
    return {a * b, c}; // exact: the operands have at most 24 bits
  }
  static float fast(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
  }
};
struct Mul {
  static double apply(double a, double b, double, Rounding) { return a * b; }
  static float fast(float a, float b, float) { return a * b; }
};
struct Div {
  static double apply(double a, double b, double, Rounding) {
    // The quotient of two floats is either exact or far from a tie.
    return a / b;
  }
  static float fast(float a, float b, float) { return a / b; }
};
// Of a number and a NaN the number; -0 is below +0.
struct Min {
  static double apply(double a, double b, double = 0,
                      Rounding = Rounding::Nearest) {
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) ? b : a;
    return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
  }
  static float fast(float a, float b, float) { return float(apply(a, b)); }
};
struct Max {
  static double apply(double a, double b, double = 0,
                      Rounding = Rounding::Nearest) {
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) ? b : a;
    return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
  }
  static float fast(float a, float b, float) { return float(apply(a, b)); }
};
} // namespace

template <typename Format> static double flush(double value) {
  return std::fabs(value) < Format::kSmallest ? std::copysign(0.0, value)
                                              : value;
}

/// One element, with every modifier.
template <typename Format, typename F>
static typename Format::Bits computeOne(uint32_t flags, typename Format::Bits a,
                                        typename Format::Bits b,
                                        typename Format::Bits c) {
  double x = Format::load(a), y = Format::load(b), z = Format::load(c);
  if (flags & kFlush) {
    x = flush<Format>(x);
    y = flush<Format>(y);
    z = flush<Format>(z);
  }
  const Rounding rounding = Rounding(flags & kRounding);
  double value = F::apply(x, y, z, rounding);
  if ((flags & kNan) && (std::isnan(x) || std::isnan(y)))
    value = NAN;
  if (flags & kSaturate)
    value = value > 0 ? std::min(value, 1.0) : 0; // NaN and -0 are +0
  if (flags & kRelu)
    value = std::isnan(value) ? value : std::max(value, 0.0);
  auto bits = Format::store(value, rounding);
  if (flags & kFlush)
    bits = Format::store(flush<Format>(Format::load(bits)), Rounding::Nearest);
  return bits;
}

template <typename Format, typename F, unsigned Sources>
static void runFloat(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  using Bits = typename Format::Bits;
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c =
      Sources > 2 ? cells<uint32_t>(warp, instruction.args[3]) : b;
  uint32_t flags = instruction.flags;
  forLanes<Bits>(warp, instruction.args[0], mask, [=](unsigned lane) {
    return computeOne<Format, F>(flags, Bits(a[lane]), Bits(b[lane]),
                                 Bits(c[lane]));
  });
}

/// Two halves of 16 bits.
template <typename Format, typename F, unsigned Sources>
static void runPacked(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c =
      Sources > 2 ? cells<uint32_t>(warp, instruction.args[3]) : b;
  uint32_t flags = instruction.flags;
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    uint32_t low = computeOne<Format, F>(flags, uint16_t(a[lane]),
                                         uint16_t(b[lane]), uint16_t(c[lane]));
    uint32_t high = computeOne<Format, F>(flags, a[lane] >> 16, b[lane] >> 16,
                                          c[lane] >> 16);
    return high << 16 | low;
  });
}

/// f32 with no modifier but .rn: what compilers write.
template <typename F, unsigned Sources>
static void runFast(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c =
      Sources > 2 ? cells<uint32_t>(warp, instruction.args[3]) : b;
  forLanes<float>(warp, instruction.args[0], mask, [=](unsigned lane) {
    return F::fast(bitCast<float>(a[lane]), bitCast<float>(b[lane]),
                   bitCast<float>(c[lane]));
  });
}

/// f64, in the direction of the modifier.
template <typename F> static double inDirection(Rounding rounding, F compute) {
  static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                              FE_UPWARD, FE_TONEAREST};
  if (rounding == Rounding::Nearest)
    return compute();
  fesetround(modes[unsigned(rounding)]);
  volatile double value = compute();
  fesetround(FE_TONEAREST);
  return value;
}

template <char Op>
static void runDouble(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const auto &args = instruction.args;
  Rounding rounding = Rounding(instruction.flags & kRounding);
  forLanes<double>(warp, args[0], mask, [&](unsigned lane) -> double {
    volatile double a = warp.get<double>(args[1], lane);
    volatile double b = warp.get<double>(args[2], lane);
    volatile double c = Op == 'f' ? warp.get<double>(args[3], lane) : 0;
    return inDirection(rounding, [&]() -> double {
      switch (Op) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return a / b;
      case 'f':
        return __builtin_fma(a, b, c);
      case '<':
        return Min::apply(a, b);
      default:
        return Max::apply(a, b);
      }
    });
  });
}

template <typename F, unsigned Sources>
static Handler pickFloat(Type type, uint32_t flags, Handler ofDouble) {
  switch (type) {
  case Type::F32:
    return flags ? runFloat<F32, F, Sources> : runFast<F, Sources>;
  case Type::F16:
    return runFloat<F16, F, Sources>;
  case Type::BF16:
    return runFloat<BF16, F, Sources>;
  case Type::F16x2:
    return runPacked<F16, F, Sources>;
  case Type::BF16x2:
    return runPacked<BF16, F, Sources>;
  case Type::F64:
    return ofDouble;
  default:
    return nullptr;
  }
}

static uint32_t takeFlags(Decoder &decoder) {
  uint32_t flags = 0;
  if (auto rounding = decoder.takeOne({"rn", "rz", "rm", "rp"}))
    flags |= uint32_t(*rounding);
  if (decoder.take("ftz"))
    flags |= kFlush;
  if (decoder.take("sat"))
    flags |= kSaturate;
  if (decoder.take("NaN"))
    flags |= kNan;
  if (decoder.take("relu"))
    flags |= kRelu;
  return flags;
}

bool cinch::emulator::decodeFloatBinary(Decoder &decoder, Type type,
                                        std::string_view opcode) {
  uint32_t flags = takeFlags(decoder);
  if (opcode == "div") { // the approximations are rounded correctly here
    decoder.take("approx");
    decoder.take("full");
  }
  if (type == Type::F64 && (flags & ~kRounding))
    return decoder.fail("has no such form for .f64");
  Instruction &instruction = *decoder.instruction;
  instruction.flags = flags;
  Handler run =
      opcode == "add"   ? pickFloat<Add, 2>(type, flags, runDouble<'+'>)
      : opcode == "sub" ? pickFloat<Sub, 2>(type, flags, runDouble<'-'>)
      : opcode == "mul" ? pickFloat<Mul, 2>(type, flags, runDouble<'*'>)
      : opcode == "div" ? pickFloat<Div, 2>(type, flags, runDouble<'/'>)
      : opcode == "min" ? pickFloat<Min, 2>(type, flags, runDouble<'<'>)
                        : pickFloat<Max, 2>(type, flags, runDouble<'>'>);
  return decoder.finish(run, type, 2);
}

bool cinch::emulator::decodeFma(Decoder &decoder) {
  Type type = decoder.takeType();
  uint32_t flags = takeFlags(decoder);
  decoder.instruction->flags = flags;
  return decoder.finish(pickFloat<Fma, 3>(type, flags, runDouble<'f'>), type,
                        3);
}

/// neg and abs: change the bits of `instruction.immediate`, the signs of a
/// cell. Flags: 1 abs; 2 f32 whose subnormal numbers become zeros.
template <typename T>
static void runSign(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  T signs = T(instruction.immediate);
  bool isAbs = instruction.flags & 1, isFlushed = instruction.flags & 2;
  constexpr T kExponent = T(0x7F800000);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    T value = isAbs ? T(a[lane]) & ~signs : T(a[lane]) ^ signs;
    return isFlushed && !(value & kExponent) ? value & signs : value;
  });
}

bool cinch::emulator::decodeFloatUnary(Decoder &decoder, Type type,
                                       std::string_view opcode) {
  Instruction &instruction = *decoder.instruction;
  bool isFlushed = decoder.take("ftz");
  if (isFlushed && type != Type::F32)
    return decoder.fail("with .ftz is supported for .f32 only");
  bool isPacked = type == Type::F16x2 || type == Type::BF16x2;
  unsigned bytes = bytesOf(type);
  instruction.immediate =
      isPacked ? int64_t(0x80008000) : int64_t(uint64_t(1) << (8 * bytes - 1));
  instruction.flags = (opcode == "abs") | (isFlushed ? 2 : 0);
  instruction.run = bytes == 8   ? runSign<uint64_t>
                    : bytes == 4 ? runSign<uint32_t>
                                 : runSign<uint16_t>;
  return decoder.expectOperands(2, 2) && decoder.write(0, type) &&
         decoder.read(1, type);
}

bool cinch::emulator::decodeCopysign(Decoder &decoder) {
  Type type = decoder.takeType();
  if (type != Type::F32 && type != Type::F64)
    return decoder.fail("takes .f32 or .f64");
  // The sign of a, the rest of b.
  decoder.instruction->run = [](Warp &warp, const Instruction &instruction,
                                LaneMask mask) {
    const auto &args = instruction.args;
    uint64_t sign = uint64_t(1) << (args[0].isWide ? 63 : 31);
    for (LaneMask rest = mask; rest; rest &= rest - 1) {
      unsigned lane = __builtin_ctz(rest);
      auto bits = [&](const Arg &arg) {
        return arg.isWide ? warp.get<uint64_t>(arg, lane)
                          : warp.get<uint32_t>(arg, lane);
      };
      warp.setCell(args[0], lane,
                   (bits(args[1]) & sign) | (bits(args[2]) & ~sign));
    }
  };
  return decoder.expectOperands(3, 3) && decoder.write(0, type) &&
         decoder.read(1, type) && decoder.read(2, type);
}
