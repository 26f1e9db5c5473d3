//===- DriverCopy.cpp - copies and fills of the emulated driver -----------===//
//
// As on hardware, a copy from or to memory of the host that is not page-locked
// has read its source, or written its destination, when the call returns; one
// of page-locked memory happens when its stream gets there.
//
//===----------------------------------------------------------------------===//
#include "runtime/Emulator/DriverState.h"
#include <cstdio>
#include <cstring>

using namespace cinch::emulator;

/// Device addresses are in [2^40, 2^46), where no memory of a process is.
static bool isDeviceAddress(uint64_t address) {
  return address >> 40 && !(address >> 46);
}

static std::string toHex(uint64_t address) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(address));
  return text;
}

/// InvalidValue unless `bytes` at `address` are in one allocation.
static CUresult checkDevice(Driver &driver, Context &context, uint64_t address,
                            size_t bytes) {
  Allocation *found = context.memory.find(address);
  if (!found)
    return driver.refuse(kInvalidValue,
                         "copy or fill of " + std::to_string(bytes) +
                             " bytes at " + toHex(address) +
                             ", where nothing is allocated in this context");
  size_t left = found->bytes - size_t(address - found->address);
  if (bytes <= left)
    return kSuccess;
  return driver.refuse(
      kInvalidValue,
      "copy or fill of " + std::to_string(bytes) + " bytes at " +
          toHex(address) + ", where only " + std::to_string(left) +
          " are left of an allocation of " + std::to_string(found->bytes));
}

static CUresult checkHost(Driver &driver, const void *pointer) {
  if (pointer && !isDeviceAddress(reinterpret_cast<uintptr_t>(pointer)))
    return kSuccess;
  return driver.refuse(kInvalidValue,
                       pointer ? "a device address where one of the host was "
                                 "expected"
                               : "a null pointer where memory of the host was "
                                 "expected");
}

static bool isPageLocked(const Driver &driver, const void *pointer,
                         size_t bytes) {
  uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
  auto after = driver.hostMemory.upper_bound(address);
  if (after == driver.hostMemory.begin())
    return false;
  auto [first, size] = *std::prev(after);
  return address - first < size && bytes <= size - (address - first);
}

namespace {
/// When a call that copies or fills comes back: once it is done, or (Async)
/// once it was given to a stream.
enum class Return { Done, AtOnce };

/// A stream, and how to use it.
struct Order {
  CUstream stream;
  Return when;
};
constexpr Order kSynchronous = {nullptr, Return::Done};
constexpr Order kDefaultStream = {nullptr, Return::AtOnce};
} // namespace

/// Gives `run` to the stream of `order`; runs it too if that says so.
static CUresult submit(Driver &driver, Context &context, const Order &order,
                       std::function<Error()> run) {
  Queue *queue = nullptr;
  if (CUresult result = findQueue(driver, context, order.stream, queue))
    return result;
  context.queues.push(*queue, std::move(run));
  return order.when == Return::Done ? driver.drain(context, queue) : kSuccess;
}

/// Calls `body(driver, context)`, which checks addresses and submits; nothing
/// is left to do for 0 bytes in a stream that exists.
template <typename Body>
static CUresult moveBytes(size_t bytes, const Order &order, Body body) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, order.stream, queue))
      return result;
    return bytes ? body(driver, context) : kSuccess;
  });
}

static CUresult copyToDevice(CUdeviceptr to, const void *from, size_t bytes,
                             Order order) {
  return moveBytes(
      bytes, order, [&](Driver &driver, Context &context) -> CUresult {
        if (CUresult result = checkHost(driver, from))
          return result;
        if (CUresult result = checkDevice(driver, context, to, bytes))
          return result;
        std::shared_ptr<char[]> staged;
        if (order.when == Return::AtOnce &&
            !isPageLocked(driver, from, bytes)) {
          staged.reset(new char[bytes]);
          std::memcpy(staged.get(), from, bytes);
        }
        return submit(driver, context, order,
                      [&driver, &context, to, from, bytes, staged] {
                        driver.toDevice.add(bytes);
                        return context.memory.write(
                            to, staged ? staged.get() : from, bytes);
                      });
      });
}

static CUresult copyToHost(void *to, CUdeviceptr from, size_t bytes,
                           Order order) {
  return moveBytes(
      bytes, order, [&](Driver &driver, Context &context) -> CUresult {
        if (CUresult result = checkHost(driver, to))
          return result;
        if (CUresult result = checkDevice(driver, context, from, bytes))
          return result;
        if (!isPageLocked(driver, to, bytes))
          order.when = Return::Done;
        return submit(driver, context, order,
                      [&driver, &context, to, from, bytes] {
                        driver.toHost.add(bytes);
                        return context.memory.read(to, from, bytes);
                      });
      });
}

static CUresult copyOnDevice(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                             Order order) {
  return moveBytes(
      bytes, order, [&](Driver &driver, Context &context) -> CUresult {
        if (CUresult result = checkDevice(driver, context, from, bytes))
          return result;
        if (CUresult result = checkDevice(driver, context, to, bytes))
          return result;
        return submit(driver, context, order,
                      [&driver, &context, to, from, bytes] {
                        driver.onDevice.add(bytes);
                        return context.memory.copy(to, from, bytes);
                      });
      });
}

/// cuMemcpy: each address says which side it is of.
static CUresult copyAny(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                        Order order) {
  bool toDevice = isDeviceAddress(to), fromDevice = isDeviceAddress(from);
  void *host = reinterpret_cast<void *>(to);
  const void *source = reinterpret_cast<const void *>(from);
  if (toDevice && fromDevice)
    return copyOnDevice(to, from, bytes, order);
  if (toDevice)
    return copyToDevice(to, source, bytes, order);
  if (fromDevice)
    return copyToHost(host, from, bytes, order);
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    if (!bytes)
      return kSuccess;
    if (CUresult result = checkHost(driver, host))
      return result;
    if (CUresult result = checkHost(driver, source))
      return result;
    order.when = Return::Done;
    return submit(driver, context, order, [=]() -> Error {
      std::memmove(host, source, bytes);
      return {};
    });
  });
}

static CUresult fill(CUdeviceptr to, uint32_t value, unsigned width,
                     size_t count, Order order) {
  return callInContext([&](Driver &driver, Context &context) -> CUresult {
    Queue *queue = nullptr;
    if (CUresult result = findQueue(driver, context, order.stream, queue))
      return result;
    if (!count)
      return kSuccess;
    if (to % width || count > SIZE_MAX / width)
      return driver.refuse(kInvalidValue, "cuMemset at " + toHex(to) +
                                              ", which is no multiple of " +
                                              std::to_string(width));
    if (CUresult result = checkDevice(driver, context, to, count * width))
      return result;
    return submit(driver, context, order, [=, &context] {
      return context.memory.fill(to, value, width, count);
    });
  });
}

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copyAny(to, from, bytes, kSynchronous);
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                       CUstream stream) {
  return copyAny(to, from, bytes, {stream, Return::AtOnce});
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  return copyToDevice(to, from, bytes, kSynchronous);
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                              CUstream stream) {
  return copyToDevice(to, from, bytes, {stream, Return::AtOnce});
}
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return copyToHost(to, from, bytes, kSynchronous);
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                              CUstream stream) {
  return copyToHost(to, from, bytes, {stream, Return::AtOnce});
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copyOnDevice(to, from, bytes, kDefaultStream);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                              CUstream stream) {
  return copyOnDevice(to, from, bytes, {stream, Return::AtOnce});
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  return fill(to, value, 1, count, kDefaultStream);
}
CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
  return fill(to, value, 2, count, kDefaultStream);
}
CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  return fill(to, value, 4, count, kDefaultStream);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count,
                         CUstream stream) {
  return fill(to, value, 1, count, {stream, Return::AtOnce});
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count,
                          CUstream stream) {
  return fill(to, value, 2, count, {stream, Return::AtOnce});
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count,
                          CUstream stream) {
  return fill(to, value, 4, count, {stream, Return::AtOnce});
}

CINCH_DRIVER_ALIAS(cuMemcpyHtoD, _v2);
CINCH_DRIVER_ALIAS(cuMemcpyDtoH, _v2);
CINCH_DRIVER_ALIAS(cuMemcpyDtoD, _v2);
CINCH_DRIVER_ALIAS(cuMemcpyHtoDAsync, _v2);
CINCH_DRIVER_ALIAS(cuMemcpyDtoHAsync, _v2);
CINCH_DRIVER_ALIAS(cuMemcpyDtoDAsync, _v2);
CINCH_DRIVER_ALIAS(cuMemsetD8, _v2);
CINCH_DRIVER_ALIAS(cuMemsetD16, _v2);
CINCH_DRIVER_ALIAS(cuMemsetD32, _v2);
