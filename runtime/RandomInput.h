//===- RandomInput.h - inputs for a run without data ----------------------===//
#ifndef CINCH_RUNTIME_RANDOMINPUT_H
#define CINCH_RUNTIME_RANDOMINPUT_H

#include "cinch/runtime.h"
#include <cstring>

namespace cinch {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, 2014).
inline uint64_t nextRandom(uint64_t &state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Bits of k/128 for k in [-128, 128) as f16 (exact).
inline uint16_t toHalf(int k) {
  if (k == 0)
    return 0;
  uint16_t sign = k < 0 ? 0x8000 : 0;
  int magnitude = k < 0 ? -k : k, exponent = 31 - __builtin_clz(magnitude);
  return sign | (exponent - 7 + 15) << 10 |
         ((magnitude << (10 - exponent)) & 0x3ff);
}

/// Those of the bits of a float of 4 or 8 bits that may be set in random
/// numbers below 1 (f8E8M0FNU: up to 2); 0: `dtype` is no such float.
inline uint8_t getRandomBits(cinch_dtype_t dtype) {
  switch (dtype) {
  case CINCH_DTYPE_F8E4M3FN:
    return 0xb7;
  case CINCH_DTYPE_F8E4M3FNUZ:
    return 0x3f; // not -0, which is NaN
  case CINCH_DTYPE_F8E5M2:
    return 0xbb;
  case CINCH_DTYPE_F8E5M2FNUZ:
    return 0x3f;
  case CINCH_DTYPE_F8E8M0FNU:
    return 0x7f;
  case CINCH_DTYPE_F4E2M1FN:
    return 0x9;
  default:
    return 0;
  }
}

/// Fills input number `index` of a model, `count` elements of `dtype` at
/// `data`, with numbers that depend on `seed` and `index` alone: floats in
/// [-1, 1), multiples of 1/128 in 16 bits, finite ones in fewer; 0 or 1 for all
/// else, as what is right for an index or a mask.
inline void fillRandom(cinch_dtype_t dtype, uint8_t *data, int64_t count,
                       uint64_t seed, uint64_t index) {
  uint64_t state = seed * 1'000'003 + index;
  int64_t size = cinch_dtype_bytes(dtype), bits = cinch_dtype_bits(dtype);
  if (bits < 8)
    memset(data, 0, (count * bits + 7) / 8);
  for (int64_t number = 0; number < count; ++number) {
    uint64_t random = nextRandom(state);
    uint8_t *at = &data[bits < 8 ? number * bits / 8 : number * size];
    double real = static_cast<double>(random >> 40) / (1 << 23) - 1;
    int k = static_cast<int>(random >> 56) - 128;
    float single = static_cast<float>(real), coarse = k / 128.0f;
    uint16_t half = toHalf(k);
    switch (dtype) {
    case CINCH_DTYPE_F64:
      memcpy(at, &real, sizeof(real));
      break;
    case CINCH_DTYPE_F32:
      memcpy(at, &single, sizeof(single));
      break;
    case CINCH_DTYPE_F16:
      memcpy(at, &half, sizeof(half));
      break;
    case CINCH_DTYPE_BF16: // the upper half of an f32
      memcpy(at, reinterpret_cast<const char *>(&coarse) + 2, 2);
      break;
    default:
      if (uint8_t allowed = getRandomBits(dtype))
        random = random >> 56 & allowed;
      else
        random >>= 63;
      if (bits < 8)
        *at = static_cast<uint8_t>(*at | random << (number * bits % 8));
      else
        *at = static_cast<uint8_t>(random); // little endian
    }
  }
}

} // namespace cinch

#endif // CINCH_RUNTIME_RANDOMINPUT_H
