//===- ScaleFormatTest.cpp - what scales are stored in --------------------===//
#include "passes/Quantize/ScaleFormat.h"

#include "gtest/gtest.h"

using namespace cinch::quantize;

namespace {

const Format &i4 = *Format::find("i4"), &i8 = *Format::find("i8"),
             &f4 = *Format::find("f4E2M1FN"), &f8 = *Format::find("f8E4M3FN");

TEST(ScaleFormatTest, HalvesAreRoundedToNearest) {
  // 1/7 = 0x1.2492492p-3 between 0x1.248p-3 and 0x1.24cp-3.
  EXPECT_EQ(makeScale(1, i4, ScaleFormat::F16), 0x1.248p-3f);
  // A tie goes to the even one, from below and from above.
  EXPECT_EQ(makeScale(7 * 0x1.002p0, i4, ScaleFormat::F16), 1.0f);
  EXPECT_EQ(makeScale(7 * 0x1.006p0, i4, ScaleFormat::F16), 0x1.008p0f);
  EXPECT_EQ(makeScale(0, i4, ScaleFormat::F16), 0x1p-14f);
}

TEST(ScaleFormatTest, HalvesHaveARange) {
  EXPECT_TRUE(hasScale(7 * 0x1p-14, i4, ScaleFormat::F16));
  EXPECT_FALSE(hasScale(6.9 * 0x1p-14, i4, ScaleFormat::F16));
  EXPECT_TRUE(hasScale(7.0 * 65504, i4, ScaleFormat::F16));
  EXPECT_FALSE(hasScale(7.1 * 65504, i4, ScaleFormat::F16));
  EXPECT_TRUE(hasScale(0, i4, ScaleFormat::F16));
  EXPECT_TRUE(hasScale(1e-30, i4, ScaleFormat::F32));
  EXPECT_TRUE(hasScale(1e-30, i4, ScaleFormat::E8M0));
  // What is beyond it saturates.
  EXPECT_EQ(makeScale(1e-9, i4, ScaleFormat::F16), 0x1p-14f);
  EXPECT_EQ(makeScale(1e9, i4, ScaleFormat::F16), 65504.0f);
}

// The largest powers of two of the formats are 4, 256 and 64.
TEST(ScaleFormatTest, PowersFollowTheSpecification) {
  EXPECT_EQ(makeScale(4, f4, ScaleFormat::E8M0), 1.0f);
  EXPECT_EQ(makeScale(7.9, f4, ScaleFormat::E8M0), 1.0f); // saturates
  EXPECT_EQ(makeScale(8, f4, ScaleFormat::E8M0), 2.0f);
  EXPECT_EQ(makeScale(3.9, f4, ScaleFormat::E8M0), 0.5f);
  EXPECT_EQ(makeScale(1, f8, ScaleFormat::E8M0), 0x1p-8f);
  EXPECT_EQ(makeScale(1.9, i8, ScaleFormat::E8M0), 0x1p-6f);
  EXPECT_EQ(makeScale(1e-45, f8, ScaleFormat::E8M0), minScale);
  EXPECT_EQ(makeScale(0, f8, ScaleFormat::E8M0), minScale);
}

TEST(ScaleFormatTest, CandidatesStartWithTheRule) {
  std::vector<float> powers = makeScales(4, f4, ScaleFormat::E8M0);
  EXPECT_EQ(powers, (std::vector<float>{1, 2, 0.5, 4, 0.25}));
  std::vector<float> halves = makeScales(1, i4, ScaleFormat::F16);
  EXPECT_EQ(halves.front(), 0x1.248p-3f);
  for (size_t i = 1; i < halves.size(); ++i)
    EXPECT_LT(halves[i], halves[i - 1]);
}

TEST(ScaleFormatTest, BytesAreDecoded) {
  const char bytes[] = {0x00, 0x3c, 0x00, char(0xc0)};
  EXPECT_EQ(decodeScales(bytes, ScaleFormat::F16), (std::vector<float>{1, -2}));
  EXPECT_EQ(decodeScales({127, char(130), 1}, ScaleFormat::E8M0),
            (std::vector<float>{1, 8, minScale}));
  EXPECT_EQ(decodeScales({0, 0, char(0x80), 0x3f}, ScaleFormat::F32),
            (std::vector<float>{1}));
}

} // namespace
