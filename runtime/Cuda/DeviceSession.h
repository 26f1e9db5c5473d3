//===- DeviceSession.h - what a session has on a device -------------------===//
#ifndef CINCH_RUNTIME_CUDA_DEVICESESSION_H
#define CINCH_RUNTIME_CUDA_DEVICESESSION_H

#include "runtime/Cuda/DeviceModel.h"
#include "runtime/Cuda/DeviceStaging.h"
#include "runtime/Session.h"

#include <vector>

namespace cinch::rt {

/// Memory, streams and runs of one session on a CUDA device. What a run needs
/// is allocated by `reserve…`; the runs allocate nothing.
class DeviceSession {
public:
  DeviceSession() = default;
  DeviceSession(const DeviceSession &) = delete;
  DeviceSession &operator=(const DeviceSession &) = delete;
  ~DeviceSession();

  /// Opens the device called `name` for `model`, which outlives this object.
  /// `profile`: take the time of every launch, by events.
  cinch_status_t initialize(cinch_model_t &model, const char *name,
                            bool profile);

  /// Makes the arena at least `bytes` large.
  cinch_status_t reserveArena(int64_t bytes);
  cinch_status_t reserveStaging(const SizePlan &plan, bool ownsStates) {
    return staging.reserve(plan, toStates(ownsStates));
  }
  /// Replaces the memory of all states by `bytes` zeros.
  cinch_status_t reserveStates(int64_t bytes);

  /// Runs once, at the sizes that `reserveStaging` was called for last. Views
  /// of states that the session owns have addresses of the device. `symbols` is
  /// storage for the model's symbols; the copies are counted in `state`.
  cinch_status_t run(const SizePlan &plan, const cinch_tensor_t *inputs,
                     const cinch_tensor_t *outputs, int64_t *symbols,
                     RunState &state);
  /// Runs in memory of its own, filled with `fill` before, and copies arena and
  /// values to `out`. `inputs` are all of the host. CINCH_ERROR_MEMORY_ACCESS:
  /// an input has changed, or what lies between the values.
  struct Snapshot;
  cinch_status_t trial(const SizePlan &plan, const cinch_tensor_t *inputs,
                       uint8_t fill, int64_t *symbols, RunState &state,
                       Snapshot &out);

  /// Copies `bytes` of the states from byte `offset` on into a copy on the
  /// host, and gives the address of the first in it.
  cinch_status_t fetchStates(int64_t offset, int64_t bytes, uint8_t *&out);
  /// Copies all states back from there.
  cinch_status_t sendStates();

  // The services of generated code, in its order (runtime/ModuleAbi.h).
  cinch_status_t launch(int64_t kernel, int64_t function, const int64_t *args,
                        int64_t blocks, std::vector<KernelCounters> &counters);
  cinch_status_t copy(void *to, const void *from, int64_t bytes);
  cinch_status_t read(void *to, const void *from, int64_t bytes);
  cinch_status_t write(void *to, const void *from, int64_t bytes);

  DeviceBuffer arena, states;
  DeviceStaging staging;
  /// Bytes of the device that this session uses, its model's weights included.
  int64_t getDeviceBytes() const;

private:
  /// A launch whose time is not read yet.
  struct Timer {
    CUevent start = nullptr, end = nullptr;
    int64_t kernel = 0;
  };
  static DeviceStaging::States toStates(bool ownsStates) {
    return ownsStates ? DeviceStaging::States::InPlace
                      : DeviceStaging::States::Copied;
  }
  cinch_status_t makeTimers();
  /// Adds the times of all launches that have one to `counters`.
  cinch_status_t readTimers(std::vector<KernelCounters> &counters);
  /// Everything of a run between the copies.
  cinch_status_t compute(const SizePlan &plan, const RunMemory &memory,
                         DeviceStaging &places, int64_t *symbols,
                         RunState &state);
  /// Fills `caller` and `rows` with what generated code is told of the values.
  void describeValues(const SizePlan &plan, const cinch_tensor_t *inputs,
                      const cinch_tensor_t *outputs,
                      const DeviceStaging &places);
  cinch_status_t synchronize();
  /// Waits until nothing of a run is under way. Returns its `status`, or, if
  /// that is CINCH_OK, what the work came to.
  cinch_status_t settle(DeviceStaging &places, cinch_status_t status);
  cinch_status_t checkValues(const DeviceStaging &values, uint8_t fill,
                             const Snapshot &snapshot) const;

  cinch_model_t *model = nullptr;
  std::shared_ptr<Device> device;
  std::shared_ptr<DeviceModel> code;
  CUstream stream = nullptr;        ///< of all work but the copies of inputs
  DeviceStaging *current = nullptr; ///< of the run that is under way
  Memory mirror;                    ///< of the states, on the host
  std::vector<Timer> timers;        ///< none: no times are taken
  size_t timersUsed = 0;
  std::vector<void *> caller;
  std::vector<int64_t> rows;
};

/// What a trial left, on the host.
struct DeviceSession::Snapshot {
  Memory arena, values;
  /// Bytes before and after the arena that are filled and copied with it.
  static constexpr int64_t guard = 1 << 16;
  const uint8_t *arenaData() const { return arena.data() + guard; }
  std::vector<int64_t> offsets; ///< of inputs and outputs in `values`
};

/// The services of generated code on a device; `RunState::device` is set.
const cinch_host_v1 &getDeviceHost();

} // namespace cinch::rt

#endif // CINCH_RUNTIME_CUDA_DEVICESESSION_H
