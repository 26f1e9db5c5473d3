//===- Statistics.cpp - what samples show about values --------------------===//
#include "passes/Quantize/Statistics.h"
#include <algorithm>
#include <cassert>
#include <cmath>

using namespace cinch::quantize;

/// Rows of which the second moment is added at once: they stay in the cache.
static constexpr int64_t rowsAtOnce = 32;

/// Adds x^T x of `rows` rows of `width` numbers to `moment` [width, width].
static void addSecondMoment(const float *numbers, int64_t rows, int64_t width,
                            std::vector<double> &moment) {
  for (int64_t first = 0; first < rows; first += rowsAtOnce) {
    int64_t end = std::min(rows, first + rowsAtOnce);
    for (int64_t i = 0; i < width; ++i)
      for (int64_t row = first; row < end; ++row) {
        const float *x = numbers + row * width;
        double factor = x[i];
        double *sums = moment.data() + i * width;
        if (factor != 0)
          for (int64_t j = i; j < width; ++j)
            sums[j] += factor * x[j];
      }
  }
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = 0; j < i; ++j)
      moment[i * width + j] = moment[j * width + i];
}

llvm::Error ValueStatistics::add(llvm::ArrayRef<float> numbers,
                                 int64_t numChannels, int64_t inner,
                                 Detail detail) {
  if (numbers.empty())
    return llvm::Error::success();
  assert(numbers.size() % (numChannels * inner) == 0);
  assert(detail == Detail::Channels || inner == 1);
  ValueStatistics sample;
  sample.samples = 1;
  sample.elements = static_cast<int64_t>(numbers.size());
  sample.channelMax.assign(numChannels, 0.0f);
  sample.channelSum.assign(numChannels, 0.0);
  sample.channelSquareSum.assign(numChannels, 0.0);
  double lowest = INFINITY, highest = -INFINITY;
  bool isFinite = true;
  const float *at = numbers.begin();
  for (int64_t channel = 0; at != numbers.end();
       channel = channel + 1 == numChannels ? 0 : channel + 1) {
    float largest = sample.channelMax[channel];
    double sum = 0, squareSum = 0;
    for (const float *end = at + inner; at != end; ++at) {
      isFinite &= std::isfinite(*at);
      largest = std::max(largest, std::fabs(*at));
      lowest = std::min<double>(lowest, *at);
      highest = std::max<double>(highest, *at);
      sum += *at;
      squareSum += double(*at) * *at;
    }
    sample.channelMax[channel] = largest;
    sample.channelSum[channel] += sum;
    sample.channelSquareSum[channel] += squareSum;
  }
  if (!isFinite)
    return llvm::createStringError("a number is not finite");
  sample.min = sample.minSum = lowest;
  sample.max = sample.maxSum = highest;
  sample.histogram.add(numbers);
  if (detail == Detail::SecondMoment) {
    sample.secondMoment.assign(numChannels * numChannels, 0.0);
    addSecondMoment(numbers.begin(), sample.elements / numChannels, numChannels,
                    sample.secondMoment);
  }
  return merge(sample);
}

llvm::Error ValueStatistics::merge(const ValueStatistics &other) {
  if (other.elements == 0)
    return llvm::Error::success();
  if (elements == 0) {
    *this = other;
    return llvm::Error::success();
  }
  if (channelMax.size() != other.channelMax.size())
    return llvm::createStringError(
        "expected " + llvm::Twine(channelMax.size()) + " channels, but got " +
        llvm::Twine(other.channelMax.size()));
  if (secondMoment.size() != other.secondMoment.size())
    return llvm::createStringError("only some samples have a second moment");
  samples += other.samples;
  elements += other.elements;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  minSum += other.minSum;
  maxSum += other.maxSum;
  histogram.merge(other.histogram);
  auto add = [](double a, double b) { return a + b; };
  std::transform(channelMax.begin(), channelMax.end(), other.channelMax.begin(),
                 channelMax.begin(),
                 [](float a, float b) { return std::max(a, b); });
  std::transform(channelSum.begin(), channelSum.end(), other.channelSum.begin(),
                 channelSum.begin(), add);
  std::transform(channelSquareSum.begin(), channelSquareSum.end(),
                 other.channelSquareSum.begin(), channelSquareSum.begin(), add);
  std::transform(secondMoment.begin(), secondMoment.end(),
                 other.secondMoment.begin(), secondMoment.begin(), add);
  return llvm::Error::success();
}

const ValueStatistics *Statistics::find(llvm::StringRef name) const {
  auto entry = values.find(name.str());
  return entry == values.end() ? nullptr : &entry->second;
}

llvm::Error Statistics::merge(const Statistics &other) {
  if (model != other.model)
    return llvm::createStringError("statistics are of models " + model +
                                   " and " + other.model);
  for (const auto &[name, value] : other.values)
    if (llvm::Error error = values[name].merge(value))
      return llvm::createStringError("'" + name +
                                     "': " + llvm::toString(std::move(error)));
  samples += other.samples;
  return llvm::Error::success();
}
