//===- MatrixMath.cpp - products of small matrices ------------------------===//
#include "runtime/Emulator/MatrixMath.h"
#include "runtime/Emulator/Formats.h"
#include <algorithm>

using namespace cinch::emulator;

unsigned cinch::emulator::elementsPerRegister(Type type) {
  switch (type) {
  case Type::F32:
  case Type::TF32:
  case Type::S32:
    return 1;
  case Type::F16:
  case Type::BF16:
    return 2;
  case Type::S8:
  case Type::U8:
  case Type::E4M3:
  case Type::E5M2:
    return 4;
  case Type::S4:
  case Type::U4:
    return 8;
  default:
    return 0;
  }
}

float cinch::emulator::unpackFloat(Type type, uint32_t bits, unsigned index) {
  switch (type) {
  case Type::F16:
    return halfToFloat(uint16_t(bits >> 16 * index));
  case Type::BF16:
    return bfloatToFloat(uint16_t(bits >> 16 * index));
  case Type::E4M3:
    return e4m3ToFloat(uint8_t(bits >> 8 * index));
  case Type::E5M2:
    return e5m2ToFloat(uint8_t(bits >> 8 * index));
  case Type::TF32: // hardware does not look at the lowest bits
    return bitCast<float>(bits & ~uint32_t(0x1FFF));
  default:
    return bitCast<float>(bits);
  }
}

int32_t cinch::emulator::unpackInteger(Type type, uint32_t bits,
                                       unsigned index) {
  switch (type) {
  case Type::S8:
    return int8_t(bits >> 8 * index);
  case Type::U8:
    return uint8_t(bits >> 8 * index);
  case Type::S4:
    return int32_t(bits << (28 - 4 * index)) >> 28;
  case Type::U4:
    return int32_t(bits >> 4 * index & 15);
  default:
    return int32_t(bits);
  }
}

void cinch::emulator::multiplyFloats(const float *a, const float *b, float *d,
                                     unsigned m, unsigned n, unsigned k) {
  for (unsigned row = 0; row < m; ++row)
    for (unsigned column = 0; column < n; column += 8) {
      __m256 sum = _mm256_loadu_ps(d + row * n + column);
      for (unsigned i = 0; i < k; ++i)
        sum = _mm256_fmadd_ps(_mm256_set1_ps(a[row * k + i]),
                              _mm256_loadu_ps(b + i * n + column), sum);
      _mm256_storeu_ps(d + row * n + column, sum);
    }
}

void cinch::emulator::multiplyIntegers(const int32_t *a, const int32_t *b,
                                       int32_t *d, unsigned m, unsigned n,
                                       unsigned k, bool isSaturating) {
  for (unsigned row = 0; row < m; ++row)
    for (unsigned column = 0; column < n; ++column) {
      int64_t sum = d[row * n + column];
      for (unsigned i = 0; i < k; ++i)
        sum += int64_t(a[row * k + i]) * b[i * n + column];
      if (isSaturating)
        sum = std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
      d[row * n + column] = int32_t(uint32_t(sum));
    }
}
