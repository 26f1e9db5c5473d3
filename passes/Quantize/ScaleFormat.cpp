//===- ScaleFormat.cpp - what scales are stored in ------------------------===//
#include "passes/Quantize/ScaleFormat.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace cinch::quantize;
using llvm::APFloat;

/// Magnitudes that are tried, as parts of the largest one.
static constexpr int numRatios = 100;
/// The normal numbers of f16.
static constexpr float leastHalf = 0x1p-14f, largestHalf = 65504;
/// Powers of two beside that of the largest magnitude that are tried.
static constexpr int maxStep = 2;

llvm::StringRef cinch::quantize::getName(ScaleFormat scales) {
  switch (scales) {
  case ScaleFormat::F32:
    return "f32";
  case ScaleFormat::F16:
    return "f16";
  case ScaleFormat::E8M0:
    return "f8E8M0FNU";
  }
  return "";
}

std::optional<ScaleFormat>
cinch::quantize::parseScaleFormat(llvm::StringRef name) {
  for (ScaleFormat scales :
       {ScaleFormat::F32, ScaleFormat::F16, ScaleFormat::E8M0})
    if (getName(scales) == name)
      return scales;
  return std::nullopt;
}

int64_t cinch::quantize::getScaleBytes(ScaleFormat scales) {
  return scales == ScaleFormat::F32 ? 4 : scales == ScaleFormat::F16 ? 2 : 1;
}

float cinch::quantize::getLeastScale(ScaleFormat scales) {
  return scales == ScaleFormat::F16 ? leastHalf : minScale;
}

/// A normal number of f16.
static float roundToHalf(double number) {
  APFloat half(std::clamp<double>(number, leastHalf, largestHalf));
  bool losesInfo;
  half.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &losesInfo);
  half.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
  return half.convertToFloat();
}

static float makePower(int exponent) {
  return std::ldexp(1.0f, std::clamp(exponent, -126, 127));
}

/// The exponent of the shared power of two; `largest` is above 0.
static int getExponent(double largest, const Format &format) {
  return std::ilogb(largest) - std::ilogb(format.getLargest());
}

float cinch::quantize::makeScale(double largest, const Format &format,
                                 ScaleFormat scales) {
  if (largest == 0)
    return getLeastScale(scales);
  if (scales == ScaleFormat::E8M0)
    return makePower(getExponent(largest, format));
  double scale = largest / format.getLargest();
  return scales == ScaleFormat::F16
             ? roundToHalf(scale)
             : std::max(static_cast<float>(scale), minScale);
}

std::vector<float> cinch::quantize::makeScales(double largest,
                                               const Format &format,
                                               ScaleFormat scales) {
  std::vector<float> result = {makeScale(largest, format, scales)};
  if (largest == 0)
    return result;
  if (scales == ScaleFormat::E8M0) {
    for (int step = 1; step <= maxStep; ++step)
      for (int signedStep : {step, -step})
        result.push_back(makePower(getExponent(largest, format) + signedStep));
    return result;
  }
  for (int ratio = numRatios - 1; ratio > 0; --ratio) {
    float scale = makeScale(largest * ratio / numRatios, format, scales);
    if (scale != result.back())
      result.push_back(scale);
  }
  return result;
}

bool cinch::quantize::hasScale(double largest, const Format &format,
                               ScaleFormat scales) {
  double scale = largest / format.getLargest();
  return largest == 0 || scales != ScaleFormat::F16 ||
         (scale >= leastHalf && scale <= largestHalf);
}

std::vector<float> cinch::quantize::decodeScales(llvm::ArrayRef<char> bytes,
                                                 ScaleFormat scales) {
  const llvm::fltSemantics &semantics =
      scales == ScaleFormat::F32   ? APFloat::IEEEsingle()
      : scales == ScaleFormat::F16 ? APFloat::IEEEhalf()
                                   : APFloat::Float8E8M0FNU();
  size_t width = getScaleBytes(scales);
  std::vector<float> result;
  for (size_t at = 0; at < bytes.size(); at += width) {
    uint64_t bits = 0;
    memcpy(&bits, bytes.data() + at, width);
    APFloat number(semantics, llvm::APInt(8 * width, bits));
    result.push_back(static_cast<float>(number.convertToDouble()));
  }
  return result;
}
