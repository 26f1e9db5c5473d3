// Weights in few bits: which share a scale, what is rounded to what, and how
// codes are packed.
#include "passes/Quantize/WeightRounding.h"
#include "gtest/gtest.h"
#include <random>

using namespace cinch::quantize;

static const Format &format(const char *name) { return *Format::find(name); }

static Sharing share(Sharing::Kind kind, int64_t outer, int64_t extent,
                     int64_t inner, int64_t group = 0) {
  Sharing sharing;
  sharing.kind = kind;
  sharing.outer = outer;
  sharing.extent = extent;
  sharing.inner = inner;
  sharing.group = group;
  return sharing;
}

static std::vector<int64_t> list(const Sharing &sharing, int64_t scale) {
  std::vector<int64_t> elements;
  sharing.forEach(scale, [&](int64_t i) { elements.push_back(i); });
  return elements;
}

TEST(SharingTest, ListsElements) {
  using V = std::vector<int64_t>;
  EXPECT_EQ(list(share(Sharing::Channel, 2, 2, 3), 1), (V{3, 4, 5, 9, 10, 11}));
  Sharing groups = share(Sharing::Group, 2, 5, 2, 3); // 3 and 2 of 5
  EXPECT_EQ(groups.getNumScales(), 8);
  EXPECT_EQ(list(groups, 1), (V{1, 3, 5}));
  EXPECT_EQ(list(groups, 2), (V{6, 8}));
  EXPECT_EQ(list(groups, 7), (V{17, 19}));
  EXPECT_EQ(list(share(Sharing::Tensor, 1, 2, 2), 0), (V{0, 1, 2, 3}));
}

TEST(RoundWeightsTest, RoundsToTheLargestMagnitude) {
  std::vector<float> weights = {3.5f, -7, 1.25f, 3.5f};
  RoundedWeights rounded = roundWeights(
      weights, share(Sharing::Channel, 2, 2, 1), format("i4"), false);
  EXPECT_EQ(rounded.scales, (std::vector<float>{0.5f, 1}));
  // 2.5 rounds to the even 2, 3.5 to 4.
  EXPECT_EQ(rounded.codes, (std::vector<uint8_t>{7, 0x9, 2, 4}));
  EXPECT_EQ(rounded.squaredError, 0.0625 + 0.25);
  EXPECT_EQ(rounded.squaredSum, 12.25 + 49 + 1.5625 + 12.25);
}

TEST(RoundWeightsTest, KeepsZerosAndTinyNumbers) {
  RoundedWeights rounded = roundWeights(
      {0, 0, 1e-42f, 1}, share(Sharing::Channel, 1, 2, 2), format("i8"), true);
  EXPECT_EQ(rounded.scales[0], minScale);
  EXPECT_EQ(rounded.codes, (std::vector<uint8_t>{0, 0, 0, 127}));
  rounded = roundWeights({1e-42f}, share(Sharing::Tensor, 1, 1, 1),
                         format("i8"), false);
  EXPECT_EQ(rounded.scales[0], minScale);
  EXPECT_EQ(rounded.codes[0], 0);
}

TEST(RoundWeightsTest, RoundsToSmallFloats) {
  RoundedWeights rounded =
      roundWeights({448, -1, 17, 0}, share(Sharing::Tensor, 1, 4, 1),
                   format("f8E4M3FN"), false);
  EXPECT_EQ(rounded.scales[0], 1);
  EXPECT_EQ(rounded.codes, (std::vector<uint8_t>{0x7e, 0xb8, 0x58, 0}));
}

// The search never errs more than the largest magnitude does, and much less
// with an outlier in each group.
TEST(RoundWeightsTest, SearchesForTheLeastError) {
  std::mt19937 engine(0);
  std::student_t_distribution<float> distribution(4);
  std::vector<float> weights;
  for (int i = 0; i < 64 * 32; ++i)
    weights.push_back(distribution(engine));
  for (const char *name : {"i8", "i4", "i2", "f8E4M3FN"}) {
    Sharing sharing = share(Sharing::Group, 1, 64, 32, 32);
    RoundedWeights plain = roundWeights(weights, sharing, format(name), false),
                   best = roundWeights(weights, sharing, format(name), true);
    EXPECT_EQ(plain.squaredSum, best.squaredSum);
    for (size_t scale = 0; scale < plain.scales.size(); ++scale)
      EXPECT_LE(best.scales[scale], plain.scales[scale]);
    EXPECT_LE(best.squaredError, plain.squaredError);
    if (format(name).bits == 2) {
      EXPECT_LT(best.squaredError, 0.8 * plain.squaredError);
    }
  }
}

// What the codes say must be what was counted as error.
TEST(RoundWeightsTest, CountsTheErrorOfItsCodes) {
  std::mt19937 engine(0);
  std::normal_distribution<float> distribution;
  std::vector<float> weights;
  for (int i = 0; i < 20 * 6; ++i)
    weights.push_back(distribution(engine));
  Sharing sharing = share(Sharing::Group, 1, 20, 6, 8);
  RoundedWeights rounded = roundWeights(weights, sharing, format("i4"), true);
  double error = 0;
  for (int64_t scale = 0; scale < sharing.getNumScales(); ++scale)
    sharing.forEach(scale, [&](int64_t i) {
      int code =
          rounded.codes[i] >= 8 ? rounded.codes[i] - 16 : rounded.codes[i];
      double difference = code * rounded.scales[scale] - weights[i];
      error += difference * difference;
    });
  EXPECT_NEAR(error, rounded.squaredError, 1e-4 * error);
}

TEST(PackCodesTest, PutsTheFirstIntoTheLowBits) {
  std::vector<char> bytes(2, char(0xff));
  packCodes({0x1, 0xf, 0x7}, 4, bytes);
  EXPECT_EQ(bytes, (std::vector<char>{char(0xf1), 0x07}));
  packCodes({1, 2, 3, 0, 2}, 2, bytes);
  EXPECT_EQ(bytes, (std::vector<char>{0x39, 0x02}));
  packCodes({0xab, 0xcd}, 8, bytes);
  EXPECT_EQ(bytes, (std::vector<char>{char(0xab), char(0xcd)}));
  // 8 of 3 bits in 3 bytes: 011 010 001, 1 000 111 1, 101 100 0 from the right.
  bytes.resize(3);
  std::vector<uint8_t> codes = {1, 2, 3, 7, 0, 3, 4, 5};
  packCodes(codes, 3, bytes);
  EXPECT_EQ(bytes, (std::vector<char>{char(0xd1), char(0x8e), char(0xb1)}));
  for (size_t i = 0; i < codes.size(); ++i)
    EXPECT_EQ(unpackCode(bytes, 3, i), codes[i]);
  bytes.resize(2);
  packCodes({7, 7, 7, 7}, 3, bytes);
  EXPECT_EQ(bytes, (std::vector<char>{char(0xff), 0x0f}));
}
