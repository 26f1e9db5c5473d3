//===- KnapsackTest.cpp - one choice each within a budget -----------------===//
#include "passes/Common/Knapsack.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace cinch;

namespace {

using Layers = std::vector<std::vector<KnapsackOption>>;

/// The least loss of all choices within the budget; infinite if there is none.
double tryAll(const Layers &layers, int64_t budgetBytes, size_t layer = 0) {
  if (budgetBytes < 0)
    return INFINITY;
  if (layer == layers.size())
    return 0;
  double least = INFINITY;
  for (const KnapsackOption &option : layers[layer])
    least =
        std::min(least, option.loss + tryAll(layers, budgetBytes - option.bytes,
                                             layer + 1));
  return least;
}

/// What the result says must follow from its choices.
void check(const Layers &layers, int64_t budgetBytes,
           const KnapsackResult &result) {
  int64_t bytes = 0;
  double loss = 0;
  ASSERT_EQ(result.choices.size(), layers.size());
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    bytes += layers[layer].at(result.choices[layer]).bytes;
    loss += layers[layer][result.choices[layer]].loss;
  }
  EXPECT_EQ(bytes, result.bytes);
  EXPECT_NEAR(loss, result.loss, 1e-12 * std::fabs(loss));
  EXPECT_LE(bytes, budgetBytes);
  EXPECT_LE(result.lowerBound, loss + 1e-12 * std::fabs(loss));
}

/// Layers of `numElements` weights or so at 2, 3, 4 and 8 bits, with losses
/// that mostly fall by a factor of four a bit.
Layers makeLayers(size_t count, std::mt19937_64 &random) {
  std::uniform_real_distribution<double> uniform(0.5, 2);
  Layers layers(count);
  for (std::vector<KnapsackOption> &layer : layers) {
    int64_t bits[] = {2, 3, 4, 8};
    auto elements = static_cast<int64_t>(1000 * uniform(random));
    double sensitivity = std::pow(uniform(random), 4);
    for (int64_t bit : bits)
      layer.push_back({elements * bit / 8, sensitivity * uniform(random) *
                                               std::pow(4.0, -double(bit))});
  }
  return layers;
}

TEST(Knapsack, EqualsBruteForce) {
  std::mt19937_64 random(0);
  for (int trial = 0; trial < 60; ++trial) {
    Layers layers = makeLayers(8, random);
    auto budget = static_cast<int64_t>(2000 + random() % 8000);
    double least = tryAll(layers, budget);
    std::optional<KnapsackResult> result = solveKnapsack(layers, budget);
    ASSERT_EQ(result.has_value(), std::isfinite(least)) << budget;
    if (!result)
      continue;
    check(layers, budget, *result);
    EXPECT_TRUE(result->isOptimal);
    EXPECT_NEAR(result->loss, least, 1e-12 * least);
  }
}

/// Small whole numbers: many equal sums, options that are of no use, and losses
/// below 0.
TEST(Knapsack, EqualsBruteForceWithTies) {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    Layers layers(1 + random() % 6);
    for (std::vector<KnapsackOption> &layer : layers)
      for (size_t option = 0, count = 1 + random() % 4; option < count;
           ++option)
        layer.push_back({int64_t(random() % 5), double(random() % 5) - 1});
    auto budget = static_cast<int64_t>(random() % 15);
    double least = tryAll(layers, budget);
    std::optional<KnapsackResult> result = solveKnapsack(layers, budget);
    ASSERT_EQ(result.has_value(), std::isfinite(least));
    if (!result)
      continue;
    check(layers, budget, *result);
    EXPECT_NEAR(result->loss, least, 1e-9);
  }
}

/// The greedy choice by loss per byte, 0.9 for 1 byte, leaves no room for the
/// better one.
TEST(Knapsack, IsBetterThanGreedy) {
  Layers layers = {{{0, 1}, {1, 0.1}}, {{0, 1}, {10, 0}}};
  KnapsackResult result = *solveKnapsack(layers, 10);
  EXPECT_EQ(result.choices, (std::vector<size_t>{0, 1}));
}

TEST(Knapsack, TakesFewerBytesAtEqualLoss) {
  Layers layers = {{{8, 1}, {4, 1}, {2, 3}}};
  EXPECT_EQ(solveKnapsack(layers, 100)->choices, std::vector<size_t>{1});
}

TEST(Knapsack, RefusesABudgetBelowTheSmallest) {
  Layers layers = {{{8, 1}, {4, 2}}, {{3, 0}}};
  EXPECT_FALSE(solveKnapsack(layers, 6));
  EXPECT_EQ(solveKnapsack(layers, 7)->bytes, 7);
  EXPECT_EQ(solveKnapsack({}, 0)->loss, 0);
}

/// With few states the answer is still within the budget, and the bound holds.
TEST(Knapsack, SaysWhatIsProven) {
  std::mt19937_64 random(2);
  bool wasCut = false;
  for (int trial = 0; trial < 40; ++trial) {
    Layers layers = makeLayers(8, random);
    int64_t budget = 4500;
    double least = tryAll(layers, budget);
    KnapsackResult result = *solveKnapsack(layers, budget, 2);
    check(layers, budget, result);
    EXPECT_LE(result.lowerBound, least * (1 + 1e-12));
    EXPECT_GE(result.loss, least * (1 - 1e-12));
    if (result.isOptimal) {
      EXPECT_NEAR(result.loss, least, 1e-12 * least);
    }
    wasCut |= !result.isOptimal;
  }
  EXPECT_TRUE(wasCut);
}

/// 400 layers of 4 widths within half a per mille of the bound, in a moment.
TEST(Knapsack, SolvesManyLayers) {
  std::mt19937_64 random(3);
  Layers layers = makeLayers(400, random);
  int64_t budget = 220000;
  KnapsackResult result = *solveKnapsack(layers, budget);
  check(layers, budget, result);
  EXPECT_LE(result.loss, result.lowerBound * 1.0005);
}

} // namespace
