//===- Half.h - f16 and bf16 of the tests' references ---------------------===//
#ifndef CINCH_TEST_RUNTIME_EMULATOR_HALF_H
#define CINCH_TEST_RUNTIME_EMULATOR_HALF_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace cinch::emulator {

/// The f16 value of `bits`, exactly; no infinities.
inline float fromHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  float value = exponent ? std::ldexp(float(1024 + mantissa), exponent - 25)
                         : std::ldexp(float(mantissa), -24);
  return bits >> 15 ? -value : value;
}

/// `value` rounded to the nearest f16, ties to even; |value| < 65504.
inline uint16_t toHalf(float value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  float size = std::fabs(value);
  int exponent = size ? std::ilogb(size) : -15;
  if (exponent < -14)
    return sign | uint16_t(std::nearbyint(std::ldexp(size, 24)));
  // A mantissa of 2048 carries into the exponent, as it should.
  int mantissa = int(std::nearbyint(std::ldexp(size, 10 - exponent)));
  return sign | uint16_t((exponent + 14) * 1024 + mantissa);
}

inline float fromBfloat(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

/// `value` rounded to the nearest bf16, ties to even; finite.
inline uint16_t toBfloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

} // namespace cinch::emulator

#endif // CINCH_TEST_RUNTIME_EMULATOR_HALF_H
