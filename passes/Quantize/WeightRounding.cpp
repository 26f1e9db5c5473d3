//===- WeightRounding.cpp - weights in few bits ---------------------------===//
#include "passes/Quantize/WeightRounding.h"
#include <algorithm>
#include <cassert>
#include <cmath>

using namespace cinch::quantize;

int64_t Sharing::getNumScales() const {
  switch (kind) {
  case Tensor:
    return 1;
  case Channel:
    return extent;
  case Group:
    return outer * ((extent + group - 1) / group) * inner;
  }
  return 0;
}

void Sharing::forEach(int64_t scale,
                      llvm::function_ref<void(int64_t)> visit) const {
  if (kind == Tensor) {
    for (int64_t i = 0; i < outer * extent * inner; ++i)
      visit(i);
    return;
  }
  if (kind == Channel) {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i)
        visit((o * extent + scale) * inner + i);
    return;
  }
  int64_t numGroups = (extent + group - 1) / group;
  int64_t i = scale % inner, first = scale / inner % numGroups * group,
          o = scale / inner / numGroups;
  for (int64_t k = first; k < std::min(extent, first + group); ++k)
    visit((o * extent + k) * inner + i);
}

/// `number`, below 2^22 in magnitude, rounded to nearest, ties to even: adding
/// this leaves no bits behind the point.
static float roundSmall(float number) {
  constexpr float large = 0x1.8p23f;
  volatile float sum = number + large;
  return sum - large;
}

/// The square of the error of `numbers` with `scale`.
static double getError(llvm::ArrayRef<float> numbers, float scale,
                       const Format &format) {
  double sum = 0;
  if (format.isFloat() || format.levels) {
    for (float number : numbers) {
      double error = format.round(number / scale) * scale - number;
      sum += error * error;
    }
    return sum;
  }
  float largest = static_cast<float>(format.max),
        smallest = format.isSigned() ? -largest : 0;
  for (float number : numbers) {
    float bounded = std::clamp(number / scale, smallest, largest);
    float error = roundSmall(bounded) * scale - number;
    sum += static_cast<double>(error) * error;
  }
  return sum;
}

RoundedWeights cinch::quantize::roundWeights(llvm::ArrayRef<float> weights,
                                             const Sharing &sharing,
                                             const Format &format,
                                             bool search) {
  RoundedWeights result;
  result.codes.resize(weights.size());
  std::vector<float> numbers;
  for (int64_t cell = 0; cell < sharing.getNumScales(); ++cell) {
    numbers.clear();
    double largest = 0;
    sharing.forEach(cell, [&](int64_t i) {
      numbers.push_back(weights[i]);
      largest = std::max<double>(largest, std::fabs(weights[i]));
    });
    float scale = makeScale(largest, format, sharing.scales);
    double least = getError(numbers, scale, format);
    for (float other : search ? makeScales(largest, format, sharing.scales)
                              : std::vector<float>()) {
      double error = getError(numbers, other, format);
      if (error < least) {
        least = error;
        scale = other;
      }
    }
    result.scales.push_back(scale);
    result.squaredError += least;
    sharing.forEach(cell, [&](int64_t i) {
      result.squaredSum += static_cast<double>(weights[i]) * weights[i];
      result.codes[i] = format.encode(format.round(weights[i] / scale));
    });
  }
  return result;
}

bool cinch::quantize::hasScales(llvm::ArrayRef<float> weights,
                                const Sharing &sharing, const Format &format) {
  for (int64_t cell = 0; cell < sharing.getNumScales(); ++cell) {
    double largest = 0;
    sharing.forEach(cell, [&](int64_t i) {
      largest = std::max<double>(largest, std::fabs(weights[i]));
    });
    if (!hasScale(largest, format, sharing.scales))
      return false;
  }
  return true;
}

void cinch::quantize::packCodes(llvm::ArrayRef<uint8_t> codes, unsigned bits,
                                llvm::MutableArrayRef<char> bytes) {
  assert(bytes.size() == (codes.size() * bits + 7) / 8);
  std::fill(bytes.begin(), bytes.end(), 0);
  for (size_t i = 0; i < codes.size(); ++i) {
    size_t byte = i * bits / 8, shift = i * bits % 8;
    unsigned word = unsigned(codes[i]) << shift;
    bytes[byte] = static_cast<char>(bytes[byte] | word);
    if (shift + bits > 8)
      bytes[byte + 1] = static_cast<char>(word >> 8);
  }
}

uint8_t cinch::quantize::unpackCode(llvm::ArrayRef<char> bytes, unsigned bits,
                                    size_t i) {
  size_t byte = i * bits / 8, shift = i * bits % 8;
  unsigned word = static_cast<uint8_t>(bytes[byte]);
  if (shift + bits > 8)
    word |= static_cast<unsigned>(static_cast<uint8_t>(bytes[byte + 1])) << 8;
  return word >> shift & ((1u << bits) - 1);
}
