//===- DeviceSession.cpp - what a session has on a device -----------------===//
#include "runtime/Cuda/DeviceSession.h"

#include "runtime/Views.h"

#include <cinttypes>
#include <cstring>

namespace cinch::rt {

/// Launches whose time may be pending at once.
static constexpr size_t timerCount = 256;

DeviceSession::~DeviceSession() {
  if (!device)
    return;
  Device::Scope scope(*device);
  for (const Timer &timer : timers)
    for (CUevent event : {timer.start, timer.end})
      if (event)
        device->driver.cuEventDestroy_v2(event);
  if (stream)
    device->driver.cuStreamDestroy_v2(stream);
}

cinch_status_t DeviceSession::initialize(cinch_model_t &newModel,
                                         const char *name, bool profile) {
  model = &newModel;
  CINCH_RETURN_IF_ERROR(Device::open(name, device));
  CINCH_RETURN_IF_ERROR(DeviceModel::get(newModel, device, code));
  CINCH_RETURN_IF_ERROR(staging.initialize(*device, model->manifest));
  caller.resize(model->manifest.inputs.size() + model->manifest.outputs.size());
  rows.resize(2 * model->manifest.states.size());
  Device::Scope scope(*device);
  CINCH_RETURN_IF_ERROR(device->check(
      device->driver.cuStreamCreate(&stream, emulator::kStreamNonBlocking),
      "making a stream"));
  return profile ? makeTimers() : CINCH_OK;
}

cinch_status_t DeviceSession::makeTimers() {
  timers.resize(timerCount);
  for (Timer &timer : timers)
    for (CUevent *event : {&timer.start, &timer.end})
      CINCH_RETURN_IF_ERROR(device->check(
          device->driver.cuEventCreate(event, 0), "making an event"));
  return CINCH_OK;
}

cinch_status_t
DeviceSession::readTimers(std::vector<KernelCounters> &counters) {
  for (size_t index = 0; index < timersUsed; ++index) {
    const Timer &timer = timers[index];
    float milliseconds = 0;
    CUresult result = device->driver.cuEventSynchronize(timer.end);
    if (!result)
      result = device->driver.cuEventElapsedTime(&milliseconds, timer.start,
                                                 timer.end);
    CINCH_RETURN_IF_ERROR(device->check(result, "running its kernels"));
    counters[timer.kernel].nanoseconds +=
        static_cast<int64_t>(milliseconds * 1e6);
  }
  timersUsed = 0;
  return CINCH_OK;
}

cinch_status_t DeviceSession::reserveArena(int64_t bytes) {
  if (bytes <= arena.size())
    return CINCH_OK;
  return arena.allocate(*device, bytes, "the arena");
}

cinch_status_t DeviceSession::synchronize() {
  return device->check(device->driver.cuStreamSynchronize(stream),
                       "running its kernels");
}

cinch_status_t DeviceSession::reserveStates(int64_t bytes) {
  mirror.release();
  CINCH_RETURN_IF_ERROR(states.allocate(*device, bytes, "the states"));
  if (!bytes)
    return CINCH_OK;
  Device::Scope scope(*device);
  CINCH_RETURN_IF_ERROR(
      device->check(device->driver.cuMemsetD8Async(states.address(), 0,
                                                   states.size(), stream),
                    "clearing the states"));
  return synchronize();
}

cinch_status_t DeviceSession::fetchStates(int64_t offset, int64_t bytes,
                                          uint8_t *&out) {
  if (mirror.size() < states.size())
    CINCH_RETURN_IF_ERROR(
        mirror.allocate(states.size(), "a copy of the states"));
  out = mirror.data() + offset;
  if (!bytes)
    return CINCH_OK;
  Device::Scope scope(*device);
  return device->check(
      device->driver.cuMemcpyDtoH_v2(out, states.address() + offset, bytes),
      "copying the states");
}

cinch_status_t DeviceSession::sendStates() {
  if (!states.size())
    return CINCH_OK;
  Device::Scope scope(*device);
  return device->send(states.address(), mirror.data(), states.size(),
                      "copying the states");
}

int64_t DeviceSession::getDeviceBytes() const {
  return arena.size() + states.size() + staging.onDevice.size() +
         code->weights.size();
}

void DeviceSession::describeValues(const SizePlan &plan,
                                   const cinch_tensor_t *inputs,
                                   const cinch_tensor_t *outputs,
                                   const DeviceStaging &places) {
  const Manifest &manifest = model->manifest;
  size_t inputCount = manifest.inputs.size();
  for (size_t index = 0; index < caller.size(); ++index) {
    bool isInput = index < inputCount;
    size_t place = isInput ? index : index - inputCount;
    const Value &value =
        isInput ? manifest.inputs[place] : manifest.outputs[place];
    const Extent &extent = isInput ? plan.inputs[place] : plan.outputs[place];
    int64_t offset = places.getOffset(index);
    const cinch_tensor_t *view = offset >= 0 ? nullptr
                                 : isInput   ? &inputs[place]
                                             : &outputs[place];
    caller[index] = view ? view->data : places.onDevice.data() + offset;
    if (value.state < 0)
      continue;
    int32_t axis = manifest.states[value.state].axis;
    int64_t &own = rows[2 * value.state + !isInput];
    if (!view || !getRows(*view, dtypeBytes(value.dtype), axis, own))
      own = extent.dims[axis];
  }
}

cinch_status_t DeviceSession::compute(const SizePlan &plan,
                                      const RunMemory &memory,
                                      DeviceStaging &places, int64_t *symbols,
                                      RunState &state) {
  current = &places;
  timersUsed = 0;
  state.device = this;
  // The fault word: no assertion has failed.
  CINCH_RETURN_IF_ERROR(
      device->check(device->driver.cuMemsetD32Async(places.onDevice.address(),
                                                    0xffffffff, 1, stream),
                    "preparing a run"));
  CINCH_RETURN_IF_ERROR(execute(*model, plan, memory, symbols, state));
  return readTimers(*state.kernels);
}

cinch_status_t DeviceSession::run(const SizePlan &plan,
                                  const cinch_tensor_t *inputs,
                                  const cinch_tensor_t *outputs,
                                  int64_t *symbols, RunState &state) {
  Device::Scope scope(*device);
  describeValues(plan, inputs, outputs, staging);
  RunMemory memory{arena.data(), code->weights.data(), caller.data(),
                   rows.data(), staging.onDevice.data()};
  cinch_status_t status = staging.sendInputs(inputs);
  if (status == CINCH_OK)
    status = compute(plan, memory, staging, symbols, state);
  if (status == CINCH_OK)
    status = staging.fetchOutputs(outputs, stream);
  state.copiedBytes += staging.getCopied();
  return settle(staging, status);
}

cinch_status_t DeviceSession::settle(DeviceStaging &places,
                                     cinch_status_t status) {
  CUresult computed = device->driver.cuStreamSynchronize(stream);
  CUresult copied = places.finish();
  if (status != CINCH_OK)
    return status;
  return device->check(computed ? computed : copied, "running its kernels");
}

cinch_status_t DeviceSession::trial(const SizePlan &plan,
                                    const cinch_tensor_t *inputs, uint8_t fill,
                                    int64_t *symbols, RunState &state,
                                    Snapshot &out) {
  DeviceBuffer ownArena;
  DeviceStaging values;
  int64_t arenaBytes;
  if (__builtin_add_overflow(plan.peak, 2 * Snapshot::guard, &arenaBytes))
    return fail(CINCH_ERROR_OUT_OF_MEMORY, "the measurement overflows");
  CINCH_RETURN_IF_ERROR(values.initialize(*device, model->manifest));
  CINCH_RETURN_IF_ERROR(values.reserve(plan, DeviceStaging::States::Copied));
  CINCH_RETURN_IF_ERROR(
      ownArena.allocate(*device, arenaBytes, "measuring the arena"));
  CINCH_RETURN_IF_ERROR(out.arena.allocate(arenaBytes, "measuring the arena"));
  CINCH_RETURN_IF_ERROR(
      out.values.allocate(values.getUsed(), "measuring the outputs"));
  Device::Scope scope(*device);
  const Driver &driver = device->driver;
  for (const DeviceBuffer *buffer : {&ownArena, &values.onDevice})
    CINCH_RETURN_IF_ERROR(device->check(
        driver.cuMemsetD8Async(buffer->address(), fill, buffer->size(), stream),
        "filling the memory"));
  CINCH_RETURN_IF_ERROR(synchronize()); // before the copies of the inputs
  describeValues(plan, nullptr, nullptr, values);
  RunMemory memory{ownArena.data() + Snapshot::guard, code->weights.data(),
                   caller.data(), rows.data(), values.onDevice.data()};
  cinch_status_t status = values.sendInputs(inputs);
  if (status == CINCH_OK)
    status = compute(plan, memory, values, symbols, state);
  CINCH_RETURN_IF_ERROR(settle(values, status));
  CINCH_RETURN_IF_ERROR(device->check(
      driver.cuMemcpyDtoH_v2(out.arena.data(), ownArena.address(), arenaBytes),
      "copying the arena"));
  CINCH_RETURN_IF_ERROR(device->check(
      driver.cuMemcpyDtoH_v2(out.values.data(), values.onDevice.address(),
                             values.getUsed()),
      "copying the outputs"));
  out.offsets.clear();
  for (size_t index = 0; index < caller.size(); ++index)
    out.offsets.push_back(values.getOffset(index));
  return checkValues(values, fill, out);
}

cinch_status_t DeviceSession::checkValues(const DeviceStaging &values,
                                          uint8_t fill,
                                          const Snapshot &snapshot) const {
  const Manifest &manifest = model->manifest;
  const uint8_t *bytes = snapshot.values.data();
  size_t inputCount = manifest.inputs.size();
  for (size_t index = 0; index < caller.size(); ++index) {
    bool isInput = index < inputCount;
    const Value &value =
        isInput ? manifest.inputs[index] : manifest.outputs[index - inputCount];
    int64_t begin = values.getOffset(index);
    int64_t end = begin + values.getBytes(index);
    if (isInput &&
        memcmp(bytes + begin, values.onHost.data() + begin, end - begin) != 0)
      return fail(CINCH_ERROR_MEMORY_ACCESS, "a kernel writes to input '%s'",
                  value.name.c_str());
    int64_t next = index + 1 < caller.size() ? values.getOffset(index + 1)
                                             : values.getUsed();
    for (int64_t offset = end; offset < next; ++offset)
      if (bytes[offset] != fill)
        return fail(CINCH_ERROR_MEMORY_ACCESS,
                    "a kernel writes byte %" PRId64 " of %s '%s', which has "
                    "%" PRId64,
                    offset - begin, isInput ? "input" : "output",
                    value.name.c_str(), end - begin);
  }
  return CINCH_OK;
}

} // namespace cinch::rt
