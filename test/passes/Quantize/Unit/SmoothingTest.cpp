// Smoothing: factors, and an expected error that ranks strengths as the real
// one does.
#include "passes/Quantize/Smoothing.h"
#include "passes/Quantize/Calibrators.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <random>

using namespace cinch::quantize;
using Detail = ValueStatistics::Detail;

namespace {

constexpr int64_t rows = 128, width = 96, columns = 24;

/// Normal numbers of which a few channels are 50 times larger.
struct Layer {
  Layer() : x(rows * width), w(width * columns) {
    std::mt19937 engine(0);
    std::normal_distribution<float> distribution;
    for (int64_t i = 0; i < rows * width; ++i)
      x[i] = distribution(engine) * (i % width < 2 ? 50.0f : 1.0f);
    for (float &weight : w)
      weight = distribution(engine);
    EXPECT_FALSE(bool(statistics.add(x, width, 1, Detail::SecondMoment)));
    weightMax.resize(width);
    for (int64_t i = 0; i < width * columns; ++i)
      weightMax[i / columns] =
          std::max<double>(weightMax[i / columns], std::fabs(w[i]));
  }

  std::vector<double> smooth(double alpha) const {
    return getSmoothing(statistics.channelMax, weightMax, alpha);
  }

  /// The squared error of the quantized layer on its rows.
  double measureError(llvm::ArrayRef<double> factors,
                      const LayerQuantization &layer) const {
    std::vector<float> v(w), y(x);
    for (int64_t k = 0; k < width; ++k) {
      for (int64_t n = 0; n < columns; ++n)
        v[k * columns + n] *= static_cast<float>(factors[k]);
      for (int64_t r = 0; r < rows; ++r)
        y[r * width + k] /= static_cast<float>(factors[k]);
    }
    Sharing sharing;
    sharing.kind = Sharing::Channel;
    sharing.outer = width;
    sharing.extent = columns;
    RoundedWeights rounded = roundWeights(v, sharing, *layer.weights, false);
    auto largest = [](const float *begin, int64_t count) {
      double result = 0;
      for (int64_t i = 0; i < count; ++i)
        result = std::max<double>(result, std::fabs(begin[i]));
      return result;
    };
    double all = largest(y.data(), rows * width), sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      double top = layer.isPerToken ? largest(&y[r * width], width) : all;
      for (int64_t n = 0; n < columns; ++n) {
        double exact = 0, stored = 0;
        for (int64_t k = 0; k < width; ++k) {
          double number = y[r * width + k];
          exact += number * v[k * columns + n];
          if (layer.activations) {
            double scale = top / layer.activations->getLargest();
            number = layer.activations->round(number / scale) * scale;
          }
          auto code = rounded.codes[k * columns + n];
          stored += number * static_cast<int8_t>(code) * rounded.scales[n];
        }
        sum += (stored - exact) * (stored - exact);
      }
    }
    return sum;
  }

  std::vector<float> x, w;
  ValueStatistics statistics;
  std::vector<double> weightMax;
};

} // namespace

TEST(SmoothingTest, ScalingFollowsMagnitudes) {
  ValueStatistics statistics;
  std::vector<float> x = {4, 1, 0, -4, -1, 0};
  EXPECT_FALSE(bool(statistics.add(x, 3, 1, Detail::SecondMoment)));
  std::vector<double> factors = getActivationScaling(statistics, 0.5);
  EXPECT_NEAR(factors[0], std::sqrt(2.0), 1e-12); // 2 over the root of 2
  EXPECT_NEAR(factors[1], std::sqrt(0.5), 1e-12);
  EXPECT_EQ(factors[2], 1); // nothing shows its magnitude
  for (double factor : getActivationScaling(statistics, 0))
    EXPECT_EQ(factor, 1);
}

TEST(SmoothingTest, FollowsTheFormula) {
  std::vector<double> factors =
      getSmoothing({16, 0, 2, 1e8f, 1e-12f}, {0.25, 1, 0, 1, 1}, 0.5);
  EXPECT_EQ(factors, (std::vector<double>{8, 1, 1, 1e4, 1e-4}));
  EXPECT_EQ(getSmoothing({16}, {0.25}, 1)[0], 16);
  EXPECT_EQ(getSmoothing({16}, {0.25}, 0)[0], 4);
}

// Without rounded activations the expected error is the real one.
TEST(PredictErrorTest, IsExactForWeights) {
  Layer data;
  LayerQuantization layer = {nullptr, Format::find("i8"), false, 0};
  for (double alpha : {0.0, 0.5}) {
    double real = data.measureError(data.smooth(alpha), layer);
    double expected = predictError(data.statistics, data.w, columns,
                                   data.smooth(alpha), layer);
    EXPECT_NEAR(expected, real, 1e-3 * real);
  }
}

// Roundings are nearly independent, so the diagonal of the second moment does:
// what is left out is random, and less than this in 24 columns.
TEST(PredictErrorTest, NeedsTheDiagonalOnly) {
  Layer data;
  ValueStatistics diagonal = data.statistics;
  diagonal.secondMoment.clear();
  LayerQuantization layer = {Format::find("i8"), Format::find("i8"), false, 0};
  for (double alpha : {0.0, 0.25, 0.5, 1.0}) {
    std::vector<double> factors = data.smooth(alpha);
    double full =
        predictError(data.statistics, data.w, columns, factors, layer);
    EXPECT_NEAR(predictError(diagonal, data.w, columns, factors, layer), full,
                0.1 * full)
        << alpha;
  }
}

TEST(PredictErrorTest, IsCloseForActivations) {
  Layer data;
  for (bool isPerToken : {false, true}) {
    LayerQuantization layer = {Format::find("i8"), Format::find("i8"),
                               isPerToken, 0};
    double best = INFINITY, real = INFINITY, chosen = 0, plain = 0;
    for (int step = 0; step <= 20; ++step) {
      std::vector<double> factors = data.smooth(step / 20.0);
      double expected =
          predictError(data.statistics, data.w, columns, factors, layer);
      double measured = data.measureError(factors, layer);
      EXPECT_NEAR(expected, measured, 0.35 * measured) << step;
      if (expected < best) {
        best = expected;
        chosen = measured;
      }
      real = std::min(real, measured);
      plain = step == 0
                  ? data.measureError(std::vector<double>(width, 1), layer)
                  : plain;
    }
    EXPECT_LT(chosen, 1.1 * real); // the choice is as good as the best
    EXPECT_LT(chosen, 0.3 * plain);
  }
}
