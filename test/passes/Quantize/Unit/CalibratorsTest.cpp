// From statistics to scales: closed forms, and the order of the methods on
// numbers with heavy tails.
#include "passes/Quantize/Calibrators.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace cinch::quantize;
using Detail = ValueStatistics::Detail;

static const Format &format(const char *name) { return *Format::find(name); }

static ValueStatistics observe(llvm::ArrayRef<float> numbers) {
  ValueStatistics value;
  EXPECT_FALSE(bool(value.add(numbers, 1, 1, Detail::Channels)));
  return value;
}

/// Signal over noise of `numbers` in `format`, in dB.
static double getSqnr(llvm::ArrayRef<float> numbers, Bounds range,
                      const Format &format) {
  float scale = getScale(range, format, /*isSymmetric=*/true).scale;
  double signal = 0, noise = 0;
  for (float number : numbers) {
    double error = format.round(number / scale) * scale - number;
    signal += double(number) * number;
    noise += error * error;
  }
  return 10 * std::log10(signal / noise);
}

TEST(FormatTest, RoundsAndEncodes) {
  const Format &i4 = format("i4"), &f8 = format("f8E4M3FN"),
               &ui8 = format("ui8");
  EXPECT_EQ(i4.round(2.5), 2);
  EXPECT_EQ(i4.round(3.5), 4);
  EXPECT_EQ(i4.round(-9), -7); // as far as the other end
  EXPECT_EQ(i4.encode(-1), 0xf);
  EXPECT_EQ(ui8.round(-1), 0);
  EXPECT_EQ(ui8.encode(255), 0xff);
  EXPECT_EQ(f8.getLargest(), 448);
  EXPECT_EQ(f8.round(1000), 448);
  EXPECT_EQ(f8.round(17), 16); // 16 and 18 are numbers, ties to even
  EXPECT_EQ(f8.round(19), 20);
  EXPECT_EQ(f8.encode(1), 0x38);
  EXPECT_EQ(f8.encode(-448), 0xfe);
  EXPECT_EQ(format("f4E2M1FN").round(5), 4);
  EXPECT_EQ(format("i3").round(9), 3);
  EXPECT_EQ(format("i3").encode(-3), 5);
  EXPECT_EQ(format("i3").decode(5), -3);
  EXPECT_EQ(Format::find("i5"), nullptr);
}

TEST(FormatTest, LevelsAreTheNearest) {
  const Format &nf4 = format("nf4");
  EXPECT_EQ(nf4.getLargest(), 1);
  EXPECT_EQ(nf4.round(2), 1);
  EXPECT_EQ(nf4.round(-7), -1);
  for (uint8_t code = 0; code < 16; ++code) {
    EXPECT_EQ(nf4.encode(nf4.decode(code)), code);
    EXPECT_EQ(nf4.round(nf4.decode(code)), nf4.decode(code));
  }
  EXPECT_EQ(nf4.decode(7), 0);
  // Between 0 and 0.0795803.
  EXPECT_EQ(nf4.encode(0.0397), 7);
  EXPECT_EQ(nf4.encode(0.0398), 8);
}

TEST(ScaleTest, FollowsTheFormulas) {
  Scale symmetric = getScale({-1, 2.54}, format("i8"), true);
  EXPECT_FLOAT_EQ(symmetric.scale, 0.02f);
  EXPECT_EQ(symmetric.zero, 0);
  Scale affine = getScale({-1, 4.1}, format("ui8"), false);
  EXPECT_FLOAT_EQ(affine.scale, 0.02f);
  EXPECT_EQ(affine.zero, 50);
  EXPECT_EQ(getScale({-1, 4.1}, format("i8"), false).zero, -78);
  // The range holds 0.
  Scale above = getScale({2, 5.1}, format("ui8"), false);
  EXPECT_FLOAT_EQ(above.scale, 0.02f);
  EXPECT_EQ(above.zero, 0);
  EXPECT_EQ(getScale({-5.1, -2}, format("ui8"), false).zero, 255);
  EXPECT_FLOAT_EQ(getScale({-896, 1}, format("f8E4M3FN"), true).scale, 2);
}

TEST(ScaleTest, DoesNotUnderflow) {
  for (bool isSymmetric : {true, false}) {
    EXPECT_EQ(getScale({0, 0}, format("i8"), isSymmetric).scale, minScale);
    EXPECT_EQ(getScale({-1e-42, 1e-42}, format("i8"), isSymmetric).scale,
              minScale);
  }
}

TEST(RangeTest, IsThatOfTheNumbers) {
  std::vector<float> numbers; // evenly spread over [0, 1)
  for (int i = 0; i < 100000; ++i)
    numbers.push_back(static_cast<float>(i) / 100000);
  ValueStatistics value = observe(numbers);
  ASSERT_FALSE(bool(value.add({-4, 3}, 1, 1, Detail::Channels)));
  auto find = [&](Method method, bool isSymmetric, double percent = 99) {
    return findRange(value, method, format("i8"), isSymmetric, percent);
  };
  EXPECT_EQ(find(Method::MinMax, true).low, -4);
  EXPECT_EQ(find(Method::MinMax, true).high, 3);
  EXPECT_NEAR(find(Method::Percentile, true).high, 0.99, 1e-3);
  EXPECT_NEAR(find(Method::Percentile, true).low, -0.99, 1e-3);
  EXPECT_NEAR(find(Method::Percentile, false).high, 0.995, 1e-3);
  EXPECT_NEAR(find(Method::Percentile, false).low, 0, 1e-9); // holds 0
  EXPECT_EQ(find(Method::MovingAverage, true).low, -2);
  EXPECT_NEAR(find(Method::MovingAverage, true).high, (3 + 0.99999) / 2, 1e-6);
  // Two of 100002 numbers are worth no step of 1/32 for all others.
  EXPECT_NEAR(find(Method::Entropy, true).high, 1, 0.05);
  EXPECT_EQ(find(Method::Percentile, true, 100).low, -4);
}

TEST(RangeTest, IsEmptyWithoutNumbersAndOfZeros) {
  ValueStatistics nothing, zeros = observe({0, 0, 0});
  for (Method method : {Method::MinMax, Method::Percentile, Method::Entropy,
                        Method::Mse, Method::MovingAverage})
    for (const ValueStatistics *value : {&nothing, &zeros}) {
      Bounds range = findRange(*value, method, format("i8"), true, 99.99);
      EXPECT_LE(std::max(-range.low, range.high), 1e-40);
    }
}

TEST(RangeTest, HoldsOneSidedNumbers) {
  ValueStatistics value = observe({0, 1, 2, 3, 4});
  for (Method method : {Method::Percentile, Method::Mse, Method::Entropy}) {
    Bounds range = findRange(value, method, format("ui8"), false, 99.99);
    EXPECT_EQ(range.low, 0) << getName(method).str();
    EXPECT_NEAR(range.high, 4, 0.1) << getName(method).str();
  }
}

// Student-t(4): a percentile loses at 8 bits and wins at 4, and the search for
// the least error is never behind another method.
TEST(RangeTest, HasTheOrderOfHeavyTails) {
  std::mt19937 engine(0);
  std::student_t_distribution<float> distribution(4);
  std::vector<float> numbers;
  for (int i = 0; i < 200000; ++i)
    numbers.push_back(distribution(engine));
  ValueStatistics value = observe(numbers);
  auto sqnr = [&](const char *name, Method method, double percent) {
    return getSqnr(numbers,
                   findRange(value, method, format(name), true, percent),
                   format(name));
  };
  for (const char *name : {"i8", "i4", "f8E4M3FN"}) {
    double best = sqnr(name, Method::Mse, 99.99);
    for (Method method : {Method::MinMax, Method::Percentile, Method::Entropy,
                          Method::MovingAverage})
      EXPECT_GE(best, sqnr(name, method, 99.99) - 0.01)
          << name << " " << getName(method).str();
  }
  EXPECT_LT(sqnr("i8", Method::Percentile, 99.9),
            sqnr("i8", Method::MinMax, 0));
  EXPECT_GT(sqnr("i4", Method::Percentile, 99.9),
            sqnr("i4", Method::Percentile, 99.99));
  EXPECT_GT(sqnr("i4", Method::Percentile, 99.99),
            sqnr("i4", Method::MinMax, 0));
}

TEST(MethodTest, HasANameForEach) {
  for (Method method : {Method::MinMax, Method::Percentile, Method::Entropy,
                        Method::Mse, Method::MovingAverage})
    EXPECT_EQ(parseMethod(getName(method)), method);
  EXPECT_EQ(parseMethod("max"), std::nullopt);
}
