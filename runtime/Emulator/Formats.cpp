//===- Formats.cpp - float formats and their rounding ---------------------===//
#include "runtime/Emulator/Formats.h"
#include <algorithm>
#include <limits>

using namespace cinch::emulator;

double cinch::emulator::roundIntegral(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Nearest:
    return std::nearbyint(value);
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return std::floor(value);
  case Rounding::Up:
    return std::ceil(value);
  case Rounding::Away:
    return std::round(value);
  }
  return value;
}

double cinch::emulator::roundTo(double value, int mantissa, int minExponent,
                                double largest, Rounding rounding) {
  if (value == 0 || !std::isfinite(value))
    return value;
  int exponent = std::max(std::ilogb(value), minExponent);
  int shift = mantissa - exponent;
  double rounded = std::copysign(
      std::ldexp(roundIntegral(std::ldexp(value, shift), rounding), -shift),
      value);
  if (std::fabs(rounded) <= largest)
    return rounded;
  bool isInfinite = rounding == Rounding::Nearest ||
                    rounding == Rounding::Away ||
                    rounding == (value < 0 ? Rounding::Down : Rounding::Up);
  return std::copysign(
      isInfinite ? std::numeric_limits<double>::infinity() : largest, value);
}

uint16_t cinch::emulator::doubleToHalf(double value, Rounding rounding) {
  float exact = float(roundTo(value, 10, -14, 65504, rounding));
  return std::isnan(exact) ? 0x7FFF : _cvtss_sh(exact, 0);
}

uint16_t cinch::emulator::doubleToBfloat(double value, Rounding rounding) {
  if (std::isnan(value))
    return 0x7FFF;
  double largest = std::ldexp(255.0 / 128, 127);
  return uint16_t(
      bitCast<uint32_t>(float(roundTo(value, 7, -126, largest, rounding))) >>
      16);
}

float cinch::emulator::doubleToFloat(double value, Rounding rounding) {
  if (rounding == Rounding::Nearest)
    return float(value);
  return float(
      roundTo(value, 23, -126, std::numeric_limits<float>::max(), rounding));
}

float cinch::emulator::doubleToTf32(double value, Rounding rounding) {
  double largest = std::ldexp(2047.0 / 1024, 127);
  return float(roundTo(value, 10, -126, largest, rounding));
}

uint8_t cinch::emulator::doubleToE4M3(double value) {
  uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value))
    return sign | 0x7F;
  double size = std::fabs(
      roundTo(std::clamp(value, -448.0, 448.0), 3, -6, 448, Rounding::Nearest));
  if (size < std::ldexp(1, -6))
    return sign | uint8_t(std::ldexp(size, 9));
  int exponent = std::ilogb(size);
  return sign | uint8_t((exponent + 7) << 3) |
         uint8_t(std::ldexp(size, 3 - exponent) - 8);
}

uint8_t cinch::emulator::doubleToE5M2(double value) {
  if (std::isnan(value))
    return 0x7F;
  return uint8_t(doubleToHalf(roundTo(std::clamp(value, -57344.0, 57344.0), 2,
                                      -14, 57344, Rounding::Nearest)) >>
                 8);
}

float cinch::emulator::e4m3ToFloat(uint8_t bits) {
  int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if ((bits & 0x7F) == 0x7F)
    return std::numeric_limits<float>::quiet_NaN();
  float size = exponent ? std::ldexp(float(8 + mantissa), exponent - 10)
                        : std::ldexp(float(mantissa), -9);
  return bits & 0x80 ? -size : size;
}

float cinch::emulator::e5m2ToFloat(uint8_t bits) {
  return halfToFloat(uint16_t(bits) << 8);
}

/// Moves `sum`, which is `error` short of the exact value, to the neighbour
/// with an odd last bit.
static double toOdd(double sum, double error) {
  if (error == 0 || !std::isfinite(sum) || !std::isfinite(error))
    return sum;
  auto bits = bitCast<uint64_t>(sum);
  if (bits & 1)
    return sum;
  bool isAway = (error > 0) == (sum > 0);
  return bitCast<double>(isAway ? bits + 1 : bits - 1);
}

double cinch::emulator::addToOdd(double a, double b) {
  double sum = a + b, tail = sum - a;
  return toOdd(sum, (a - (sum - tail)) + (b - tail));
}
