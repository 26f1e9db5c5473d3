//===- RandomHadamardTest.cpp - rotations are orthogonal and spread -------===//
#include "passes/Quantize/RandomHadamard.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace cinch::quantize;

namespace {

double getNorm(llvm::ArrayRef<double> row) {
  double sum = 0;
  for (double number : row)
    sum += number * number;
  return std::sqrt(sum);
}

/// The largest magnitude over the root mean square.
double getCrest(llvm::ArrayRef<double> row) {
  double largest = 0;
  for (double number : row)
    largest = std::max(largest, std::fabs(number));
  return largest / getNorm(row) * std::sqrt(static_cast<double>(row.size()));
}

TEST(RandomHadamard, IsOrthogonal) {
  for (int64_t size : {1, 2, 6, 64, 80, 192}) {
    RandomHadamard rotation(size, 7);
    std::vector<double> matrix(size * size);
    for (int64_t i = 0; i < size; ++i)
      matrix[i * size + i] = 1;
    rotation.apply(matrix);
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < size; ++j) {
        double product = 0;
        for (int64_t k = 0; k < size; ++k)
          product += matrix[i * size + k] * matrix[j * size + k];
        EXPECT_NEAR(product, i == j, 1e-12);
      }
  }
}

TEST(RandomHadamard, MixesTheLargestPowerOfTwo) {
  EXPECT_EQ(RandomHadamard(192, 0).getBlock(), 64);
  EXPECT_EQ(RandomHadamard(512, 0).getBlock(), 512);
  EXPECT_EQ(RandomHadamard(15, 0).getBlock(), 1);
}

TEST(RandomHadamard, FollowsTheSeed) {
  EXPECT_EQ(RandomHadamard(64, 1).getSigns(), RandomHadamard(64, 1).getSigns());
  EXPECT_NE(RandomHadamard(64, 1).getSigns(), RandomHadamard(64, 2).getSigns());
}

TEST(RandomHadamard, IsTheProductOfItsFactors) {
  std::mt19937 random(0);
  std::normal_distribution<double> normal;
  std::vector<double> whole(32), steps;
  for (double &number : whole)
    number = normal(random);
  steps = whole;
  applyHadamard(whole);
  // I x H(8), then H(4) x I.
  for (int64_t first = 0; first < 32; first += 8)
    applyHadamard(llvm::MutableArrayRef(steps).slice(first, 8));
  for (int64_t column = 0; column < 8; ++column) {
    std::vector<double> strided(4);
    for (int64_t i = 0; i < 4; ++i)
      strided[i] = steps[i * 8 + column];
    applyHadamard(strided);
    for (int64_t i = 0; i < 4; ++i)
      EXPECT_NEAR(strided[i], whole[i * 8 + column], 1e-12);
  }
}

TEST(RandomHadamard, SpreadsOutliers) {
  std::mt19937 random(0);
  std::normal_distribution<double> normal;
  std::vector<double> row(512);
  for (double &number : row)
    number = normal(random);
  row[17] *= 50;
  row[300] *= 50;
  std::vector<double> rotated = row;
  RandomHadamard(512, 0).apply(rotated);
  EXPECT_NEAR(getNorm(rotated), getNorm(row), 1e-9);
  EXPECT_GT(getCrest(row), 10);
  EXPECT_LT(getCrest(rotated), 5);
}

TEST(RandomHadamard, SpreadsWhatAllChannelsShare) {
  // Without signs one channel of each block would have it all.
  std::vector<double> row(512, 1.0), unsignedRow = row;
  applyHadamard(unsignedRow);
  RandomHadamard(512, 0).apply(row);
  EXPECT_GT(getCrest(unsignedRow), 22);
  EXPECT_LT(getCrest(row), 5);
}

} // namespace
