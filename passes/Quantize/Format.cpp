//===- Format.cpp - the numbers of few bits that values are stored in -----===//
#include "passes/Quantize/Format.h"
#include <algorithm>
#include <cmath>

using namespace cinch::quantize;
using llvm::APFloat;

const Format *Format::find(llvm::StringRef name) {
  static const Format formats[] = {
      {"i8", 8, -128, 127, nullptr},
      {"ui8", 8, 0, 255, nullptr},
      {"i4", 4, -8, 7, nullptr},
      {"ui4", 4, 0, 15, nullptr},
      {"i2", 2, -2, 1, nullptr},
      {"ui2", 2, 0, 3, nullptr},
      {"f8E4M3FN", 8, 0, 0, &APFloat::Float8E4M3FN()},
      {"f8E5M2", 8, 0, 0, &APFloat::Float8E5M2()},
      {"f4E2M1FN", 4, 0, 0, &APFloat::Float4E2M1FN()}};
  for (const Format &format : formats)
    if (format.name == name)
      return &format;
  return nullptr;
}

double Format::getLargest() const {
  return isFloat() ? APFloat::getLargest(*semantics).convertToDouble()
                   : static_cast<double>(max);
}

/// `number` in the type; exact where it is one of its numbers.
static APFloat convert(double number, const llvm::fltSemantics &semantics) {
  APFloat value(number);
  bool losesInfo;
  value.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  return value;
}

double Format::round(double number) const {
  double largest = getLargest();
  double bounded = std::clamp(number, isSigned() ? -largest : 0.0, largest);
  return isFloat() ? convert(bounded, *semantics).convertToDouble()
                   : std::nearbyint(bounded);
}

uint8_t Format::encode(double rounded) const {
  uint64_t code =
      isFloat() ? convert(rounded, *semantics).bitcastToAPInt().getZExtValue()
                : static_cast<uint64_t>(static_cast<int64_t>(rounded));
  return static_cast<uint8_t>(code & ((1u << bits) - 1));
}

double Format::decode(uint8_t code) const {
  if (isFloat())
    return APFloat(*semantics, llvm::APInt(bits, code)).convertToDouble();
  int64_t number = code;
  return static_cast<double>(number > max ? number - (int64_t(1) << bits)
                                          : number);
}
