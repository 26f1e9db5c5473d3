//===- CodedFragments.cpp - fragments of B from codes ---------------------===//
#include "lib/Lowering/KernelToGPU/CodedFragments.h"

using namespace mlir;
using namespace cinch;

static constexpr int64_t instructionDepth = 16;

Value cinch::loadCodes(ElementEmitter &emitter, Value pointer, int64_t bytes) {
  OpBuilder &builder = emitter.builder;
  Type i32 = builder.getI32Type();
  Value codes = LLVM::LoadOp::create(
      builder, emitter.loc, builder.getIntegerType(8 * bytes), pointer, bytes);
  return bytes == 4 ? codes
                    : LLVM::ZExtOp::create(builder, emitter.loc, i32, codes);
}

CodedColumns::CodedColumns(ElementEmitter &emitter, SharedTile tile,
                           const CodedOperand &coded, Type type, Value first,
                           Value lane)
    : emitter(emitter), tile(tile), decoder(emitter, coded), type(type),
      bytes(count * coded.getBits() / 8) {
  // A lane holds of B column lane / 4, and the places 2 (lane % 4) and the next
  // of each 8 along the depth.
  Value four = emitter.constant(4);
  Value column = emitter.add(first, emitter.mul(emitter.floorDiv(lane, four),
                                                emitter.constant(count)));
  Value row = emitter.mul(emitter.rem(lane, four), emitter.constant(2));
  for (int64_t next = 0; next < 2; ++next)
    offsets[next] = tile.getElementOffset(
        emitter, emitter.add(row, emitter.constant(next)), column);
}

SmallVector<SmallVector<Value, 4>> CodedColumns::read(Value base,
                                                      int64_t step) {
  SmallVector<SmallVector<Value, 4>> fragments(count);
  for (int64_t half = 0; half < 2; ++half) {
    int64_t row = step * instructionDepth + half * SharedTile::period;
    Value codes[2];
    for (int64_t next = 0; next < 2; ++next)
      codes[next] = loadCodes(
          emitter,
          movePointer(emitter, movePointer(emitter, base, offsets[next]),
                      row * tile.getRowBytes()),
          bytes);
    for (int64_t number = 0; number < count; ++number)
      fragments[number].push_back(
          decoder.decodePair(codes[0], codes[1], number, type));
  }
  return fragments;
}

WidenedColumns::WidenedColumns(ElementEmitter &emitter, SharedTile tile,
                               bool isSigned, Value first, int64_t count,
                               Value lane)
    : emitter(emitter), tile(tile), isSigned(isSigned), count(count) {
  // A lane holds of B column lane / 4, and the places 4 (lane % 4) ... + 3 of
  // each 16 along the depth.
  Value four = emitter.constant(4);
  Value row = emitter.add(first, emitter.floorDiv(lane, four));
  Value place = emitter.mul(emitter.rem(lane, four), four);
  for (int64_t step = 0; step < tile.columns / 32; ++step)
    offsets.push_back(tile.getElementOffset(
        emitter, row, emitter.add(place, emitter.constant(32 * step))));
}

/// The codes in the low half of a word as four bytes.
Value WidenedColumns::widen(Value codes) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  auto word = [&](int32_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc,
                                    builder.getI32IntegerAttr(value));
  };
  auto spread = [&](Value value, int32_t distance, int32_t mask) -> Value {
    Value moved = LLVM::ShlOp::create(builder, loc, value, word(distance));
    Value both = LLVM::OrOp::create(builder, loc, value, moved);
    return LLVM::AndOp::create(builder, loc, both, word(mask));
  };
  Value bytes = spread(spread(codes, 8, 0x00ff00ff), 4, 0x0f0f0f0f);
  if (!isSigned)
    return bytes;
  // The sign bit, 8, times 30 is what is missing above it.
  Value signs = LLVM::AndOp::create(builder, loc, bytes, word(0x08080808));
  Value above = LLVM::MulOp::create(builder, loc, signs, word(30));
  return LLVM::OrOp::create(builder, loc, bytes, above);
}

SmallVector<SmallVector<Value, 4>> WidenedColumns::read(Value base,
                                                        int64_t step) {
  SmallVector<SmallVector<Value, 4>> fragments(count / 8);
  for (auto [number, fragment] : llvm::enumerate(fragments))
    for (int64_t half = 0; half < 2; ++half) {
      int64_t offset =
          int64_t(number) * SharedTile::period * tile.getRowBytes() + 8 * half;
      Value at = movePointer(emitter, base, offsets[step]);
      fragment.push_back(
          widen(loadCodes(emitter, movePointer(emitter, at, offset), 2)));
    }
  return fragments;
}
