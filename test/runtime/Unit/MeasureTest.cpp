//===- MeasureTest.cpp - memory as seen from outside ----------------------===//
#include "test/runtime/Fake/Fixture.h"

using namespace cinch::test;

namespace {

class MeasureTest : public RuntimeTest {
protected:
  cinch_status_t measure(int64_t batch) {
    Rows x(batch), y(batch);
    cinch_tensor_t input = x.view(), output = y.view();
    measurement = {};
    measurement.struct_size = sizeof(measurement);
    cinch_status_t status = cinch_session_measure_memory(
        session, &input, 1, &output, 1, &measurement);
    if (status == CINCH_OK) {
      EXPECT_EQ(y.data, expectedOutput(x.data));
    }
    return status;
  }
  cinch_measurement_t measurement;
};

TEST_F(MeasureTest, EqualsThePrediction) {
  open("dynamic");
  for (int64_t batch : {1, 3, 5, 16, 1000}) {
    ASSERT_EQ(measure(batch), CINCH_OK) << cinch_last_error();
    cinch_memory_info_t info = {};
    info.struct_size = sizeof(info);
    int64_t dims[] = {batch, 4};
    cinch_shape_t shape = {2, dims};
    ASSERT_EQ(cinch_session_get_memory(session, &shape, 1, &info), CINCH_OK);
    EXPECT_EQ(measurement.measured_peak_bytes, info.predicted_peak_bytes);
    EXPECT_EQ(measurement.touched_bytes, 32 * batch);
  }
}

TEST_F(MeasureTest, SeesBytesThatThePlanDoesNotKnow) {
  open("unplanned"); // writes 16 bytes past its slot
  ASSERT_EQ(measure(5), CINCH_OK) << cinch_last_error();
  EXPECT_EQ(measurement.measured_peak_bytes, 208 + 16);
}

TEST_F(MeasureTest, FindsAccessesPastTheArena) {
  open("overrun");
  EXPECT_FAILS(measure(5), CINCH_ERROR_MEMORY_ACCESS,
               "kernel 'k0' accesses byte");
  EXPECT_FAILS(measure(5), CINCH_ERROR_MEMORY_ACCESS, "of the arena");
}

TEST_F(MeasureTest, FindsReadsPastAnInput) {
  open("overread");
  EXPECT_FAILS(measure(3), CINCH_ERROR_MEMORY_ACCESS,
               "accesses byte 48 of input 'x', which has 48");
}

TEST_F(MeasureTest, FindsReadsOfUnwrittenBytes) {
  open("unwritten");
  EXPECT_FAILS(measure(5), CINCH_ERROR_MEMORY_ACCESS,
               "('biased') from bytes that nothing has written");
}

TEST_F(MeasureTest, FindsUnwrittenOutputs) {
  open("short_output");
  EXPECT_FAILS(measure(4), CINCH_ERROR_MEMORY_ACCESS,
               "byte 48 of output 'y' is not written");
}

} // namespace
