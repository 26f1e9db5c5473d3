//===- Driver.h - the CUDA driver, opened at run time ---------------------===//
//
// Nothing of CUDA is needed to build the runtime, and nothing of it is loaded
// before a session asks for a device. The prototypes are those that the
// emulated driver defines, which a test compares with the toolkit's.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_CUDA_DRIVER_H
#define CINCH_RUNTIME_CUDA_DRIVER_H

#include "cinch/cuda_emulator.h"
#include "runtime/Emulator/DriverApi.h"
#include "runtime/Status.h"

#include <string>

/// The entry points that the runtime calls, by the names that the driver
/// exports.
#define CINCH_CUDA_FUNCTIONS(X)                                                \
  X(cuInit)                                                                    \
  X(cuDriverGetVersion)                                                        \
  X(cuGetErrorName)                                                            \
  X(cuGetErrorString)                                                          \
  X(cuDeviceGet)                                                               \
  X(cuDeviceGetCount)                                                          \
  X(cuDeviceGetName)                                                           \
  X(cuDeviceGetAttribute)                                                      \
  X(cuDevicePrimaryCtxRetain)                                                  \
  X(cuDevicePrimaryCtxRelease_v2)                                              \
  X(cuCtxPushCurrent_v2)                                                       \
  X(cuCtxPopCurrent_v2)                                                        \
  X(cuModuleLoadDataEx)                                                        \
  X(cuModuleUnload)                                                            \
  X(cuModuleGetFunction)                                                       \
  X(cuFuncSetAttribute)                                                        \
  X(cuMemGetInfo_v2)                                                           \
  X(cuMemAlloc_v2)                                                             \
  X(cuMemFree_v2)                                                              \
  X(cuMemHostAlloc)                                                            \
  X(cuMemFreeHost)                                                             \
  X(cuMemcpyHtoD_v2)                                                           \
  X(cuMemcpyDtoH_v2)                                                           \
  X(cuMemcpyHtoDAsync_v2)                                                      \
  X(cuMemcpyDtoHAsync_v2)                                                      \
  X(cuMemcpyDtoDAsync_v2)                                                      \
  X(cuMemsetD8Async)                                                           \
  X(cuMemsetD32Async)                                                          \
  X(cuStreamCreate)                                                            \
  X(cuStreamDestroy_v2)                                                        \
  X(cuStreamSynchronize)                                                       \
  X(cuStreamWaitEvent)                                                         \
  X(cuEventCreate)                                                             \
  X(cuEventDestroy_v2)                                                         \
  X(cuEventRecord)                                                             \
  X(cuEventSynchronize)                                                        \
  X(cuEventElapsedTime)                                                        \
  X(cuLaunchKernel)

namespace cinch::rt {

/// An open driver library, NVIDIA's or the emulated one. It stays open as long
/// as the process lives.
struct Driver {
  /// Opens the driver of the system (`libcuda.so.1`), or the emulated one
  /// (`libcinch_cuda_emulator.so.1`, beside this library, in ../lib, or where
  /// the loader finds it); CINCH_CUDA_DRIVER names another file. The same file
  /// gives the same object. CINCH_ERROR_DEVICE: there is none, it is no driver,
  /// or one for less than CUDA 12.0.
  static cinch_status_t open(bool isEmulated, Driver *&out);

  /// Writes the name and the meaning of `result`, and what the emulated device
  /// has to report. Allocates nothing.
  void describe(CUresult result, char *buffer, size_t bytes) const;

  bool isEmulated() const { return lastReport != nullptr; }

#define CINCH_CUDA_MEMBER(name) decltype(&::name) name = nullptr;
  CINCH_CUDA_FUNCTIONS(CINCH_CUDA_MEMBER)
#undef CINCH_CUDA_MEMBER
  /// Null: not emulated.
  decltype(&cinch_cuda_emulator_last_report) lastReport = nullptr;

private:
  cinch_status_t bind(const std::string &path);
  void *library = nullptr;
};

/// Numbers of cuda.h that the runtime needs.
enum : CUresult {
  cudaOk = 0,
  cudaOutOfMemory = 2,
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_CUDA_DRIVER_H
