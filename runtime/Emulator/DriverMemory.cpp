//===- DriverMemory.cpp - memory of the emulated driver -------------------===//
#include "runtime/Emulator/DriverState.h"
#include <cstdlib>

using namespace cinch::emulator;

CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  return callInContext([&](Driver &driver, Context &) -> CUresult {
    if (!available || !total)
      return kInvalidValue;
    *total = driver.settings.memoryBytes;
    *available = *total - driver.getUsedBytes();
    return kSuccess;
  });
}

static CUresult allocate(Driver &driver, Context &context, CUdeviceptr *address,
                         size_t bytes) {
  if (!address || !bytes)
    return driver.refuse(kInvalidValue, "cuMemAlloc of 0 bytes, or to null");
  // The contexts share the device.
  uint64_t available = driver.settings.memoryBytes - driver.getUsedBytes();
  if (bytes > available)
    return driver.refuse(kOutOfMemory, "cuMemAlloc of " +
                                           std::to_string(bytes) +
                                           " bytes; the device has " +
                                           std::to_string(available) + " left");
  uint64_t allocated = 0;
  if (Error error = context.memory.allocate(bytes, allocated))
    return driver.refuse(error);
  *address = allocated;
  driver.updatePeak();
  return kSuccess;
}

/// InvalidValue unless `address` is the first of an allocation.
static CUresult checkAllocation(Driver &driver, Context &context,
                                CUdeviceptr address) {
  Allocation *found = context.memory.find(address);
  if (found && found->address == address)
    return kSuccess;
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", address);
  return driver.refuse(kInvalidValue,
                       std::string("cuMemFree of ") + text +
                           (found ? ", which is inside an allocation"
                                  : ", where nothing is allocated in this "
                                    "context"));
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  return callInContext([&](Driver &driver, Context &context) {
    return allocate(driver, context, address, bytes);
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!address)
      return kSuccess;
    if (CUresult result = driver.drain(context, nullptr))
      return result;
    if (CUresult result = checkAllocation(driver, context, address))
      return result;
    Error error = context.memory.free(address);
    return error ? driver.refuse(error) : kSuccess;
  });
}

CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream stream) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    return allocate(driver, context, address, bytes);
  });
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, stream, queue))
      return result;
    if (!address)
      return kSuccess;
    if (CUresult result = checkAllocation(driver, context, address))
      return result;
    context.queues.push(
        *queue, [&context, address] { return context.memory.free(address); });
    return kSuccess;
  });
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *bytes,
                                 CUdeviceptr address) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Allocation *found = context.memory.find(address);
    if (!found)
      return driver.refuse(kNotFound, "cuMemGetAddressRange: nothing is "
                                      "allocated at the address");
    if (base)
      *base = found->address;
    if (bytes)
      *bytes = found->bytes;
    return kSuccess;
  });
}

//===--- Page-locked host memory ------------------------------------------===//

/// CU_MEMHOSTALLOC_PORTABLE, DEVICEMAP, WRITECOMBINED.
static constexpr unsigned kHostFlags = 7;
static constexpr size_t kHostAlignment = 4096;

CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned flags) {
  return callInContext([&](Driver &driver, Context &) -> CUresult {
    if (!memory || !bytes || flags & ~kHostFlags ||
        bytes > SIZE_MAX - kHostAlignment)
      return kInvalidValue;
    size_t rounded = (bytes + kHostAlignment - 1) & ~(kHostAlignment - 1);
    void *made = std::aligned_alloc(kHostAlignment, rounded);
    if (!made)
      return kOutOfMemory;
    driver.hostMemory[reinterpret_cast<uintptr_t>(made)] = bytes;
    *memory = made;
    return kSuccess;
  });
}

CUresult cuMemAllocHost_v2(void **memory, size_t bytes) {
  return cuMemHostAlloc(memory, bytes, 0);
}

CUresult cuMemFreeHost(void *memory) {
  return callInContext([&](Driver &driver, Context &) -> CUresult {
    auto found = driver.hostMemory.find(reinterpret_cast<uintptr_t>(memory));
    if (found == driver.hostMemory.end())
      return driver.refuse(kInvalidValue, "cuMemFreeHost of memory that "
                                          "cuMemHostAlloc did not return");
    // Copies that wait may use it, in any context.
    for (auto &entry : driver.contexts.objects)
      if (!entry.second->fault)
        if (CUresult result = driver.drain(*entry.second, nullptr))
          return result;
    driver.hostMemory.erase(found);
    std::free(memory);
    return kSuccess;
  });
}

CINCH_DRIVER_ALIAS(cuMemGetInfo, _v2);
CINCH_DRIVER_ALIAS(cuMemAlloc, _v2);
CINCH_DRIVER_ALIAS(cuMemFree, _v2);
CINCH_DRIVER_ALIAS(cuMemGetAddressRange, _v2);
CINCH_DRIVER_ALIAS(cuMemAllocHost, _v2);
