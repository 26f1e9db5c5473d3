//===- MatrixMath.h - products of small matrices --------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_MATRIXMATH_H
#define CINCH_RUNTIME_EMULATOR_MATRIXMATH_H

#include "runtime/Emulator/Types.h"
#include <cstdint>
#include <vector>

namespace cinch::emulator {

/// Elements of a packed 32-bit register of `type`; 0 if it is none of a matrix.
unsigned elementsPerRegister(Type type);
/// Element `index` of a register, as a float or an integer.
float unpackFloat(Type type, uint32_t bits, unsigned index);
int32_t unpackInteger(Type type, uint32_t bits, unsigned index);

/// d[m][n] += a[m][k] b[k][n], row-major, n a multiple of 8: each sum is a
/// chain of fused multiply-adds in f32, in ascending k. Hardware sums in
/// another order and with other rounding.
void multiplyFloats(const float *a, const float *b, float *d, unsigned m,
                    unsigned n, unsigned k);
/// The same in integers, exact; wrapping, or clamped to int32 where
/// `isSaturating`.
void multiplyIntegers(const int32_t *a, const int32_t *b, int32_t *d,
                      unsigned m, unsigned n, unsigned k, bool isSaturating);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_MATRIXMATH_H
