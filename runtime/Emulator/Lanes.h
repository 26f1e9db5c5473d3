//===- Lanes.h - handlers that work lane by lane --------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_LANES_H
#define CINCH_RUNTIME_EMULATOR_LANES_H

#include "runtime/Emulator/Types.h"
#include "runtime/Emulator/Warp.h"
#include <type_traits>

namespace cinch::emulator {

/// The cell of a value of T: 8 bytes for what has 8, else 4.
template <typename T>
using Cell = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T> T unpackCell(Cell<T> cell) {
  T value;
  memcpy(&value, &cell, sizeof(T));
  return value;
}

template <typename T> Cell<T> packCell(T value) {
  Cell<T> cell = 0;
  memcpy(&cell, &value, sizeof(T));
  return cell;
}

template <typename T> Cell<T> *cells(Warp &warp, const Arg &arg) {
  return reinterpret_cast<Cell<T> *>(warp.row(arg));
}

/// Writes what `compute(lane)` returns into the cells of `arg`, for the lanes
/// of `mask`. `compute` may be called for every lane and must not trap.
template <typename T, typename Compute>
void forLanes(Warp &warp, const Arg &arg, LaneMask mask, Compute compute) {
  Cell<T> *out = cells<T>(warp, arg);
  if (mask == kAllLanes) {
    for (unsigned lane = 0; lane < kLanes; ++lane)
      out[lane] = packCell<T>(compute(lane));
    return;
  }
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    out[lane] = packCell<T>(compute(lane));
  }
}

/// d = F(a), d = F(a, b), d = F(a, b, c), all of type T.
template <typename T, typename F>
void runUnary(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    return F::apply(unpackCell<T>(a[lane]));
  });
}

template <typename T, typename F>
void runBinary(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const Cell<T> *b = cells<T>(warp, instruction.args[2]);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    return F::apply(unpackCell<T>(a[lane]), unpackCell<T>(b[lane]));
  });
}

template <typename T, typename F>
void runTernary(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const Cell<T> *a = cells<T>(warp, instruction.args[1]);
  const Cell<T> *b = cells<T>(warp, instruction.args[2]);
  const Cell<T> *c = cells<T>(warp, instruction.args[3]);
  forLanes<T>(warp, instruction.args[0], mask, [=](unsigned lane) -> T {
    return F::apply(unpackCell<T>(a[lane]), unpackCell<T>(b[lane]),
                    unpackCell<T>(c[lane]));
  });
}

/// The instance of a template of handlers for an integer type; bits count as
/// unsigned. Null for others.
#define CINCH_PICK_INTEGER(RUN, F, TYPE)                                       \
  ::cinch::emulator::pick(TYPE, RUN<uint16_t, F>, RUN<uint32_t, F>,            \
                          RUN<uint64_t, F>, RUN<int16_t, F>, RUN<int32_t, F>,  \
                          RUN<int64_t, F>)

inline Handler pick(Type type, Handler u16, Handler u32, Handler u64,
                    Handler s16, Handler s32, Handler s64) {
  switch (type) {
  case Type::B16:
  case Type::U16:
    return u16;
  case Type::B32:
  case Type::U32:
    return u32;
  case Type::B64:
  case Type::U64:
    return u64;
  case Type::S16:
    return s16;
  case Type::S32:
    return s32;
  case Type::S64:
    return s64;
  default:
    return nullptr;
  }
}

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_LANES_H
