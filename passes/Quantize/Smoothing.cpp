//===- Smoothing.cpp - moving outliers from activations into weights ------===//
#include "passes/Quantize/Smoothing.h"
#include <algorithm>
#include <cassert>
#include <cmath>

using namespace cinch::quantize;

static constexpr double smallestFactor = 1e-4, largestFactor = 1e4;

std::vector<double>
cinch::quantize::getSmoothing(llvm::ArrayRef<float> channelMax,
                              llvm::ArrayRef<double> weightMax, double alpha) {
  std::vector<double> factors;
  for (size_t j = 0; j < channelMax.size(); ++j) {
    double factor = 1;
    if (channelMax[j] > 0 && weightMax[j] > 0)
      factor =
          std::pow(channelMax[j], alpha) / std::pow(weightMax[j], 1 - alpha);
    factors.push_back(std::clamp(factor, smallestFactor, largestFactor));
  }
  return factors;
}

std::vector<double>
cinch::quantize::getActivationScaling(const ValueStatistics &input,
                                      double alpha) {
  size_t width = input.channelMax.size();
  double rows = static_cast<double>(input.getNumRows());
  std::vector<double> factors;
  double least = INFINITY, largest = 0;
  for (size_t j = 0; j < width; ++j) {
    double square = input.channelSquareSum[j] / rows;
    double factor = square > 0 ? std::pow(square, alpha / 2) : 0;
    if (factor > 0)
      least = std::min(least, factor);
    largest = std::max(largest, factor);
    factors.push_back(factor);
  }
  for (double &factor : factors)
    factor = factor > 0 ? std::clamp(factor / std::sqrt(least * largest),
                                     smallestFactor, largestFactor)
                        : 1;
  return factors;
}

/// The median of the largest magnitude of independent normal numbers of the
/// given mean squares.
static double getMedianOfLargest(llvm::ArrayRef<double> meanSquares) {
  double low = 0, high = 0;
  for (double square : meanSquares)
    high = std::max(high, 10 * std::sqrt(square));
  for (int step = 0; step < 40; ++step) {
    double middle = (low + high) / 2, logBelow = 0;
    for (double square : meanSquares)
      if (square > 0)
        logBelow += std::log1p(-std::erfc(middle / std::sqrt(2 * square)));
    (logBelow < -M_LN2 ? low : high) = middle;
  }
  return high;
}

/// The expected squared error of each channel of X / s, summed over all rows.
static std::vector<double> predictNoise(const ValueStatistics &input,
                                        llvm::ArrayRef<double> factors,
                                        const LayerQuantization &layer) {
  size_t width = factors.size();
  double rows = static_cast<double>(input.getNumRows());
  std::vector<double> squares;
  double largest = 0;
  for (size_t j = 0; j < width; ++j) {
    squares.push_back(input.channelSquareSum[j] / rows /
                      (factors[j] * factors[j]));
    largest = std::max(largest, input.channelMax[j] / factors[j]);
  }
  if (layer.isPerToken)
    largest = std::min(largest, getMedianOfLargest(squares));
  double step = largest / layer.activations->getLargest();
  std::vector<double> noise;
  for (double square : squares) {
    // A float errs by a part of the number, with `digits` bits behind the
    // point.
    if (layer.activations->isFloat()) {
      int digits =
          llvm::APFloat::semanticsPrecision(*layer.activations->semantics) - 1;
      noise.push_back(rows * square * std::ldexp(1.0 / 24, -2 * digits));
      continue;
    }
    noise.push_back(rows * std::min(step * step / 12, square));
  }
  return noise;
}

/// e^T G e of the errors of one output's weights, with the second moment G of
/// the input, or its diagonal.
static double predictOutputError(const ValueStatistics &input,
                                 llvm::ArrayRef<double> error) {
  size_t width = error.size();
  bool isFull = !input.secondMoment.empty();
  double sum = 0;
  for (size_t i = 0; i < width; ++i) {
    double product = 0;
    if (isFull)
      for (size_t j = 0; j < width; ++j)
        product += input.secondMoment[i * width + j] * error[j];
    else
      product = input.channelSquareSum[i] * error[i];
    sum += error[i] * product;
  }
  return sum;
}

double cinch::quantize::predictError(const ValueStatistics &input,
                                     llvm::ArrayRef<float> weights,
                                     int64_t numColumns,
                                     llvm::ArrayRef<double> factors,
                                     const LayerQuantization &layer) {
  int64_t width = static_cast<int64_t>(factors.size());
  assert(static_cast<int64_t>(weights.size()) == width * numColumns);
  assert(static_cast<int64_t>(input.channelSquareSum.size()) == width);
  std::vector<float> smoothed(weights);
  for (int64_t k = 0; k < width; ++k)
    for (int64_t n = 0; n < numColumns; ++n)
      smoothed[k * numColumns + n] *= static_cast<float>(factors[k]);
  Sharing sharing;
  sharing.kind = Sharing::Group;
  sharing.extent = width;
  sharing.inner = numColumns;
  sharing.group = layer.group > 0 ? layer.group : width;
  RoundedWeights rounded =
      roundWeights(smoothed, sharing, *layer.weights, /*search=*/false);
  std::vector<double> noise(width);
  if (layer.activations)
    noise = predictNoise(input, factors, layer);
  // Column by column: what is stored, and its error before the scaling.
  double sum = 0;
  std::vector<double> error(width);
  for (int64_t n = 0; n < numColumns; ++n) {
    for (int64_t k = 0; k < width; ++k) {
      float scale = rounded.scales[k / sharing.group * numColumns + n];
      double weight = smoothed[k * numColumns + n];
      double stored = layer.weights->round(weight / scale) * scale;
      error[k] = (stored - weight) / factors[k];
      sum += noise[k] * stored * stored;
    }
    sum += predictOutputError(input, error);
  }
  return sum;
}
