//===- Wmma.cpp - wmma.load, wmma.mma, wmma.store -------------------------===//
#include "runtime/Emulator/Access.h"
#include "runtime/Emulator/Formats.h"
#include "runtime/Emulator/Lanes.h"
#include "runtime/Emulator/MatrixMath.h"
#include "runtime/Emulator/Opcodes.h"
#include <algorithm>

using namespace cinch::emulator;

/// PTX leaves open which lane holds what of a fragment. Here a lane holds
/// consecutive elements of the row-major matrix; registers beyond them repeat
/// them.
namespace {
struct Tile {
  Type type;
  unsigned rows, columns, registers;
  bool isColumnMajor;

  unsigned perRegister() const { return elementsPerRegister(type); }
  /// Different elements that a lane holds.
  unsigned perLane() const { return rows * columns / kLanes; }
  unsigned elementBytes() const { return 4 / perRegister(); }
};
} // namespace

static constexpr unsigned kMaxElements = 512;

static int64_t pack(const Tile &tile) {
  return int64_t(tile.type) | int64_t(tile.rows) << 8 |
         int64_t(tile.columns) << 16 | int64_t(tile.registers) << 24 |
         int64_t(tile.isColumnMajor) << 32;
}

static Tile unpack(int64_t bits) {
  return {Type(bits & 255), unsigned(bits >> 8 & 255),
          unsigned(bits >> 16 & 255), unsigned(bits >> 24 & 255),
          bool(bits >> 32 & 1)};
}

/// Calls visit(address, lane, element) for each element of a tile in memory.
template <typename Visit>
static void forElements(Warp &warp, const Instruction &instruction,
                        const Tile &tile, AccessKind kind, const Arg &base,
                        const Arg *stride, Visit visit) {
  unsigned size = tile.elementBytes(), perLane = tile.perLane();
  // Elements that lie side by side are one access, of up to 16 bytes.
  unsigned together = tile.isColumnMajor ? 1 : std::min(perLane, 16 / size);
  for (unsigned first = 0; first < perLane; first += together) {
    Access access(warp, instruction, kind, size * together, false);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      uint64_t address = base.isWide ? warp.get<uint64_t>(base, lane)
                                     : warp.get<uint32_t>(base, lane);
      uint64_t pitch = stride               ? warp.get<uint32_t>(*stride, lane)
                       : tile.isColumnMajor ? tile.rows
                                            : tile.columns;
      unsigned index = lane * perLane + first;
      unsigned row = index / tile.columns, column = index % tile.columns;
      address += uint64_t(instruction.target) +
                 size * (tile.isColumnMajor ? column * pitch + row
                                            : row * pitch + column);
      char *bytes = access.at(instruction.space, address, lane);
      for (unsigned i = 0; i < together; ++i)
        visit(bytes + i * size, lane, first + i);
    }
  }
}

/// Arguments: the registers, base, [stride].
static void runLoad(Warp &warp, const Instruction &instruction, LaneMask) {
  Tile tile = unpack(instruction.immediate);
  const auto &args = instruction.args;
  const Arg *stride =
      args.size() > tile.registers + 1 ? &args[tile.registers + 1] : nullptr;
  unsigned size = tile.elementBytes();
  uint32_t elements[kLanes][16];
  forElements(warp, instruction, tile, AccessKind::Load, args[tile.registers],
              stride, [&](const char *bytes, unsigned lane, unsigned element) {
                elements[lane][element] = 0;
                memcpy(&elements[lane][element], bytes, size);
              });
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned r = 0; r < tile.registers; ++r) {
      uint32_t bits = 0;
      for (unsigned i = 0; i < tile.perRegister(); ++i)
        bits |= elements[lane][(r * tile.perRegister() + i) % tile.perLane()]
                << 8 * size * i;
      warp.setCell(args[r], lane, bits);
    }
}

/// Arguments: base, the registers, [stride].
static void runStore(Warp &warp, const Instruction &instruction, LaneMask) {
  Tile tile = unpack(instruction.immediate);
  const auto &args = instruction.args;
  const Arg *stride =
      args.size() > tile.registers + 1 ? &args[tile.registers + 1] : nullptr;
  unsigned size = tile.elementBytes();
  forElements(warp, instruction, tile, AccessKind::Store, args[0], stride,
              [&](char *bytes, unsigned lane, unsigned element) {
                auto word = warp.get<uint32_t>(
                    args[1 + element / tile.perRegister()], lane);
                word >>= 8 * size * (element % tile.perRegister());
                memcpy(bytes, &word, size);
              });
}

/// Spreads a fragment of `tile` that begins at `args` over a matrix.
template <typename T, T (*Unpack)(Type, uint32_t, unsigned)>
static void gather(Warp &warp, const Arg *args, const Tile &tile, T *matrix) {
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned i = 0; i < tile.perLane(); ++i)
      matrix[lane * tile.perLane() + i] = Unpack(
          tile.type, warp.get<uint32_t>(args[i / tile.perRegister()], lane),
          i % tile.perRegister());
}

/// Shape (m, n, k) of `flags`; element types of A, D and C of `immediate`.
static void runMultiply(Warp &warp, const Instruction &instruction, LaneMask) {
  unsigned m = instruction.flags & 255, n = instruction.flags >> 8 & 255,
           k = instruction.flags >> 16 & 255;
  bool isSaturating = instruction.flags >> 24;
  int64_t types = instruction.immediate;
  Type typeA = Type(types & 255), typeD = Type(types >> 8 & 255),
       typeC = Type(types >> 16 & 255);
  unsigned regsA = unsigned(types >> 24 & 255),
           regsB = unsigned(types >> 32 & 255);
  Tile a = {typeA, m, k, regsA, false}, b = {typeA, k, n, regsB, false};
  Tile c = {typeC, m, n, 0, false}, d = {typeD, m, n, 0, false};
  unsigned regsD = d.perLane() / d.perRegister();
  const Arg *args = instruction.args.data();
  const Arg *argA = args + regsD, *argB = argA + regsA, *argC = argB + regsB;
  if (typeD == Type::S32) {
    int32_t x[kMaxElements], y[kMaxElements], z[kMaxElements];
    gather<int32_t, unpackInteger>(warp, argA, a, x);
    gather<int32_t, unpackInteger>(warp, argB, b, y);
    gather<int32_t, unpackInteger>(warp, argC, c, z);
    multiplyIntegers(x, y, z, m, n, k, isSaturating);
    for (unsigned i = 0; i < m * n; ++i)
      warp.setCell(args[i % d.perLane()], i / d.perLane(), uint32_t(z[i]));
  } else {
    float x[kMaxElements], y[kMaxElements], z[kMaxElements];
    gather<float, unpackFloat>(warp, argA, a, x);
    gather<float, unpackFloat>(warp, argB, b, y);
    gather<float, unpackFloat>(warp, argC, c, z);
    multiplyFloats(x, y, z, m, n, k);
    for (unsigned lane = 0; lane < kLanes; ++lane)
      for (unsigned r = 0; r < regsD; ++r) {
        const float *from = z + lane * d.perLane() + r * d.perRegister();
        warp.setCell(args[r], lane,
                     typeD == Type::F32
                         ? bitCast<uint32_t>(from[0])
                         : uint32_t(doubleToHalf(from[1])) << 16 |
                               doubleToHalf(from[0]));
      }
  }
  ++warp.block.counters.matrices[instruction.target];
}

static bool takeShape(Decoder &decoder, std::string &name, unsigned *shape) {
  static const struct {
    const char *name;
    unsigned m, n, k;
  } shapes[] = {{"m16n16k16", 16, 16, 16},
                {"m8n32k16", 8, 32, 16},
                {"m32n8k16", 32, 8, 16},
                {"m16n16k8", 16, 16, 8}};
  for (const auto &each : shapes) {
    if (decoder.take(each.name)) {
      name = each.name;
      shape[0] = each.m;
      shape[1] = each.n;
      shape[2] = each.k;
      return true;
    }
  }
  return decoder.fail("has no such shape");
}

/// Registers of a fragment: PTX, "Matrix fragments for WMMA".
static unsigned registersOf(char which, Type type, const unsigned *shape) {
  unsigned m = shape[0], n = shape[1], k = shape[2];
  if (which == 'c' || which == 'd')
    return type == Type::F16 ? 4 : 8;
  if (type == Type::F16)
    return 8;
  unsigned elements = which == 'a' ? m * k : k * n;
  return std::max(elements / kLanes / std::max(elementsPerRegister(type), 1u),
                  1u);
}

static bool isMatrixType(char which, Type type, const unsigned *shape) {
  if (which == 'c' || which == 'd')
    return type == Type::F16 || type == Type::F32 || type == Type::S32;
  if (shape[2] == 8)
    return type == Type::TF32;
  return type == Type::F16 || type == Type::BF16 || type == Type::S8 ||
         type == Type::U8;
}

static Type cellType(Type type) {
  return type == Type::F32 || type == Type::S32 ? type : Type::B32;
}

static bool decodeMove(Decoder &decoder, bool isLoad) {
  Instruction &instruction = *decoder.instruction;
  char which = 'd';
  if (isLoad) {
    auto matrix = decoder.takeOne({"a", "b", "c"});
    if (!matrix)
      return decoder.fail("expected .a, .b or .c");
    which = char('a' + *matrix);
  } else if (!decoder.take("d")) {
    return decoder.fail("expected .d");
  }
  auto layout = decoder.takeOne({"row", "col"});
  std::string name;
  unsigned shape[3];
  if (!layout)
    return decoder.fail("expected .row or .col");
  if (!takeShape(decoder, name, shape))
    return false;
  Space space = decoder.take("global")                       ? Space::Global
                : decoder.takeOne({"shared", "shared::cta"}) ? Space::Shared
                                                             : Space::Generic;
  Type type = decoder.takeType();
  if (!isMatrixType(which, type, shape))
    return decoder.fail("has no form for this type");
  unsigned rows = which == 'b' ? shape[2] : shape[0];
  unsigned columns = which == 'a' ? shape[2] : shape[1];
  Tile tile = {type, rows, columns, registersOf(which, type, shape),
               *layout == 1};
  instruction.run = isLoad ? runLoad : runStore;
  if (!decoder.expectOperands(2, 3))
    return false;
  bool areOperandsGood =
      isLoad ? decoder.writeAll(0, cellType(type), tile.registers) &&
                   decoder.readAddress(1, space)
             : decoder.readAddress(0, space) &&
                   decoder.readAll(1, cellType(type), tile.registers);
  if (!areOperandsGood)
    return false;
  if (instruction.immediate < 0 || instruction.immediate > INT32_MAX)
    return decoder.fail("the offset of the address is out of range");
  instruction.target = uint32_t(instruction.immediate);
  instruction.immediate = pack(tile);
  return decoder.numOperands() < 3 || decoder.read(2, Type::U32);
}

static bool decodeMultiply(Decoder &decoder) {
  Instruction &instruction = *decoder.instruction;
  auto layoutA = decoder.takeOne({"row", "col"});
  auto layoutB = decoder.takeOne({"row", "col"});
  std::string name;
  unsigned shape[3];
  if (!layoutA || !layoutB)
    return decoder.fail("expected the layouts of A and B");
  if (!takeShape(decoder, name, shape))
    return false;
  bool isSaturating = decoder.take("satfinite");
  Type types[4] = {};
  unsigned count = 0;
  for (Type type; count < 4 && (type = decoder.takeType()) != Type::None;)
    types[count++] = type;
  // Of f16 only the types of D and C are written.
  Type d = types[0], a = count == 4 ? types[1] : Type::F16;
  Type c = count == 4 ? types[3] : types[1];
  if ((count != 2 && count != 4) || (count == 4 && types[1] != types[2]) ||
      !isMatrixType('a', a, shape) || !isMatrixType('d', d, shape) ||
      !isMatrixType('c', c, shape) ||
      (d == Type::S32) != (a == Type::S8 || a == Type::U8) ||
      (d == Type::S32) != (c == Type::S32))
    return decoder.fail("has no form for these types");
  unsigned regsA = registersOf('a', a, shape);
  unsigned regsB = registersOf('b', a, shape);
  instruction.run = runMultiply;
  instruction.flags =
      shape[0] | shape[1] << 8 | shape[2] << 16 | uint32_t(isSaturating) << 24;
  instruction.immediate = int64_t(a) | int64_t(d) << 8 | int64_t(c) << 16 |
                          int64_t(regsA) << 24 | int64_t(regsB) << 32;
  const auto &modifiers = decoder.getStatement().modifiers;
  name = "wmma." + name;
  for (size_t i = modifiers.size() - count; i < modifiers.size(); ++i)
    name += "." + modifiers[i];
  instruction.target = decoder.internMatrix(name);
  return decoder.expectOperands(4, 4) &&
         decoder.writeAll(0, cellType(d), registersOf('d', d, shape)) &&
         decoder.readAll(1, Type::B32, regsA) &&
         decoder.readAll(2, Type::B32, regsB) &&
         decoder.readAll(3, cellType(c), registersOf('c', c, shape));
}

bool cinch::emulator::decodeWmma(Decoder &decoder) {
  decoder.instruction->flow = Flow::Converge;
  auto what = decoder.takeOne({"load", "mma", "store"});
  if (!what || !decoder.take("sync") || !decoder.take("aligned"))
    return decoder.fail("expected .load, .mma or .store, and .sync.aligned");
  if (*what == 1)
    return decodeMultiply(decoder);
  return decodeMove(decoder, *what == 0);
}
