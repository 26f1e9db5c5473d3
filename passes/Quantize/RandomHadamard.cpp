//===- RandomHadamard.cpp - rotations that spread outliers ----------------===//
#include "passes/Quantize/RandomHadamard.h"
#include <cassert>
#include <cmath>

using namespace cinch;
using namespace cinch::quantize;

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014): the same numbers of a seed on every machine.
static uint64_t getNext(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int64_t quantize::getPowerOfTwoFactor(int64_t size) {
  assert(size > 0);
  return size & -size;
}

void quantize::applyHadamard(llvm::MutableArrayRef<double> row) {
  size_t size = row.size();
  assert(size && (size & (size - 1)) == 0);
  for (size_t half = 1; half < size; half *= 2)
    for (size_t first = 0; first < size; first += 2 * half)
      for (size_t i = first; i < first + half; ++i) {
        double left = row[i], right = row[i + half];
        row[i] = left + right;
        row[i + half] = left - right;
      }
  double norm = std::sqrt(static_cast<double>(size));
  for (double &number : row)
    number /= norm;
}

RandomHadamard::RandomHadamard(int64_t size, uint64_t seed)
    : block(getPowerOfTwoFactor(size)) {
  for (int64_t i = 0; i < size; ++i)
    signs.push_back(getNext(seed) >> 63 ? -1 : 1);
}

void RandomHadamard::apply(llvm::MutableArrayRef<double> rows) const {
  assert(rows.size() % signs.size() == 0);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] *= signs[i % signs.size()];
  for (size_t first = 0; first < rows.size(); first += block)
    applyHadamard(rows.slice(first, block));
}
