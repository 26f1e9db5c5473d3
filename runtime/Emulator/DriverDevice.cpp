//===- DriverDevice.cpp - the emulated device -----------------------------===//
#include "runtime/Emulator/DriverState.h"
#include <cstdio>
#include <cstring>

using namespace cinch::emulator;

/// The CUDA version whose driver this one stands for: 13.0.
static constexpr int kDriverVersion = 13000;

CUresult cuInit(unsigned flags) {
  return callAnyTime([&](Driver &driver) -> CUresult {
    if (flags)
      return driver.refuse(kInvalidValue, "cuInit: the flags must be 0");
    if (!driver.contexts.objects.empty())
      return kSuccess;
    if (Error error = driver.settings.read())
      return driver.refuse(error);
    driver.isInitialized = true;
    return kSuccess;
  });
}

CUresult cuDriverGetVersion(int *version) {
  if (!version)
    return kInvalidValue;
  *version = kDriverVersion;
  return kSuccess;
}

CUresult cuDeviceGetCount(int *count) {
  return call([&](Driver &) -> CUresult {
    if (!count)
      return kInvalidValue;
    *count = 1;
    return kSuccess;
  });
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  return call([&](Driver &) -> CUresult {
    if (!device)
      return kInvalidValue;
    if (ordinal != 0)
      return kInvalidDevice;
    *device = 0;
    return kSuccess;
  });
}

/// Runs `body(architecture, driver)` if `device` is the device and `out` is not
/// null.
template <typename Body>
static CUresult askDevice(CUdevice device, const void *out, Body &&body) {
  return call([&](Driver &driver) -> CUresult {
    if (!out)
      return kInvalidValue;
    if (device != 0)
      return kInvalidDevice;
    return body(*driver.settings.architecture, driver);
  });
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  return askDevice(device, name,
                   [&](const Architecture &architecture, Driver &) {
                     if (length < 1)
                       return kInvalidValue;
                     std::snprintf(name, size_t(length), "Cinch emulated sm_%u",
                                   architecture.sm);
                     return kSuccess;
                   });
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return askDevice(device, uuid,
                   [&](const Architecture &architecture, Driver &) {
                     std::memset(uuid->bytes, 0, sizeof(uuid->bytes));
                     std::snprintf(uuid->bytes, sizeof(uuid->bytes),
                                   "cinch-emu-sm%u", architecture.sm);
                     return kSuccess;
                   });
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return askDevice(device, bytes, [&](const Architecture &, Driver &driver) {
    *bytes = driver.settings.memoryBytes;
    return kSuccess;
  });
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
  return askDevice(device, major,
                   [&](const Architecture &architecture, Driver &) {
                     if (!minor)
                       return kInvalidValue;
                     *major = int(architecture.sm / 10);
                     *minor = int(architecture.sm % 10);
                     return kSuccess;
                   });
}

namespace {
/// A CU_DEVICE_ATTRIBUTE_… and its value.
struct Attribute {
  CUdevice_attribute number;
  int value;
};
} // namespace

/// The last attribute of CUDA 13.0.
static constexpr CUdevice_attribute kLastAttribute = 147;

/// What all architectures share. Attributes that are not here or below are 0:
/// textures, surfaces, managed and mapped memory, clusters, clocks.
static constexpr Attribute kAttributes[] = {
    {1, Architecture::kMaxThreadsPerBlock}, // threads per block
    {2, 1024},                              // block x, y, z
    {3, 1024},
    {4, 64},
    {5, 0x7fffffff}, // grid x, y, z
    {6, 65535},
    {7, 65535},
    {9, 64 << 10},    // constant memory
    {10, 32},         // warp
    {11, 0x7fffffff}, // pitch
    {12, 64 << 10},   // registers per block
    {13, 1000000},    // clock in kHz: time is not modelled
    {14, 512},        // alignment of textures, as of all memory
    {31, 1},          // concurrent kernels
    {41, 1},          // unified addressing
    {78, 1},          // stream priorities
    {79, 1},          // caches of global and local memory
    {80, 1},
    {82, 64 << 10}, // registers per multiprocessor
    {90, 1},        // preemption
    {111, 1 << 10}, // shared memory that the system takes of each block
    {115, 1},       // cuMemAllocAsync
};

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                              CUdevice device) {
  return askDevice(device, value,
                   [&](const Architecture &architecture, Driver &) {
                     if (attribute < 1 || attribute > kLastAttribute)
                       return kInvalidValue;
                     const Attribute own[] = {
                         {8, int(architecture.sharedPerBlock)},
                         {16, int(architecture.multiprocessors)},
                         {39, int(architecture.maxThreadsPerMultiprocessor)},
                         {75, int(architecture.sm / 10)},
                         {76, int(architecture.sm % 10)},
                         {81, int(architecture.sharedPerMultiprocessor)},
                         {97, int(architecture.sharedPerBlockOptIn)},
                         {106, int(architecture.maxBlocksPerMultiprocessor)},
                     };
                     *value = 0;
                     for (const Attribute &row : kAttributes)
                       if (row.number == attribute)
                         *value = row.value;
                     for (const Attribute &row : own)
                       if (row.number == attribute)
                         *value = row.value;
                     return kSuccess;
                   });
}

CINCH_DRIVER_ALIAS(cuDeviceGetUuid, _v2);
CINCH_DRIVER_ALIAS(cuDeviceTotalMem, _v2);
