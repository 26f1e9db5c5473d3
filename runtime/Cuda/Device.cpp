//===- Device.cpp - a CUDA device, and memory of it -----------------------===//
#include "runtime/Cuda/Device.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

namespace cinch::rt {

/// Reads "cuda:N" and "emulated"; false for other names.
static bool parseName(const char *name, bool &outIsEmulated,
                      int32_t &outOrdinal) {
  outIsEmulated = !strcmp(name, "emulated");
  outOrdinal = 0;
  if (outIsEmulated)
    return true;
  if (strncmp(name, "cuda:", 5) != 0)
    return false;
  const char *digits = name + 5;
  size_t count = strspn(digits, "0123456789");
  if (count == 0 || count > 3 || digits[count])
    return false;
  outOrdinal = static_cast<int32_t>(strtol(digits, nullptr, 10));
  return true;
}

cinch_status_t Device::open(const char *name, std::shared_ptr<Device> &out) {
  static std::mutex mutex;
  static auto *devices = new std::vector<std::weak_ptr<Device>>();
  bool isEmulated;
  int32_t ordinal;
  if (!parseName(name, isEmulated, ordinal))
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "expected the device 'cpu', 'cuda:N' or 'emulated', but got "
                "'%s'",
                name);
  Driver *driver;
  CINCH_RETURN_IF_ERROR(Driver::open(isEmulated, driver));
  std::lock_guard<std::mutex> lock(mutex);
  std::weak_ptr<Device> *place = nullptr;
  for (std::weak_ptr<Device> &entry : *devices) {
    std::shared_ptr<Device> device = entry.lock();
    if (!device)
      place = &entry;
    if (!device || &device->driver != driver || device->ordinal != ordinal)
      continue;
    if (CUresult reason = device->lostBy.load())
      return device->report(reason, "cannot be opened again");
    out = std::move(device);
    return CINCH_OK;
  }
  if (!place)
    place = &devices->emplace_back();
  auto made = std::make_shared<Device>(*driver, ordinal, name);
  CINCH_RETURN_IF_ERROR(made->initialize());
  *place = made;
  out = std::move(made);
  return CINCH_OK;
}

cinch_status_t Device::initialize() {
  CINCH_RETURN_IF_ERROR(check(driver.cuInit(0), "the driver does not start"));
  int count = 0;
  CINCH_RETURN_IF_ERROR(
      check(driver.cuDeviceGetCount(&count), "cannot be counted"));
  if (ordinal >= count)
    return fail(CINCH_ERROR_DEVICE,
                "there is no device '%s': the driver has %d, counted from 0",
                name.c_str(), count);
  char text[256] = {};
  int major = 0, minor = 0;
  CUresult result = driver.cuDeviceGet(&handle, ordinal);
  if (!result)
    result = driver.cuDeviceGetName(text, sizeof(text) - 1, handle);
  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, …_MINOR and
  // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN.
  if (!result)
    result = driver.cuDeviceGetAttribute(&major, 75, handle);
  if (!result)
    result = driver.cuDeviceGetAttribute(&minor, 76, handle);
  if (!result)
    result = driver.cuDeviceGetAttribute(&sharedBytesLimit, 97, handle);
  CINCH_RETURN_IF_ERROR(check(result, "cannot be described"));
  product = text;
  architecture = 10 * major + minor;
  CUcontext retained = nullptr;
  CINCH_RETURN_IF_ERROR(check(
      driver.cuDevicePrimaryCtxRetain(&retained, handle), "has no context"));
  context = retained;
  return CINCH_OK;
}

Device::~Device() {
  if (context)
    driver.cuDevicePrimaryCtxRelease_v2(handle);
}

/// Whether a context stays unusable after `result`.
static bool isSticky(CUresult result) {
  switch (result) {
  case 214: // CUDA_ERROR_ECC_UNCORRECTABLE
  case 700: // ILLEGAL_ADDRESS
  case 702: // LAUNCH_TIMEOUT
  case 710: // ASSERT
  case 714: // HARDWARE_STACK_ERROR
  case 715: // ILLEGAL_INSTRUCTION
  case 716: // MISALIGNED_ADDRESS
  case 717: // INVALID_ADDRESS_SPACE
  case 718: // INVALID_PC
  case 719: // LAUNCH_FAILED
    return true;
  default:
    return false;
  }
}

cinch_status_t Device::report(CUresult result, const char *what) {
  char text[700];
  driver.describe(result, text, sizeof(text));
  CUresult none = cudaOk;
  bool isFirst =
      isSticky(result) && lostBy.compare_exchange_strong(none, result);
  if (none != cudaOk && result == none)
    return fail(CINCH_ERROR_DEVICE,
                "device '%s': %s: it is unusable until all of its sessions are "
                "released, because a kernel failed with %s",
                name.c_str(), what, text);
  return fail(
      CINCH_ERROR_DEVICE, "device '%s': %s: %s%s", name.c_str(), what, text,
      isFirst ? "; release all sessions of the device to use it again" : "");
}

cinch_status_t Device::send(CUdeviceptr to, const void *from, int64_t bytes,
                            const char *what) {
  CUresult result = driver.cuMemcpyHtoD_v2(to, from, bytes);
  // The copy of memory that is not page-locked may return before its end, which
  // streams that do not block would not wait for.
  if (!result)
    result = driver.cuStreamSynchronize(nullptr);
  return check(result, what);
}

Device::Scope::Scope(Device &device) : device(device) {
  isPushed = device.driver.cuCtxPushCurrent_v2(device.context) == cudaOk;
}

Device::Scope::~Scope() {
  CUcontext previous;
  if (isPushed)
    device.driver.cuCtxPopCurrent_v2(&previous);
}

void DeviceBuffer::release() {
  if (!base)
    return;
  Device::Scope scope(*owner);
  // Of an unusable context nothing can be freed; it goes with the context.
  if (kind == Kind::OnDevice)
    owner->driver.cuMemFree_v2(address());
  else
    owner->driver.cuMemFreeHost(base);
  base = nullptr;
  length = 0;
}

cinch_status_t DeviceBuffer::allocate(Device &device, int64_t bytes,
                                      const char *what) {
  release();
  if (bytes == 0)
    return CINCH_OK;
  owner = &device;
  Driver &driver = device.driver;
  Device::Scope scope(device);
  CUdeviceptr address = 0;
  void *memory = nullptr;
  CUresult result = kind == Kind::OnDevice
                        ? driver.cuMemAlloc_v2(&address, bytes)
                        : driver.cuMemHostAlloc(&memory, bytes, 0);
  size_t free = 0, total = 0;
  if (result == cudaOutOfMemory && kind == Kind::OnDevice &&
      driver.cuMemGetInfo_v2(&free, &total) == cudaOk)
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "device '%s' has no memory for %s: %" PRId64
                " bytes are needed, but %zu of %zu are free",
                device.name.c_str(), what, bytes, free, total);
  if (result == cudaOutOfMemory)
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "no page-locked memory for %s (%" PRId64 " bytes)", what,
                bytes);
  CINCH_RETURN_IF_ERROR(device.check(result, what));
  base = kind == Kind::OnDevice ? reinterpret_cast<uint8_t *>(address)
                                : static_cast<uint8_t *>(memory);
  length = bytes;
  return CINCH_OK;
}

} // namespace cinch::rt
