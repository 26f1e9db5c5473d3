//===- Execute.cpp - one call of a model's entry --------------------------===//
#include "runtime/Cuda/DeviceSession.h"
#include "runtime/Session.h"
#include "runtime/Threads.h"

#include <cstdio>
#include <cstring>

namespace cinch::rt {

static RunState &getState(cinch_frame_v1 *frame) {
  return *static_cast<RunState *>(frame->run);
}

cinch_trace_event_t *Trace::reserve(size_t wanted) {
  if (count + wanted > events.size()) {
    dropped += static_cast<int64_t>(wanted);
    return nullptr;
  }
  count += wanted;
  return &events[count - wanted];
}

/// Fills one event per thread for the call of `kernel` that is about to begin;
/// null if there is no room. The threads add their times.
static cinch_trace_event_t *beginEvents(RunState &state, int64_t kernel,
                                        int32_t threads) {
  cinch_trace_event_t *events = state.trace->reserve(threads);
  for (int32_t thread = 0; events && thread < threads; ++thread)
    events[thread] = {0, 0, static_cast<int32_t>(kernel), thread, state.run};
  return events;
}

static void parallelFor(cinch_frame_v1 *frame, int64_t kernel,
                        cinch_kernel_fn fn, const int64_t *args, int64_t tiles,
                        int64_t grain) {
  RunState &state = getState(frame);
  state.kernelCalls++;
  state.currentKernel = kernel;
  if (tiles <= 0)
    return;
  int64_t start = state.profile ? nowNanoseconds() : 0;
  bool isParallel = tiles > grain && state.team.size() != 1;
  cinch_trace_event_t *events =
      state.trace
          ? beginEvents(state, kernel, isParallel ? state.team.size() : 1)
          : nullptr;
  if (isParallel) {
    state.parallelCalls++;
    state.team.run(fn, args, frame->microkernels, tiles, events);
  } else {
    runShare({fn, args, frame->microkernels, 0, tiles}, events);
  }
  if (kernel < 0 || kernel >= static_cast<int64_t>(state.kernels->size()))
    return;
  KernelCounters &counters = (*state.kernels)[kernel];
  counters.calls++;
  if (state.profile)
    counters.nanoseconds += nowNanoseconds() - start;
}

int32_t reportFailure(cinch_frame_v1 *frame, int32_t status,
                      const char *message) {
  RunState &state = getState(frame);
  if (state.status != CINCH_OK) // the first failure is the one that counts
    return state.status;
  bool isKnown = status > CINCH_OK && status < CINCH_STATUS_COUNT;
  state.status = isKnown ? status : CINCH_ERROR_RUN;
  snprintf(state.message, sizeof(state.message), "%s",
           message ? message : "the model failed without a message");
  return state.status;
}

static void copy(cinch_frame_v1 *frame, void *to, const void *from,
                 int64_t bytes) {
  if (bytes <= 0 || to == from) // rows of a state that are in their place
    return;
  getState(frame).copiedBytes += bytes;
  memcpy(to, from, bytes);
}

cinch_status_t execute(const cinch_model_t &model, const SizePlan &plan,
                       const RunMemory &memory, int64_t *symbols,
                       RunState &state) {
  static const cinch_host_v1 host = {sizeof(cinch_host_v1), parallelFor,
                                     reportFailure,         copy,
                                     /*launch=*/nullptr,
                                     /*read=*/nullptr,
                                     /*write=*/nullptr};
  void *bases[CINCH_SPACE_COUNT] = {};
  bases[CINCH_SPACE_ARENA] = memory.arena;
  bases[CINCH_SPACE_WEIGHTS] = const_cast<uint8_t *>(memory.weights);
  if (!plan.symbols.empty())
    memcpy(symbols, plan.symbols.data(), plan.symbols.size() * sizeof(int64_t));
  cinch_frame_v1 frame = {};
  frame.host = state.device ? &getDeviceHost() : &host;
  frame.bases = bases;
  frame.offsets = plan.offsets.data();
  frame.symbols = symbols;
  frame.caller = memory.caller;
  frame.microkernels = model.microkernels.functions();
  frame.run = &state;
  frame.rows = memory.rows;
  frame.fault = memory.fault;
  int32_t status = model.module->entry(&frame);
  if (state.status != CINCH_OK)
    return fail(state.status, "%s", state.message);
  if (status == CINCH_OK)
    return CINCH_OK;
  return fail(CINCH_ERROR_RUN, "the model returned %d without a message",
              status);
}

} // namespace cinch::rt
