//===- Compare.cpp - actual and expected outputs --------------------------===//
#include "tools/cinch-run/Data.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace cinch::run {

template <typename T> static T load(const uint8_t *at) {
  T value;
  memcpy(&value, at, sizeof(value));
  return value;
}

static double halfToDouble(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 0x3ff;
  double magnitude;
  if (exponent == 31)
    magnitude = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else
    magnitude = std::ldexp(1024 + mantissa, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

/// A float of at most 8 bits: its mantissa and the bias of its exponent.
struct NarrowFloat {
  int mantissa, bias;
  unsigned infinity, nan; ///< bits without the sign; 0: none
  bool isUnsignedZero;    ///< -0 is NaN
};

static double narrowToDouble(unsigned bits, unsigned width,
                             const NarrowFloat &type) {
  unsigned sign = 1u << (width - 1), magnitude = bits & (sign - 1);
  if ((type.nan && magnitude >= type.nan) ||
      (type.isUnsignedZero && bits == sign))
    return NAN;
  int exponent = static_cast<int>(magnitude >> type.mantissa);
  int mantissa = static_cast<int>(magnitude & ((1u << type.mantissa) - 1));
  double value = exponent == 0
                     ? std::ldexp(mantissa, 1 - type.bias - type.mantissa)
                     : std::ldexp(mantissa + (1 << type.mantissa),
                                  exponent - type.bias - type.mantissa);
  if (type.infinity && magnitude == type.infinity)
    value = INFINITY;
  return bits & sign ? -value : value;
}

/// The bits of element number `index` of `tensor`; of at most 8.
static unsigned getBits(const Tensor &tensor, int64_t index) {
  int64_t bits = cinch_dtype_bits(tensor.dtype), at = index * bits;
  return tensor.data[at / 8] >> (at % 8) & ((1u << bits) - 1);
}

/// Element as double; 64-bit integers above 2^53 are rounded.
static double toDouble(const Tensor &tensor, int64_t index) {
  cinch_dtype_t dtype = tensor.dtype;
  const uint8_t *at = &tensor.data[index * cinch_dtype_bytes(dtype)];
  switch (dtype) {
  case CINCH_DTYPE_I2:
  case CINCH_DTYPE_I4: {
    int bits = static_cast<int>(getBits(tensor, index));
    int sign = 1 << (cinch_dtype_bits(dtype) - 1);
    return (bits ^ sign) - sign;
  }
  case CINCH_DTYPE_U2:
  case CINCH_DTYPE_U4:
    return getBits(tensor, index);
  case CINCH_DTYPE_F4E2M1FN:
    return narrowToDouble(getBits(tensor, index), 4, {1, 1, 0, 0, false});
  case CINCH_DTYPE_F8E4M3FN:
    return narrowToDouble(*at, 8, {3, 7, 0, 0x7f, false});
  case CINCH_DTYPE_F8E4M3FNUZ:
    return narrowToDouble(*at, 8, {3, 8, 0, 0, true});
  case CINCH_DTYPE_F8E5M2:
    return narrowToDouble(*at, 8, {2, 15, 0x7c, 0x7d, false});
  case CINCH_DTYPE_F8E5M2FNUZ:
    return narrowToDouble(*at, 8, {2, 16, 0, 0, true});
  case CINCH_DTYPE_F8E8M0FNU:
    return *at == 255 ? NAN : std::ldexp(1, *at - 127);
  case CINCH_DTYPE_I8:
    return load<int8_t>(at);
  case CINCH_DTYPE_I16:
    return load<int16_t>(at);
  case CINCH_DTYPE_I32:
    return load<int32_t>(at);
  case CINCH_DTYPE_I64:
    return static_cast<double>(load<int64_t>(at));
  case CINCH_DTYPE_U16:
    return load<uint16_t>(at);
  case CINCH_DTYPE_U32:
    return load<uint32_t>(at);
  case CINCH_DTYPE_U64:
    return static_cast<double>(load<uint64_t>(at));
  case CINCH_DTYPE_F16:
    return halfToDouble(load<uint16_t>(at));
  case CINCH_DTYPE_BF16: {
    uint32_t bits = static_cast<uint32_t>(load<uint16_t>(at)) << 16;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
  }
  case CINCH_DTYPE_F32:
    return load<float>(at);
  case CINCH_DTYPE_F64:
    return load<double>(at);
  default: // BOOL, U8
    return load<uint8_t>(at);
  }
}

/// "[1, 0, 7]" for the element number `index`.
static std::string positionText(const Tensor &tensor, int64_t index) {
  std::string text;
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    text = std::to_string(index % tensor.shape[axis]) +
           (text.empty() ? "" : ", ") + text;
    index /= tensor.shape[axis];
  }
  return "[" + text + "]";
}

Comparison compare(const Tensor &actual, const Tensor &expected, double rtol,
                   double atol) {
  Comparison result;
  if (actual.dtype != expected.dtype || actual.shape != expected.shape) {
    result.message = "is " + actual.str() + ", expected " + expected.str();
    return result;
  }
  int64_t size = cinch_dtype_bytes(actual.dtype), count = actual.elements();
  for (int64_t index = 0; index < count; ++index) {
    double left = toDouble(actual, index), right = toDouble(expected, index);
    double error = std::fabs(left - right);
    if (std::isfinite(right))
      result.maxValue = std::fmax(result.maxValue, std::fabs(right));
    // The same bits, the same infinity, or both NaN: equal.
    bool isSame = (size && !memcmp(&actual.data[index * size],
                                   &expected.data[index * size], size)) ||
                  left == right || (std::isnan(left) && std::isnan(right));
    if (isSame)
      continue;
    if (error > result.maxError || std::isnan(error))
      result.maxError = std::isnan(error) ? INFINITY : error;
    // A NaN on one side makes this false.
    if (error <= atol + rtol * std::fabs(right) && std::isfinite(right))
      continue;
    if (result.mismatches++ == 0) {
      char text[128];
      snprintf(text, sizeof(text), " is %.9g, expected %.9g", left, right);
      result.message = "element " + positionText(actual, index) + text;
    }
  }
  result.isEqual = result.mismatches == 0;
  return result;
}

} // namespace cinch::run
