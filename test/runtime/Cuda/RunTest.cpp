//===- RunTest.cpp - sessions on a device ---------------------------------===//
#include "test/runtime/Cuda/Fixture.h"

#include <dlfcn.h>
#include <thread>

using namespace cinch::test;

namespace {

TEST_F(DeviceTest, RunsEverySize) {
  open();
  for (int64_t batch : {1, 7, 32, 33, 2, 1000, 7})
    expectRun(session, batch);
  cinch_counters_t counters = getCounters();
  EXPECT_EQ(counters.runs, 7);
  EXPECT_EQ(counters.plans_made, 6);
  EXPECT_EQ(counters.kernel_calls, 2);
  EXPECT_EQ(counters.copied_bytes, 3 * 7 * 16);
  EXPECT_EQ(getCounter({"kernels", "add", "launches"}), 7);
  cinch_kernel_info_t kernel = {};
  kernel.struct_size = sizeof(kernel);
  ASSERT_EQ(cinch_session_get_kernel(session, 1, &kernel), CINCH_OK);
  EXPECT_EQ(kernel.calls, 7);
  EXPECT_EQ(kernel.bytes, 32 * 7 + 16);
}

TEST_F(DeviceTest, TakesItsPlanForBytes) {
  open();
  for (int64_t batch : {3, 500, 20}) {
    expectRun(session, batch);
    cinch_memory_info_t info = getMemory(batch);
    int64_t most = batch == 3 ? 3 : 500;
    EXPECT_EQ(info.predicted_peak_bytes, 16 * batch);
    EXPECT_EQ(info.arena_bytes, 16 * most);
    int64_t staged = 64 + 3 * ((16 * most + 63) / 64 * 64);
    EXPECT_EQ(info.device_staging_bytes, staged);
    EXPECT_EQ(info.staging_bytes, staged);
    EXPECT_EQ(info.device_bytes, 16 * most + staged + 128);
    EXPECT_EQ(getCounter({"memory", "used_bytes"}), info.device_bytes);
  }
  close();
  EXPECT_EQ(getCounter({"memory", "used_bytes"}), 0);
}

TEST_F(DeviceTest, PlannedRunsAllocateNothing) {
  const char *path = CINCH_FAKE_DRIVERS "/fake-driver-counting.so";
  setenv("CINCH_CUDA_DRIVER", path, 1);
  options.profile = 1;
  open();
  void *driver = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(driver, nullptr);
  auto *calls = static_cast<int64_t *>(dlsym(driver, "fake_driver_calls"));
  ASSERT_NE(calls, nullptr);
  Rows x(100);
  cinch_shape_t shapes[] = {x.shapeView(), x.shapeView()};
  int64_t before = *calls;
  ASSERT_EQ(cinch_session_prepare(session, shapes, 2), CINCH_OK);
  EXPECT_EQ(*calls, before + 3); // arena, and staging on both sides
  for (int64_t batch : {100, 50, 100})
    expectRun(session, batch);
  fake_device_mode = FAKE_CHECKED; // a run that fails
  EXPECT_EQ(run(1), CINCH_ERROR_RUN);
  EXPECT_EQ(*calls, before + 3);
  dlclose(driver);
}

TEST_F(DeviceTest, SharesWeightsAndCode) {
  open();
  cinch_session_t *other = nullptr;
  ASSERT_EQ(create(other), CINCH_OK) << cinch_last_error();
  EXPECT_EQ(getCounter({"memory", "used_bytes"}), 128);
  cinch_session_release(session);
  session = nullptr;
  expectRun(other, 5);
  cinch_session_release(other);
  EXPECT_EQ(getCounter({"memory", "used_bytes"}), 0);
  open(); // loads again
  expectRun(session, 5);
}

TEST_F(DeviceTest, GivesTheSameInEveryOrderOfStreams) {
  for (int seed = 1; seed < 20; ++seed) {
    setenv("CINCH_EMULATOR_STREAM_ORDER", std::to_string(seed).c_str(), 1);
    open();
    expectRun(session, 40);
    expectRun(session, 3);
    fake_device_mode = FAKE_LOOP;
    Rows x(2), z(2), y(2);
    x.data[0] = 3;
    ASSERT_EQ(run(session, x, z, y), CINCH_OK) << cinch_last_error();
    for (size_t i = 0; i < 8; ++i)
      EXPECT_EQ(y.data[i], x.data[i] + 3 * z.data[i]);
    fake_device_mode = FAKE_NORMAL;
    close();
  }
}

TEST_F(DeviceTest, TakesWordsThatAreWritten) {
  open();
  fake_device_mode = FAKE_WRITTEN;
  Rows x(8), z(8), y(8);
  ASSERT_EQ(run(session, x, z, y), CINCH_OK) << cinch_last_error();
  for (size_t i = 0; i < y.data.size(); ++i)
    EXPECT_EQ(y.data[i], 1 + 10 * (i % 4 + 1));
  Rows large(2000), zeros(2000), out(2000); // more than 4096 bytes
  EXPECT_FAILS(run(session, large, zeros, out), CINCH_ERROR_FORMAT,
               "copies 32000 bytes from or to the device at once");
}

TEST_F(DeviceTest, GivesSharedMemoryBeyondTheDefault) {
  open();
  fake_device_mode = FAKE_REVERSED;
  Rows x(64), z(64), y(64);
  for (size_t i = 0; i < x.data.size(); ++i)
    x.data[i] = static_cast<float>(i);
  ASSERT_EQ(run(session, x, z, y), CINCH_OK) << cinch_last_error();
  for (size_t i = 0; i < y.data.size(); ++i)
    EXPECT_EQ(y.data[i], x.data[i / 128 * 128 + 127 - i % 128]);
}

TEST_F(DeviceTest, LeavesNothingUnderWay) {
  fake_device_mode = FAKE_REVERSED; // no kernel reads z
  for (int seed = 1; seed < 40; ++seed) {
    setenv("CINCH_EMULATOR_STREAM_ORDER", std::to_string(seed).c_str(), 1);
    open();
    ASSERT_EQ(run(32), CINCH_OK) << cinch_last_error();
    EXPECT_EQ(getCounter({"copies", "host_to_device", "count"}), 2);
    close();
  }
}

TEST_F(DeviceTest, ReportsTheAssertionThatDoesNotHold) {
  open();
  fake_device_mode = FAKE_CHECKED;
  Rows x(300), z(300), y(300);
  x.data[777] = -1;
  EXPECT_FAILS(run(session, x, z, y), CINCH_ERROR_RUN,
               "assertion 7 does not hold");
  EXPECT_EQ(fake_device_seen, 7);
  for (float &value : x.data)
    value = std::abs(value);
  ASSERT_EQ(run(session, x, z, y), CINCH_OK) << cinch_last_error();
  EXPECT_EQ(fake_device_seen, 0xffffffff); // reset before every run
  EXPECT_EQ(y.data, expected(x, z));
  EXPECT_EQ(getCounters().failed_runs, 1);
}

TEST_F(DeviceTest, TakesViewsOfAnyLayout) {
  open();
  Rows x(5), z(5), y(5), transposed(5);
  int64_t strides[] = {4, 20}; // columns first
  for (int row = 0; row < 5; ++row)
    for (int column = 0; column < 4; ++column)
      transposed.data[5 * column + row] = x.data[4 * row + column];
  cinch_tensor_t inputs[] = {transposed.view(), z.view()}, output = y.view();
  inputs[0].strides = strides;
  ASSERT_EQ(cinch_session_run(session, inputs, 2, &output, 1), CINCH_OK);
  EXPECT_EQ(y.data, expected(x, z));
  std::vector<float> wide(5 * 8, -1);
  int64_t wideStrides[] = {32, 4};
  output.data = wide.data();
  output.strides = wideStrides;
  ASSERT_EQ(cinch_session_run(session, inputs, 2, &output, 1), CINCH_OK);
  for (int row = 0; row < 5; ++row)
    for (int column = 0; column < 8; ++column)
      EXPECT_EQ(wide[8 * row + column],
                column < 4 ? y.data[4 * row + column] : -1);
}

TEST_F(DeviceTest, CountsAndTraces) {
  options.profile = 1;
  options.trace_capacity = 3;
  open();
  expectRun(session, 5);
  expectRun(session, 5);
  const cinch_trace_event_t *events;
  int64_t count, dropped;
  ASSERT_EQ(cinch_session_get_trace(session, &events, &count, &dropped),
            CINCH_OK);
  ASSERT_EQ(count, 3);
  EXPECT_EQ(dropped, 1);
  EXPECT_EQ(events[1].kernel, 1);
  EXPECT_EQ(events[2].run, 1);
  EXPECT_LE(events[1].start_ns, events[1].end_ns);
  // The launches of one run may be more than there are events for their times.
  fake_device_mode = FAKE_LOOP;
  Rows x(1), z(1), y(1);
  x.data[0] = 600;
  ASSERT_EQ(run(session, x, z, y), CINCH_OK) << cinch_last_error();
  cinch_kernel_info_t kernel = {};
  kernel.struct_size = sizeof(kernel);
  ASSERT_EQ(cinch_session_get_kernel(session, 0, &kernel), CINCH_OK);
  EXPECT_EQ(kernel.calls, 602);
  EXPECT_EQ(kernel.time_ns, 0); // the emulated device has no time
}

TEST_F(DeviceTest, SessionsRunInSeveralThreads) {
  open();
  std::vector<std::thread> threads;
  for (int index = 0; index < 4; ++index)
    threads.emplace_back([&, index] {
      for (int round = 0; round < 5; ++round) {
        cinch_session_t *own = nullptr;
        ASSERT_EQ(create(own), CINCH_OK) << cinch_last_error();
        expectRun(own, 10 * index + round + 1);
        expectRun(own, 3);
        cinch_session_release(own);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  expectRun(session, 4);
}

TEST_F(DeviceTest, RunsAModelFile) {
  std::string path = copyModel("device");
  ASSERT_EQ(cinch_model_load(path.c_str(), nullptr, &model), CINCH_OK)
      << cinch_last_error();
  cinch_model_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(cinch_model_get_info(model, &info), CINCH_OK);
  EXPECT_STREQ(info.target, "cuda:sm_80");
  open();
  expectRun(session, 9);
}

} // namespace
