//===- StateTest.cpp - states on a device ---------------------------------===//
#include "test/runtime/Cuda/Fixture.h"

#include <algorithm>

using namespace cinch::test;

namespace {

/// present[2, n + m] = past[2, n] and x[2, m] behind it, row by row.
int32_t append(cinch_frame_v1 *frame) {
  int64_t m = frame->symbols[0], n = frame->symbols[1];
  char *x = static_cast<char *>(frame->caller[0]);
  char *past = static_cast<char *>(frame->caller[1]);
  char *present = static_cast<char *>(frame->caller[2]);
  for (int64_t row = 0; row < 2; ++row) {
    char *to = present + 4 * row * frame->rows[1];
    if (past != present)
      frame->host->copy(frame, to, past + 4 * row * frame->rows[0], 4 * n);
    frame->host->copy(frame, to + 4 * n, x + 4 * row * m, 4 * m);
  }
  return 0;
}

const std::string manifest =
    R"({"abi":5,"model":"states","target":"cuda:sm_80","cpu":"x86-64",
"producer":"hand","symbols":[
{"name":"m","min":1,"max":null,"input":0,"axis":1},
{"name":"n","min":0,"max":null,"input":1,"axis":1}],
"inputs":[{"name":"x","dtype":"f32","dims":[2,"m"]},
{"name":"past","dtype":"f32","dims":[2,"n"]}],
"outputs":[{"name":"present","dtype":"f32","dims":[2,"n+m"]}],
"states":[{"input":1,"output":0,"axis":1}],"slots":[],"plan":null,
"alignment":64,"weights":null,"kernels":[]})";
const std::string note =
    R"({"abi":5,"target":"cuda:sm_80","cpu":"x86-64","features":[],
"weights_checksum":"","weights_bytes":0})";

class DeviceStateTest : public DeviceTest {
protected:
  DeviceStateTest() {
    linked.entry = append;
    linked.manifest = manifest.data();
    linked.manifest_bytes = static_cast<int64_t>(manifest.size());
    linked.note = note.data();
    linked.note_bytes = static_cast<int64_t>(note.size());
  }
  void open() {
    ASSERT_EQ(cinch_model_from_module(&linked, nullptr, &model), CINCH_OK)
        << cinch_last_error();
    ASSERT_EQ(cinch_session_create(model, &options, &session), CINCH_OK)
        << cinch_last_error();
  }
  cinch_status_t reserve(int64_t capacity) {
    int64_t dims[] = {2, capacity};
    cinch_shape_t shape = {2, dims};
    return cinch_session_reserve_states(session, &shape, 1);
  }
  /// Appends `count` columns, which hold the next numbers.
  cinch_status_t appendColumns(int64_t count, bool measures = false) {
    int64_t dims[] = {2, count};
    std::vector<float> x(2 * count);
    for (int64_t column = 0; column < count; ++column, ++next) {
      x[column] = static_cast<float>(next);
      x[count + column] = static_cast<float>(100 + next);
    }
    cinch_tensor_t view = {x.data(), CINCH_DTYPE_F32, 2, dims, nullptr};
    if (!measures)
      return cinch_session_run(session, &view, 1, nullptr, 0);
    cinch_measurement_t measurement = {};
    measurement.struct_size = sizeof(measurement);
    return cinch_session_measure_memory(session, &view, 1, nullptr, 0,
                                        &measurement);
  }
  /// Expects the numbers from `first` on in the state.
  void expectColumns(int64_t first, int64_t count) {
    cinch_tensor_t state;
    ASSERT_EQ(cinch_session_get_state(session, 0, &state), CINCH_OK)
        << cinch_last_error();
    ASSERT_EQ(state.shape[1], count);
    for (int64_t column = 0; column < count; ++column)
      for (int64_t row = 0; row < 2; ++row)
        EXPECT_EQ(*reinterpret_cast<float *>(static_cast<char *>(state.data) +
                                             row * state.strides[0] +
                                             column * state.strides[1]),
                  first + column + 100 * row);
  }
  int64_t next = 0;
};

TEST_F(DeviceStateTest, KeepsStatesOnTheDevice) {
  open();
  ASSERT_EQ(reserve(20), CINCH_OK) << cinch_last_error();
  expectColumns(0, 0);
  for (int64_t count : {3, 1, 5}) {
    ASSERT_EQ(appendColumns(count), CINCH_OK) << cinch_last_error();
    expectColumns(0, next);
  }
  EXPECT_EQ(getCounters().copied_bytes, 2 * (2 * 5 * 4)); // in, and on the way
  int64_t xDims[] = {2, 5};
  cinch_shape_t shape = {2, xDims};
  cinch_memory_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(cinch_session_get_memory(session, &shape, 1, &info), CINCH_OK);
  EXPECT_EQ(info.state_bytes, 192); // 2 * 20 * 4, rounded up to 64
  EXPECT_EQ(info.device_staging_bytes, 64 + 64);
  EXPECT_EQ(info.device_bytes, 192 + 128);
  EXPECT_EQ(getCounter({"memory", "used_bytes"}), info.device_bytes);

  EXPECT_FAILS(appendColumns(12), CINCH_ERROR_SHAPE, "its capacity is 20");
  expectColumns(0, 9);
  next = 9;
  ASSERT_EQ(appendColumns(2, /*measures=*/true), CINCH_OK)
      << cinch_last_error();
  expectColumns(0, 11);
  ASSERT_EQ(appendColumns(9), CINCH_OK) << cinch_last_error();
  expectColumns(0, 20);

  ASSERT_EQ(cinch_session_reset_states(session), CINCH_OK);
  next = 40;
  ASSERT_EQ(appendColumns(2), CINCH_OK) << cinch_last_error();
  expectColumns(40, 2);
  ASSERT_EQ(cinch_session_reserve_states(session, nullptr, 0), CINCH_OK);
  // The staging of the largest run is left: 9 columns.
  EXPECT_EQ(getCounter({"memory", "used_bytes"}), 64 + 128);
}

TEST_F(DeviceStateTest, StagesStatesOfTheCaller) {
  open();
  std::vector<float> buffer(2 * 10), x = {1, 2, 3, 101, 102, 103};
  int64_t strides[] = {40, 4}, pastDims[] = {2, 0}, presentDims[] = {2, 3};
  int64_t xDims[] = {2, 3};
  for (int round = 0; round < 3; ++round) {
    cinch_tensor_t inputs[] = {
        {x.data(), CINCH_DTYPE_F32, 2, xDims, nullptr},
        {buffer.data(), CINCH_DTYPE_F32, 2, pastDims, strides}};
    cinch_tensor_t present = {buffer.data(), CINCH_DTYPE_F32, 2, presentDims,
                              strides};
    ASSERT_EQ(cinch_session_run(session, inputs, 2, &present, 1), CINCH_OK)
        << cinch_last_error();
    pastDims[1] += 3;
    presentDims[1] += 3;
  }
  for (int row = 0; row < 2; ++row)
    for (int column = 0; column < 10; ++column)
      EXPECT_EQ(buffer[10 * row + column],
                column < 9 ? column % 3 + 1 + 100 * row : 0);
}

TEST_F(DeviceStateTest, ReportsStatesThatDoNotFit) {
  setenv("CINCH_EMULATOR_MEMORY", "1000", 1);
  open();
  EXPECT_FAILS(reserve(1000), CINCH_ERROR_OUT_OF_MEMORY,
               "for the states: 8000 bytes are needed, but 1000 of 1000");
  cinch_tensor_t state;
  EXPECT_FAILS(cinch_session_get_state(session, 0, &state),
               CINCH_ERROR_INVALID_ARGUMENT, "owns 0 states");
  ASSERT_EQ(reserve(4), CINCH_OK) << cinch_last_error();
  ASSERT_EQ(appendColumns(4), CINCH_OK) << cinch_last_error();
  expectColumns(0, 4);
}

} // namespace
