//===- Calibrators.cpp - from statistics to a scale -----------------------===//
//
// Percentile and entropy: Wu et al., "Integer Quantization for Deep Learning
// Inference", 2020, section 3.3; entropy: Migacz, "8-bit Inference with
// TensorRT", 2017. Affine scales: Jacob et al., 2018, section 2.1. Our
// deviation: histograms have bins of a power of two, which begin at 0, and the
// search for the least squared error also tries what the other methods find.
//
//===----------------------------------------------------------------------===//
#include "passes/Quantize/Calibrators.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

using namespace cinch::quantize;

static constexpr int half = Histogram::numBins / 2;
/// Ranges that a search for the least error tries.
static constexpr int numRatios = 100;

static constexpr std::array<std::pair<Method, llvm::StringLiteral>, 5> names = {
    {{Method::MinMax, "minmax"},
     {Method::Percentile, "percentile"},
     {Method::Entropy, "entropy"},
     {Method::Mse, "mse"},
     {Method::MovingAverage, "moving-average"}}};

llvm::StringRef cinch::quantize::getName(Method method) {
  for (const auto &[entry, name] : names)
    if (entry == method)
      return name;
  return "";
}

std::optional<Method> cinch::quantize::parseMethod(llvm::StringRef text) {
  for (const auto &[entry, name] : names)
    if (name == text)
      return entry;
  return std::nullopt;
}

Scale cinch::quantize::getScale(Bounds range, const Format &format,
                                bool isSymmetric) {
  double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0);
  if (isSymmetric || format.isFloat()) {
    double largest = std::max(-low, high);
    return {
        std::max(static_cast<float>(largest / format.getLargest()), minScale)};
  }
  double width = static_cast<double>(format.max - format.min);
  float scale = std::max(static_cast<float>((high - low) / width), minScale);
  double zero = std::nearbyint(static_cast<double>(format.min) - low / scale);
  return {scale,
          static_cast<int64_t>(std::clamp(zero, static_cast<double>(format.min),
                                          static_cast<double>(format.max)))};
}

double cinch::quantize::getSquaredError(const Histogram &histogram, Scale scale,
                                        const Format &format) {
  const std::vector<int64_t> &counts = histogram.getCounts();
  double sum = 0, zero = static_cast<double>(scale.zero);
  for (int bin = 0; bin < static_cast<int>(counts.size()); ++bin) {
    if (counts[bin] == 0)
      continue;
    double number = histogram.getCenter(bin), quantized = number / scale.scale;
    // What saturates depends on the zero point.
    double code = format.isFloat()
                      ? format.round(quantized)
                      : std::clamp(std::nearbyint(quantized) + zero,
                                   static_cast<double>(format.min),
                                   static_cast<double>(format.max)) -
                            zero;
    double error = code * scale.scale - number;
    sum += static_cast<double>(counts[bin]) * error * error;
  }
  return sum / std::max<double>(1, static_cast<double>(histogram.getTotal()));
}

/// How often magnitudes occur: bin i has those of [i, i + 1) bin widths.
static std::vector<double> getMagnitudes(const Histogram &histogram) {
  std::vector<double> magnitudes(half);
  const std::vector<int64_t> &counts = histogram.getCounts();
  for (int bin = 0; bin < half; ++bin)
    magnitudes[bin] =
        static_cast<double>(counts[half + bin] + counts[half - 1 - bin]);
  return magnitudes;
}

/// Where `below` numbers are below, in bins, if those of a bin are evenly
/// spread.
template <typename Counts>
static double findQuantile(const Counts &counts, double below) {
  double sum = 0;
  for (size_t bin = 0; bin < counts.size(); ++bin) {
    double count = static_cast<double>(counts[bin]);
    if (count > 0 && sum + count >= below)
      return static_cast<double>(bin) + (below - sum) / count;
    sum += count;
  }
  return static_cast<double>(counts.size());
}

static Bounds findPercentile(const ValueStatistics &value, bool isSymmetric,
                             double percent) {
  const Histogram &histogram = value.histogram;
  double total = static_cast<double>(histogram.getTotal());
  double width = histogram.getBinWidth();
  if (isSymmetric) {
    double end =
        width * findQuantile(getMagnitudes(histogram), total * percent / 100);
    return {std::max(value.min, -end), std::min(value.max, end)};
  }
  double beyond = total * (100 - percent) / 200;
  const std::vector<int64_t> &counts = histogram.getCounts();
  auto place = [&](double below) {
    return (findQuantile(counts, below) - half) * width;
  };
  return {std::max(value.min, place(beyond)),
          std::min(value.max, place(total - beyond))};
}

/// The Kullback-Leibler divergence of the first `numBins` of `counts`, those
/// beyond being in the last one, from their requantization to `numLevels`.
static double getDivergence(const std::vector<double> &counts, size_t numBins,
                            double beyond, size_t numLevels) {
  constexpr double tiny = 1e-4; // for bins that only one side has
  double expected = 0, observed = 0;
  std::vector<double> q(numBins);
  for (size_t level = 0; level < numLevels; ++level) {
    size_t begin = level * numBins / numLevels,
           end = (level + 1) * numBins / numLevels;
    double sum = 0;
    size_t numFilled = 0;
    for (size_t bin = begin; bin < end; ++bin) {
      sum += counts[bin];
      numFilled += counts[bin] > 0;
    }
    for (size_t bin = begin; bin < end; ++bin)
      q[bin] = counts[bin] > 0 ? sum / static_cast<double>(numFilled) : 0;
  }
  auto p = [&](size_t bin) {
    return counts[bin] + (bin + 1 == numBins ? beyond : 0);
  };
  for (size_t bin = 0; bin < numBins; ++bin) {
    expected += std::max(p(bin), tiny);
    observed += std::max(q[bin], tiny);
  }
  double divergence = 0;
  for (size_t bin = 0; bin < numBins; ++bin) {
    double a = std::max(p(bin), tiny) / expected,
           b = std::max(q[bin], tiny) / observed;
    divergence += a * std::log(a / b);
  }
  return divergence;
}

static Bounds findLeastDivergence(const ValueStatistics &value,
                                  const Format &format) {
  std::vector<double> counts = getMagnitudes(value.histogram);
  while (!counts.empty() && counts.back() == 0)
    counts.pop_back();
  size_t numLevels = format.isFloat() || format.max > 127
                         ? 128
                         : static_cast<size_t>(format.max) + 1;
  double best = INFINITY, beyond = 0;
  size_t bestBins = counts.size();
  // From the widest range, so that a tie keeps more, in steps of 0.4 %.
  for (size_t numBins = counts.size(); numBins >= numLevels;) {
    double divergence = getDivergence(counts, numBins, beyond, numLevels);
    if (divergence < best) {
      best = divergence;
      bestBins = numBins;
    }
    for (size_t step = std::max<size_t>(numBins / 256, 1); step > 0; --step)
      beyond += counts[--numBins];
  }
  double end = value.histogram.getBinWidth() * static_cast<double>(bestBins);
  return {std::max(value.min, -end), std::min(value.max, end)};
}

static Bounds findLeastError(const ValueStatistics &value, const Format &format,
                             bool isSymmetric, double percent) {
  Bounds best, widest = {value.min, value.max};
  double least = INFINITY;
  auto attempt = [&](Bounds range) {
    double error = getSquaredError(
        value.histogram, getScale(range, format, isSymmetric), format);
    if (error < least) {
      least = error;
      best = range;
    }
  };
  for (int ratio = numRatios; ratio > 0; --ratio)
    attempt({widest.low * ratio / numRatios, widest.high * ratio / numRatios});
  for (double part : {percent, 99.9, 99.99, 99.999})
    attempt(findPercentile(value, isSymmetric, part));
  attempt(findLeastDivergence(value, format));
  attempt(
      findRange(value, Method::MovingAverage, format, isSymmetric, percent));
  return best;
}

Bounds cinch::quantize::findRange(const ValueStatistics &value, Method method,
                                  const Format &format, bool isSymmetric,
                                  double percent) {
  auto widen = [](Bounds range) -> Bounds {
    return {std::min(range.low, 0.0), std::max(range.high, 0.0)};
  };
  if (value.elements == 0)
    return {};
  double samples = static_cast<double>(value.samples);
  switch (method) {
  case Method::MinMax:
    return widen({value.min, value.max});
  case Method::Percentile:
    return widen(findPercentile(value, isSymmetric, percent));
  case Method::Entropy:
    return widen(findLeastDivergence(value, format));
  case Method::Mse:
    return widen(findLeastError(value, format, isSymmetric, percent));
  case Method::MovingAverage:
    return widen({value.minSum / samples, value.maxSum / samples});
  }
  return {};
}
