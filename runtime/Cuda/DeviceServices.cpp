//===- DeviceServices.cpp - what generated code asks of a device ----------===//
#include "runtime/Cuda/DeviceSession.h"

#include <cinttypes>
#include <climits>
#include <cstdio>
#include <cstring>

namespace cinch::rt {

/// Bytes that one `read` or `write` may have.
static constexpr int64_t mostHostBytes = 4096;

cinch_status_t DeviceSession::launch(int64_t kernel, int64_t function,
                                     const int64_t *args, int64_t blocks,
                                     std::vector<KernelCounters> &counters) {
  const cinch_module_t &table = *model->module;
  const std::vector<Kernel> &kernels = model->manifest.kernels;
  bool isKnown = kernel >= 0 && kernel < static_cast<int64_t>(kernels.size());
  if (!isKnown || function < 0 || function >= table.device_function_count)
    return fail(CINCH_ERROR_FORMAT,
                "%s: launches function %" PRId64 " for kernel %" PRId64
                ", but has %" PRId64 " and %zu",
                model->path.c_str(), function, kernel,
                table.device_function_count, kernels.size());
  counters[kernel].calls++;
  if (blocks <= 0)
    return CINCH_OK;
  const char *name = kernels[kernel].name.c_str();
  if (blocks > INT_MAX)
    return fail(CINCH_ERROR_DEVICE,
                "kernel '%s' has %" PRId64 " tiles, but a launch takes %d",
                name, blocks, INT_MAX);
  const cinch_device_function_v1 &entry = table.device_functions[function];
  CINCH_RETURN_IF_ERROR(current->awaitInputs(args, entry.words, stream));
  const Driver &driver = device->driver;
  char what[160];
  snprintf(what, sizeof(what), "launching kernel '%.100s'", name);
  Timer *timer = nullptr;
  if (!timers.empty()) {
    if (timersUsed == timers.size())
      CINCH_RETURN_IF_ERROR(readTimers(counters));
    timer = &timers[timersUsed++];
    timer->kernel = kernel;
    CINCH_RETURN_IF_ERROR(
        device->check(driver.cuEventRecord(timer->start, stream), what));
  }
  // CU_LAUNCH_PARAM_BUFFER_POINTER, …_BUFFER_SIZE and …_END.
  size_t bytes = static_cast<size_t>(entry.words) * sizeof(int64_t);
  void *extra[] = {reinterpret_cast<void *>(1), const_cast<int64_t *>(args),
                   reinterpret_cast<void *>(2), &bytes, nullptr};
  CINCH_RETURN_IF_ERROR(device->check(
      driver.cuLaunchKernel(
          code->functions[function], static_cast<unsigned>(blocks), entry.calls,
          1, entry.threads, 1, 1, entry.shared_bytes, stream, nullptr, extra),
      what));
  return timer ? device->check(driver.cuEventRecord(timer->end, stream), what)
               : CINCH_OK;
}

cinch_status_t DeviceSession::copy(void *to, const void *from, int64_t bytes) {
  int64_t source = reinterpret_cast<int64_t>(from);
  CINCH_RETURN_IF_ERROR(current->awaitInputs(&source, 1, stream));
  return device->check(device->driver.cuMemcpyDtoDAsync_v2(
                           reinterpret_cast<CUdeviceptr>(to),
                           reinterpret_cast<CUdeviceptr>(from), bytes, stream),
                       "copying on the device");
}

static cinch_status_t checkHostBytes(int64_t bytes) {
  if (bytes >= 0 && bytes <= mostHostBytes)
    return CINCH_OK;
  return fail(CINCH_ERROR_FORMAT,
              "the model copies %" PRId64 " bytes from or to the device at "
              "once, but %" PRId64 " are the most",
              bytes, mostHostBytes);
}

cinch_status_t DeviceSession::read(void *to, const void *from, int64_t bytes) {
  CINCH_RETURN_IF_ERROR(checkHostBytes(bytes));
  int64_t source = reinterpret_cast<int64_t>(from);
  CINCH_RETURN_IF_ERROR(current->awaitInputs(&source, 1, stream));
  CUresult result = device->driver.cuMemcpyDtoHAsync_v2(
      to, reinterpret_cast<CUdeviceptr>(from), bytes, stream);
  if (!result)
    result = device->driver.cuStreamSynchronize(stream);
  return device->check(result, "running its kernels");
}

cinch_status_t DeviceSession::write(void *to, const void *from, int64_t bytes) {
  CINCH_RETURN_IF_ERROR(checkHostBytes(bytes));
  // Memory of the host that is not page-locked is read before this returns.
  return device->check(
      device->driver.cuMemcpyHtoDAsync_v2(reinterpret_cast<CUdeviceptr>(to),
                                          from, bytes, stream),
      "copying to the device");
}

static RunState &getState(cinch_frame_v1 *frame) {
  return *static_cast<RunState *>(frame->run);
}

/// Keeps the first failure of a run, for its end.
static void keep(RunState &state, cinch_status_t status) {
  if (status == CINCH_OK || state.status != CINCH_OK)
    return;
  state.status = status;
  snprintf(state.message, sizeof(state.message), "%s", cinch_last_error());
}

static void runOnHost(cinch_frame_v1 *frame, int64_t kernel, cinch_kernel_fn,
                      const int64_t *, int64_t, int64_t) {
  keep(getState(frame), fail(CINCH_ERROR_FORMAT,
                             "the model calls kernel %" PRId64
                             " on the host, but its data is on a device",
                             kernel));
}

static void launch(cinch_frame_v1 *frame, int64_t kernel, int64_t function,
                   const int64_t *args, int64_t blocks) {
  RunState &state = getState(frame);
  if (state.status != CINCH_OK)
    return;
  state.kernelCalls++;
  state.parallelCalls += blocks > 1;
  state.currentKernel = kernel;
  cinch_trace_event_t *event =
      state.trace && blocks > 0 ? state.trace->reserve(1) : nullptr;
  if (event)
    *event = {nowNanoseconds(), 0, static_cast<int32_t>(kernel), 0, state.run};
  keep(state,
       state.device->launch(kernel, function, args, blocks, *state.kernels));
  if (event)
    event->end_ns = nowNanoseconds();
}

static void copy(cinch_frame_v1 *frame, void *to, const void *from,
                 int64_t bytes) {
  RunState &state = getState(frame);
  if (state.status != CINCH_OK || bytes <= 0 || to == from)
    return;
  state.copiedBytes += bytes;
  keep(state, state.device->copy(to, from, bytes));
}

static void read(cinch_frame_v1 *frame, void *to, const void *from,
                 int64_t bytes) {
  RunState &state = getState(frame);
  if (state.status == CINCH_OK)
    keep(state, state.device->read(to, from, bytes));
  if (state.status != CINCH_OK && bytes > 0)
    memset(to, 0, bytes);
}

static void write(cinch_frame_v1 *frame, void *to, const void *from,
                  int64_t bytes) {
  RunState &state = getState(frame);
  if (state.status == CINCH_OK)
    keep(state, state.device->write(to, from, bytes));
}

const cinch_host_v1 &getDeviceHost() {
  static const cinch_host_v1 host = {sizeof(cinch_host_v1),
                                     runOnHost,
                                     reportFailure,
                                     copy,
                                     launch,
                                     read,
                                     write};
  return host;
}

} // namespace cinch::rt
