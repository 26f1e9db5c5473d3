//===- Histogram.cpp - how often numbers of each size occur ---------------===//
#include "passes/Quantize/Histogram.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

using namespace cinch::quantize;

static constexpr int half = Histogram::numBins / 2;

double Histogram::getBinWidth() const {
  return std::ldexp(1.0, exponent) / half;
}

int64_t Histogram::getTotal() const {
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

void Histogram::set(int newExponent, std::vector<int64_t> numbers) {
  assert(numbers.empty() || numbers.size() == numBins);
  exponent = newExponent;
  counts = std::move(numbers);
}

void Histogram::widen(int newExponent) {
  if (newExponent <= exponent)
    return;
  // A bin is [f, f + 1) widths with f = bin - half; f / 2^shift, rounded down,
  // is the wider bin that holds all of it.
  int shift = std::min(newExponent - exponent, 31);
  std::vector<int64_t> wider(counts.size());
  for (int bin = 0; bin < static_cast<int>(counts.size()); ++bin)
    wider[((bin - half) >> shift) + half] += counts[bin];
  counts = std::move(wider);
  exponent = newExponent;
}

void Histogram::add(llvm::ArrayRef<float> numbers) {
  if (numbers.empty())
    return;
  if (counts.empty())
    counts.resize(numBins);
  float largest = 0;
  for (float number : numbers)
    largest = std::max(largest, std::fabs(number));
  assert(std::isfinite(largest));
  if (largest != 0) {
    int needed;
    std::frexp(largest, &needed); // largest < 2^needed
    widen(needed);
  }
  double scale = std::ldexp(half, -exponent);
  for (float number : numbers)
    ++counts[static_cast<int>(std::floor(number * scale)) + half];
}

void Histogram::merge(const Histogram &other) {
  if (other.counts.empty())
    return;
  if (counts.empty()) {
    *this = other;
    return;
  }
  Histogram same = other;
  same.widen(exponent);
  widen(same.exponent);
  for (int bin = 0; bin < numBins; ++bin)
    counts[bin] += same.counts[bin];
}
