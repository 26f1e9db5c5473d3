//===- DeviceStaging.cpp - inputs and outputs on their way ----------------===//
#include "runtime/Cuda/DeviceStaging.h"

#include "runtime/Views.h"

#include <algorithm>

namespace cinch::rt {

/// Alignment of every value; also the room for the fault word, which is first.
static constexpr int64_t valueAlignment = 64;

DeviceStaging::~DeviceStaging() {
  if (!device)
    return;
  Device::Scope scope(*device);
  for (CUevent event : events)
    device->driver.cuEventDestroy_v2(event);
  if (stream)
    device->driver.cuStreamDestroy_v2(stream);
}

cinch_status_t DeviceStaging::initialize(Device &newDevice,
                                         const Manifest &newManifest) {
  device = &newDevice;
  manifest = &newManifest;
  size_t count = manifest->inputs.size() + manifest->outputs.size();
  offsets.resize(count);
  sizes.resize(count);
  events.reserve(count);
  Device::Scope scope(*device);
  const Driver &driver = device->driver;
  CINCH_RETURN_IF_ERROR(device->check(
      driver.cuStreamCreate(&stream, emulator::kStreamNonBlocking),
      "making a stream"));
  while (events.size() < count) {
    CUevent event = nullptr;
    CINCH_RETURN_IF_ERROR(device->check(
        driver.cuEventCreate(&event, emulator::kEventDisableTiming),
        "making an event"));
    events.push_back(event);
  }
  return CINCH_OK;
}

cinch_status_t DeviceStaging::reserve(const SizePlan &plan, States states) {
  size_t inputCount = plan.inputs.size();
  used = valueAlignment;
  for (size_t index = 0; index < sizes.size(); ++index) {
    bool isInput = index < inputCount;
    const Value &value = isInput ? manifest->inputs[index]
                                 : manifest->outputs[index - inputCount];
    const Extent &extent =
        isInput ? plan.inputs[index] : plan.outputs[index - inputCount];
    bool isInPlace = value.state >= 0 && states == States::InPlace;
    sizes[index] = isInPlace ? 0 : extent.bytes;
    offsets[index] = isInPlace ? -1 : used;
    int64_t rounded;
    if (__builtin_add_overflow(sizes[index], valueAlignment - 1, &rounded) ||
        __builtin_add_overflow(used, rounded - rounded % valueAlignment, &used))
      return fail(CINCH_ERROR_OUT_OF_MEMORY, "the staging overflows");
    if (isInput)
      inputsEnd = used;
  }
  if (inputCount == 0)
    inputsEnd = valueAlignment;
  if (used > onDevice.size())
    CINCH_RETURN_IF_ERROR(
        onDevice.allocate(*device, used, "the inputs and outputs"));
  if (used > onHost.size())
    CINCH_RETURN_IF_ERROR(
        onHost.allocate(*device, used, "the inputs and outputs"));
  return CINCH_OK;
}

cinch_status_t DeviceStaging::sendInputs(const cinch_tensor_t *views) {
  const Driver &driver = device->driver;
  copied = 0;
  awaited = 0;
  for (size_t index = 0; index < manifest->inputs.size(); ++index) {
    const Value &value = manifest->inputs[index];
    if (sizes[index] == 0)
      continue;
    uint8_t *staged = onHost.data() + offsets[index];
    gather(views[index], dtypeBytes(value.dtype), staged);
    CUresult result = driver.cuMemcpyHtoDAsync_v2(
        onDevice.address() + offsets[index], staged, sizes[index], stream);
    if (!result)
      result = driver.cuEventRecord(events[index], stream);
    CINCH_RETURN_IF_ERROR(device->check(result, "copying an input"));
    copied += sizes[index];
  }
  return CINCH_OK;
}

cinch_status_t DeviceStaging::awaitInputs(const int64_t *words, int64_t count,
                                          CUstream waiting) {
  size_t inputCount = manifest->inputs.size(), needed = 0;
  uint64_t base = onDevice.address();
  if (awaited == inputCount)
    return CINCH_OK;
  for (int64_t index = 0; index < count; ++index) {
    uint64_t offset = static_cast<uint64_t>(words[index]) - base;
    if (offset >= static_cast<uint64_t>(inputsEnd))
      continue;
    // Inputs that are in place, or empty, have no bytes: no word is in them.
    for (size_t input = std::max(needed, awaited); input < inputCount; ++input)
      if (sizes[input] && offset >= static_cast<uint64_t>(offsets[input]))
        needed = input + 1;
  }
  if (needed <= awaited)
    return CINCH_OK;
  awaited = needed; // the copies are made in order
  return device->check(
      device->driver.cuStreamWaitEvent(waiting, events[needed - 1], 0),
      "waiting for an input");
}

cinch_status_t DeviceStaging::fetchOutputs(const cinch_tensor_t *views,
                                           CUstream computing) {
  const Driver &driver = device->driver;
  size_t inputCount = manifest->inputs.size();
  for (size_t index = inputCount; index < sizes.size(); ++index) {
    if (sizes[index] == 0)
      continue;
    CUresult result = driver.cuMemcpyDtoHAsync_v2(
        onHost.data() + offsets[index], onDevice.address() + offsets[index],
        sizes[index], computing);
    if (!result)
      result = driver.cuEventRecord(events[index], computing);
    CINCH_RETURN_IF_ERROR(device->check(result, "copying an output"));
  }
  for (size_t index = inputCount; index < sizes.size(); ++index) {
    if (sizes[index] == 0)
      continue;
    CINCH_RETURN_IF_ERROR(device->check(
        driver.cuEventSynchronize(events[index]), "running its kernels"));
    const Value &value = manifest->outputs[index - inputCount];
    scatter(views[index - inputCount], dtypeBytes(value.dtype),
            onHost.data() + offsets[index]);
    copied += sizes[index];
  }
  return CINCH_OK;
}

} // namespace cinch::rt
