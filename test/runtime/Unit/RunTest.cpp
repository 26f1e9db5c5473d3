//===- RunTest.cpp - sessions, shapes and the caller's buffers ------------===//
#include "test/runtime/Fake/Fixture.h"

#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace cinch::test;

namespace {

class RunTest : public RuntimeTest {
protected:
  /// Runs at `batch` and compares.
  void expectRun(int64_t batch) {
    Rows x(batch), y(batch);
    cinch_tensor_t input = x.view(), output = y.view();
    ASSERT_EQ(cinch_session_run(session, &input, 1, &output, 1), CINCH_OK)
        << cinch_last_error();
    EXPECT_EQ(y.data, expectedOutput(x.data));
  }
  cinch_memory_info_t getMemory(int64_t batch) {
    cinch_memory_info_t info = {};
    info.struct_size = sizeof(info);
    Rows x(batch);
    cinch_shape_t shape = x.shapeView();
    EXPECT_EQ(cinch_session_get_memory(session, &shape, 1, &info), CINCH_OK)
        << cinch_last_error();
    return info;
  }
};

TEST_F(RunTest, RunsEverySize) {
  open("dynamic");
  for (int64_t batch : {1, 7, 2, 300, 7})
    expectRun(batch);
  cinch_counters_t counters = {};
  counters.struct_size = sizeof(counters);
  ASSERT_EQ(cinch_session_get_counters(session, &counters), CINCH_OK);
  EXPECT_EQ(counters.runs, 5);
  EXPECT_EQ(counters.plans_made, 4);
  EXPECT_EQ(counters.plans_reused, 1);
  EXPECT_EQ(counters.kernel_calls, 3);
}

TEST_F(RunTest, ReportsMemory) {
  open("dynamic");
  cinch_memory_info_t info = getMemory(5); // two slots of 80 bytes at once
  EXPECT_EQ(info.lower_bound_bytes, 160);
  EXPECT_EQ(info.predicted_peak_bytes, 128 + 80); // 80 aligned to 64, and 80
  EXPECT_EQ(info.arena_bytes, 208);
  EXPECT_EQ(info.weights_bytes, 128);
  EXPECT_EQ(info.inputs_bytes, 80);
  EXPECT_EQ(info.outputs_bytes, 80);
}

TEST_F(RunTest, BoundedModelsNeverGrow) {
  open("bounded");
  EXPECT_EQ(getMemory(2).predicted_peak_bytes, 128 + 32);
  EXPECT_EQ(getMemory(2).arena_bytes, 256);
  EXPECT_EQ(getMemory(8).predicted_peak_bytes, 256);
  expectRun(8);
  Rows x(9), y(9);
  cinch_tensor_t input = x.view(), output = y.view();
  EXPECT_FAILS(cinch_session_run(session, &input, 1, &output, 1),
               CINCH_ERROR_SHAPE, "'batch' must be from 1 to 8");
}

TEST_F(RunTest, RefusesWrongPlans) {
  open("overlapping"); // the slots overlap from batch 5 on
  expectRun(4);
  Rows x(5), y(5);
  cinch_tensor_t input = x.view(), output = y.view();
  EXPECT_FAILS(cinch_session_run(session, &input, 1, &output, 1),
               CINCH_ERROR_FORMAT, "the memory plan is wrong");
  cinch_session_release(session);
  session = nullptr;
  cinch_model_release(model);
  model = nullptr;
  open("small_peak");
  EXPECT_FAILS(cinch_session_run(session, &input, 1, &output, 1),
               CINCH_ERROR_FORMAT, "past the planned peak of 200");
}

TEST_F(RunTest, ForgetsTheOldestPlan) {
  ASSERT_EQ(load("dynamic"), CINCH_OK);
  cinch_session_options_t options = {};
  options.struct_size = sizeof(options);
  options.plan_cache_size = 2;
  ASSERT_EQ(cinch_session_create(model, &options, &session), CINCH_OK);
  for (int64_t batch : {1, 2, 1, 3, 1, 2})
    expectRun(batch);
  cinch_counters_t counters = {};
  counters.struct_size = sizeof(counters);
  ASSERT_EQ(cinch_session_get_counters(session, &counters), CINCH_OK);
  EXPECT_EQ(counters.plans_made, 4); // 1, 2, 3, and 2 again
}

TEST_F(RunTest, UsesTheCallersArena) {
  ASSERT_EQ(load("dynamic"), CINCH_OK);
  alignas(64) static unsigned char arena[208];
  cinch_session_options_t options = {};
  options.struct_size = sizeof(options);
  options.arena = arena + 4;
  options.arena_bytes = 100;
  EXPECT_FAILS(cinch_session_create(model, &options, &session),
               CINCH_ERROR_BUFFER, "aligned to 64");
  options.arena = arena;
  options.arena_bytes = sizeof(arena);
  ASSERT_EQ(cinch_session_create(model, &options, &session), CINCH_OK);
  expectRun(5);
  float first;
  memcpy(&first, arena, sizeof(first));
  EXPECT_EQ(first, -10); // doubled[0, 0]
  Rows x(6), y(6);
  cinch_tensor_t input = x.view(), output = y.view();
  EXPECT_FAILS(cinch_session_run(session, &input, 1, &output, 1),
               CINCH_ERROR_OUT_OF_MEMORY, "has 208 bytes, but 224 are needed");
}

TEST_F(RunTest, AnswersOutputShapes) {
  ASSERT_EQ(load("dynamic"), CINCH_OK);
  int64_t dims[CINCH_MAX_RANK], given[] = {6, 4}, wrong[] = {6, 5};
  cinch_shape_t shape = {2, given};
  ASSERT_EQ(cinch_model_output_shape(model, &shape, 1, 0, dims), CINCH_OK);
  EXPECT_EQ(dims[0], 6);
  EXPECT_EQ(dims[1], 4);
  shape.dims = wrong;
  EXPECT_FAILS(cinch_model_output_shape(model, &shape, 1, 0, dims),
               CINCH_ERROR_SHAPE,
               "input 'x' has the shape [batch, 4] [6, 4], but [6, 5]");
  shape.rank = 1;
  EXPECT_FAILS(cinch_model_output_shape(model, &shape, 1, 0, dims),
               CINCH_ERROR_SHAPE, "rank 2 [batch, 4], but rank 1");
  EXPECT_FAILS(cinch_model_output_shape(model, &shape, 1, 1, dims),
               CINCH_ERROR_INVALID_ARGUMENT, "no number 1");
}

TEST_F(RunTest, RefusesBadBuffers) {
  open("dynamic");
  Rows x(3), y(3), big(7);
  cinch_tensor_t input = x.view(), output = y.view();
  auto run = [&]() {
    return cinch_session_run(session, &input, 1, &output, 1);
  };
  EXPECT_FAILS(cinch_session_run(session, &input, 0, &output, 1),
               CINCH_ERROR_INVALID_ARGUMENT, "1 inputs, but 0");
  EXPECT_FAILS(cinch_session_run(session, &input, 1, &output, 2),
               CINCH_ERROR_INVALID_ARGUMENT, "1 outputs, but 2");
  input.dtype = CINCH_DTYPE_I32;
  EXPECT_FAILS(run(), CINCH_ERROR_SHAPE, "has type f32, but i32");
  input.dtype = 99;
  EXPECT_FAILS(run(), CINCH_ERROR_SHAPE, "no type");
  input = x.view();
  input.data = nullptr;
  EXPECT_FAILS(run(), CINCH_ERROR_BUFFER, "input 'x': data is null");
  input = x.view();
  input.data = reinterpret_cast<char *>(big.data.data()) + 2;
  EXPECT_FAILS(run(), CINCH_ERROR_BUFFER, "element size 4");
  input = x.view();
  input.shape = nullptr;
  EXPECT_FAILS(run(), CINCH_ERROR_INVALID_ARGUMENT, "shape is null");
  input = x.view();
  int64_t shape[] = {2, 4};
  output.shape = shape;
  EXPECT_FAILS(run(), CINCH_ERROR_SHAPE, "output 'y'");
  output = y.view();
  output.data = x.data.data() + 8;
  output.shape = y.shape;
  EXPECT_FAILS(run(), CINCH_ERROR_BUFFER, "output 'y' overlaps input 'x'");
  output = y.view();
  const int64_t folded[] = {4, 4};
  output.strides = folded;
  EXPECT_FAILS(run(), CINCH_ERROR_BUFFER, "overlaps itself");
  const int64_t odd[] = {18, 4}, huge[] = {INT64_MAX / 8 * 8, 4};
  output.strides = odd;
  EXPECT_FAILS(run(), CINCH_ERROR_BUFFER, "element size 4");
  output.strides = huge;
  EXPECT_FAILS(run(), CINCH_ERROR_BUFFER, "overflow");
  int64_t negative[] = {-1, 4};
  output = y.view();
  input.shape = negative;
  EXPECT_FAILS(run(), CINCH_ERROR_SHAPE, "is -1");
  int64_t vast[] = {INT64_MAX / 4, 4};
  input.shape = vast;
  EXPECT_FAILS(run(), CINCH_ERROR_SHAPE, "too large");
  input = x.view();
  EXPECT_EQ(run(), CINCH_OK) << cinch_last_error();
}

TEST_F(RunTest, AcceptsStridedViews) {
  open("dynamic");
  Rows x(3), wide(6);
  std::vector<float> columns(12), expected = expectedOutput(x.data);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      columns[3 * j + i] = x.data[4 * i + j];
  const int64_t columnMajor[] = {4, 12}, backwards[] = {-32, 4};
  cinch_tensor_t input = {columns.data(), CINCH_DTYPE_F32, 2, x.shape,
                          columnMajor};
  // Every other row of `wide`, from the last one up.
  cinch_tensor_t output = {wide.data.data() + 16, CINCH_DTYPE_F32, 2, x.shape,
                           backwards};
  std::vector<float> before = wide.data;
  ASSERT_EQ(cinch_session_run(session, &input, 1, &output, 1), CINCH_OK)
      << cinch_last_error();
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j) {
      EXPECT_EQ(wide.data[16 - 8 * i + j], expected[4 * i + j]);
      EXPECT_EQ(wide.data[20 - 8 * i + j], before[20 - 8 * i + j]);
    }
  EXPECT_GE(getMemory(3).staging_bytes, 2 * 64);
}

TEST_F(RunTest, ReadsDLPack) {
  struct {
    void *data;
    int32_t deviceType, deviceId, rank;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byteOffset;
  } tensor = {};
  float data[16];
  int64_t shape[] = {3, 4}, elements[] = {1, 3}, strides[CINCH_MAX_RANK];
  tensor.data = data;
  tensor.deviceType = 1;
  tensor.rank = 2;
  tensor.code = 2;
  tensor.bits = 32;
  tensor.lanes = 1;
  tensor.shape = shape;
  tensor.strides = elements;
  tensor.byteOffset = 8;
  cinch_tensor_t view = {};
  ASSERT_EQ(cinch_tensor_from_dlpack(&tensor, strides, &view), CINCH_OK);
  EXPECT_EQ(view.data, data + 2);
  EXPECT_EQ(view.dtype, CINCH_DTYPE_F32);
  EXPECT_EQ(view.strides[0], 4);
  EXPECT_EQ(view.strides[1], 12);
  tensor.deviceType = 2;
  EXPECT_FAILS(cinch_tensor_from_dlpack(&tensor, strides, &view),
               CINCH_ERROR_BUFFER, "on the CPU");
  tensor.deviceType = 1;
  tensor.code = 5;
  EXPECT_FAILS(cinch_tensor_from_dlpack(&tensor, strides, &view),
               CINCH_ERROR_SHAPE, "not supported");
}

TEST_F(RunTest, PassesOnTheModelsFailure) {
  open("failing");
  expectRun(6);
  Rows x(7), y(7);
  cinch_tensor_t input = x.view(), output = y.view();
  EXPECT_FAILS(cinch_session_run(session, &input, 1, &output, 1),
               CINCH_ERROR_RUN, "index 9 is out of range [0, 7)");
  expectRun(6);
}

TEST_F(RunTest, ProfilesKernels) {
  ASSERT_EQ(load("dynamic"), CINCH_OK);
  cinch_session_options_t options = {};
  options.struct_size = sizeof(options);
  options.profile = 1;
  ASSERT_EQ(cinch_session_create(model, &options, &session), CINCH_OK);
  expectRun(50);
  expectRun(50);
  cinch_kernel_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(cinch_session_get_kernel(session, 2, &info), CINCH_OK);
  EXPECT_STREQ(info.kind, "library");
  EXPECT_EQ(info.calls, 2);
  EXPECT_EQ(info.flops, 32 * 50);
  EXPECT_GT(info.time_ns, 0);
  const cinch_trace_event_t *events;
  int64_t count;
  ASSERT_EQ(cinch_session_get_trace(session, &events, &count, nullptr),
            CINCH_OK);
  EXPECT_EQ(count, 0);
}

TEST_F(RunTest, KeepsTracesUpToTheirCapacity) {
  ASSERT_EQ(load("dynamic"), CINCH_OK);
  cinch_session_options_t options = {};
  options.struct_size = sizeof(options);
  options.threads = 1;
  options.trace_capacity = (int64_t(1) << 24) + 1;
  EXPECT_FAILS(cinch_session_create(model, &options, &session),
               CINCH_ERROR_INVALID_ARGUMENT, "expected trace_capacity from 0");
  options.trace_capacity = 5;
  ASSERT_EQ(cinch_session_create(model, &options, &session), CINCH_OK);
  expectRun(50);
  expectRun(50);
  const cinch_trace_event_t *events;
  int64_t count, dropped;
  ASSERT_EQ(cinch_session_get_trace(session, &events, &count, &dropped),
            CINCH_OK);
  cinch_counters_t counters = {};
  counters.struct_size = sizeof(counters);
  ASSERT_EQ(cinch_session_get_counters(session, &counters), CINCH_OK);
  EXPECT_EQ(count, 5);
  EXPECT_EQ(count + dropped, 2 * counters.kernel_calls);
  for (int64_t index = 0; index < count; ++index) {
    EXPECT_LE(events[index].start_ns, events[index].end_ns);
    EXPECT_EQ(events[index].thread, 0);
    EXPECT_EQ(events[index].run, index / counters.kernel_calls);
  }
}

} // namespace
