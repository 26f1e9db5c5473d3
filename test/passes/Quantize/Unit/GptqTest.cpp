//===- GptqTest.cpp - rounding that makes up for earlier errors -----------===//
#include "passes/Quantize/Gptq.h"
#include "passes/Algebra/Decompositions.h"
#include "test/passes/Algebra/Unit/Samples.h"

using namespace cinch::algebra;
using namespace cinch::quantize;

namespace {

/// A layer whose inputs depend on each other, as those of networks do.
struct Layer {
  Layer(int64_t numInputs, int64_t numOutputs, int64_t numRows = 1024) {
    std::mt19937_64 random(0);
    Matrix samples = multiply(makeNormal(numRows, numInputs, random),
                              makeDecaying(numInputs, numInputs, 0.97, random));
    gram = multiplyTransposed(samples, samples);
    weights = makeNormal(numInputs, numOutputs, random).toFloats();
    sharing.extent = numInputs;
    sharing.inner = numOutputs;
  }

  Layer &setGroup(int64_t group) {
    sharing.kind = Sharing::Group;
    sharing.group = group;
    return *this;
  }
  Layer &setChannel() {
    sharing.kind = Sharing::Channel;
    std::swap(sharing.outer, sharing.extent);
    std::swap(sharing.extent, sharing.inner);
    return *this;
  }
  int64_t getNumInputs() const { return gram.getNumRows(); }
  int64_t getNumOutputs() const {
    return int64_t(weights.size()) / getNumInputs();
  }
  /// Of a signed integer format.
  Matrix decode(const RoundedWeights &rounded, const Format &format) const {
    Matrix matrix(getNumInputs(), getNumOutputs());
    for (size_t i = 0; i < rounded.codes.size(); ++i) {
      int64_t number = rounded.codes[i];
      if (number > format.max)
        number -= int64_t(1) << format.bits;
      int64_t k = int64_t(i) / getNumOutputs(),
              n = int64_t(i) % getNumOutputs();
      int64_t scale = sharing.kind == Sharing::Tensor ? 0
                      : sharing.kind == Sharing::Channel
                          ? n
                          : k / sharing.group * getNumOutputs() + n;
      matrix(k, n) = static_cast<float>(number) * rounded.scales[scale];
    }
    return matrix;
  }
  double getError(const Matrix &stored) const {
    return getGramNorm(gram, Matrix(getNumInputs(), getNumOutputs(), weights) -
                                 stored);
  }

  Matrix gram;
  std::vector<float> weights;
  Sharing sharing;
};

const Format &i4 = *Format::find("i4"), &i2 = *Format::find("i2");

/// Rounds input after input, and solves for the best of all that follow each
/// time.
Matrix solveStepByStep(const Layer &layer, const Format &format) {
  int64_t size = layer.getNumInputs(), outputs = layer.getNumOutputs();
  Matrix original(size, outputs, layer.weights), current = original,
                                                 stored(size, outputs);
  Matrix gram = layer.gram;
  double mean = 0;
  for (int64_t i = 0; i < size; ++i)
    mean += layer.gram(i, i) / double(size);
  for (int64_t i = 0; i < size; ++i)
    gram(i, i) += 0.01 * mean;
  std::vector<float> scales =
      roundWeights(layer.weights, layer.sharing, format, false).scales;
  for (int64_t k = 0; k < size; ++k) {
    if (layer.sharing.kind == Sharing::Group && k % layer.sharing.group == 0) {
      Sharing group = layer.sharing;
      group.extent = std::min(group.group, size - k);
      scales = roundWeights(current.getRows(k, group.extent).toFloats(), group,
                            format, false)
                   .scales;
    }
    for (int64_t n = 0; n < outputs; ++n)
      stored(k, n) = static_cast<float>(format.round(
                         static_cast<float>(current(k, n)) / scales[n])) *
                     scales[n];
    int64_t rest = size - k - 1;
    Matrix inverse = invertLower(
        *computeCholesky(gram.getRows(k + 1, rest).getColumns(k + 1, rest)));
    Matrix pull =
        multiply(gram.getRows(k + 1, rest).getColumns(0, k + 1),
                 stored.getRows(0, k + 1) - original.getRows(0, k + 1));
    Matrix change = multiplyTransposed(inverse, multiply(inverse, pull));
    for (int64_t i = 0; i < rest; ++i)
      for (int64_t n = 0; n < outputs; ++n)
        current(k + 1 + i, n) = original(k + 1 + i, n) - change(i, n);
  }
  return stored;
}

/// One scale per output, groups that fit into a block of inputs, and groups
/// that reach from one block into the next.
TEST(Gptq, IsTheBestUpdateAfterEachInput) {
  for (int64_t group : {0, 32, 96}) {
    Layer layer(160, 3);
    group ? layer.setGroup(group) : layer.setChannel();
    GptqWeights result =
        *roundByGptq(layer.weights, layer.gram, layer.sharing, i4, {});
    ASSERT_EQ(result.nearestColumns, 0);
    EXPECT_LT(getDistance(layer.decode(result.rounded, i4),
                          solveStepByStep(layer, i4)),
              1e-6)
        << group;
  }
}

TEST(Gptq, ReportsTheErrorOfWhatItReturns) {
  Layer layer(96, 20);
  layer.setGroup(32);
  for (bool ordersByActivation : {false, true})
    for (bool search : {false, true}) {
      GptqOptions options;
      options.ordersByActivation = ordersByActivation;
      options.search = search;
      GptqWeights result =
          *roundByGptq(layer.weights, layer.gram, layer.sharing, i4, options);
      Matrix stored = layer.decode(result.rounded, i4);
      EXPECT_NEAR(result.error, layer.getError(stored), 1e-6 * result.error);
      double distance = (Matrix(96, 20, layer.weights) - stored).getNorm();
      EXPECT_NEAR(result.rounded.squaredError, distance * distance,
                  1e-6 * result.rounded.squaredError);
      EXPECT_NEAR(
          result.nearestError,
          layer.getError(layer.decode(
              roundWeights(layer.weights, layer.sharing, i4, search), i4)),
          1e-6 * result.nearestError);
    }
}

/// The inputs have singular values that fall by 3 % each, 512 of them: 4 bits,
/// groups of 64, error of the outputs relative to rounding to nearest.
TEST(Gptq, ErrsLessThanNearest) {
  Layer layer(512, 64, 2048);
  double ratios[3];
  int64_t groups[] = {0, 64, 64};
  for (int i = 0; i < 3; ++i) {
    Layer copy = layer;
    groups[i] ? copy.setGroup(groups[i]) : copy.setChannel();
    GptqOptions options;
    options.ordersByActivation = i == 2;
    GptqWeights result =
        *roundByGptq(copy.weights, copy.gram, copy.sharing, i4, options);
    ratios[i] = std::sqrt(result.error / result.nearestError);
  }
  EXPECT_LT(ratios[0], 0.3);
  EXPECT_LT(ratios[1], 0.3);
  EXPECT_LT(ratios[2], ratios[1]);
}

/// Every way to round up or down is tried: nothing is better than the best, and
/// nothing worse than nearest.
TEST(Gptq, IsBetweenNearestAndTheBest) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    Layer layer(8, 1, 40);
    Matrix samples =
        multiply(makeNormal(40, 8, random), makeDecaying(8, 8, 0.5, random));
    layer.gram = multiplyTransposed(samples, samples);
    layer.weights = makeNormal(8, 1, random).toFloats();
    layer.setChannel();
    GptqWeights result =
        *roundByGptq(layer.weights, layer.gram, layer.sharing, i2, {});
    float scale = result.rounded.scales[0];
    double best = INFINITY;
    for (int number = 0; number < 6561; ++number) { // 3^8: -1, 0, 1
      Matrix stored(8, 1);
      for (int k = 0, rest = number; k < 8; ++k, rest /= 3)
        stored(k, 0) = (rest % 3 - 1) * scale;
      best = std::min(best, layer.getError(stored));
    }
    EXPECT_LE(result.error, result.nearestError);
    EXPECT_GE(result.error, best * (1 - 1e-9));
  }
}

/// Inputs that do not depend on each other have nothing to make up for.
TEST(Gptq, IsNearestForIndependentInputs) {
  Layer layer(64, 8);
  layer.gram = Matrix::getIdentity(64);
  layer.setGroup(32);
  GptqWeights result =
      *roundByGptq(layer.weights, layer.gram, layer.sharing, i4, {});
  RoundedWeights nearest =
      roundWeights(layer.weights, layer.sharing, i4, false);
  EXPECT_EQ(result.rounded.codes, nearest.codes);
  EXPECT_EQ(result.rounded.scales, nearest.scales);
  EXPECT_EQ(result.nearestColumns, 8);
}

/// Inputs that no sample shows, and fewer samples than inputs.
TEST(Gptq, TakesSingularMoments) {
  Layer layer(64, 8, 16);
  for (int64_t i = 0; i < 64; ++i)
    layer.gram(i, 5) = layer.gram(5, i) = 0;
  layer.setGroup(64);
  GptqWeights result =
      *roundByGptq(layer.weights, layer.gram, layer.sharing, i4, {});
  EXPECT_LT(result.error, 0.5 * result.nearestError);
  Matrix stored = layer.decode(result.rounded, i4);
  for (int64_t n = 0; n < 8; ++n)
    EXPECT_NEAR(stored(5, n), layer.weights[5 * 8 + n],
                0.5001 * result.rounded.scales[n]);
}

TEST(Gptq, RefusesWhatIsNoMoment) {
  Layer layer(4, 2);
  layer.setChannel();
  layer.gram = Matrix(4, 4);
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 4; ++j)
      layer.gram(i, j) = i == j ? 1 : -2;
  EXPECT_FALSE(roundByGptq(layer.weights, layer.gram, layer.sharing, i4, {}));
  layer.gram(1, 1) = std::nan("");
  EXPECT_FALSE(roundByGptq(layer.weights, layer.gram, layer.sharing, i4, {}));
}

} // namespace
