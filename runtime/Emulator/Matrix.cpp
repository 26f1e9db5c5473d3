//===- Matrix.cpp - ldmatrix, stmatrix, mma -------------------------------===//
#include "runtime/Emulator/Access.h"
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/MatrixMath.h"
#include "runtime/Emulator/Opcodes.h"

using namespace cinch::emulator;

/// Instruction::flags of ldmatrix and stmatrix.
static constexpr uint32_t kTransposed = 1;

/// Element `i` (of 2) that a lane holds of an 8x8 matrix. Two functions: of a
/// std::pair of both, clang 22.1 with -O3 makes addresses that fault.
static unsigned rowOf(unsigned lane, unsigned i, bool isTransposed) {
  return isTransposed ? 2 * (lane % 4) + i : lane / 4;
}
static unsigned columnOf(unsigned lane, unsigned i, bool isTransposed) {
  return rowOf(lane, i, !isTransposed);
}

/// Arguments: `count` results, base. Lanes 8 i to 8 i + 7 hold the addresses of
/// the rows of matrix i.
static void runLdmatrix(Warp &warp, const Instruction &instruction,
                        LaneMask mask) {
  const auto &args = instruction.args;
  unsigned count = instruction.count;
  const char *rows[kLanes];
  Access access(warp, instruction, AccessKind::Load, 16, false);
  for (unsigned lane = 0; lane < 8 * count; ++lane)
    rows[lane] = access.at(args.back(), lane);
  for (unsigned matrix = 0; matrix < count; ++matrix)
    for (LaneMask rest = mask; rest; rest &= rest - 1) {
      unsigned lane = __builtin_ctz(rest);
      uint16_t halves[2];
      for (unsigned i = 0; i < 2; ++i) {
        unsigned row = rowOf(lane, i, instruction.flags & kTransposed);
        unsigned column = columnOf(lane, i, instruction.flags & kTransposed);
        memcpy(&halves[i], rows[8 * matrix + row] + 2 * column, 2);
      }
      warp.setCell(args[matrix], lane, uint32_t(halves[1]) << 16 | halves[0]);
    }
}

/// Arguments: base, `count` values.
static void runStmatrix(Warp &warp, const Instruction &instruction,
                        LaneMask mask) {
  const auto &args = instruction.args;
  unsigned count = instruction.count;
  char *rows[kLanes];
  Access access(warp, instruction, AccessKind::Store, 16, false);
  for (unsigned lane = 0; lane < 8 * count; ++lane)
    rows[lane] = access.at(args[0], lane);
  for (unsigned matrix = 0; matrix < count; ++matrix)
    for (LaneMask rest = mask; rest; rest &= rest - 1) {
      unsigned lane = __builtin_ctz(rest);
      auto bits = warp.get<uint32_t>(args[1 + matrix], lane);
      for (unsigned i = 0; i < 2; ++i) {
        unsigned row = rowOf(lane, i, instruction.flags & kTransposed);
        unsigned column = columnOf(lane, i, instruction.flags & kTransposed);
        uint16_t half = uint16_t(bits >> 16 * i);
        memcpy(rows[8 * matrix + row] + 2 * column, &half, 2);
      }
    }
}

static bool takeTiles(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  if (!decoder.take("sync") || !decoder.take("aligned") ||
      !decoder.take("m8n8"))
    return decoder.fail("expected .sync.aligned.m8n8");
  auto count = decoder.takeOne({"x1", "x2", "x4"});
  if (!count)
    return decoder.fail("expected .x1, .x2 or .x4");
  instruction.count = uint8_t(1 << *count);
  instruction.flags = decoder.take("trans") ? kTransposed : 0;
  instruction.flow = Flow::Converge;
  if (!decoder.takeOne({"shared", "shared::cta"}) ||
      decoder.takeType() != Type::B16)
    return decoder.fail("expected .shared and .b16");
  return decoder.expectOperands(2, 2);
}

bool cinch::emulator::decodeLdmatrix(Decoder &decoder) {
  decoder.instruction->run = runLdmatrix;
  return takeTiles(decoder) &&
         decoder.writeAll(0, Type::B32, decoder.instruction->count) &&
         decoder.readAddress(1, Space::Shared);
}

bool cinch::emulator::decodeStmatrix(Decoder &decoder) {
  decoder.instruction->run = runStmatrix;
  return decoder.requireSm(90) && takeTiles(decoder) &&
         decoder.readAddress(0, Space::Shared) &&
         decoder.readAll(1, Type::B32, decoder.instruction->count);
}

// -- mma.m16n8k… -------------------------------------------------------------

/// The fragments of m16n8kK (PTX, "Matrix fragments for mma.m16n8k…"). With p
/// elements a register, g = lane / 4 and t = lane % 4:
///   register r of A holds row g + 8 (r % 2), columns p t + 4 p (r / 2) + 0…p-1
///   register r of B holds rows p t + 4 p r + 0…p-1, column g
///   element i of C and D is at row g + 8 (i / 2), column 2 t + i % 2
namespace {
struct MmaShape {
  Type d, a, b, c;
  unsigned k;
  bool isSaturating;
};
} // namespace

static constexpr unsigned kM = 16, kN = 8, kMaxK = 64;

/// Shape and types in an immediate.
static int64_t pack(const MmaShape &shape) {
  return int64_t(shape.d) | int64_t(shape.a) << 8 | int64_t(shape.b) << 16 |
         int64_t(shape.c) << 24 | int64_t(shape.k) << 32 |
         int64_t(shape.isSaturating) << 40;
}

static MmaShape unpack(int64_t bits) {
  return {Type(bits & 255),           Type(bits >> 8 & 255),
          Type(bits >> 16 & 255),     Type(bits >> 24 & 255),
          unsigned(bits >> 32 & 255), bool(bits >> 40 & 1)};
}

static unsigned registersA(const MmaShape &shape) {
  return kM * shape.k / kLanes / elementsPerRegister(shape.a);
}
static unsigned registersB(const MmaShape &shape) {
  return kN * shape.k / kLanes / elementsPerRegister(shape.b);
}
static unsigned registersC(Type type) { return type == Type::F16 ? 2 : 4; }

template <typename T, T (*Unpack)(Type, uint32_t, unsigned)>
static void gather(Warp &warp, const Instruction &instruction,
                   const MmaShape &shape, T *a, T *b) {
  const Arg *argA = &instruction.args[registersC(shape.d)];
  const Arg *argB = argA + registersA(shape);
  unsigned perA = elementsPerRegister(shape.a);
  unsigned perB = elementsPerRegister(shape.b);
  for (unsigned r = 0; r < registersA(shape); ++r) {
    auto *cell = cells<uint32_t>(warp, argA[r]);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      unsigned row = lane / 4 + 8 * (r % 2);
      unsigned column = perA * (lane % 4) + 4 * perA * (r / 2);
      for (unsigned i = 0; i < perA; ++i)
        a[row * shape.k + column + i] = Unpack(shape.a, cell[lane], i);
    }
  }
  for (unsigned r = 0; r < registersB(shape); ++r) {
    auto *cell = cells<uint32_t>(warp, argB[r]);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      unsigned row = perB * (lane % 4) + 4 * perB * r;
      for (unsigned i = 0; i < perB; ++i)
        b[(row + i) * kN + lane / 4] = Unpack(shape.b, cell[lane], i);
    }
  }
}

/// Calls visit(lane, element of 4, row * kN + column) for C or D.
template <typename Visit> static void forAccumulators(Visit visit) {
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      visit(lane, i, (lane / 4 + 8 * (i / 2)) * kN + 2 * (lane % 4) + i % 2);
}

static void runMmaFloat(Warp &warp, const Instruction &instruction, LaneMask) {
  MmaShape shape = unpack(instruction.immediate);
  float a[kM * kMaxK], b[kMaxK * kN], d[kM * kN];
  gather<float, unpackFloat>(warp, instruction, shape, a, b);
  const Arg *c =
      &instruction
           .args[registersC(shape.d) + registersA(shape) + registersB(shape)];
  forAccumulators([&](unsigned lane, unsigned i, unsigned place) {
    d[place] =
        shape.c == Type::F16
            ? unpackFloat(Type::F16, warp.get<uint32_t>(c[i / 2], lane), i % 2)
            : warp.get<float>(c[i], lane);
  });
  multiplyFloats(a, b, d, kM, kN, shape.k);
  forAccumulators([&](unsigned lane, unsigned i, unsigned place) {
    if (shape.d == Type::F32)
      return warp.setCell(instruction.args[i], lane,
                          bitCast<uint32_t>(d[place]));
    if (i % 2 == 0) // pairs of a row
      warp.setCell(instruction.args[i / 2], lane,
                   uint32_t(doubleToHalf(d[place + 1])) << 16 |
                       doubleToHalf(d[place]));
  });
  ++warp.block.counters.matrices[instruction.target];
}

static void runMmaInteger(Warp &warp, const Instruction &instruction,
                          LaneMask) {
  MmaShape shape = unpack(instruction.immediate);
  int32_t a[kM * kMaxK], b[kMaxK * kN], d[kM * kN];
  gather<int32_t, unpackInteger>(warp, instruction, shape, a, b);
  const Arg *c = &instruction.args[4 + registersA(shape) + registersB(shape)];
  forAccumulators([&](unsigned lane, unsigned i, unsigned place) {
    d[place] = warp.get<int32_t>(c[i], lane);
  });
  multiplyIntegers(a, b, d, kM, kN, shape.k, shape.isSaturating);
  forAccumulators([&](unsigned lane, unsigned i, unsigned place) {
    warp.setCell(instruction.args[i], lane, uint32_t(d[place]));
  });
  ++warp.block.counters.matrices[instruction.target];
}

/// Whether there is such an instruction, and for which sm.
static bool checkShape(Decoder &decoder, const MmaShape &shape) {
  auto isOf = [&](Type one, Type other) {
    return (shape.a == one || shape.a == other) &&
           (shape.b == one || shape.b == other);
  };
  auto hasK = [&](unsigned first, unsigned second) {
    return shape.k == first || shape.k == second;
  };
  bool isInteger = shape.d == Type::S32 && shape.c == Type::S32;
  bool isF32 = shape.d == Type::F32 && shape.c == Type::F32;
  bool isF16 = shape.d == Type::F16 && shape.c == Type::F16;
  bool isKnown =
      (isOf(Type::F16, Type::F16) && hasK(8, 16) && (isF32 || isF16)) ||
      (isOf(Type::BF16, Type::BF16) && hasK(8, 16) && isF32) ||
      (isOf(Type::TF32, Type::TF32) && hasK(4, 8) && isF32) ||
      (isOf(Type::S8, Type::U8) && hasK(16, 32) && isInteger) ||
      (isOf(Type::S4, Type::U4) && hasK(32, 64) && isInteger);
  if (isKnown)
    return decoder.requireSm(80);
  if (isOf(Type::E4M3, Type::E5M2) && shape.k == 32 && isF32)
    return decoder.requireSm(89);
  return decoder.fail("has no such shape and types");
}

bool cinch::emulator::decodeMma(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  if (!decoder.take("sync") || !decoder.take("aligned"))
    return decoder.fail("needs .sync.aligned");
  std::string name;
  for (const char *k : {"4", "8", "16", "32", "64"})
    if (decoder.take(std::string("m16n8k") + k))
      name = std::string("m16n8k") + k;
  if (name.empty() || !decoder.take("row") || !decoder.take("col"))
    return decoder.fail("is supported as m16n8k….row.col");
  MmaShape shape;
  shape.k = unsigned(std::stoul(name.substr(6)));
  shape.isSaturating = decoder.take("satfinite");
  for (Type *type : {&shape.d, &shape.a, &shape.b, &shape.c}) {
    *type = decoder.takeType();
    if (*type == Type::None)
      return decoder.fail("expected four types");
  }
  if (!checkShape(decoder, shape) || !decoder.expectOperands(4, 4))
    return false;
  const auto &modifiers = decoder.getStatement().modifiers;
  for (size_t i = modifiers.size() - 4; i < modifiers.size(); ++i)
    name += "." + modifiers[i];
  instruction.flow = Flow::Converge;
  instruction.run = shape.d == Type::S32 ? runMmaInteger : runMmaFloat;
  instruction.immediate = pack(shape);
  instruction.target = decoder.internMatrix(name);
  Type accumulator = shape.d == Type::S32   ? Type::S32
                     : shape.d == Type::F16 ? Type::B32
                                            : Type::F32;
  return decoder.writeAll(0, accumulator, registersC(shape.d)) &&
         decoder.readAll(1, Type::B32, registersA(shape)) &&
         decoder.readAll(2, Type::B32, registersB(shape)) &&
         decoder.readAll(3, accumulator, registersC(shape.c));
}
