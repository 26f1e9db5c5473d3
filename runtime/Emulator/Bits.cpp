//===- Bits.cpp - logic, shifts, fields of bits ---------------------------===//
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>

using namespace cinch::emulator;

namespace {
struct And {
  template <typename T> static T apply(T a, T b) { return T(a & b); }
};
struct Or {
  template <typename T> static T apply(T a, T b) { return T(a | b); }
};
struct Xor {
  template <typename T> static T apply(T a, T b) { return T(a ^ b); }
};
struct Not {
  template <typename T> static T apply(T a) { return T(~a); }
};
struct Cnot {
  template <typename T> static T apply(T a) { return T(a == 0); }
};
struct Brev {
  template <typename T> static T apply(T a) {
    T reversed = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i)
      reversed |= T((a >> i & 1) << (8 * sizeof(T) - 1 - i));
    return reversed;
  }
};
} // namespace

template <typename F>
static void runPredicates(Warp &warp, const Instruction &instruction,
                          LaneMask mask) {
  const auto &args = instruction.args;
  LaneMask b = args.size() > 2 ? warp.getPredicate(args[2]) : 0;
  warp.setPredicate(args[0], mask,
                    F::template apply<LaneMask>(warp.getPredicate(args[1]), b));
}

static void runNotPredicate(Warp &warp, const Instruction &instruction,
                            LaneMask mask) {
  warp.setPredicate(instruction.args[0], mask,
                    ~warp.getPredicate(instruction.args[1]));
}

template <typename F> static bool decodeLogic(Decoder &decoder) {
  Type type = decoder.takeType();
  Handler run = type == Type::Pred ? runPredicates<F>
                                   : CINCH_PICK_INTEGER(runBinary, F, type);
  return decoder.finish(run, type, 2);
}

bool cinch::emulator::decodeAnd(Decoder &decoder) {
  return decodeLogic<And>(decoder);
}
bool cinch::emulator::decodeOr(Decoder &decoder) {
  return decodeLogic<Or>(decoder);
}
bool cinch::emulator::decodeXor(Decoder &decoder) {
  return decodeLogic<Xor>(decoder);
}

bool cinch::emulator::decodeNot(Decoder &decoder) {
  Type type = decoder.takeType();
  return decoder.finish(type == Type::Pred
                            ? runNotPredicate
                            : CINCH_PICK_INTEGER(runUnary, Not, type),
                        type, 1);
}

bool cinch::emulator::decodeCnot(Decoder &decoder) {
  Type type = decoder.takeType();
  return decoder.finish(CINCH_PICK_INTEGER(runUnary, Cnot, type), type, 1);
}

bool cinch::emulator::decodeBrev(Decoder &decoder) {
  Type type = decoder.takeType();
  if (type != Type::B32 && type != Type::B64)
    return decoder.fail("takes .b32 or .b64");
  return decoder.finish(CINCH_PICK_INTEGER(runUnary, Brev, type), type, 1);
}

/// Shifts by a 32-bit number, which is clamped to the width.
template <typename T, bool IsLeft>
static void runShift(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  constexpr unsigned width = 8 * sizeof(T);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    T value = unpackCell<T>(a[lane]);
    if (b[lane] < width)
      return T(IsLeft ? value << b[lane] : value >> b[lane]);
    return std::is_signed_v<T> && value < 0 && !IsLeft ? T(-1) : T(0);
  });
}

static bool finishShift(Decoder &decoder, Type type, Handler run) {
  if (!run)
    return decoder.fail("has no form for this type");
  decoder.instruction->run = run;
  return decoder.expectOperands(3, 3) && decoder.write(0, type) &&
         decoder.read(1, type) && decoder.read(2, Type::U32);
}

bool cinch::emulator::decodeShl(Decoder &decoder) {
  Type type = decoder.takeType();
  return finishShift(decoder, type,
                     pick(type, runShift<uint16_t, true>,
                          runShift<uint32_t, true>, runShift<uint64_t, true>,
                          nullptr, nullptr, nullptr));
}

bool cinch::emulator::decodeShr(Decoder &decoder) {
  Type type = decoder.takeType();
  return finishShift(decoder, type,
                     pick(type, runShift<uint16_t, false>,
                          runShift<uint32_t, false>, runShift<uint64_t, false>,
                          runShift<int16_t, false>, runShift<int32_t, false>,
                          runShift<int64_t, false>));
}

/// shf: 32 bits of b:a, shifted. Flags: 1 right, 2 wrap (else clamp).
static void runFunnel(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  bool isRight = instruction.flags & 1, wraps = instruction.flags & 2;
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    uint64_t both = uint64_t(b[lane]) << 32 | a[lane];
    uint32_t count = wraps ? c[lane] & 31 : std::min(c[lane], 32u);
    return uint32_t(isRight ? both >> count : both << count >> 32);
  });
}

bool cinch::emulator::decodeShf(Decoder &decoder) {
  bool isRight = decoder.take("r");
  if (!isRight && !decoder.take("l"))
    return decoder.fail("expected .l or .r");
  bool wraps = decoder.take("wrap");
  if (!wraps && !decoder.take("clamp"))
    return decoder.fail("expected .wrap or .clamp");
  decoder.instruction->flags = isRight | wraps << 1;
  if (decoder.takeType() != Type::B32)
    return decoder.fail("takes .b32");
  return decoder.finish(runFunnel, Type::B32, 3);
}

/// prmt: each byte of the result is one of eight, or its sign.
static void runPermute(Warp &warp, const Instruction &instruction,
                       LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    uint64_t both = uint64_t(b[lane]) << 32 | a[lane];
    uint32_t result = 0;
    for (unsigned i = 0; i < 4; ++i) {
      uint32_t selector = c[lane] >> 4 * i & 15;
      uint8_t byte = uint8_t(both >> 8 * (selector & 7));
      if (selector & 8)
        byte = byte & 0x80 ? 0xFF : 0;
      result |= uint32_t(byte) << 8 * i;
    }
    return result;
  });
}

bool cinch::emulator::decodePrmt(Decoder &decoder) {
  if (decoder.takeType() != Type::B32)
    return decoder.fail("takes .b32");
  return decoder.finish(runPermute, Type::B32, 3);
}

/// lop3: any function of three bits; its table is the last operand.
static void runLop3(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint32_t *a = cells<uint32_t>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  uint32_t table = uint32_t(instruction.immediate);
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    uint32_t result = 0;
    for (unsigned i = 0; i < 8; ++i)
      if (table >> i & 1)
        result |= (i & 4 ? a[lane] : ~a[lane]) & (i & 2 ? b[lane] : ~b[lane]) &
                  (i & 1 ? c[lane] : ~c[lane]);
    return result;
  });
}

bool cinch::emulator::decodeLop3(Decoder &decoder) {
  if (decoder.takeType() != Type::B32)
    return decoder.fail("takes .b32");
  if (!decoder.expectOperands(5, 5))
    return false;
  const ptx::Operand &table = decoder.getOperand(4);
  if (table.kind != ptx::Operand::Immediate || table.bits > 255)
    return decoder.fail("the table must be a number up to 255");
  decoder.instruction->run = runLop3;
  decoder.instruction->immediate = int64_t(table.bits);
  return decoder.write(0, Type::B32) && decoder.read(1, Type::B32) &&
         decoder.read(2, Type::B32) && decoder.read(3, Type::B32);
}

/// A 32-bit number that F finds in a value of T.
template <typename T, typename F>
static void runCount(Warp &warp, const Instruction &instruction,
                     LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  forLanes<uint32_t>(warp, instruction.args[0], mask, [=](unsigned lane) {
    return F::apply(unpackCell<T>(a[lane]));
  });
}

namespace {
struct Popc {
  static uint32_t apply(uint64_t a) { return __builtin_popcountll(a); }
};
struct Clz {
  template <typename T> static uint32_t apply(T a) {
    return a ? __builtin_clzll(a) - (64 - 8 * sizeof(T)) : 8 * sizeof(T);
  }
};
/// Position of the highest bit that is set, or differs from the sign.
struct Bfind {
  template <typename T> static uint32_t apply(T a) {
    if (std::is_signed_v<T> && a < 0)
      a = T(~a);
    using Bits = std::make_unsigned_t<T>;
    return a ? 63 - __builtin_clzll(Bits(a)) : ~uint32_t(0);
  }
};
} // namespace

static bool finishCount(Decoder &decoder, Type type, Handler run) {
  if (!run)
    return decoder.fail("has no form for this type");
  decoder.instruction->run = run;
  return decoder.expectOperands(2, 2) && decoder.write(0, Type::U32) &&
         decoder.read(1, type);
}

bool cinch::emulator::decodePopc(Decoder &decoder) {
  Type type = decoder.takeType();
  return finishCount(decoder, type,
                     pick(type, nullptr, runCount<uint32_t, Popc>,
                          runCount<uint64_t, Popc>, nullptr, nullptr, nullptr));
}

bool cinch::emulator::decodeClz(Decoder &decoder) {
  Type type = decoder.takeType();
  return finishCount(decoder, type,
                     pick(type, nullptr, runCount<uint32_t, Clz>,
                          runCount<uint64_t, Clz>, nullptr, nullptr, nullptr));
}

bool cinch::emulator::decodeBfind(Decoder &decoder) {
  Type type = decoder.takeType();
  return finishCount(decoder, type,
                     pick(type, nullptr, runCount<uint32_t, Bfind>,
                          runCount<uint64_t, Bfind>, nullptr,
                          runCount<int32_t, Bfind>, runCount<int64_t, Bfind>));
}

/// bfe: `length` bits of a from `start` on, extended by their sign.
template <typename T>
static void runExtract(Warp &warp, const Instruction &instruction,
                       LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const uint32_t *b = cells<uint32_t>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  constexpr unsigned width = 8 * sizeof(T);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    unsigned start = b[lane] & 255, length = c[lane] & 255;
    T value = unpackCell<T>(a[lane]);
    if (length == 0)
      return 0;
    // Bits above the highest are copies of the sign, or zeros.
    T fill = std::is_signed_v<T> && value < 0 ? T(-1) : T(0);
    T field = start < width ? T(value >> start) : fill;
    unsigned bits = std::min(length, width - std::min(start, width - 1));
    if (bits >= width)
      return field;
    if (start + length > width)
      return field;
    using Unsigned = std::make_unsigned_t<T>;
    const Unsigned ones = (Unsigned(1) << bits) - 1;
    T kept = T(Unsigned(field) & ones);
    bool isNegative = std::is_signed_v<T> && (kept >> (bits - 1) & 1);
    return isNegative ? T(Unsigned(kept) | ~ones) : kept;
  });
}

bool cinch::emulator::decodeBfe(Decoder &decoder) {
  Type type = decoder.takeType();
  decoder.instruction->run =
      pick(type, nullptr, runExtract<uint32_t>, runExtract<uint64_t>, nullptr,
           runExtract<int32_t>, runExtract<int64_t>);
  if (!decoder.instruction->run)
    return decoder.fail("has no form for this type");
  return decoder.expectOperands(4, 4) && decoder.write(0, type) &&
         decoder.read(1, type) && decoder.read(2, Type::U32) &&
         decoder.read(3, Type::U32);
}

/// bfi: the lowest `length` bits of a into b, from `start` on.
template <typename T>
static void runInsert(Warp &warp, const Instruction &instruction,
                      LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const Cell<T> *b = cells<T>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  const uint32_t *d = cells<uint32_t>(warp, instruction.args[4]);
  constexpr unsigned width = 8 * sizeof(T);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    unsigned start = c[lane] & 255, length = d[lane] & 255;
    if (start >= width || length == 0)
      return b[lane];
    T ones = length >= width ? T(-1) : T((T(1) << length) - 1);
    return T((b[lane] & ~(ones << start)) | (a[lane] & ones) << start);
  });
}

bool cinch::emulator::decodeBfi(Decoder &decoder) {
  Type type = decoder.takeType();
  if (type != Type::B32 && type != Type::B64)
    return decoder.fail("takes .b32 or .b64");
  decoder.instruction->run =
      type == Type::B32 ? runInsert<uint32_t> : runInsert<uint64_t>;
  return decoder.expectOperands(5, 5) && decoder.write(0, type) &&
         decoder.read(1, type) && decoder.read(2, type) &&
         decoder.read(3, Type::U32) && decoder.read(4, Type::U32);
}
