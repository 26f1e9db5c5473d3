//===- Measure.cpp - memory as seen from outside --------------------------===//
//
// docs/memory.md defines what is measured. The planned peak is used to place
// the guard pages and for nothing else: the result comes from the bytes.
//
//===----------------------------------------------------------------------===//
#include "runtime/Measure.h"

#include "runtime/GuardedBuffer.h"
#include "runtime/Session.h"
#include "runtime/Views.h"

#include <algorithm>
#include <cinttypes>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <pthread.h>

using namespace cinch::rt;

namespace {

/// Buffers of one of the two runs.
struct Trial {
  GuardedBuffer arena;
  std::vector<std::unique_ptr<GuardedBuffer>> callers; ///< inputs, outputs
  std::vector<void *> addresses;
  std::vector<int64_t> rows; ///< of the states, which have no room for more
};

/// Turns a fault inside of a trial's guards into a return from `runGuarded`.
/// The run is on the calling thread alone, and between the entry and the fault
/// there is only generated code and `parallelFor`, neither of which holds
/// anything.
struct FaultTrap {
  pthread_t thread;
  const Trial *trial = nullptr;
  void *address = nullptr;
  sigjmp_buf escape;
  struct sigaction previousSegv, previousBus;
};

} // namespace

static FaultTrap trap;

static const GuardedBuffer *findBuffer(const Trial &trial,
                                       const void *address) {
  if (trial.arena.contains(address))
    return &trial.arena;
  for (const auto &buffer : trial.callers)
    if (buffer->contains(address))
      return buffer.get();
  return nullptr;
}

static void onFault(int signal, siginfo_t *info, void *context) {
  if (trap.trial && pthread_equal(pthread_self(), trap.thread) &&
      findBuffer(*trap.trial, info->si_addr)) {
    trap.address = info->si_addr;
    siglongjmp(trap.escape, 1);
  }
  // Not ours: put the previous handler back; the access faults again there.
  sigaction(SIGSEGV, &trap.previousSegv, nullptr);
  sigaction(SIGBUS, &trap.previousBus, nullptr);
}

/// Runs once; `outFault` is the address of a faulting access, or null.
static cinch_status_t runGuarded(const cinch_model_t &model,
                                 const SizePlan &plan, const Trial &trial,
                                 int64_t *symbols, RunState &state,
                                 void *&outFault) {
  RunMemory memory{trial.arena.data(), model.weights.base(),
                   trial.addresses.data(), trial.rows.data()};
  struct sigaction action = {};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  trap.thread = pthread_self();
  trap.trial = &trial;
  trap.address = nullptr;
  sigaction(SIGSEGV, &action, &trap.previousSegv);
  sigaction(SIGBUS, &action, &trap.previousBus);
  cinch_status_t status = CINCH_OK;
  if (sigsetjmp(trap.escape, 1) == 0)
    status = execute(model, plan, memory, symbols, state);
  sigaction(SIGSEGV, &trap.previousSegv, nullptr);
  sigaction(SIGBUS, &trap.previousBus, nullptr);
  trap.trial = nullptr;
  outFault = trap.address;
  return outFault ? CINCH_OK : status;
}

/// Allocates the buffers of a trial and fills in the inputs.
static cinch_status_t prepareTrial(const Manifest &manifest,
                                   const SizePlan &plan,
                                   const cinch_tensor_t *inputs, uint8_t fill,
                                   Trial &trial) {
  CINCH_RETURN_IF_ERROR(trial.arena.allocate(
      plan.peak, std::max<int64_t>(64, manifest.alignment), fill, "the arena"));
  auto add = [&](const Value &value, const Extent &extent, const char *kind) {
    trial.callers.push_back(std::make_unique<GuardedBuffer>());
    GuardedBuffer &buffer = *trial.callers.back();
    cinch_status_t status =
        buffer.allocate(extent.bytes, dtypeBytes(value.dtype), fill,
                        std::string(kind) + " '" + value.name + "'");
    trial.addresses.push_back(buffer.data());
    return status;
  };
  for (size_t index = 0; index < plan.inputs.size(); ++index) {
    const Value &value = manifest.inputs[index];
    CINCH_RETURN_IF_ERROR(add(value, plan.inputs[index], "input"));
    GuardedBuffer &buffer = *trial.callers.back();
    gather(inputs[index], dtypeBytes(value.dtype), buffer.data());
    buffer.protect();
  }
  for (const State &state : manifest.states) {
    trial.rows.push_back(plan.inputs[state.input].dims[state.axis]);
    trial.rows.push_back(plan.outputs[state.output].dims[state.axis]);
  }
  for (size_t index = 0; index < plan.outputs.size(); ++index)
    CINCH_RETURN_IF_ERROR(
        add(manifest.outputs[index], plan.outputs[index], "output"));
  return CINCH_OK;
}

/// Describes the access at `address`.
static cinch_status_t reportFault(const Manifest &manifest, const Trial &trial,
                                  const RunState &state, const void *address) {
  const GuardedBuffer &buffer = *findBuffer(trial, address);
  int64_t offset = static_cast<const uint8_t *>(address) - buffer.data();
  bool isNamed = state.currentKernel >= 0 &&
                 state.currentKernel < int64_t(manifest.kernels.size());
  const char *kernel =
      isNamed ? manifest.kernels[state.currentKernel].name.c_str() : "?";
  if (offset >= 0 && offset < buffer.bytes())
    return fail(CINCH_ERROR_MEMORY_ACCESS, "kernel '%s' writes to %s", kernel,
                buffer.getName().c_str());
  return fail(CINCH_ERROR_MEMORY_ACCESS,
              "kernel '%s' accesses byte %" PRId64 " of %s, which has %" PRId64,
              kernel, offset, buffer.getName().c_str(), buffer.bytes());
}

/// The slots that cover arena byte `offset`, as "'a', 'b'".
static std::string slotsAt(const Manifest &manifest, const SizePlan &plan,
                           int64_t offset) {
  std::string names;
  for (size_t index = 0; index < plan.offsets.size(); ++index)
    if (offset >= plan.offsets[index] &&
        offset < plan.offsets[index] + plan.slotBytes[index])
      names += (names.empty() ? "'" : ", '") + manifest.slots[index].name + "'";
  return names.empty() ? "no slot" : names;
}

cinch_status_t
cinch::rt::compareArenas(const Manifest &manifest, const SizePlan &plan,
                         const uint8_t *first, const uint8_t *second,
                         int64_t low, int64_t high, cinch_measurement_t &out) {
  for (int64_t offset = low; offset < high; ++offset) {
    uint8_t a = first[offset], b = second[offset];
    if (a == fills[0] && b == fills[1])
      continue;
    if (offset < 0)
      return fail(CINCH_ERROR_MEMORY_ACCESS,
                  "a kernel writes %" PRId64 " bytes before the arena",
                  -offset);
    if (a != b)
      return fail(CINCH_ERROR_MEMORY_ACCESS,
                  "a kernel computes arena byte %" PRId64
                  " (%s) from bytes that nothing has written",
                  offset, slotsAt(manifest, plan, offset).c_str());
    out.touched_bytes++;
    out.measured_peak_bytes = offset + 1;
  }
  return CINCH_OK;
}

cinch_status_t cinch::rt::compareOutputs(const char *name, const uint8_t *first,
                                         const uint8_t *second, int64_t low,
                                         int64_t bytes) {
  for (int64_t offset = low; offset < bytes; ++offset) {
    uint8_t a = first[offset], b = second[offset];
    bool isUntouched = a == fills[0] && b == fills[1];
    if (offset < 0 && !isUntouched)
      return fail(CINCH_ERROR_MEMORY_ACCESS,
                  "a kernel writes %" PRId64 " bytes before output '%s'",
                  -offset, name);
    if (offset >= 0 && isUntouched)
      return fail(CINCH_ERROR_MEMORY_ACCESS,
                  "byte %" PRId64 " of output '%s' is not written", offset,
                  name);
    if (offset >= 0 && a != b)
      return fail(CINCH_ERROR_MEMORY_ACCESS,
                  "byte %" PRId64
                  " of output '%s' depends on bytes that nothing has written",
                  offset, name);
  }
  return CINCH_OK;
}

cinch_status_t cinch_session_t::measure(const cinch_tensor_t *inputs,
                                        int32_t inputCount,
                                        const cinch_tensor_t *outputs,
                                        int32_t outputCount,
                                        cinch_measurement_t &out) {
  static std::mutex mutex; // signal handlers belong to the process
  std::lock_guard<std::mutex> lock(mutex);
  const Manifest &manifest = model.manifest;
  SizePlan *plan;
  CINCH_RETURN_IF_ERROR(
      planViews(inputs, inputCount, outputs, outputCount, plan));
  if (device)
    return measureOnDevice(*plan, inputs, outputs, out);
  Team alone(1); // a fault is handled on the thread that makes it
  Trial trials[2];
  std::vector<KernelCounters> ownKernels(kernels.size());
  for (int run = 0; run < 2; ++run) {
    Trial &trial = trials[run];
    CINCH_RETURN_IF_ERROR(
        prepareTrial(manifest, *plan, inputs, fills[run], trial));
    RunState state{alone};
    state.kernels = &ownKernels;
    void *fault;
    CINCH_RETURN_IF_ERROR(
        runGuarded(model, *plan, trial, symbols.data(), state, fault));
    if (fault)
      return reportFault(manifest, trial, state, fault);
  }
  const GuardedBuffer &arena = trials[0].arena;
  CINCH_RETURN_IF_ERROR(compareArenas(
      manifest, *plan, arena.data(), trials[1].arena.data(),
      arena.pagesBegin() - arena.data(), arena.pagesEnd() - arena.data(), out));
  for (size_t index = 0; index < plan->outputs.size(); ++index) {
    const Value &value = manifest.outputs[index];
    size_t place = plan->inputs.size() + index;
    const GuardedBuffer &first = *trials[0].callers[place];
    CINCH_RETURN_IF_ERROR(compareOutputs(
        value.name.c_str(), first.data(), trials[1].callers[place]->data(),
        first.pagesBegin() - first.data(), first.bytes()));
    scatter(outputs[index], dtypeBytes(value.dtype), first.data());
  }
  advanceStates();
  return CINCH_OK;
}
