//===- LowRankTest.cpp - products of two thin matrices --------------------===//
#include "passes/Algebra/LowRank.h"
#include "test/passes/Algebra/Unit/Samples.h"

using namespace cinch::algebra;

namespace {

/// Activations of 512 channels that are mixed by a matrix with singular values
/// that fall by 1 % each, and whose sizes are log-normal with a deviation of
/// 0.4; weights without a structure of their own. Seed 0.
struct Layer {
  explicit Layer(int64_t numRows = 2048) {
    std::mt19937_64 random(0);
    samples = multiply(makeNormal(numRows, width, random),
                       makeDecaying(width, width, 0.99, random));
    Matrix sizes = makeNormal(1, width, random);
    for (int64_t i = 0; i < numRows; ++i)
      for (int64_t j = 0; j < width; ++j)
        samples(i, j) *= std::exp(0.4 * sizes(0, j));
    weights = makeNormal(width, width, random);
    gram = multiplyTransposed(samples, samples);
  }

  /// Of the outputs, relative.
  double getError(const LowRank &approximation) const {
    Matrix error = weights - multiply(approximation.left, approximation.right);
    return std::sqrt(getGramNorm(gram, error) / getGramNorm(gram, weights));
  }
  std::vector<double> getMeanMagnitudeRoots() const {
    std::vector<double> factors(width);
    for (int64_t i = 0; i < samples.getNumRows(); ++i)
      for (int64_t j = 0; j < width; ++j)
        factors[j] += std::fabs(samples(i, j)) / double(samples.getNumRows());
    for (double &factor : factors)
      factor = std::sqrt(factor);
    return factors;
  }

  static constexpr int64_t width = 512;
  Matrix samples, weights, gram;
};

/// The error of the outputs is exactly the root of the dropped squares.
TEST(LowRank, WhitenedErrorIsTheTheory) {
  Layer layer;
  GramRoot root = *computeGramRoot(layer.gram);
  EXPECT_EQ(root.kind, GramRoot::Exact);
  for (int64_t rank : {0, 1, 128, 511, 512}) {
    LowRank result = *computeWhitenedLowRank(layer.weights, root, rank);
    double norm = std::sqrt(getGramNorm(layer.gram, layer.weights));
    EXPECT_EQ(result.getRank(), rank);
    EXPECT_NEAR(layer.getError(result), result.error / norm, 1e-11);
  }
}

/// 0.613, 0.552 and 0.186 are published for other data.
TEST(LowRank, WhitenedIsBetterThanScaledThanPlain) {
  Layer layer;
  double plain = layer.getError(*computeLowRank(layer.weights, 128)),
         scaled = layer.getError(*computeScaledLowRank(
             layer.weights, layer.getMeanMagnitudeRoots(), 128)),
         whitened = layer.getError(*computeWhitenedLowRank(
             layer.weights, *computeGramRoot(layer.gram), 128));
  EXPECT_NEAR(plain, 0.613, 0.2 * 0.613);
  EXPECT_NEAR(scaled, 0.552, 0.2 * 0.552);
  EXPECT_NEAR(whitened, 0.186, 0.2 * 0.186);
  EXPECT_LT(whitened, scaled);
  EXPECT_LT(scaled, plain);
}

/// With fewer samples than channels their outputs can be exact.
TEST(LowRank, WhitenedOfASingularGramMatrix) {
  Layer layer(100);
  GramRoot root = *computeGramRoot(layer.gram);
  EXPECT_NE(root.kind, GramRoot::Exact);
  EXPECT_LT(layer.getError(*computeWhitenedLowRank(layer.weights, root, 100)),
            1e-3);
  double previous = 1;
  for (int64_t rank : {0, 20, 60, 90}) {
    LowRank result = *computeWhitenedLowRank(layer.weights, root, rank);
    EXPECT_LE(layer.getError(result), previous);
    previous = layer.getError(result);
  }
}

TEST(LowRank, RandomizedErrorIsWhatItIs) {
  std::mt19937_64 random(0);
  Matrix matrix = makeDecaying(200, 300, 0.9, random);
  RandomizedSvd options;
  LowRank result = *computeLowRank(matrix, 20, &options);
  double error = (matrix - multiply(result.left, result.right)).getNorm();
  EXPECT_NEAR(result.error, error, 1e-9 * error);
}

} // namespace
