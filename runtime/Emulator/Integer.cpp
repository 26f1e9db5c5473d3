//===- Integer.cpp - integer arithmetic -----------------------------------===//
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>
#include <limits>

using namespace cinch::emulator;

namespace {
template <typename T> using Unsigned = std::make_unsigned_t<T>;

// Sums and products wrap: they are computed without a sign. Of 16 bits, in 32,
// since C++ would widen them to int.
template <typename T>
using Wide = std::conditional_t<sizeof(T) == 2, uint32_t, Unsigned<T>>;

struct Add {
  template <typename T> static T apply(T a, T b) {
    return T(Wide<T>(a) + Wide<T>(b));
  }
};
struct Sub {
  template <typename T> static T apply(T a, T b) {
    return T(Wide<T>(a) - Wide<T>(b));
  }
};
struct MulLo {
  template <typename T> static T apply(T a, T b) {
    return T(Wide<T>(a) * Wide<T>(b));
  }
};
template <typename T> T mulHi(T a, T b) {
  using Double =
      std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
  return T(Double(a) * Double(b) >> 8 * sizeof(T));
}
struct MulHi {
  template <typename T> static T apply(T a, T b) { return mulHi(a, b); }
};
struct MadLo {
  template <typename T> static T apply(T a, T b, T c) {
    return T(Wide<T>(a) * Wide<T>(b) + Wide<T>(c));
  }
};
struct MadHi {
  template <typename T> static T apply(T a, T b, T c) {
    return T(Wide<T>(mulHi(a, b)) + Wide<T>(c));
  }
};
struct Min {
  template <typename T> static T apply(T a, T b) { return std::min(a, b); }
};
struct Max {
  template <typename T> static T apply(T a, T b) { return std::max(a, b); }
};
// PTX leaves a division by zero undefined; hardware gives all ones.
struct Div {
  template <typename T> static T apply(T a, T b) {
    if (b == 0)
      return T(-1);
    if (std::is_signed_v<T> && b == T(-1))
      return T(0 - Wide<T>(a)); // the lowest value has no opposite
    return T(a / b);
  }
};
struct Rem {
  template <typename T> static T apply(T a, T b) {
    if (b == 0)
      return a;
    if (std::is_signed_v<T> && b == T(-1))
      return 0;
    return T(a % b);
  }
};
struct Neg {
  template <typename T> static T apply(T a) { return T(0 - Wide<T>(a)); }
};
struct Abs {
  template <typename T> static T apply(T a) {
    return a < 0 ? T(0 - Wide<T>(a)) : a;
  }
};
struct Sad {
  template <typename T> static T apply(T a, T b, T c) {
    Wide<T> distance =
        a < b ? Wide<T>(b) - Wide<T>(a) : Wide<T>(a) - Wide<T>(b);
    return T(Wide<T>(c) + distance);
  }
};
// Sums that stay at the ends of the range (add.sat.s32).
struct AddSat {
  static int32_t apply(int32_t a, int32_t b) {
    return int32_t(
        std::clamp(int64_t(a) + b, int64_t(INT32_MIN), int64_t(INT32_MAX)));
  }
};
struct SubSat {
  static int32_t apply(int32_t a, int32_t b) {
    return int32_t(
        std::clamp(int64_t(a) - b, int64_t(INT32_MIN), int64_t(INT32_MAX)));
  }
};
} // namespace

/// Twice as wide results: mul.wide, mad.wide.
template <typename T, typename Result, bool HasAddend>
static void runWide(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const Cell<T> *b = cells<T>(warp, instruction.args[2]);
  const Cell<Result> *c =
      HasAddend ? cells<Result>(warp, instruction.args[3]) : nullptr;
  forLanes<Result>(warp, instruction.args[0], mask, [=](unsigned lane) {
    auto product = Wide<Result>(Result(unpackCell<T>(a[lane]))) *
                   Wide<Result>(Result(unpackCell<T>(b[lane])));
    if (HasAddend)
      product += Wide<Result>(unpackCell<Result>(c[lane]));
    return Result(product);
  });
}

template <bool HasAddend> static Handler pickWide(Type type) {
  switch (type) {
  case Type::U16:
    return runWide<uint16_t, uint32_t, HasAddend>;
  case Type::S16:
    return runWide<int16_t, int32_t, HasAddend>;
  case Type::U32:
    return runWide<uint32_t, uint64_t, HasAddend>;
  case Type::S32:
    return runWide<int32_t, int64_t, HasAddend>;
  default:
    return nullptr;
  }
}

static Type widen(Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  default:
    return Type::S64;
  }
}

bool cinch::emulator::decodeAdd(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatBinary(decoder, type, "add");
  if (decoder.has("cc"))
    return decodeCarry(decoder, type);
  if (type == Type::S32 && decoder.take("sat"))
    return decoder.finish(runBinary<int32_t, AddSat>, type, 2);
  return decoder.finish(CINCH_PICK_INTEGER(runBinary, Add, type), type, 2);
}

bool cinch::emulator::decodeSub(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatBinary(decoder, type, "sub");
  if (decoder.has("cc"))
    return decodeCarry(decoder, type);
  if (type == Type::S32 && decoder.take("sat"))
    return decoder.finish(runBinary<int32_t, SubSat>, type, 2);
  return decoder.finish(CINCH_PICK_INTEGER(runBinary, Sub, type), type, 2);
}

bool cinch::emulator::decodeMul(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatBinary(decoder, type, "mul");
  auto half = decoder.takeOne({"lo", "hi", "wide"});
  if (!half)
    return decoder.fail("expected .lo, .hi or .wide");
  if (*half < 2)
    return decoder.finish(*half ? CINCH_PICK_INTEGER(runBinary, MulHi, type)
                                : CINCH_PICK_INTEGER(runBinary, MulLo, type),
                          type, 2);
  decoder.instruction->run = pickWide<false>(type);
  if (!decoder.instruction->run)
    return decoder.fail("has no form for this type");
  return decoder.expectOperands(3, 3) && decoder.write(0, widen(type)) &&
         decoder.read(1, type) && decoder.read(2, type);
}

bool cinch::emulator::decodeMad(Decoder &decoder) {
  Type type = decoder.takeType();
  if (decoder.has("cc"))
    return decodeCarry(decoder, type);
  auto half = decoder.takeOne({"lo", "hi", "wide"});
  if (!half)
    return decoder.fail("expected .lo, .hi or .wide");
  if (*half < 2)
    return decoder.finish(*half ? CINCH_PICK_INTEGER(runTernary, MadHi, type)
                                : CINCH_PICK_INTEGER(runTernary, MadLo, type),
                          type, 3);
  decoder.instruction->run = pickWide<true>(type);
  if (!decoder.instruction->run)
    return decoder.fail("has no form for this type");
  return decoder.expectOperands(4, 4) && decoder.write(0, widen(type)) &&
         decoder.read(1, type) && decoder.read(2, type) &&
         decoder.read(3, widen(type));
}

bool cinch::emulator::decodeDiv(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatBinary(decoder, type, "div");
  return decoder.finish(CINCH_PICK_INTEGER(runBinary, Div, type), type, 2);
}

bool cinch::emulator::decodeRem(Decoder &decoder) {
  Type type = decoder.takeType();
  return decoder.finish(CINCH_PICK_INTEGER(runBinary, Rem, type), type, 2);
}

bool cinch::emulator::decodeMin(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatBinary(decoder, type, "min");
  return decoder.finish(CINCH_PICK_INTEGER(runBinary, Min, type), type, 2);
}

bool cinch::emulator::decodeMax(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatBinary(decoder, type, "max");
  return decoder.finish(CINCH_PICK_INTEGER(runBinary, Max, type), type, 2);
}

bool cinch::emulator::decodeNeg(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatUnary(decoder, type, "neg");
  return decoder.finish(CINCH_PICK_INTEGER(runUnary, Neg, type), type, 1);
}

bool cinch::emulator::decodeAbs(Decoder &decoder) {
  Type type = decoder.takeType();
  if (isFloat(type))
    return decodeFloatUnary(decoder, type, "abs");
  return decoder.finish(isSigned(type) ? CINCH_PICK_INTEGER(runUnary, Abs, type)
                                       : nullptr,
                        type, 1);
}

bool cinch::emulator::decodeSad(Decoder &decoder) {
  Type type = decoder.takeType();
  return decoder.finish(CINCH_PICK_INTEGER(runTernary, Sad, type), type, 3);
}

/// dp4a: d = c + the sum of the products of four bytes.
template <typename A, typename B>
static void runDotProduct(Warp &warp, const Instruction &instruction,
                          LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    uint32_t sum = c[lane];
    for (unsigned i = 0; i < 32; i += 8)
      sum += uint32_t(int32_t(A(a[lane] >> i)) * int32_t(B(b[lane] >> i)));
    return sum;
  });
}

bool cinch::emulator::decodeDotProduct(Decoder &decoder) {
  Type a = decoder.takeType(), b = decoder.takeType();
  bool isSignedA = a == Type::S32, isSignedB = b == Type::S32;
  if ((!isSignedA && a != Type::U32) || (!isSignedB && b != Type::U32))
    return decoder.fail("takes .u32 and .s32");
  Handler run = isSignedA ? (isSignedB ? runDotProduct<int8_t, int8_t>
                                       : runDotProduct<int8_t, uint8_t>)
                          : (isSignedB ? runDotProduct<uint8_t, int8_t>
                                       : runDotProduct<uint8_t, uint8_t>);
  return decoder.finish(run, Type::B32, 3);
}
