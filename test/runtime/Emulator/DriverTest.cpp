//===- DriverTest.cpp - handles, arguments and queries of the driver ------===//
#include "test/runtime/Emulator/Fixture.h"
#include <cstring>
#include <dlfcn.h>
#include <thread>

using namespace cinch::emulator;

namespace {
class DriverCalls : public Device {};
} // namespace

TEST(DriverStart, RefusesBadSettings) {
  setenv("CINCH_EMULATOR_ARCH", "sm_70", 1);
  EXPECT_EQ(cuInit(0), kInvalidValue);
  EXPECT_EQ(getReport().rfind("CINCH_EMULATOR_ARCH is \"sm_70\"; expected one "
                              "of sm_80",
                              0),
            0u)
      << getReport();
  unsetenv("CINCH_EMULATOR_ARCH");
  setenv("CINCH_EMULATOR_THREADS", "-1", 1);
  EXPECT_EQ(cuInit(0), kInvalidValue);
  EXPECT_EQ(getReport(), "CINCH_EMULATOR_THREADS is \"-1\"; expected a number "
                         "from 0 to 1024");
  unsetenv("CINCH_EMULATOR_THREADS");
  EXPECT_EQ(cuInit(1), kInvalidValue);
  EXPECT_EQ(cuInit(0), kSuccess);
}

TEST_F(DriverCalls, DescribesTheDevice) {
  int count = 0, version = 0, major = 0, minor = 0, value = 0;
  EXPECT_EQ(cuDriverGetVersion(&version), 0);
  EXPECT_EQ(version, 13000);
  EXPECT_EQ(cuDeviceGetCount(&count), 0);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cuDeviceComputeCapability(&major, &minor, 0), 0);
  EXPECT_EQ(major * 10 + minor, 80);
  char name[64];
  EXPECT_EQ(cuDeviceGetName(name, sizeof(name), 0), 0);
  EXPECT_STREQ(name, "Cinch emulated sm_80");
  EXPECT_EQ(cuDeviceGetName(name, 6, 0), 0);
  EXPECT_STREQ(name, "Cinch");
  EXPECT_EQ(cuDeviceGetAttribute(&value, 97, 0), 0);
  EXPECT_EQ(value, 163 << 10);
  EXPECT_EQ(cuDeviceGetAttribute(&value, 10, 0), 0);
  EXPECT_EQ(value, 32);
  EXPECT_EQ(cuDeviceGetAttribute(&value, 100000, 0), kInvalidValue);
  CUdevice device;
  EXPECT_EQ(cuDeviceGet(&device, 1), kInvalidDevice);
  EXPECT_EQ(cuDeviceGetName(name, sizeof(name), 7), kInvalidDevice);
  size_t available = 0, total = 0;
  EXPECT_EQ(cuMemGetInfo_v2(&available, &total), 0);
  EXPECT_EQ(available, total);
}

TEST_F(DriverCalls, ArchitectureIsChosen) {
  open({{"ARCH", "sm_90"}, {"MEMORY", "1048576"}});
  int value = 0;
  EXPECT_EQ(cuDeviceGetAttribute(&value, 75, 0), 0);
  EXPECT_EQ(value, 9);
  size_t bytes = 0;
  EXPECT_EQ(cuDeviceTotalMem_v2(&bytes, 0), 0);
  EXPECT_EQ(bytes, 1048576u);
  CUdeviceptr address = 0;
  EXPECT_EQ(cuMemAlloc_v2(&address, 1048577), kOutOfMemory);
  EXPECT_EQ(cuMemAlloc_v2(&address, 1048576), 0);
  EXPECT_EQ(cuMemAlloc_v2(&address, 1), kOutOfMemory);
  EXPECT_EQ(getReport(), "cuMemAlloc of 1 bytes; the device has 0 left");
}

TEST_F(DriverCalls, NullPointersAreRefused) {
  EXPECT_EQ(cuDriverGetVersion(nullptr), kInvalidValue);
  EXPECT_EQ(cuDeviceGet(nullptr, 0), kInvalidValue);
  EXPECT_EQ(cuDeviceGetCount(nullptr), kInvalidValue);
  EXPECT_EQ(cuDeviceGetName(nullptr, 8, 0), kInvalidValue);
  EXPECT_EQ(cuDeviceGetUuid_v2(nullptr, 0), kInvalidValue);
  EXPECT_EQ(cuDeviceTotalMem_v2(nullptr, 0), kInvalidValue);
  EXPECT_EQ(cuDeviceGetAttribute(nullptr, 1, 0), kInvalidValue);
  EXPECT_EQ(cuCtxCreate_v2(nullptr, 0, 0), kInvalidValue);
  EXPECT_EQ(cuCtxGetCurrent(nullptr), kInvalidValue);
  EXPECT_EQ(cuDevicePrimaryCtxRetain(nullptr, 0), kInvalidValue);
  EXPECT_EQ(cuModuleLoad(nullptr, "x"), kInvalidValue);
  CUmodule module;
  EXPECT_EQ(cuModuleLoad(&module, nullptr), kInvalidValue);
  EXPECT_EQ(cuModuleLoadData(&module, nullptr), kInvalidValue);
  EXPECT_EQ(cuModuleLoadFatBinary(&module, nullptr), kInvalidValue);
  EXPECT_EQ(cuModuleLoadDataEx(&module, "", 1, nullptr, nullptr),
            kInvalidValue);
  EXPECT_EQ(cuMemAlloc_v2(nullptr, 8), kInvalidValue);
  EXPECT_EQ(cuMemGetInfo_v2(nullptr, nullptr), kInvalidValue);
  EXPECT_EQ(cuMemHostAlloc(nullptr, 8, 0), kInvalidValue);
  EXPECT_EQ(cuMemFreeHost(nullptr), kInvalidValue);
  EXPECT_EQ(cuMemFree_v2(0), 0); // as free() of null
  EXPECT_EQ(cuStreamCreate(nullptr, 0), kInvalidValue);
  EXPECT_EQ(cuEventCreate(nullptr, 0), kInvalidValue);
  EXPECT_EQ(
      cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr),
      kInvalidHandle);
  EXPECT_EQ(cuLaunchKernelEx(nullptr, nullptr, nullptr, nullptr),
            kInvalidValue);
  EXPECT_EQ(cuGetErrorName(0, nullptr), kInvalidValue);
  EXPECT_EQ(cuGetProcAddress_v2(nullptr, nullptr, 13000, 0, nullptr),
            kInvalidValue);
  Buffer<int> buffer(4);
  EXPECT_EQ(cuMemcpyHtoD_v2(buffer.address, nullptr, 4), kInvalidValue);
  EXPECT_EQ(cuMemcpyDtoH_v2(nullptr, buffer.address, 4), kInvalidValue);
  EXPECT_EQ(cuMemcpyHtoD_v2(0, &module, 4), kInvalidValue);
  EXPECT_EQ(cuMemcpyHtoD_v2(buffer.address, nullptr, 0), 0);
}

TEST_F(DriverCalls, StaleHandlesAreRefused) {
  CUmodule module = load(readKernels("vector_add"));
  CUfunction function = getFunction(module, "vector_add");
  EXPECT_EQ(getFunction(module, "vector_add"), function);
  CUfunction none = nullptr;
  EXPECT_EQ(cuModuleGetFunction(&none, module, "other"), kNotFound);
  EXPECT_EQ(getReport(), "the module has no kernel other");
  EXPECT_EQ(cuModuleUnload(module), 0);
  EXPECT_EQ(cuModuleUnload(module), kInvalidHandle);
  int value = 0;
  EXPECT_EQ(cuFuncGetAttribute(&value, 0, function), kInvalidHandle);
  EXPECT_EQ(cuModuleGetFunction(&none, module, "vector_add"), kInvalidHandle);

  CUstream stream = nullptr;
  ASSERT_EQ(cuStreamCreate(&stream, 0), 0);
  EXPECT_EQ(cuStreamDestroy_v2(stream), 0);
  EXPECT_EQ(cuStreamSynchronize(stream), kInvalidHandle);
  EXPECT_EQ(cuStreamDestroy_v2(stream), kInvalidHandle);
  EXPECT_EQ(cuStreamDestroy_v2(nullptr), kInvalidHandle);
  CUevent event = nullptr;
  ASSERT_EQ(cuEventCreate(&event, 0), 0);
  EXPECT_EQ(cuEventDestroy_v2(event), 0);
  EXPECT_EQ(cuEventDestroy_v2(event), kInvalidHandle);
  EXPECT_EQ(cuEventRecord(event, nullptr), kInvalidHandle);
  // A handle of another kind, and what never was one.
  EXPECT_EQ(cuStreamSynchronize(reinterpret_cast<CUstream>(module)),
            kInvalidHandle);
  EXPECT_EQ(cuStreamSynchronize(reinterpret_cast<CUstream>(uintptr_t(12345))),
            kInvalidHandle);

  CUdeviceptr address = 0;
  ASSERT_EQ(cuMemAlloc_v2(&address, 64), 0);
  EXPECT_EQ(cuMemFree_v2(address + 4), kInvalidValue);
  EXPECT_EQ(cuMemFree_v2(address), 0);
  EXPECT_EQ(cuMemFree_v2(address), kInvalidValue);
  EXPECT_EQ(cuMemcpyHtoD_v2(address, &value, 4), kInvalidValue);
}

TEST_F(DriverCalls, ContextsOfAThread) {
  CUcontext second = nullptr, current = nullptr;
  ASSERT_EQ(cuCtxCreate_v2(&second, 0, 0), 0);
  EXPECT_EQ(cuCtxGetCurrent(&current), 0);
  EXPECT_EQ(current, second);
  EXPECT_EQ(cuCtxPopCurrent_v2(&current), 0);
  EXPECT_EQ(current, second);
  EXPECT_EQ(cuCtxPushCurrent_v2(second), 0);
  // Another thread starts with none; it destroys the context of this one.
  std::thread([&] {
    size_t bytes;
    EXPECT_EQ(cuMemGetInfo_v2(&bytes, &bytes), kInvalidContext);
    EXPECT_EQ(cuCtxSetCurrent(second), 0);
    EXPECT_EQ(cuMemGetInfo_v2(&bytes, &bytes), 0);
    EXPECT_EQ(cuCtxDestroy_v2(second), 0);
  }).join();
  EXPECT_EQ(cuCtxSynchronize(), kContextIsDestroyed);
  EXPECT_EQ(cuCtxSetCurrent(second), kInvalidContext);
  EXPECT_EQ(cuCtxSetCurrent(context), 0);
  EXPECT_EQ(cuCtxSynchronize(), 0);
  EXPECT_EQ(cuCtxDestroy_v2(second), kInvalidContext);
}

TEST_F(DriverCalls, NothingOfOneContextIsValidInAnother) {
  CUmodule module = load(readKernels("vector_add"));
  CUfunction function = getFunction(module, "vector_add");
  Buffer<float> x(std::vector<float>(32, 1.0f));
  CUstream stream = nullptr;
  ASSERT_EQ(cuStreamCreate(&stream, 0), 0);
  CUcontext second = nullptr;
  ASSERT_EQ(cuCtxCreate_v2(&second, 0, 0), 0);
  float value = 0;
  EXPECT_EQ(cuMemcpyDtoH_v2(&value, x.address, 4), kInvalidValue);
  EXPECT_EQ(cuMemFree_v2(x.address), kInvalidValue);
  EXPECT_EQ(cuStreamSynchronize(stream), kInvalidHandle);
  EXPECT_EQ(launchIn(nullptr, function, {1}, {32}, 0, x, x, x, 32),
            kInvalidHandle);
  // A kernel of this context that is given the other's pointer.
  CUfunction own = loadKernel("vector_add", "vector_add");
  Buffer<float> y(32);
  EXPECT_EQ(launchIn(nullptr, own, {1}, {32}, 0, x, x, y, 32), 0);
  EXPECT_EQ(cuCtxSynchronize(), 700) << getReport();
  EXPECT_EQ(cuCtxDestroy_v2(second), 0);
  EXPECT_EQ(cuMemcpyDtoH_v2(&value, x.address, 4), 0);
  EXPECT_EQ(value, 1.0f);
}

TEST_F(DriverCalls, PrimaryContext) {
  CUcontext first = nullptr, again = nullptr;
  unsigned flags = 7;
  int isActive = 7;
  EXPECT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &isActive), 0);
  EXPECT_EQ(isActive, 0);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), kInvalidContext);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&first, 0), 0);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&again, 0), 0);
  EXPECT_EQ(first, again);
  EXPECT_EQ(cuDevicePrimaryCtxSetFlags_v2(0, 4), 0);
  EXPECT_EQ(cuDevicePrimaryCtxSetFlags_v2(0, 3), kInvalidValue);
  EXPECT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &isActive), 0);
  EXPECT_EQ(isActive, 1);
  EXPECT_EQ(flags, 4u);
  EXPECT_EQ(cuCtxDestroy_v2(first), kInvalidContext);
  ASSERT_EQ(cuCtxPushCurrent_v2(first), 0);
  CUdeviceptr address = 0;
  ASSERT_EQ(cuMemAlloc_v2(&address, 64), 0);
  EXPECT_EQ(cuDevicePrimaryCtxReset_v2(0), 0);
  EXPECT_EQ(cuMemFree_v2(address), kInvalidValue); // the reset freed it
  EXPECT_EQ(cuCtxPopCurrent_v2(&again), 0);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), 0);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), 0);
  EXPECT_EQ(cuCtxSetCurrent(first), kInvalidContext);
}

TEST_F(DriverCalls, FunctionAttributesAndOccupancy) {
  CUfunction kernel = loadKernel("sgemm", "sgemm");
  int value = 0;
  EXPECT_EQ(cuFuncGetAttribute(&value, 0, kernel), 0);
  EXPECT_EQ(value, 256); // __launch_bounds__
  EXPECT_EQ(cuFuncGetAttribute(&value, 1, kernel), 0);
  EXPECT_EQ(value, 2 * 16 * 16 * 4);
  EXPECT_EQ(cuFuncGetAttribute(&value, 8, kernel), 0);
  EXPECT_EQ(value, (48 << 10) - 2048);
  EXPECT_EQ(cuFuncSetAttribute(kernel, 8, 163 << 10), kInvalidValue);
  EXPECT_EQ(cuFuncSetAttribute(kernel, 8, 100 << 10), 0);
  EXPECT_EQ(cuFuncGetAttribute(&value, 8, kernel), 0);
  EXPECT_EQ(value, 100 << 10);
  EXPECT_EQ(cuFuncSetAttribute(kernel, 1, 0), kInvalidValue);
  const char *name = nullptr;
  EXPECT_EQ(cuFuncGetName(&name, kernel), 0);
  EXPECT_STREQ(name, "sgemm");
  // 2048 threads a multiprocessor; with 100 KiB of 164 only one block fits.
  EXPECT_EQ(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, kernel, 256, 0),
            0);
  EXPECT_EQ(value, 8);
  EXPECT_EQ(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, kernel, 256,
                                                        100 << 10),
            0);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, kernel, 512, 0),
            0);
  EXPECT_EQ(value, 0);
}

TEST_F(DriverCalls, CopiesAndFills) {
  std::vector<int> values = makeInts(100, 51), got(100);
  Buffer<int> x(values), y(100);
  ASSERT_EQ(cuMemcpyDtoD_v2(y.address, x.address + 40, 360), 0);
  ASSERT_EQ(cuMemsetD32_v2(y.address + 360, 0x01020304, 10), 0);
  ASSERT_EQ(cuMemsetD16_v2(y.address + 362, 0x0506, 1), 0);
  ASSERT_EQ(cuMemsetD8_v2(y.address + 399, 9, 1), 0);
  ASSERT_EQ(cuMemcpy(reinterpret_cast<CUdeviceptr>(got.data()), y.address, 400),
            0);
  EXPECT_TRUE(std::equal(&got[0], &got[90], &values[10]));
  EXPECT_EQ(got[90], 0x05060304);
  EXPECT_EQ(got[98], 0x01020304);
  EXPECT_EQ(got[99], 0x09020304);
  EXPECT_EQ(cuMemsetD32_v2(y.address + 2, 0, 1), kInvalidValue);
  EXPECT_EQ(cuMemsetD32_v2(y.address, 0, size_t(1) << 62), kInvalidValue);
  EXPECT_EQ(cuMemsetD8_v2(y.address, 0, 401), kInvalidValue);
  EXPECT_EQ(cuMemcpyDtoD_v2(y.address, x.address + 4, 400), kInvalidValue);
  EXPECT_NE(getReport().find("only 396 are left of an allocation of 400"),
            std::string::npos)
      << getReport();
  // The two sides mixed up.
  EXPECT_EQ(cuMemcpyHtoD_v2(x.address, reinterpret_cast<void *>(y.address), 4),
            kInvalidValue);
}

TEST(DriverNames, EveryNameIsFound) {
  void *library = dlopen(CINCH_EMULATOR_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const char *names[] = {
#define FUNCTION(NAME, PARAMETERS) #NAME,
#define VERSIONED(NAME, SUFFIX, PARAMETERS) #NAME, #NAME #SUFFIX,
#define LEGACY(NAME, PARAMETERS) #NAME,
#include "runtime/Emulator/DriverFunctions.inc"
  };
  for (const char *name : names) {
    EXPECT_NE(dlsym(library, name), nullptr) << name;
    void *found = nullptr;
    EXPECT_EQ(cuGetProcAddress_v2(name, &found, 12000, 0, nullptr), 0) << name;
    EXPECT_NE(found, nullptr) << name;
  }
  void *found = &library;
  int status = 7;
  EXPECT_EQ(cuGetProcAddress_v2("cuNothing", &found, 12000, 0, &status),
            kNotFound);
  EXPECT_EQ(found, nullptr);
  EXPECT_EQ(status, 1);
  const char *text = nullptr;
  EXPECT_EQ(cuGetErrorName(716, &text), 0);
  EXPECT_STREQ(text, "CUDA_ERROR_MISALIGNED_ADDRESS");
  EXPECT_EQ(cuGetErrorString(719, &text), 0);
  EXPECT_STREQ(text, "unspecified launch failure");
  EXPECT_EQ(cuGetErrorName(12345, &text), kInvalidValue);
  dlclose(library);
}
