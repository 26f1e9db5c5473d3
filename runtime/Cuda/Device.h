//===- Device.h - a CUDA device, and memory of it -------------------------===//
#ifndef CINCH_RUNTIME_CUDA_DEVICE_H
#define CINCH_RUNTIME_CUDA_DEVICE_H

#include "runtime/Cuda/Driver.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace cinch::rt {

/// A device of a driver with its primary context, shared by all who use it and
/// released with the last. Its functions may be called from any thread.
class Device {
public:
  /// Opens the device called `name`: "cuda:N" or "emulated".
  /// CINCH_ERROR_INVALID_ARGUMENT: another name; CINCH_ERROR_DEVICE: no driver,
  /// no such device, or one on which a kernel failed and that is still in use.
  static cinch_status_t open(const char *name, std::shared_ptr<Device> &out);
  Device(Driver &driver, int32_t ordinal, std::string name)
      : driver(driver), ordinal(ordinal), name(std::move(name)) {}
  ~Device();

  /// Makes the device's context that of the calling thread for a scope.
  class Scope {
  public:
    explicit Scope(Device &device);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

  private:
    Device &device;
    bool isPushed;
  };

  /// CINCH_OK, or CINCH_ERROR_DEVICE with a message that names device, `what`
  /// was done, and the error. Allocates nothing.
  cinch_status_t check(CUresult result, const char *what) {
    return result == cudaOk ? CINCH_OK : report(result, what);
  }

  /// Copies to the device and waits until all is there, for every stream. Needs
  /// the device's context.
  cinch_status_t send(CUdeviceptr to, const void *from, int64_t bytes,
                      const char *what);

  Driver &driver;
  const int32_t ordinal;
  const std::string name; ///< as in an option
  std::string product;
  int architecture = 0;     ///< 80: sm_80
  int sharedBytesLimit = 0; ///< of a block, with opt-in

private:
  cinch_status_t initialize();
  cinch_status_t report(CUresult result, const char *what);

  CUdevice handle = 0;
  CUcontext context = nullptr;
  std::atomic<CUresult> lostBy{cudaOk}; ///< what made the context unusable
};

/// Memory of a device, or page-locked memory of the host that it copies from
/// and to; freed on destruction. The device outlives it.
class DeviceBuffer {
public:
  enum class Kind { OnDevice, PageLocked };
  explicit DeviceBuffer(Kind kind = Kind::OnDevice) : kind(kind) {}
  DeviceBuffer(const DeviceBuffer &) = delete;
  DeviceBuffer &operator=(const DeviceBuffer &) = delete;
  ~DeviceBuffer() { release(); }

  /// Replaces the memory by exactly `bytes` bytes; none if that is 0. `what`
  /// names them in a message, which tells what was asked for and what is free.
  cinch_status_t allocate(Device &device, int64_t bytes, const char *what);
  void release();
  /// The address on the device, or on the host; null if there is no memory.
  uint8_t *data() const { return base; }
  CUdeviceptr address() const { return reinterpret_cast<CUdeviceptr>(base); }
  int64_t size() const { return length; }

private:
  const Kind kind;
  Device *owner = nullptr;
  uint8_t *base = nullptr;
  int64_t length = 0;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_CUDA_DEVICE_H
