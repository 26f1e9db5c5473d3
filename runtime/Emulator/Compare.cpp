//===- Compare.cpp - comparison and selection -----------------------------===//
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/Opcodes.h"

using namespace cinch::emulator;

/// How two values stand to each other: one bit each. A comparison holds if the
/// bit is in its set.
enum Relation : uint32_t {
  kLess = 1,
  kEqual = 2,
  kGreater = 4,
  kUnordered = 8
};

template <typename T> static uint32_t relate(T a, T b) {
  return a < b ? kLess : a == b ? kEqual : a > b ? kGreater : kUnordered;
}

namespace {
template <typename T> struct Plain {
  using Bits = Cell<T>;
  static T load(Bits bits) { return unpackCell<T>(bits); }
};
struct Half {
  using Bits = uint32_t;
  static float load(Bits bits) { return halfToFloat(uint16_t(bits)); }
};
struct Bfloat {
  using Bits = uint32_t;
  static float load(Bits bits) { return bfloatToFloat(uint16_t(bits)); }
};
/// The upper one of two.
template <typename Format> struct Upper {
  using Bits = uint32_t;
  static float load(Bits bits) { return Format::load(bits >> 16); }
};
} // namespace

/// Instruction::flags: set of relations; how the result is combined with a
/// predicate; flush to zero.
enum Flags : uint32_t {
  kRelations = 15,
  kAnd = 16,
  kOr = 32,
  kXor = 64,
  kFlush = 128,
  kSecond = 256,
};

template <typename Format>
static LaneMask compare(Warp &warp, const Instruction &instruction,
                        const Arg &left, const Arg &right) {
  using Bits = typename Format::Bits;
  auto *a = reinterpret_cast<const Bits *>(warp.row(left));
  auto *b = reinterpret_cast<const Bits *>(warp.row(right));
  uint32_t set = instruction.flags & kRelations;
  bool flushes = instruction.flags & kFlush;
  LaneMask result = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    auto x = Format::load(a[lane]), y = Format::load(b[lane]);
    if (flushes) {
      x = std::fabs(double(x)) < 0x1p-126 ? decltype(x)(0) : x;
      y = std::fabs(double(y)) < 0x1p-126 ? decltype(y)(0) : y;
    }
    result |= LaneMask((relate(x, y) & set) != 0) << lane;
  }
  return result;
}

/// `value` and, if the flags say so, the predicate behind the operands.
static LaneMask combine(Warp &warp, const Instruction &instruction,
                        LaneMask value) {
  if (!(instruction.flags & (kAnd | kOr | kXor)))
    return value;
  LaneMask other = warp.getPredicate(instruction.args.back());
  return instruction.flags & kAnd  ? value & other
         : instruction.flags & kOr ? value | other
                                   : value ^ other;
}

/// Of two pairs: p for the lower, q for the upper ones. Arguments: p, q, a, b,
/// [c].
template <typename Format>
static void runSetpPairs(Warp &warp, const Instruction &instruction,
                         LaneMask mask) {
  const auto &args = instruction.args;
  LaneMask lower = compare<Format>(warp, instruction, args[2], args[3]);
  LaneMask upper = compare<Upper<Format>>(warp, instruction, args[2], args[3]);
  lower = combine(warp, instruction, lower);
  upper = combine(warp, instruction, upper);
  warp.setPredicate(args[0], mask, lower);
  warp.setPredicate(args[1], mask, upper);
}

/// Arguments: p, [q], a, b, [c].
template <typename Format>
static void runSetp(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const auto &args = instruction.args;
  size_t first = instruction.flags & kSecond ? 2 : 1;
  LaneMask holds =
      compare<Format>(warp, instruction, args[first], args[first + 1]);
  LaneMask opposite = combine(warp, instruction, ~holds);
  holds = combine(warp, instruction, holds);
  if (first == 2)
    warp.setPredicate(args[1], mask, opposite);
  warp.setPredicate(args[0], mask, holds);
}

static Handler pickSetp(Type type) {
  switch (type) {
  case Type::F16:
    return runSetp<Half>;
  case Type::BF16:
    return runSetp<Bfloat>;
  case Type::F16x2:
    return runSetpPairs<Half>;
  case Type::BF16x2:
    return runSetpPairs<Bfloat>;
  case Type::F32:
    return runSetp<Plain<float>>;
  case Type::F64:
    return runSetp<Plain<double>>;
  default:
    return pick(type, runSetp<Plain<uint16_t>>, runSetp<Plain<uint32_t>>,
                runSetp<Plain<uint64_t>>, runSetp<Plain<int16_t>>,
                runSetp<Plain<int32_t>>, runSetp<Plain<int64_t>>);
  }
}

/// The relations that a comparison of PTX stands for.
static bool takeRelations(Decoder &decoder, uint32_t &set) {
  static const std::map<std::string_view, uint32_t> comparisons = {
      {"eq", kEqual},
      {"ne", kLess | kGreater},
      {"lt", kLess},
      {"le", kLess | kEqual},
      {"gt", kGreater},
      {"ge", kGreater | kEqual},
      {"lo", kLess},
      {"ls", kLess | kEqual},
      {"hi", kGreater},
      {"hs", kGreater | kEqual},
      {"equ", kEqual | kUnordered},
      {"neu", kLess | kGreater | kUnordered},
      {"ltu", kLess | kUnordered},
      {"leu", kLess | kEqual | kUnordered},
      {"gtu", kGreater | kUnordered},
      {"geu", kGreater | kEqual | kUnordered},
      {"num", kLess | kEqual | kGreater},
      {"nan", kUnordered}};
  for (const auto &[name, relations] : comparisons) {
    if (decoder.take(name)) {
      set = relations;
      return true;
    }
  }
  return decoder.fail("expected a comparison");
}

bool cinch::emulator::decodeSetp(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  uint32_t set = 0;
  Type type = decoder.takeType();
  if (!takeRelations(decoder, set))
    return false;
  instruction.flags = set;
  auto combine = decoder.takeOne({"and", "or", "xor"});
  if (combine)
    instruction.flags |= kAnd << *combine;
  if (decoder.take("ftz") && type == Type::F32)
    instruction.flags |= kFlush;
  instruction.run = pickSetp(type);
  if (!instruction.run)
    return decoder.fail("has no form for this type");
  size_t operands = combine ? 4 : 3;
  if (!decoder.expectOperands(operands, operands))
    return false;
  const ptx::Operand &result = decoder.getOperand(0);
  bool isPacked = type == Type::F16x2 || type == Type::BF16x2;
  if (isPacked && result.kind != ptx::Operand::Pair)
    return decoder.fail("expected two predicates p|q for two pairs");
  if (result.kind == ptx::Operand::Pair) {
    instruction.flags |= kSecond;
    if (!decoder.write(result.elements[0], Type::Pred) ||
        !decoder.write(result.elements[1], Type::Pred))
      return false;
  } else if (!decoder.write(0, Type::Pred)) {
    return false;
  }
  return decoder.read(1, type) && decoder.read(2, type) &&
         (!combine || decoder.read(3, Type::Pred));
}

template <typename T>
static void runSelp(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const Cell<T> *b = cells<T>(warp, instruction.args[2]);
  LaneMask chosen = warp.getPredicate(instruction.args[3]);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    return T(chosen >> lane & 1 ? a[lane] : b[lane]);
  });
}

bool cinch::emulator::decodeSelp(Decoder &decoder) {
  Type type = decoder.takeType();
  if (bytesOf(type) < 2 || bytesOf(type) > 8)
    return decoder.fail("has no form for this type");
  decoder.instruction->run =
      bytesOf(type) == 8 ? runSelp<uint64_t> : runSelp<uint32_t>;
  return decoder.expectOperands(4, 4) && decoder.write(0, type) &&
         decoder.read(1, type) && decoder.read(2, type) &&
         decoder.read(3, Type::Pred);
}

/// slct: a where c >= 0, else b. Flags: c is a float.
template <typename T>
static void runSlct(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const Cell<T> *b = cells<T>(warp, instruction.args[2]);
  const uint32_t *c = cells<uint32_t>(warp, instruction.args[3]);
  bool isFloat = instruction.flags;
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    bool chosen =
        isFloat ? bitCast<float>(c[lane]) >= 0 : int32_t(c[lane]) >= 0;
    return T(chosen ? a[lane] : b[lane]);
  });
}

bool cinch::emulator::decodeSlct(Decoder &decoder) {
  Type type = decoder.takeType(), condition = decoder.takeType();
  if (bytesOf(type) < 2 || bytesOf(type) > 8 ||
      (condition != Type::S32 && condition != Type::F32))
    return decoder.fail("has no form for these types");
  decoder.instruction->flags = condition == Type::F32;
  decoder.instruction->run =
      bytesOf(type) == 8 ? runSlct<uint64_t> : runSlct<uint32_t>;
  return decoder.expectOperands(4, 4) && decoder.write(0, type) &&
         decoder.read(1, type) && decoder.read(2, type) &&
         decoder.read(3, condition);
}

/// testp: a class of floats. Immediate: which one.
bool cinch::emulator::decodeTestp(Decoder &decoder) {
  Type type = decoder.takeType();
  auto which = decoder.takeOne(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  if (!which || (type != Type::F32 && type != Type::F64))
    return decoder.fail("expected a property, and .f32 or .f64");
  decoder.instruction->immediate = int64_t(*which);
  decoder.instruction->run = [](Warp &warp, const Instruction &instruction,
                                LaneMask mask) {
    const Arg &a = instruction.args[1];
    LaneMask result = 0;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      int kind = a.isWide ? std::fpclassify(warp.get<double>(a, lane))
                          : std::fpclassify(warp.get<float>(a, lane));
      bool isFinite = kind != FP_NAN && kind != FP_INFINITE;
      const bool holds[] = {isFinite,          kind == FP_INFINITE,
                            kind != FP_NAN,    kind == FP_NAN,
                            kind == FP_NORMAL, kind == FP_SUBNORMAL};
      result |= LaneMask(holds[instruction.immediate]) << lane;
    }
    warp.setPredicate(instruction.args[0], mask, result);
  };
  return decoder.expectOperands(2, 2) && decoder.write(0, Type::Pred) &&
         decoder.read(1, type);
}
