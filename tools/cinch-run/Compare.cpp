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

/// Element as double; 64-bit integers above 2^53 are rounded.
static double toDouble(cinch_dtype_t dtype, const uint8_t *at) {
  switch (dtype) {
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
    const uint8_t *a = &actual.data[index * size];
    const uint8_t *e = &expected.data[index * size];
    double left = toDouble(actual.dtype, a), right = toDouble(actual.dtype, e);
    double error = std::fabs(left - right);
    if (std::isfinite(right))
      result.maxValue = std::fmax(result.maxValue, std::fabs(right));
    // The same bits, the same infinity, or both NaN: equal.
    bool isSame = memcmp(a, e, size) == 0 || left == right ||
                  (std::isnan(left) && std::isnan(right));
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
