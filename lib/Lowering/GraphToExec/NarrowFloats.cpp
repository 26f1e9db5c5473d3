//===- NarrowFloats.cpp - floats of at most 8 bits as integers ------------===//
//
// Conversions in integer arithmetic, without tables or branches, so that LLVM
// vectorizes them. A number of f32 is moved to the place of its exponent and
// mantissa in the narrow type, and rounded there; one that is subnormal there
// is rounded by adding a power of two, whose last place is that of subnormals.
// Rules of overflow and NaN: the tables of the ONNX operator Cast.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/GraphToExec/NarrowFloats.h"

#include "llvm/ADT/APFloat.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

namespace {

/// Mantissa bits and exponent bias of f32, and its infinity.
constexpr int singleMantissa = 23, singleBias = 127;
constexpr int64_t singleInfinity = 0x7f800000, singleNaN = 0x7fc00000;

/// The parts of a narrow type that has a sign.
struct Format {
  explicit Format(FloatType type) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    width = type.getWidth();
    mantissa = static_cast<int>(APFloat::semanticsPrecision(semantics)) - 1;
    bias = 1 - APFloat::semanticsMinExponent(semantics);
    largest = getBits(APFloat::getLargest(semantics));
    if (APFloat::semanticsHasInf(semantics))
      infinity = getBits(APFloat::getInf(semantics));
    if (APFloat::semanticsHasNaN(semantics))
      nan = getBits(APFloat::getNaN(semantics));
    isUnsignedZero = nan == signBit();
  }
  static int64_t getBits(const APFloat &number) {
    return static_cast<int64_t>(number.bitcastToAPInt().getZExtValue());
  }
  int64_t signBit() const { return int64_t(1) << (width - 1); }
  /// Difference of the exponents of f32 and of this type, in the place of f32's
  /// exponent.
  int64_t rebias() const {
    return static_cast<int64_t>(singleBias - bias) << singleMantissa;
  }
  int drop() const { return singleMantissa - mantissa; }

  unsigned width;
  int mantissa, bias;
  int64_t largest, infinity = -1, nan = -1; ///< -1: the type has none
  bool isUnsignedZero;                      ///< the bits of -0 are NaN
};

/// Integer arithmetic on i32.
class Words {
public:
  explicit Words(Scalars &s) : s(s), i32(s.b.getI32Type()) {}
  Value number(int64_t value) { return s.integer(i32, value); }
  Value add(Value a, int64_t b) { return s.add(a, number(b)); }
  Value both(Value a, int64_t b) { return s.both(a, number(b)); }
  Value left(Value a, int count) {
    return s.make<arith::ShLIOp>(a, number(count));
  }
  Value right(Value a, int count) {
    return s.make<arith::ShRUIOp>(a, number(count));
  }
  Value isAbove(Value a, int64_t b) { return s.lt(number(b), a); }
  Value select(Value condition, int64_t yes, Value no) {
    return s.select(condition, number(yes), no);
  }
  Value fromFloat(Value x) { return s.make<arith::BitcastOp>(i32, x); }
  Value toFloat(Value word) {
    return s.make<arith::BitcastOp>(s.b.getF32Type(), word);
  }

  Scalars &s;
  Type i32;
};

} // namespace

/// 2^(bits - 127); NaN for 255. f32 has 2^-127 as a subnormal number.
static Value decodeExponent(Scalars &s, Value bits) {
  Words w(s);
  Value wide = s.make<arith::ExtUIOp>(w.i32, bits);
  Value word = w.left(wide, singleMantissa);
  word = w.select(s.eq(wide, w.number(0)), int64_t(1) << (singleMantissa - 1),
                  word);
  return w.toFloat(w.select(s.eq(wide, w.number(255)), singleNaN, word));
}

Value cinch::form::decode(Scalars &s, Value bits, FloatType type) {
  if (isa<Float8E8M0FNUType>(type))
    return decodeExponent(s, bits);
  Format format(type);
  Words w(s);
  Type f32 = s.b.getF32Type();
  Value wide = s.make<arith::ExtUIOp>(w.i32, bits);
  Value magnitude = w.both(wide, format.signBit() - 1);
  Value normal = w.add(w.left(magnitude, format.drop()), format.rebias());
  // The value of the last place of subnormal numbers.
  double step = std::ldexp(1.0, 1 - format.bias - format.mantissa);
  Value small = w.fromFloat(
      s.mul(s.make<arith::UIToFPOp>(f32, magnitude), s.number(f32, step)));
  Value isNormal = w.isAbove(magnitude, (int64_t(1) << format.mantissa) - 1);
  Value word = s.select(isNormal, normal, small);
  if (format.infinity >= 0) {
    word = w.select(s.eq(magnitude, w.number(format.infinity)), singleInfinity,
                    word);
    word = w.select(w.isAbove(magnitude, format.infinity), singleNaN, word);
  } else if (format.nan >= 0 && !format.isUnsignedZero) {
    word = w.select(s.eq(magnitude, w.number(format.nan)), singleNaN, word);
  }
  Value sign = w.left(w.both(wide, format.signBit()),
                      32 - static_cast<int>(format.width));
  word = s.either(word, sign);
  if (format.isUnsignedZero)
    word = w.select(s.eq(wide, w.number(format.nan)), singleNaN, word);
  return w.toFloat(word);
}

/// The exponent of `x`, rounded; 255, NaN, for what is not finite.
static Value encodeExponent(Scalars &s, Value x, Narrowing how) {
  Words w(s);
  Value word = w.both(w.fromFloat(x), 0x7fffffff);
  Value exponent = w.right(word, singleMantissa);
  Value fraction = w.both(word, (1 << singleMantissa) - 1);
  Value isUp;
  constexpr int64_t half = 1 << (singleMantissa - 1);
  switch (how.rounding) {
  case graph::Rounding::up:
    isUp = w.isAbove(fraction, 0);
    break;
  case graph::Rounding::down:
    isUp = s.integer(s.b.getI1Type(), 0);
    break;
  case graph::Rounding::nearest: // a half to the next power
    isUp = s.either(
        w.isAbove(fraction, half),
        s.both(s.eq(fraction, w.number(half)), w.isAbove(exponent, 0)));
    break;
  }
  if (how.saturate)
    isUp = s.both(isUp, s.lt(exponent, w.number(254)));
  Value rounded = s.add(exponent, s.make<arith::ExtUIOp>(w.i32, isUp));
  Value isFinite = s.lt(word, w.number(singleInfinity));
  rounded = s.select(isFinite, rounded, w.number(255));
  return s.make<arith::TruncIOp>(s.b.getI8Type(), rounded);
}

Value cinch::form::encode(Scalars &s, Value x, FloatType type, Narrowing how) {
  if (isa<Float8E8M0FNUType>(type))
    return encodeExponent(s, x, how);
  Format format(type);
  Words w(s);
  Type f32 = s.b.getF32Type();
  Value word = w.fromFloat(x);
  Value magnitude = w.both(word, 0x7fffffff);
  int drop = format.drop();
  // To nearest, ties to even: half a last place less one, and its lowest bit.
  Value isOdd = w.both(w.right(magnitude, drop), 1);
  Value rounded =
      s.add(w.add(magnitude, (int64_t(1) << (drop - 1)) - 1), isOdd);
  Value code = w.add(w.right(rounded, drop), -(format.rebias() >> drop));
  // f32's last place is that of subnormal numbers from here on.
  double base =
      std::ldexp(1.0, 1 - format.bias - format.mantissa + singleMantissa);
  Value moved = w.fromFloat(s.add(w.toFloat(magnitude), s.number(f32, base)));
  Value small = s.sub(moved, w.fromFloat(s.number(f32, base)));
  int64_t smallestNormal = format.rebias() + (int64_t(1) << singleMantissa);
  code = s.select(s.lt(magnitude, w.number(smallestNormal)), small, code);
  int64_t overflow = format.largest;
  if (!how.saturate && format.nan >= 0)
    overflow = format.infinity >= 0 ? format.infinity : format.nan;
  code = w.select(w.isAbove(code, format.largest), overflow, code);
  Value isNaN = w.isAbove(magnitude, singleInfinity);
  code = w.select(isNaN, std::max<int64_t>(format.nan, 0), code);
  Value sign = w.both(w.right(word, 32 - static_cast<int>(format.width)),
                      format.signBit());
  if (format.nan < 0) // 0 in the place of NaN has no sign
    sign = w.select(isNaN, 0, sign);
  if (format.isUnsignedZero) // neither 0 nor NaN has one
    sign = w.select(s.eq(w.both(code, format.signBit() - 1), w.number(0)), 0,
                    sign);
  return s.make<arith::TruncIOp>(
      IntegerType::get(s.b.getContext(), format.width), s.either(code, sign));
}
