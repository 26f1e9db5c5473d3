//===- OrderTest.cpp - orders with the lowest peak ------------------------===//
#include "runtime/Plan/Order.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <ctime>
#include <numeric>
#include <random>
#include <set>

using namespace cinch::plan;

namespace {
struct Program {
  std::vector<OrderStep> steps;
  std::vector<OrderValue> values;

  /// Appends a step that reads `inputs` and writes a new value of `bytes`,
  /// whose index it returns.
  int32_t add(int64_t bytes, std::vector<int32_t> inputs, int64_t scratch = 0) {
    int32_t step = steps.size();
    for (int32_t input : inputs)
      values[input].readers.push_back(step);
    steps.push_back({{}, scratch});
    values.push_back({bytes, {step}, {}, false});
    return values.size() - 1;
  }
  std::vector<int32_t> getGivenOrder() const {
    std::vector<int32_t> order(steps.size());
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
};
} // namespace

/// The peak by the definition: for every position, every value. -1 if the order
/// breaks a dependence.
static int64_t replay(const Program &program,
                      const std::vector<int32_t> &order) {
  std::vector<int32_t> positions(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    positions[order[i]] = i;
  for (size_t step = 0; step < order.size(); ++step)
    for (int32_t other : program.steps[step].predecessors)
      if (positions[other] > positions[step])
        return -1;
  for (const OrderValue &value : program.values)
    for (int32_t writer : value.writers)
      for (int32_t reader : value.readers)
        if (writer != reader &&
            (positions[writer] < positions[reader]) != (writer < reader))
          return -1;
  int64_t peak = 0;
  for (int32_t now = 0; now < int32_t(order.size()); ++now) {
    int64_t live = program.steps[order[now]].scratchBytes;
    for (const OrderValue &value : program.values) {
      bool hasBegun = value.writers.empty(), isNeeded = value.isPinned;
      for (const std::vector<int32_t> *users : {&value.writers, &value.readers})
        for (int32_t user : *users) {
          hasBegun |= positions[user] <= now;
          isNeeded |= positions[user] >= now;
        }
      if (hasBegun && isNeeded)
        live += value.bytes;
    }
    peak = std::max(peak, live);
  }
  return peak;
}

/// The optimum over all permutations.
static int64_t getOptimum(const Program &program) {
  std::vector<int32_t> order = program.getGivenOrder();
  int64_t optimum = INT64_MAX;
  do {
    int64_t peak = replay(program, order);
    if (peak >= 0)
      optimum = std::min(optimum, peak);
  } while (std::next_permutation(order.begin(), order.end()));
  return optimum;
}

static Program makeRandom(std::mt19937 &random, int32_t numSteps) {
  auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  Program program;
  for (int32_t i = 0; i < pick(0, 2); ++i) // inputs
    program.values.push_back({pick(0, 9), {}, {}, pick(0, 4) == 0});
  for (int32_t step = 0; step < numSteps; ++step) {
    std::set<int32_t> inputs;
    for (int64_t i = pick(0, 2); i > 0 && !program.values.empty(); --i)
      inputs.insert(pick(0, program.values.size() - 1));
    int32_t result = program.add(
        pick(0, 9), std::vector<int32_t>(inputs.begin(), inputs.end()),
        pick(0, 5) == 0 ? pick(0, 12) : 0);
    program.values[result].isPinned = pick(0, 7) == 0;
    if (step > 0 && pick(0, 7) == 0)
      program.steps[step].predecessors.push_back(pick(0, step - 1));
    if (!inputs.empty() && pick(0, 5) == 0) // in place, or a second part of it
      program.values[*inputs.begin()].writers.push_back(step);
  }
  return program;
}

TEST(Order, FindsTheOptimumOfSmallPrograms) {
  std::mt19937 random(0);
  int64_t numImproved = 0;
  for (int round = 0; round < 1500; ++round) {
    Program program = makeRandom(random, 1 + round % 7);
    Order order = orderSteps(program.steps, program.values);
    ASSERT_EQ(order.givenPeak, replay(program, program.getGivenOrder()));
    ASSERT_EQ(order.peak, replay(program, order.steps)) << "round " << round;
    ASSERT_EQ(order.peak, getOptimum(program)) << "round " << round;
    ASSERT_TRUE(order.proven);
    ASSERT_LE(order.lowerBound, order.peak);
    numImproved += order.peak < order.givenPeak;
    if (order.peak == order.givenPeak) { // a tie keeps the given order
      ASSERT_EQ(order.steps, program.getGivenOrder());
    }
  }
  EXPECT_GT(numImproved, 300);
}

TEST(Order, ProvesProgramsOfThirtySteps) {
  std::mt19937 random(4);
  int64_t numProven = 0;
  for (int round = 0; round < 200; ++round) {
    Program program = makeRandom(random, 30);
    Order order = orderSteps(program.steps, program.values);
    ASSERT_EQ(order.peak, replay(program, order.steps));
    numProven += order.proven;
  }
  EXPECT_GE(numProven, 195);
}

/// A narrow beam may miss the optimum, but must not claim it.
TEST(Order, IsNeverWorseAndClaimsOnlyWhatItProved) {
  std::mt19937 random(1);
  int64_t numUnproven = 0;
  for (int round = 0; round < 600; ++round) {
    Program program = makeRandom(random, 7);
    OrderOptions options;
    options.maxWidth = 1;
    Order order = orderSteps(program.steps, program.values, options);
    ASSERT_EQ(order.peak, replay(program, order.steps));
    ASSERT_LE(order.peak, order.givenPeak);
    numUnproven += !order.proven;
    if (order.proven) {
      ASSERT_EQ(order.peak, getOptimum(program)) << "round " << round;
    }
  }
  EXPECT_GT(numUnproven, 20);
}

TEST(Order, PeakOfAnOrderFollowsTheDefinition) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    Program program = makeRandom(random, 5);
    std::vector<int32_t> order = program.getGivenOrder();
    do {
      int64_t expected = replay(program, order);
      std::optional<int64_t> peak =
          getOrderPeak(program.steps, program.values, order);
      ASSERT_EQ(peak.value_or(-1), expected);
    } while (std::next_permutation(order.begin(), order.end()));
  }
  Program chain;
  chain.add(1, {chain.add(1, {})});
  for (std::vector<int32_t> wrong :
       {std::vector<int32_t>{0}, {0, 0}, {0, 2}, {-1, 0}, {1, 0}})
    EXPECT_EQ(getOrderPeak(chain.steps, chain.values, wrong), std::nullopt);
}

/// `numBranches` branches: a small input grows to 100 and shrinks to 1.
/// Given breadth first, all large values are alive together.
static Program makeFanOut(int32_t numBranches) {
  Program program;
  int32_t input = program.add(1, {});
  std::vector<int32_t> large, small;
  for (int32_t i = 0; i < numBranches; ++i)
    large.push_back(program.add(100, {input}));
  for (int32_t i = 0; i < numBranches; ++i)
    small.push_back(program.add(1, {large[i]}));
  program.values[program.add(1, small)].isPinned = true;
  return program;
}

TEST(Order, RunsBranchesOneByOne) {
  Program program = makeFanOut(2);
  Order order = orderSteps(program.steps, program.values);
  EXPECT_EQ(order.givenPeak, 201);
  EXPECT_EQ(order.peak, 102);
  EXPECT_TRUE(order.proven);
  EXPECT_EQ(order.steps, (std::vector<int32_t>{0, 1, 3, 2, 4, 5}));

  program = makeFanOut(30);
  order = orderSteps(program.steps, program.values);
  EXPECT_EQ(order.peak, 130);
}

TEST(Order, LeavesWhatDoesNotMatter) {
  // A small fan-out before a large one: only the large one is reordered.
  Program program = makeFanOut(2);
  int32_t begin = program.steps.size();
  program.values.back().isPinned = false;
  int32_t join = program.values.size() - 1;
  std::vector<int32_t> large, small;
  for (int i = 0; i < 2; ++i)
    large.push_back(program.add(1000, {join}));
  for (int i = 0; i < 2; ++i)
    small.push_back(program.add(1, {large[i]}));
  program.add(1, small);
  Order order = orderSteps(program.steps, program.values);
  EXPECT_EQ(order.peak, 1002);
  EXPECT_TRUE(order.proven);
  for (int32_t i = 0; i < begin; ++i)
    EXPECT_EQ(order.steps[i], i);
}

TEST(Order, ReordersNothingWithoutGain) {
  // The fan-out could go from 201 to 102, but what follows needs 201 anyway.
  Program program = makeFanOut(2);
  int32_t join = program.values.size() - 1;
  program.values[join].isPinned = false;
  int32_t a = program.add(50, {program.add(100, {join})});
  int32_t b = program.add(51, {program.add(100, {join})});
  program.add(1, {a, b});
  Order order = orderSteps(program.steps, program.values);
  EXPECT_EQ(order.givenPeak, 201);
  EXPECT_EQ(order.lowerBound, 151);
  EXPECT_EQ(order.peak, 201);
  EXPECT_TRUE(order.proven);
  EXPECT_EQ(order.steps, program.getGivenOrder());
}

TEST(Order, SurvivesHugeAndNegativeSizes) {
  Program program;
  program.add(INT64_MAX, {program.add(INT64_MAX, {})});
  Order order = orderSteps(program.steps, program.values);
  EXPECT_EQ(order.peak, INT64_MAX);
  EXPECT_EQ(order.steps, program.getGivenOrder());
  Program negative;
  negative.add(5, {negative.add(-7, {}, -3)});
  EXPECT_EQ(orderSteps(negative.steps, negative.values).peak, 5);
  EXPECT_EQ(orderSteps({}, {}).peak, 0);
  EXPECT_TRUE(orderSteps({}, {}).proven);
}

/// Blocks of branches one after the other, as in an inception network.
static Program makeBlocks(std::mt19937 &random, int32_t numSteps) {
  Program program;
  int32_t input = program.add(64, {});
  while (int32_t(program.steps.size()) < numSteps) {
    std::vector<int32_t> branches(2 + random() % 4, input);
    std::vector<int32_t> left;
    for (int32_t &branch : branches)
      branch = program.add(16 + random() % 256, {branch});
    for (int32_t depth = random() % 4; depth >= 0; --depth)
      for (int32_t &branch : branches)
        branch = program.add(16 + random() % 256, {branch});
    input = program.add(64, branches);
  }
  program.values[input].isPinned = true;
  return program;
}

/// Every step reads up to three of the last `window` values.
static Program makeTangle(std::mt19937 &random, int32_t numSteps,
                          int32_t window) {
  Program program;
  for (int32_t step = 0; step < numSteps; ++step) {
    std::set<int32_t> inputs;
    for (int32_t i = 0; i < 3 && step > 0; ++i)
      inputs.insert(step - 1 - random() % std::min(window, step));
    program.add(1 + random() % 1000,
                std::vector<int32_t>(inputs.begin(), inputs.end()));
  }
  return program;
}

TEST(Order, OrdersTenThousandSteps) {
  std::mt19937 random(3);
  Program chain, sources;
  int32_t last = chain.add(1, {});
  for (int i = 1; i < 10000; ++i)
    last = chain.add(1 + random() % 100, {last});
  for (int i = 0; i < 9999; ++i)
    sources.add(1 + random() % 100, {});
  std::vector<std::pair<std::string, Program>> programs = {
      {"chain", chain},
      {"blocks", makeBlocks(random, 10000)},
      {"fan-out", makeFanOut(5000)},
      {"tangle", makeTangle(random, 10000, 20)},
      {"wide tangle", makeTangle(random, 10000, 3000)},
      {"sources", sources}};
  for (auto &[name, program] : programs) {
    std::clock_t begin = std::clock();
    Order order = orderSteps(program.steps, program.values);
    double seconds = double(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_EQ(getOrderPeak(program.steps, program.values, order.steps),
              order.peak)
        << name;
    EXPECT_LE(order.peak, order.givenPeak);
    EXPECT_TRUE(order.peak < order.givenPeak || order.proven ||
                name == "wide tangle")
        << name;
    if (name == "fan-out") {
      EXPECT_EQ(order.peak, 5100);
    }
    Order again = orderSteps(program.steps, program.values);
    EXPECT_EQ(order.steps, again.steps) << name;
    printf("%s: %.0f ms, peak %.1f %% of the given one, bound %.1f %%%s\n",
           name.c_str(), seconds * 1000, 100.0 * order.peak / order.givenPeak,
           100.0 * order.lowerBound / order.givenPeak,
           order.proven ? ", proven" : "");
    EXPECT_LT(seconds, 20.0) << name;
  }
}
