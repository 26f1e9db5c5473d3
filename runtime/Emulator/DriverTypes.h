//===- DriverTypes.h - the types of the CUDA driver API -------------------===//
//
// Our own declarations, so that the toolkit is not needed. Enumerations are
// plain integers: a caller may pass any value.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_DRIVERTYPES_H
#define CINCH_RUNTIME_EMULATOR_DRIVERTYPES_H

#include <cstddef>
#include <cstdint>

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using cuuint64_t = uint64_t;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;
using CUdevice_attribute = unsigned;
using CUfunction_attribute = unsigned;
using CUfunc_cache = unsigned;
using CUjit_option = unsigned;
using CUlimit = unsigned;
using CUdriverProcAddressQueryResult = int;

struct CUuuid {
  char bytes[16];
};

struct CUctxCreateParams {
  void *execAffinityParams;
  int numExecAffinityParams;
  void *cigParams;
};

struct CUlaunchAttribute {
  unsigned id;
  char pad[4];
  /// A union of 64 bytes, 8-byte aligned; those of ours are one int.
  union {
    char bytes[64];
    void *alignment;
    int number;
    unsigned cluster[3];
  } value;
};

struct CUlaunchConfig {
  unsigned gridDimX, gridDimY, gridDimZ;
  unsigned blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  CUstream hStream;
  CUlaunchAttribute *attrs;
  unsigned numAttrs;
};

namespace cinch::emulator {

enum : CUresult {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kUnsupportedLimit = 215,
  kFileNotFound = 301,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kContextIsDestroyed = 709,
  kNotSupported = 801,
  kUnknown = 999,
};

enum : CUjit_option {
  kJitInfoLog = 3,
  kJitInfoLogBytes = 4,
  kJitErrorLog = 5,
  kJitErrorLogBytes = 6,
  kJitOptionCount = 35,
};

enum : CUfunction_attribute {
  kFunctionMaxThreads = 0,
  kFunctionSharedBytes = 1,
  kFunctionConstBytes = 2,
  kFunctionLocalBytes = 3,
  kFunctionRegisters = 4,
  kFunctionPtxVersion = 5,
  kFunctionBinaryVersion = 6,
  kFunctionCacheModeCa = 7,
  kFunctionMaxDynamicShared = 8,
  kFunctionCarveout = 9,
  kFunctionAttributeCount = 16,
};

enum : unsigned {
  kLaunchAttributeIgnore = 0,
  kLaunchAttributeCooperative = 2,
  kLaunchAttributeCluster = 4,
  kLaunchAttributePriority = 8,
};

enum : unsigned { kStreamNonBlocking = 1 };
enum : unsigned {
  kEventBlockingSync = 1,
  kEventDisableTiming = 2,
  kEventInterprocess = 4,
};

/// CU_STREAM_LEGACY and CU_STREAM_PER_THREAD, handles of their own.
constexpr uintptr_t kStreamLegacy = 1, kStreamPerThread = 2;

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_DRIVERTYPES_H
