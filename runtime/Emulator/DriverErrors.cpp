//===- DriverErrors.cpp - names of errors and of functions ----------------===//
#include "runtime/Emulator/DriverState.h"
#include <cstring>

using namespace cinch::emulator;

namespace {
struct ErrorName {
  CUresult code;
  const char *name, *text;
};
struct EntryPoint {
  const char *name;
  void *function;
};
} // namespace

/// The errors that the emulated driver returns.
static constexpr ErrorName kErrors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT",
     "the launch timed out and was terminated"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION",
     "an illegal instruction was encountered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const ErrorName *findError(CUresult code) {
  for (const ErrorName &row : kErrors)
    if (row.code == code)
      return &row;
  return nullptr;
}

CUresult cuGetErrorName(CUresult error, const char **name) {
  if (!name)
    return kInvalidValue;
  const ErrorName *row = findError(error);
  *name = row ? row->name : nullptr;
  return row ? kSuccess : kInvalidValue;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  if (!text)
    return kInvalidValue;
  const ErrorName *row = findError(error);
  *text = row ? row->text : nullptr;
  return row ? kSuccess : kInvalidValue;
}

//===--- Entry points by name ---------------------------------------------===//

/// The plain name stands for what cuda.h maps it to.
static const EntryPoint kEntryPoints[] = {
#define FUNCTION(NAME, PARAMETERS) {#NAME, reinterpret_cast<void *>(&::NAME)},
#define VERSIONED(NAME, SUFFIX, PARAMETERS)                                    \
  {#NAME, reinterpret_cast<void *>(&::NAME##SUFFIX)},                          \
      {#NAME #SUFFIX, reinterpret_cast<void *>(&::NAME##SUFFIX)},
#define LEGACY(NAME, PARAMETERS) FUNCTION(NAME, PARAMETERS)
#include "runtime/Emulator/DriverFunctions.inc"
};

/// The function that `symbol` names to a program of CUDA `version`.
static void *findEntryPoint(const char *symbol, int version) {
  // Two plain names whose meaning changed within the versions known here.
  if (version >= 12000 && !std::strcmp(symbol, "cuGetProcAddress"))
    return reinterpret_cast<void *>(&cuGetProcAddress_v2);
  if (version >= 13000 && !std::strcmp(symbol, "cuCtxCreate"))
    return reinterpret_cast<void *>(&cuCtxCreate_v4);
  for (const EntryPoint &entry : kEntryPoints)
    if (!std::strcmp(entry.name, symbol))
      return entry.function;
  return nullptr;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version,
                             cuuint64_t flags,
                             CUdriverProcAddressQueryResult *status) {
  // CU_GET_PROC_ADDRESS_LEGACY_STREAM, …_PER_THREAD_DEFAULT_STREAM: the same
  // here.
  if (!symbol || !function || flags > 2)
    return kInvalidValue;
  *function = findEntryPoint(symbol, version);
  if (status)
    *status = *function ? 0 : 1;
  return *function ? kSuccess : kNotFound;
}

CUresult cuGetProcAddress(const char *symbol, void **function, int version,
                          cuuint64_t flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}
