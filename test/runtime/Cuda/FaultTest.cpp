//===- FaultTest.cpp - failures and measurements on a device --------------===//
#include "test/runtime/Cuda/Fixture.h"

using namespace cinch::test;

namespace {

class DeviceFaultTest : public DeviceTest {
protected:
  cinch_status_t measure(int64_t batch) {
    Rows x(batch), z(batch), y(batch);
    cinch_tensor_t inputs[] = {x.view(), z.view()}, output = y.view();
    measurement = {};
    measurement.struct_size = sizeof(measurement);
    cinch_status_t status = cinch_session_measure_memory(
        session, inputs, 2, &output, 1, &measurement);
    if (status == CINCH_OK) {
      EXPECT_EQ(y.data, expected(x, z));
    }
    return status;
  }
  cinch_measurement_t measurement = {};
};

TEST_F(DeviceFaultTest, AFaultEndsTheDeviceUntilItIsReleased) {
  open();
  expectRun(session, 3);
  cinch_session_t *other = nullptr;
  ASSERT_EQ(create(other), CINCH_OK);
  expectRun(other, 3);
  fake_device_mode = FAKE_OUT_OF_BOUNDS;
  EXPECT_FAILS(run(3), CINCH_ERROR_DEVICE,
               "running its kernels: CUDA_ERROR_ILLEGAL_ADDRESS");
  std::string message = cinch_last_error();
  EXPECT_NE(message.find("kernel wild, line "), std::string::npos) << message;
  EXPECT_NE(message.find("release all sessions of the device"),
            std::string::npos)
      << message;
  EXPECT_EQ(fake_device_seen, 0); // what `read` gives after a failure
  fake_device_mode = FAKE_NORMAL;
  EXPECT_FAILS(run(3), CINCH_ERROR_DEVICE, "is unusable until all of its");
  Rows x(3), z(3), y(3);
  EXPECT_FAILS(run(other, x, z, y), CINCH_ERROR_DEVICE, "is unusable until");
  cinch_session_t *third = nullptr;
  EXPECT_FAILS(create(third), CINCH_ERROR_DEVICE, "cannot be opened again");
  cinch_session_release(other);
  cinch_session_release(session);
  session = nullptr;
  open();
  expectRun(session, 3);
}

TEST_F(DeviceFaultTest, ARefusedLaunchEndsTheRunOnly) {
  open();
  fake_device_mode = FAKE_NO_SUCH_FUNCTION;
  EXPECT_FAILS(run(3), CINCH_ERROR_FORMAT,
               "launches function 99 for kernel 0, but has 5 and 2");
  fake_device_mode = FAKE_ON_HOST;
  EXPECT_FAILS(run(3), CINCH_ERROR_FORMAT, "calls kernel 1 on the host");
  fake_device_mode = FAKE_NORMAL;
  expectRun(session, 3);
  EXPECT_EQ(getCounters().failed_runs, 2);
}

TEST_F(DeviceFaultTest, MeasuresTheArena) {
  open();
  for (int64_t batch : {1, 5, 100}) {
    ASSERT_EQ(measure(batch), CINCH_OK) << cinch_last_error();
    EXPECT_EQ(measurement.measured_peak_bytes, 16 * batch);
    EXPECT_EQ(measurement.touched_bytes, 16 * batch);
    EXPECT_EQ(getMemory(batch).predicted_peak_bytes, 16 * batch);
  }
}

TEST_F(DeviceFaultTest, MeasuresBytesThatThePlanDoesNotKnow) {
  open();
  fake_device_mode = FAKE_PAST_ARENA;
  ASSERT_EQ(measure(5), CINCH_OK) << cinch_last_error();
  EXPECT_EQ(measurement.measured_peak_bytes, 84);
}

TEST_F(DeviceFaultTest, FindsUnwrittenBytes) {
  open();
  fake_device_mode = FAKE_SHORT_OUTPUT;
  EXPECT_FAILS(measure(5), CINCH_ERROR_MEMORY_ACCESS,
               "byte 76 of output 'y' is not written");
  fake_device_mode = FAKE_UNWRITTEN;
  EXPECT_FAILS(measure(5), CINCH_ERROR_MEMORY_ACCESS,
               "of output 'y' depends on bytes that nothing has written");
}

TEST_F(DeviceFaultTest, FindsWritesPastAnOutput) {
  open();
  fake_device_mode = FAKE_LONG_OUTPUT;
  EXPECT_FAILS(measure(5), CINCH_ERROR_MEMORY_ACCESS,
               "a kernel writes byte 80 of output 'y', which has 80");
}

TEST_F(DeviceFaultTest, FindsWritesToAnInput) {
  open();
  fake_device_mode = FAKE_INPUT_WRITTEN;
  Rows x(2), z(2), y(2);
  z.data[1] = 99;
  cinch_tensor_t inputs[] = {x.view(), z.view()}, output = y.view();
  measurement.struct_size = sizeof(measurement);
  EXPECT_FAILS(cinch_session_measure_memory(session, inputs, 2, &output, 1,
                                            &measurement),
               CINCH_ERROR_MEMORY_ACCESS, "a kernel writes to input 'x'");
}

} // namespace
