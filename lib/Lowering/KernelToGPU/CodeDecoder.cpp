//===- CodeDecoder.cpp - elements in few bits in registers ----------------===//
//
// An integer in the low bits of the f16 1024 is that much larger, so that a
// subtraction makes a float of it (Kim et al., "Who Says Elephants Can't Run",
// 2022, section 4); one with a sign is moved to positive numbers before. A
// float of 8 bits has the exponent of an f16 in fewer bits or as many: moved to
// its place it is right but for a power of two.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/CodeDecoder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

bool CodeDecoder::isKnown(const CodedOperand &coded) {
  if (isa<Float8E4M3FNType, Float8E5M2Type>(coded.type))
    return true;
  int64_t bits = coded.getBits();
  return isa<IntegerType>(coded.type) && (bits == 4 || bits == 8);
}

Value CodeDecoder::word(int64_t value) {
  return LLVM::ConstantOp::create(
      emitter.builder, emitter.loc,
      emitter.builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value CodeDecoder::shift(Value value, int64_t distance) {
  if (distance == 0)
    return value;
  if (distance < 0)
    return LLVM::ShlOp::create(emitter.builder, emitter.loc, value,
                               word(-distance));
  return LLVM::LShrOp::create(emitter.builder, emitter.loc, value,
                              word(distance));
}

Value CodeDecoder::mask(Value value, int64_t bits) {
  return LLVM::AndOp::create(emitter.builder, emitter.loc, value, word(bits));
}

Value CodeDecoder::either(Value a, Value b) {
  return LLVM::OrOp::create(emitter.builder, emitter.loc, a, b);
}

/// Code `number` of `low` and of `high` in the low bits of the halves of a
/// word.
Value CodeDecoder::takeHalves(Value low, Value high, int64_t number) {
  int64_t bits = coded.getBits();
  if (bits == 4) // both in one word
    return mask(shift(either(low, shift(high, -16)), 4 * number), 0x000f000f);
  Type i32 = emitter.builder.getI32Type();
  int64_t selector =
      number | number << 4 | (4 + number) << 8 | (4 + number) << 12;
  auto permuted = LLVM::CallIntrinsicOp::create(
      emitter.builder, emitter.loc, i32,
      emitter.builder.getStringAttr("llvm.nvvm.prmt"),
      ValueRange{low, high, word(selector)});
  return mask(permuted.getResult(0), 0x00ff00ff);
}

/// The integers in `halves` as two f16: a vector.
Value CodeDecoder::toHalfIntegers(Value halves) {
  OpBuilder &builder = emitter.builder;
  auto type = VectorType::get({2}, builder.getF16Type());
  int64_t above = coded.isSigned() ? int64_t(1) << (coded.getBits() - 1) : 0;
  constexpr int64_t base = 1024, baseBits = 0x6400;
  Value moved =
      LLVM::XOrOp::create(builder, emitter.loc, halves,
                          word((baseBits | above) << 16 | baseBits | above));
  Value offset = LLVM::ConstantOp::create(
      builder, emitter.loc, type,
      DenseElementsAttr::get(
          type, builder.getF16FloatAttr(double(base + above)).getValue()));
  return LLVM::FSubOp::create(
      builder, emitter.loc,
      LLVM::BitcastOp::create(builder, emitter.loc, type, moved), offset);
}

/// The floats of 8 bits in `halves` as two f16: a vector.
Value CodeDecoder::toHalfFloats(Value halves) {
  OpBuilder &builder = emitter.builder;
  auto type = VectorType::get({2}, builder.getF16Type());
  if (isa<Float8E5M2Type>(coded.type))
    return LLVM::BitcastOp::create(builder, emitter.loc, type,
                                   shift(halves, -8));
  Value magnitude = mask(halves, 0x007f007f);
  Value sign = shift(mask(halves, 0x00800080), -8);
  Value scaled = LLVM::BitcastOp::create(builder, emitter.loc, type,
                                         either(shift(magnitude, -7), sign));
  // The exponents differ by 15 - 7.
  Value power = LLVM::ConstantOp::create(
      builder, emitter.loc, type,
      DenseElementsAttr::get(type, builder.getF16FloatAttr(256).getValue()));
  Value number = LLVM::BitcastOp::create(
      builder, emitter.loc, builder.getI32Type(),
      LLVM::FMulOp::create(builder, emitter.loc, scaled, power));
  // 0x7f is NaN: all bits are set.
  Value next =
      LLVM::AddOp::create(builder, emitter.loc, magnitude, word(0x00010001));
  Value isNaN = shift(mask(next, 0x00800080), 7);
  Value ones = LLVM::MulOp::create(builder, emitter.loc, isNaN, word(0x7fff));
  return LLVM::BitcastOp::create(builder, emitter.loc, type,
                                 either(number, ones));
}

Value CodeDecoder::decodePair(Value low, Value high, int64_t number,
                              Type type) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  Value halves = takeHalves(low, high, number);
  Value pair = coded.isFloat() ? toHalfFloats(halves) : toHalfIntegers(halves);
  if (!type.isF16()) {
    // Exact: no code has more than 8 bits.
    pair = LLVM::FPExtOp::create(
        builder, loc, VectorType::get({2}, builder.getF32Type()), pair);
    pair =
        LLVM::FPTruncOp::create(builder, loc, VectorType::get({2}, type), pair);
  }
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), pair);
}

Value CodeDecoder::decode(Value codes, int64_t number) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  Type f32 = builder.getF32Type();
  int64_t bits = coded.getBits();
  if (!coded.isFloat()) {
    Value top = shift(codes, bits * (number + 1) - 32);
    if (!coded.isSigned())
      return LLVM::UIToFPOp::create(builder, loc, f32, shift(top, 32 - bits));
    return LLVM::SIToFPOp::create(
        builder, loc, f32,
        LLVM::AShrOp::create(builder, loc, top, word(32 - bits)));
  }
  // As toHalfFloats, with the places and the bias of f32.
  bool isE5M2 = isa<Float8E5M2Type>(coded.type);
  Value code = mask(shift(codes, 8 * number), 0xff);
  Value magnitude = mask(code, 0x7f);
  Value sign = shift(mask(code, 0x80), -24);
  Value scaled = LLVM::BitcastOp::create(builder, loc, f32,
                                         shift(magnitude, isE5M2 ? -21 : -20));
  Value power = LLVM::ConstantOp::create(
      builder, loc, builder.getF32FloatAttr(isE5M2 ? 0x1p112f : 0x1p120f));
  Value finite = LLVM::BitcastOp::create(
      builder, loc, builder.getI32Type(),
      LLVM::FMulOp::create(builder, loc, scaled, power));
  // The mantissa of what is no finite number tells infinity from NaN.
  Value other = either(finite, word(0x7f800000));
  if (!isE5M2)
    other = word(0x7fffffff);
  Value isFinite = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ult,
                                        magnitude, word(isE5M2 ? 0x7c : 0x7f));
  Value number32 =
      LLVM::SelectOp::create(builder, loc, isFinite, finite, other);
  return LLVM::BitcastOp::create(builder, loc, f32, either(number32, sign));
}
