//===- Fixture.h - an emulated device to test with ------------------------===//
#ifndef CINCH_TEST_RUNTIME_EMULATOR_FIXTURE_H
#define CINCH_TEST_RUNTIME_EMULATOR_FIXTURE_H

#include "include/cinch/cuda_emulator.h"
#include "runtime/Emulator/DriverApi.h"
#include <array>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

namespace cinch::emulator {

/// The report of the last failure.
inline std::string getReport() {
  std::string text(cinch_cuda_emulator_last_report(nullptr, 0), 0);
  cinch_cuda_emulator_last_report(text.data(), text.size() + 1);
  return text;
}

inline std::string getCounters() {
  std::string text(cinch_cuda_emulator_counters(nullptr, 0), 0);
  cinch_cuda_emulator_counters(text.data(), text.size() + 1);
  return text;
}

/// The number behind `"key": ` that follows each of `path` in the counters; -1
/// if there is none.
inline int64_t findCounter(const std::string &json,
                           const std::vector<std::string> &path) {
  size_t place = 0;
  for (const std::string &key : path) {
    place = json.find("\"" + key + "\":", place);
    if (place == std::string::npos)
      return -1;
    place += key.size() + 3;
  }
  return std::strtoll(json.c_str() + place, nullptr, 10);
}

/// Folder of the PTX: the committed one, or CINCH_TEST_KERNELS.
inline std::string readKernels(const std::string &name) {
  const char *folder = std::getenv("CINCH_TEST_KERNELS");
  std::ifstream file(std::string(folder ? folder : CINCH_KERNELS) + "/" + name +
                     ".ptx");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A current context on a device that the environment variables of `settings`
/// describe.
class Device : public testing::Test {
protected:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  void SetUp() override { open({}); }
  void TearDown() override { close(); }

  void open(const Settings &settings) {
    close();
    for (const char *name :
         {"CINCH_EMULATOR_ARCH", "CINCH_EMULATOR_THREADS",
          "CINCH_EMULATOR_MAX_INSTRUCTIONS", "CINCH_EMULATOR_MEMORY",
          "CINCH_EMULATOR_STREAM_ORDER", "CINCH_EMULATOR_VERBOSE"})
      unsetenv(name);
    for (const auto &[name, value] : settings)
      setenv(("CINCH_EMULATOR_" + name).c_str(), value.c_str(), 1);
    ASSERT_EQ(cuInit(0), 0) << getReport();
    ASSERT_EQ(cuCtxCreate_v2(&context, 0, 0), 0);
    cinch_cuda_emulator_reset_counters();
  }
  void close() {
    if (context) {
      EXPECT_EQ(cuCtxDestroy_v2(context), 0);
    }
    context = nullptr;
  }

  /// Loads PTX text; null (and a failed test) if it is refused.
  CUmodule load(const std::string &ptx) {
    CUmodule module = nullptr;
    EXPECT_EQ(cuModuleLoadData(&module, ptx.c_str()), 0) << getReport();
    return module;
  }
  CUfunction getFunction(CUmodule module, const std::string &name) {
    CUfunction function = nullptr;
    EXPECT_EQ(cuModuleGetFunction(&function, module, name.c_str()), 0)
        << getReport();
    return function;
  }
  /// A kernel of kernels/FILE.ptx.
  CUfunction loadKernel(const std::string &file, const std::string &name) {
    return getFunction(load(readKernels(file)), name);
  }

  CUcontext context = nullptr;
};

/// An array on the device.
template <typename T> class Buffer {
public:
  explicit Buffer(size_t count) : count(count) {
    EXPECT_EQ(cuMemAlloc_v2(&address, count * sizeof(T)), 0) << getReport();
  }
  explicit Buffer(const std::vector<T> &values) : Buffer(values.size()) {
    EXPECT_EQ(cuMemcpyHtoD_v2(address, values.data(), count * sizeof(T)), 0)
        << getReport();
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  /// After a fault nothing can be freed; the context frees it.
  ~Buffer() { static_cast<void>(cuMemFree_v2(address)); }

  std::vector<T> read() const {
    std::vector<T> values(count);
    EXPECT_EQ(cuMemcpyDtoH_v2(values.data(), address, count * sizeof(T)), 0)
        << getReport();
    return values;
  }

  size_t count;
  CUdeviceptr address = 0;
};

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

/// What is passed for an argument: a buffer's address, or the value.
template <typename T> CUdeviceptr toArgument(const Buffer<T> &buffer) {
  return buffer.address;
}
template <typename T> T toArgument(const T &value) { return value; }

/// Launches in `stream`; the values are copied at once.
template <typename... Args>
CUresult launchIn(CUstream stream, CUfunction function, Dim3 grid, Dim3 block,
                  unsigned sharedBytes, const Args &...args) {
  auto values = std::make_tuple(toArgument(args)...);
  return std::apply(
      [&](auto &...value) {
        void *parameters[] = {&value..., nullptr};
        return cuLaunchKernel(function, grid.x, grid.y, grid.z, block.x,
                              block.y, block.z, sharedBytes, stream, parameters,
                              nullptr);
      },
      values);
}

/// Launches and waits; both must succeed.
template <typename... Args>
void run(CUfunction function, Dim3 grid, Dim3 block, unsigned sharedBytes,
         const Args &...args) {
  ASSERT_EQ(launchIn(nullptr, function, grid, block, sharedBytes, args...), 0)
      << getReport();
  ASSERT_EQ(cuCtxSynchronize(), 0) << getReport();
}

/// `count` numbers in [-1, 1), the same for the same seed.
inline std::vector<float> makeFloats(size_t count, unsigned seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float &value : values) {
    state = state * 1664525u + 1013904223u;
    value = float(int32_t(state) >> 8) / float(1 << 23);
  }
  return values;
}
inline std::vector<int> makeInts(size_t count, unsigned seed) {
  std::vector<int> values(count);
  uint32_t state = seed * 2654435761u + 7;
  for (int &value : values) {
    state = state * 1664525u + 1013904223u;
    value = int(state ^ state >> 15);
  }
  return values;
}

inline unsigned divideUp(unsigned a, unsigned b) { return (a + b - 1) / b; }

} // namespace cinch::emulator

#endif // CINCH_TEST_RUNTIME_EMULATOR_FIXTURE_H
