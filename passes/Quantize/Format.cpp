//===- Format.cpp - the numbers of few bits that values are stored in -----===//
#include "passes/Quantize/Format.h"
#include <algorithm>
#include <cmath>

using namespace cinch::quantize;
using llvm::APFloat;

/// The quantiles of a normal distribution, with a 0 (Dettmers et al., "QLoRA",
/// 2023, appendix E).
static constexpr float normalLevels[] = {-1.0f,
                                         -0.6961928009986877f,
                                         -0.5250730514526367f,
                                         -0.39491748809814453f,
                                         -0.28444138169288635f,
                                         -0.18477343022823334f,
                                         -0.09105003625154495f,
                                         0.0f,
                                         0.07958029955625534f,
                                         0.16093020141124725f,
                                         0.24611230194568634f,
                                         0.33791524171829224f,
                                         0.44070982933044434f,
                                         0.5626170039176941f,
                                         0.7229568362236023f,
                                         1.0f};

/// Powers of two, and 0 for what is smaller: what a mask makes 0 stays 0.
static constexpr float logLevels[] = {
    0x1p0f,  0x1p-1f, 0x1p-2f,  0x1p-3f,  0x1p-4f,  0x1p-5f,  0x1p-6f,  0x1p-7f,
    0x1p-8f, 0x1p-9f, 0x1p-10f, 0x1p-11f, 0x1p-12f, 0x1p-13f, 0x1p-14f, 0};

const Format *Format::find(llvm::StringRef name) {
  static const Format formats[] = {
      {"i8", 8, -128, 127, nullptr},
      {"ui8", 8, 0, 255, nullptr},
      {"i4", 4, -8, 7, nullptr},
      {"ui4", 4, 0, 15, nullptr},
      {"i3", 3, -4, 3, nullptr},
      {"i2", 2, -2, 1, nullptr},
      {"ui2", 2, 0, 3, nullptr},
      {"f8E4M3FN", 8, 0, 0, &APFloat::Float8E4M3FN()},
      {"f8E5M2", 8, 0, 0, &APFloat::Float8E5M2()},
      {"f4E2M1FN", 4, 0, 0, &APFloat::Float4E2M1FN()},
      {"nf4", 4, 0, 15, nullptr, normalLevels},
      {"log2", 4, 0, 15, nullptr, logLevels, /*isLogarithmic=*/true}};
  for (const Format &format : formats)
    if (format.name == name)
      return &format;
  return nullptr;
}

double Format::getLargest() const {
  if (levels)
    return levels[isLogarithmic ? 0 : max];
  return isFloat() ? APFloat::getLargest(*semantics).convertToDouble()
                   : static_cast<double>(max);
}

/// The code of the level next to `number`, in logarithms if they are.
static int64_t findLevel(const Format &format, double number) {
  if (format.isLogarithmic) // a NaN is none
    return number > 0 ? std::clamp<int64_t>(std::llrint(-std::log2(number)), 0,
                                            format.max)
                      : format.max;
  int64_t low = 0, high = format.max; // the level is in [low, high]
  while (low < high) {
    int64_t middle = (low + high) / 2;
    double border =
        (double(format.levels[middle]) + double(format.levels[middle + 1])) / 2;
    (number < border ? high : low) = number < border ? middle : middle + 1;
  }
  return low;
}

/// `number` in the type; exact where it is one of its numbers.
static APFloat convert(double number, const llvm::fltSemantics &semantics) {
  APFloat value(number);
  bool losesInfo;
  value.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  return value;
}

double Format::round(double number) const {
  if (levels)
    return levels[findLevel(*this, number)];
  double largest = getLargest();
  double bounded = std::clamp(number, isSigned() ? -largest : 0.0, largest);
  return isFloat() ? convert(bounded, *semantics).convertToDouble()
                   : std::nearbyint(bounded);
}

uint8_t Format::encode(double rounded) const {
  if (levels)
    return static_cast<uint8_t>(findLevel(*this, rounded));
  uint64_t code =
      isFloat() ? convert(rounded, *semantics).bitcastToAPInt().getZExtValue()
                : static_cast<uint64_t>(static_cast<int64_t>(rounded));
  return static_cast<uint8_t>(code & ((1u << bits) - 1));
}

double Format::decode(uint8_t code) const {
  if (levels)
    return levels[code];
  if (isFloat())
    return APFloat(*semantics, llvm::APInt(bits, code)).convertToDouble();
  int64_t number = code;
  return static_cast<double>(number > max ? number - (int64_t(1) << bits)
                                          : number);
}
