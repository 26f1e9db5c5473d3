//===- Formats.h - float formats and their rounding -----------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_FORMATS_H
#define CINCH_RUNTIME_EMULATOR_FORMATS_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <immintrin.h>

namespace cinch::emulator {

/// Directions of rounding, as PTX names them: .rn, .rz, .rm, .rp, .rna (to
/// nearest, ties away from zero).
enum class Rounding : uint8_t { Nearest, Zero, Down, Up, Away };

template <typename To, typename From> To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From), "of one size");
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

inline float halfToFloat(uint16_t half) { return _cvtsh_ss(half); }
inline float bfloatToFloat(uint16_t bits) {
  return bitCast<float>(uint32_t(bits) << 16);
}

/// The integral double that is next to `value` in a direction.
double roundIntegral(double value, Rounding rounding);

/// Rounds `value` to a format of `mantissa` stored bits, lowest exponent
/// `minExponent` and largest finite number `largest`; the result is exact in
/// double. Overflow gives infinity, or `largest` where the direction says so.
double roundTo(double value, int mantissa, int minExponent, double largest,
               Rounding rounding);

uint16_t doubleToHalf(double value, Rounding rounding = Rounding::Nearest);
uint16_t doubleToBfloat(double value, Rounding rounding = Rounding::Nearest);
float doubleToFloat(double value, Rounding rounding = Rounding::Nearest);
/// TF32: a float whose lowest 13 bits are zero.
float doubleToTf32(double value, Rounding rounding);
/// FP8 with saturation to the largest finite number; NaN stays NaN.
uint8_t doubleToE4M3(double value);
uint8_t doubleToE5M2(double value);
float e4m3ToFloat(uint8_t bits);
float e5m2ToFloat(uint8_t bits);

/// a + b rounded to odd: rounding the result again to fewer bits gives what
/// rounding the exact value once would.
double addToOdd(double a, double b);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_FORMATS_H
