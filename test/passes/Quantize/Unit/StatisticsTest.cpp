// Statistics do not depend on how samples are divided or ordered, and a file of
// them is checked.
#include "passes/Quantize/Statistics.h"
#include "passes/Common/TensorFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace cinch;
using namespace cinch::quantize;
using Detail = ValueStatistics::Detail;

namespace {

/// `count` numbers with heavy tails, around 0.1.
std::vector<float> makeNumbers(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::student_t_distribution<float> distribution(3);
  std::vector<float> numbers;
  for (size_t i = 0; i < count; ++i)
    numbers.push_back(distribution(engine) + 0.1f);
  return numbers;
}

class FileTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(
        llvm::sys::fs::createTemporaryFile("cinch", "safetensors", path));
    statistics.samples = 3;
    for (unsigned seed : {1, 2, 3})
      ASSERT_FALSE(bool(statistics.values["a/x"].add(makeNumbers(60, seed), 6,
                                                     1, Detail::SecondMoment)));
    ASSERT_FALSE(bool(statistics.values["y"].add(makeNumbers(24, 9), 2, 3,
                                                 Detail::Channels)));
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  /// What reading says after `change` of the tensors and metadata.
  template <typename Change>
  std::string readChanged(Change change, llvm::StringRef model = "12ab") {
    EXPECT_FALSE(bool(statistics.write(path)));
    std::map<std::string, std::string> metadata;
    std::string message;
    {
      auto file = TensorFile::read(path);
      EXPECT_TRUE(bool(file));
      auto tensors = file->getTensors();
      for (const char *key : {"cinch_statistics", "model", "samples"})
        metadata[key] = *file->findMetadata(key);
      change(tensors, metadata);
      EXPECT_FALSE(bool(writeTensorFile(path, tensors, metadata)));
    }
    llvm::Expected<Statistics> read = Statistics::read(path, model);
    if (read)
      return "";
    message = llvm::toString(read.takeError());
    EXPECT_EQ(message.rfind(std::string(path) + ": ", 0), 0u) << message;
    return message.substr(path.size() + 2);
  }
  /// The same after putting `numbers` in place of an entry.
  template <typename T>
  std::string readWith(const std::string &entry, std::vector<T> numbers) {
    return readChanged([&](auto &tensors, auto &) {
      tensors.at(entry).bytes = {reinterpret_cast<const char *>(numbers.data()),
                                 numbers.size() * sizeof(T)};
    });
  }

  llvm::SmallString<64> path;
  Statistics statistics{"12ab"};
};

} // namespace

TEST(HistogramTest, CountsInBinsOfAPowerOfTwo) {
  Histogram histogram;
  EXPECT_TRUE(histogram.getCounts().empty());
  histogram.add({0.0f, 0.0f});
  EXPECT_EQ(histogram.getExponent(), Histogram::minExponent);
  histogram.add({-8.0f, 7.9999f, 0.00390625f});
  EXPECT_EQ(histogram.getExponent(), 4); // 8 is not below 2^3
  EXPECT_EQ(histogram.getBinWidth(), 16.0 / 2048);
  EXPECT_EQ(histogram.getCounts()[2048], 3);
  EXPECT_EQ(histogram.getCounts()[1024], 1);
  EXPECT_EQ(histogram.getCounts()[3071], 1);
  EXPECT_EQ(histogram.getTotal(), 5);
  EXPECT_EQ(histogram.getCenter(2048), 8.0 / 2048);
  EXPECT_EQ(histogram.getCenter(2047), -8.0 / 2048);
}

TEST(HistogramTest, HoldsTheLargestAndSmallestNumbers) {
  Histogram histogram;
  histogram.add({1e-45f, -1e-45f});
  EXPECT_EQ(histogram.getTotal(), 2);
  histogram.add({3.4e38f, -3.4e38f});
  EXPECT_EQ(histogram.getExponent(), 128);
  EXPECT_EQ(histogram.getCounts()[2047], 1);
  EXPECT_EQ(histogram.getCounts()[2048], 1);
  EXPECT_EQ(histogram.getTotal(), 4);
}

// Widening must give exactly what one pass with the final range gives.
TEST(HistogramTest, DoesNotDependOnOrderOrDivision) {
  std::vector<float> numbers = makeNumbers(20000, 5);
  Histogram once;
  once.add(numbers);
  std::sort(numbers.begin(), numbers.end(),
            [](float a, float b) { return std::fabs(a) < std::fabs(b); });
  Histogram ascending, descending;
  for (float number : numbers)
    ascending.add(number);
  for (size_t at = numbers.size(); at > 0; at -= 500) {
    Histogram part;
    part.add(llvm::ArrayRef<float>(numbers).slice(at - 500, 500));
    descending.merge(part);
  }
  for (const Histogram *other : {&ascending, &descending}) {
    EXPECT_EQ(once.getExponent(), other->getExponent());
    EXPECT_EQ(once.getCounts(), other->getCounts());
  }
}

TEST(StatisticsTest, CollectsChannelsAndMoments) {
  ValueStatistics value;
  ASSERT_FALSE(
      bool(value.add({1, -2, 3, 4, 0, -6}, 3, 1, Detail::SecondMoment)));
  ASSERT_FALSE(bool(value.add({0, 1, 5}, 3, 1, Detail::SecondMoment)));
  EXPECT_EQ(value.samples, 2);
  EXPECT_EQ(value.elements, 9);
  EXPECT_EQ(value.min, -6);
  EXPECT_EQ(value.max, 5);
  EXPECT_EQ(value.minSum, -6);
  EXPECT_EQ(value.maxSum, 9);
  EXPECT_EQ(value.getNumRows(), 3);
  EXPECT_EQ(value.channelMax, (std::vector<float>{4, 2, 6}));
  EXPECT_EQ(value.channelSum, (std::vector<double>{5, -1, 2}));
  EXPECT_EQ(value.channelSquareSum, (std::vector<double>{17, 5, 70}));
  EXPECT_EQ(value.secondMoment,
            (std::vector<double>{17, -2, -21, -2, 5, -1, -21, -1, 70}));
}

TEST(StatisticsTest, CollectsChannelsInTheMiddle) {
  ValueStatistics value; // [2, 2, 3]
  ASSERT_FALSE(bool(value.add({1, 2, 3, -4, 0, 0, 0, 0, -9, 1, 1, 1}, 2, 3,
                              Detail::Channels)));
  EXPECT_EQ(value.channelMax, (std::vector<float>{9, 4}));
  EXPECT_EQ(value.channelSum, (std::vector<double>{-3, -1}));
  EXPECT_EQ(value.channelSquareSum, (std::vector<double>{95, 19}));
  EXPECT_TRUE(value.secondMoment.empty());
}

TEST(StatisticsTest, RefusesWhatDoesNotFit) {
  ValueStatistics value;
  ASSERT_FALSE(bool(value.add({}, 2, 1, Detail::Channels)));
  EXPECT_EQ(value.samples, 0);
  ASSERT_FALSE(bool(value.add({1, 2}, 2, 1, Detail::Channels)));
  for (float bad : {NAN, INFINITY})
    EXPECT_EQ(llvm::toString(value.add({1, bad}, 2, 1, Detail::Channels)),
              "a number is not finite");
  EXPECT_EQ(llvm::toString(value.add({1, 2, 3}, 3, 1, Detail::Channels)),
            "expected 2 channels, but got 3");
  EXPECT_EQ(llvm::toString(value.add({1, 2}, 2, 1, Detail::SecondMoment)),
            "only some samples have a second moment");
  EXPECT_EQ(value.elements, 2);
}

TEST(StatisticsTest, RefusesToMergeAnotherModel) {
  Statistics a("1"), b("2");
  EXPECT_EQ(llvm::toString(a.merge(b)), "statistics are of models 1 and 2");
}

TEST_F(FileTest, ReadsWhatWasWritten) {
  EXPECT_EQ(readChanged([](auto &, auto &) {}), "");
  llvm::Expected<Statistics> read = Statistics::read(path);
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->samples, 3);
  EXPECT_EQ(read->getModel(), "12ab");
  ASSERT_EQ(read->values.size(), 2u);
  EXPECT_EQ(read->find("z"), nullptr);
  for (const char *name : {"a/x", "y"}) {
    const ValueStatistics &a = *read->find(name), &b = *statistics.find(name);
    EXPECT_EQ(a.samples, b.samples);
    EXPECT_EQ(a.elements, b.elements);
    EXPECT_EQ(a.min, b.min);
    EXPECT_EQ(a.max, b.max);
    EXPECT_EQ(a.minSum, b.minSum);
    EXPECT_EQ(a.maxSum, b.maxSum);
    EXPECT_EQ(a.histogram.getExponent(), b.histogram.getExponent());
    EXPECT_EQ(a.histogram.getCounts(), b.histogram.getCounts());
    EXPECT_EQ(a.channelMax, b.channelMax);
    EXPECT_EQ(a.channelSum, b.channelSum);
    EXPECT_EQ(a.channelSquareSum, b.channelSquareSum);
    EXPECT_EQ(a.secondMoment, b.secondMoment);
  }
}

// Going on after a part of the samples is the same as doing all at once.
TEST_F(FileTest, GoesOnWhereItStopped) {
  ASSERT_FALSE(bool(statistics.write(path)));
  llvm::Expected<Statistics> read = Statistics::read(path, "12ab");
  ASSERT_TRUE(bool(read));
  for (Statistics *one : {&*read, &statistics}) {
    ++one->samples;
    ASSERT_FALSE(bool(one->values["a/x"].add(makeNumbers(60, 4), 6, 1,
                                             Detail::SecondMoment)));
  }
  EXPECT_EQ(read->samples, statistics.samples);
  EXPECT_EQ(read->find("a/x")->histogram.getCounts(),
            statistics.find("a/x")->histogram.getCounts());
  EXPECT_EQ(read->find("a/x")->secondMoment,
            statistics.find("a/x")->secondMoment);
}

TEST_F(FileTest, NamesWhatIsNotOfThisModel) {
  auto keep = [](auto &, auto &) {};
  EXPECT_EQ(readChanged(keep, "77"), "is of another model (12ab, this is 77); "
                                     "calibrate again");
  EXPECT_EQ(readChanged([](auto &, auto &data) { data.erase("model"); }),
            "does not say of which model it is and how many samples are done");
  EXPECT_EQ(
      readChanged([](auto &, auto &data) { data["cinch_statistics"] = "1"; }),
      "has version '1' of calibration statistics, expected '2'");
  EXPECT_EQ(
      readChanged([](auto &, auto &data) { data.erase("cinch_statistics"); }),
      "is no file of calibration statistics");
  EXPECT_EQ(readChanged([](auto &, auto &data) { data["samples"] = "-1"; }),
            "has invalid number of samples '-1'");
}

TEST_F(FileTest, NamesEntriesThatAreWrong) {
  EXPECT_EQ(readChanged([](auto &tensors, auto &) { tensors.erase("y/max"); }),
            "'y/max' is missing");
  EXPECT_EQ(readChanged([](auto &tensors, auto &) {
              tensors["y/mode"] = tensors["y/max"];
            }),
            "has unknown entry 'y/mode'");
  EXPECT_EQ(readChanged(
                [](auto &tensors, auto &) { tensors["y/max"].dtype = "I64"; }),
            "'y/max' has another type or rank");
  EXPECT_EQ(readWith<double>("y/max", {NAN}),
            "'y/max' has a number that is not finite");
  EXPECT_EQ(readWith<double>("y/min", {1e9}), "'y/min' is above the maximum");
  EXPECT_EQ(readWith<float>("y/channel_max", {1e9f, 0}),
            "'y/channel_max' is beyond the extremes");
  EXPECT_EQ(readWith<double>("y/channel_square_sum", {1, -1}),
            "'y/channel_square_sum' is negative");
  EXPECT_EQ(readWith<float>("y/channel_max", {INFINITY, 0}),
            "'y/channel_max' has a number that is not finite");
  EXPECT_EQ(readWith<int64_t>("y/samples", {0}),
            "'y/elements' is less than one for each sample");
  EXPECT_EQ(readWith<int64_t>("y/histogram_exponent", {200}),
            "'y/histogram_exponent' is out of range");
  EXPECT_EQ(readWith<int64_t>("y/histogram_exponent", {-3}),
            "'y/histogram_exponent' gives a range without the extremes");
  EXPECT_EQ(readWith<int64_t>("y/histogram", std::vector<int64_t>(4096, -1)),
            "'y/histogram' has an invalid count");
  EXPECT_EQ(readWith<int64_t>("y/histogram", std::vector<int64_t>(4096, 0)),
            "'y/histogram' does not count the elements");
}
