//===- HadamardTest.cpp - rotations that spread outliers ------------------===//
#include "passes/Algebra/Hadamard.h"
#include "test/passes/Algebra/Unit/Samples.h"

using namespace cinch::algebra;

namespace {

TEST(Hadamard, IsSylvestersMatrix) {
  for (int64_t size : {1, 2, 8, 64}) {
    for (int64_t j = 0; j < size; ++j) {
      std::vector<double> unit(size);
      unit[j] = 1;
      applyHadamard(unit);
      // Entry (i, j) is -1 to the power of the ones that i and j share.
      for (int64_t i = 0; i < size; ++i)
        EXPECT_EQ(unit[i], (__builtin_parityll(i & j) ? -1 : 1) /
                               std::sqrt(double(size)));
    }
  }
}

TEST(Hadamard, RotatesInBlocksOfAPowerOfTwo) {
  for (auto [size, block] : {std::pair(64, 64), {192, 64}, {6, 2}, {5, 1}}) {
    RandomHadamard rotation(size, 0);
    EXPECT_EQ(rotation.getBlock(), block);
    Matrix matrix = rotation.getMatrix();
    expectOrthonormal(matrix);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j)
        EXPECT_EQ(matrix(i, j) != 0, i / block == j / block);
  }
}

TEST(Hadamard, SignsDependOnTheSeed) {
  Matrix first = RandomHadamard(64, 0).getMatrix();
  EXPECT_EQ(getDistance(RandomHadamard(64, 0).getMatrix(), first), 0);
  EXPECT_GT(getDistance(RandomHadamard(64, 1).getMatrix(), first), 0.1);
}

/// X R R^T W is X W.
TEST(Hadamard, CancelsBetweenActivationsAndWeights) {
  std::mt19937_64 random(0);
  Matrix x = makeNormal(16, 192, random), w = makeNormal(192, 24, random);
  Matrix expected = multiply(x, w);
  RandomHadamard rotation(192, 0);
  rotation.applyToRows(x);
  rotation.applyToColumns(w);
  EXPECT_LT((multiply(x, w) - expected).getNorm() / expected.getNorm(), 1e-15);
}

/// A channel of 100 among those of 1: of 64 channels each gets an eighth.
TEST(Hadamard, SpreadsOutliers) {
  std::mt19937_64 random(0);
  Matrix x = makeNormal(64, 64, random);
  for (int64_t i = 0; i < 64; ++i)
    x(i, 7) = 100;
  RandomHadamard(64, 0).applyToRows(x);
  double largest = 0;
  for (double element : x.getElements())
    largest = std::max(largest, std::fabs(element));
  EXPECT_LT(largest, 100.0 / 8 + 6);
}

} // namespace
