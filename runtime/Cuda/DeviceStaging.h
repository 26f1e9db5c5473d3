//===- DeviceStaging.h - inputs and outputs on their way ------------------===//
#ifndef CINCH_RUNTIME_CUDA_DEVICESTAGING_H
#define CINCH_RUNTIME_CUDA_DEVICESTAGING_H

#include "runtime/Cuda/Device.h"
#include "runtime/SizePlan.h"

#include <vector>

namespace cinch::rt {

/// The fault word, the inputs and the outputs of a run on the device, in this
/// order, each at a multiple of 64 bytes, and the same in page-locked memory of
/// the host. Inputs are copied in order in a stream of their own; work waits
/// for those that it reads. All functions but `initialize` and `reserve` need
/// the device's context, and allocate nothing.
class DeviceStaging {
public:
  /// Of states that the session owns there are no copies: they are used where
  /// they are.
  enum class States { Copied, InPlace };

  DeviceStaging() = default;
  DeviceStaging(const DeviceStaging &) = delete;
  DeviceStaging &operator=(const DeviceStaging &) = delete;
  ~DeviceStaging();

  /// Makes streams and events for the values of `manifest`. The device outlives
  /// this object.
  cinch_status_t initialize(Device &device, const Manifest &manifest);
  /// Lays out the values at the sizes of `plan`, and allocates if there is not
  /// enough memory.
  cinch_status_t reserve(const SizePlan &plan, States states);

  /// Copies the inputs: what is not contiguous is made so.
  cinch_status_t sendInputs(const cinch_tensor_t *views);
  /// Makes `stream` wait for the inputs in which the addresses among
  /// `words[count]` lie.
  cinch_status_t awaitInputs(const int64_t *words, int64_t count,
                             CUstream stream);
  /// Copies the outputs, behind all that was given to `stream`, into the views.
  cinch_status_t fetchOutputs(const cinch_tensor_t *views, CUstream stream);
  /// Waits until no copy of an input is under way.
  CUresult finish() { return device->driver.cuStreamSynchronize(stream); }

  /// Where value `index` (inputs, then outputs) is in both memories; -1: in
  /// place.
  int64_t getOffset(size_t index) const { return offsets[index]; }
  int64_t getBytes(size_t index) const { return sizes[index]; }
  /// Bytes of the layout; the memory may have more.
  int64_t getUsed() const { return used; }
  int64_t getCopied() const { return copied; } ///< bytes since `sendInputs`

  DeviceBuffer onDevice;
  DeviceBuffer onHost{DeviceBuffer::Kind::PageLocked};

private:
  Device *device = nullptr;
  const Manifest *manifest = nullptr;
  CUstream stream = nullptr;
  std::vector<CUevent> events; ///< one per value: it is copied
  std::vector<int64_t> offsets, sizes;
  int64_t inputsEnd = 0, used = 0, copied = 0;
  size_t awaited = 0; ///< inputs that have been waited for
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_CUDA_DEVICESTAGING_H
