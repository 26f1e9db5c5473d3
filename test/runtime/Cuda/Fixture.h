//===- Fixture.h - a model on the emulated device -------------------------===//
#ifndef CINCH_TEST_RUNTIME_CUDA_FIXTURE_H
#define CINCH_TEST_RUNTIME_CUDA_FIXTURE_H

#include "cinch/cuda_emulator.h"
#include "test/runtime/Fake/FakeDeviceModel.h"
#include "test/runtime/Fake/Fixture.h"

#include <cstdlib>

namespace cinch::test {

/// The number behind `"key":` that follows each of `path` in the emulated
/// device's counters; -1 if there is none.
inline int64_t getCounter(const std::vector<std::string> &path) {
  std::string json(cinch_cuda_emulator_counters(nullptr, 0), 0);
  cinch_cuda_emulator_counters(json.data(), json.size() + 1);
  size_t place = 0;
  for (const std::string &key : path) {
    place = json.find("\"" + key + "\":", place);
    if (place == std::string::npos)
      return -1;
    place += key.size() + 3;
  }
  return std::strtoll(json.c_str() + place, nullptr, 10);
}

/// Loads a copy of the module `fake_device`, with sessions on devices that the
/// environment variables describe.
class DeviceTest : public RuntimeTest {
protected:
  DeviceTest() : linked(fake_device) {
    fake_device_mode = FAKE_NORMAL;
    fake_device_seen = -1;
    for (const char *name :
         {"CINCH_CUDA_DRIVER", "CINCH_EMULATOR_ARCH", "CINCH_EMULATOR_MEMORY",
          "CINCH_EMULATOR_THREADS", "CINCH_EMULATOR_STREAM_ORDER"})
      unsetenv(name);
    options.struct_size = sizeof(options);
    options.device = "emulated";
  }

  cinch_status_t loadModel() {
    std::string path = weightsPath();
    cinch_model_options_t modelOptions = {};
    modelOptions.struct_size = sizeof(modelOptions);
    modelOptions.weights_path = path.c_str();
    return cinch_model_from_module(&linked, &modelOptions, &model);
  }
  /// Creates a session of `model`, which is loaded first if it is not.
  cinch_status_t create(cinch_session_t *&out) {
    if (!model)
      if (cinch_status_t status = loadModel())
        return status;
    return cinch_session_create(model, &options, &out);
  }
  void open() {
    ASSERT_EQ(create(session), CINCH_OK) << cinch_last_error();
    cinch_cuda_emulator_reset_counters();
  }
  void close() {
    cinch_session_release(session);
    cinch_model_release(model);
    session = nullptr;
    model = nullptr;
  }

  /// Runs `session` with x and z, and returns the status.
  static cinch_status_t run(cinch_session_t *session, Rows &x, Rows &z,
                            Rows &y) {
    cinch_tensor_t inputs[] = {x.view(), z.view()}, output = y.view();
    return cinch_session_run(session, inputs, 2, &output, 1);
  }
  cinch_status_t run(int64_t batch) {
    Rows x(batch), z(batch), y(batch);
    return run(session, x, z, y);
  }
  /// What the model computes of x and z.
  static std::vector<float> expected(const Rows &x, const Rows &z) {
    std::vector<float> y(x.data.size());
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = x.data[i] + z.data[i] + 10 * (i % 4 + 1);
    return y;
  }
  static void expectRun(cinch_session_t *session, int64_t batch) {
    Rows x(batch), z(batch), y(batch);
    for (size_t i = 0; i < z.data.size(); ++i)
      z.data[i] = static_cast<float>(i) / 8;
    ASSERT_EQ(run(session, x, z, y), CINCH_OK) << cinch_last_error();
    EXPECT_EQ(y.data, expected(x, z));
  }
  cinch_memory_info_t getMemory(int64_t batch) {
    cinch_memory_info_t info = {};
    info.struct_size = sizeof(info);
    Rows x(batch);
    cinch_shape_t shapes[] = {x.shapeView(), x.shapeView()};
    EXPECT_EQ(cinch_session_get_memory(session, shapes, 2, &info), CINCH_OK)
        << cinch_last_error();
    return info;
  }
  cinch_counters_t getCounters() {
    cinch_counters_t counters = {};
    counters.struct_size = sizeof(counters);
    EXPECT_EQ(cinch_session_get_counters(session, &counters), CINCH_OK);
    return counters;
  }

  cinch_module_t linked;
  cinch_session_options_t options = {};
};

} // namespace cinch::test

#endif // CINCH_TEST_RUNTIME_CUDA_FIXTURE_H
