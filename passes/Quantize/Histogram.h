//===- Histogram.h - how often numbers of each size occur -----------------===//
#ifndef CINCH_PASSES_QUANTIZE_HISTOGRAM_H
#define CINCH_PASSES_QUANTIZE_HISTOGRAM_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace cinch::quantize {

/// Counts finite numbers in bins of equal width over [-2^exponent, 2^exponent),
/// which widens to hold every number that is added. Widening joins bins in
/// pairs, so that the counts are those of one pass over all numbers, whatever
/// the order, and histograms of different ranges merge without an error.
class Histogram {
public:
  static constexpr int numBins = 4096;
  /// That of the smallest range, which holds 0 only.
  static constexpr int minExponent = -149, maxExponent = 128;

  /// Finite `numbers`.
  void add(llvm::ArrayRef<float> numbers);
  void merge(const Histogram &other);

  int getExponent() const { return exponent; }
  double getBinWidth() const;
  /// The middle of a bin.
  double getCenter(int bin) const {
    int first = -numBins / 2;
    return (first + bin + 0.5) * getBinWidth();
  }
  /// One per bin; empty where nothing was added.
  const std::vector<int64_t> &getCounts() const { return counts; }
  int64_t getTotal() const;
  /// Replaces everything; `numbers` is empty or has `numBins` entries.
  void set(int newExponent, std::vector<int64_t> numbers);

private:
  void widen(int newExponent);

  int exponent = minExponent;
  std::vector<int64_t> counts;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_HISTOGRAM_H
