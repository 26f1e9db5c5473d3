//===- Session.h - one user of a model ------------------------------------===//
#ifndef CINCH_RUNTIME_SESSION_H
#define CINCH_RUNTIME_SESSION_H

#include "runtime/MappedFile.h"
#include "runtime/Model.h"
#include "runtime/SizePlan.h"
#include "runtime/Threads.h"

#include <atomic>
#include <memory>
#include <vector>

namespace cinch::rt {

class DeviceSession;

/// Calls and time of one kernel, over all runs.
struct KernelCounters {
  int64_t calls = 0, nanoseconds = 0;
};

/// Events of all runs; storage is allocated with the session.
struct Trace {
  std::vector<cinch_trace_event_t> events; ///< of the size of the capacity
  size_t count = 0;
  int64_t dropped = 0;

  /// Room for `wanted` events of one call; null (and counted) if there is none.
  cinch_trace_event_t *reserve(size_t wanted);
};

/// What generated code's calls back into the runtime work on during one run.
struct RunState {
  Team &team;
  bool profile = false;
  Trace *trace = nullptr; ///< null: none is kept
  int64_t run = 0;        ///< runs of the session before this one
  int64_t kernelCalls = 0, parallelCalls = 0, copiedBytes = 0;
  int64_t currentKernel = -1; ///< that runs, or ran last
  cinch_status_t status = CINCH_OK;
  char message[1024] = {};
  std::vector<KernelCounters> *kernels = nullptr;
  DeviceSession *device = nullptr; ///< null: kernels run on the CPU
};

/// Memory of one run; on a device, addresses of the device.
struct RunMemory {
  uint8_t *arena = nullptr;
  const uint8_t *weights = nullptr;
  void *const *caller = nullptr; ///< inputs, then outputs
  const int64_t *rows = nullptr; ///< of past and present of every state
  void *fault = nullptr;         ///< the fault word, on a device
};

/// Calls the entry of `model` once at the sizes of `plan`. `symbols` is storage
/// for the model's symbols. Allocates nothing.
cinch_status_t execute(const cinch_model_t &model, const SizePlan &plan,
                       const RunMemory &memory, int64_t *symbols,
                       RunState &state);

/// The service `fail` of generated code. The first failure of a run is kept.
int32_t reportFailure(cinch_frame_v1 *frame, int32_t status,
                      const char *message);

} // namespace cinch::rt

/// A session runs on one thread at a time, which `Use` ensures.
struct cinch_session_t {
  /// Marks a session as in use for a scope.
  class Use {
  public:
    explicit Use(const cinch_session_t &session)
        : flag(session.isBusy), isFirst(!flag.exchange(true)) {}
    ~Use() {
      if (isFirst)
        flag.store(false);
    }
    /// CINCH_OK, or a failure if the session was in use already.
    cinch_status_t check() const;

  private:
    std::atomic<bool> &flag;
    bool isFirst;
  };

  cinch_session_t(cinch_model_t &model);
  ~cinch_session_t();
  cinch_status_t initialize(const cinch_session_options_t &options);

  /// Finds or makes the plan of the given input shapes.
  cinch_status_t getPlan(const cinch_shape_t *inputs, int32_t count,
                         cinch::rt::SizePlan *&out);
  /// Allocates what a run at the sizes of `plan` needs, but for the staging of
  /// views that are not contiguous.
  cinch_status_t reserve(const cinch::rt::SizePlan &plan);
  /// Gives the session buffers of `shapes` for all states; none if `count` is
  /// 0.
  cinch_status_t reserveStates(const cinch_shape_t *shapes, int32_t count);
  cinch_status_t resetStates();
  /// On a device the view is of a copy on the host.
  cinch_status_t getState(int32_t index, cinch_tensor_t &out) const;
  /// Where the session owns the states: replaces `inputs` by the shapes of all
  /// inputs, those of the states at their lengths.
  cinch_status_t insertShapes(const cinch_shape_t *&inputs, int32_t &count);
  /// Whether `plan` has room in the session's states.
  cinch_status_t checkCapacity(const cinch::rt::SizePlan &plan) const;

  /// Reads the shapes of `inputs` and does `getPlan` and the checks of all
  /// views. Where the session owns the states, `inputs` and `outputs` are
  /// without them, and afterwards with them.
  cinch_status_t planViews(const cinch_tensor_t *&inputs, int32_t inputCount,
                           const cinch_tensor_t *&outputs, int32_t outputCount,
                           cinch::rt::SizePlan *&out);
  cinch_status_t run(const cinch_tensor_t *inputs, int32_t inputCount,
                     const cinch_tensor_t *outputs, int32_t outputCount);
  cinch_status_t measure(const cinch_tensor_t *inputs, int32_t inputCount,
                         const cinch_tensor_t *outputs, int32_t outputCount,
                         cinch_measurement_t &out);

  cinch_model_t &model;
  /// Null: the session is on the CPU.
  std::unique_ptr<cinch::rt::DeviceSession> device;
  uint8_t *arena = nullptr;
  int64_t arenaBytes = 0;
  cinch::rt::Memory staging;
  cinch_counters_t counters = {};
  std::vector<cinch::rt::KernelCounters> kernels;
  cinch::rt::Trace trace;
  std::vector<int64_t> symbols; ///< of the last run
  bool hasRun = false;
  mutable std::atomic<bool> isBusy{false};

  bool ownsStates() const { return !states.empty(); }
  cinch::rt::Memory stateMemory;
  int64_t stateBytes = 0;

private:
  /// A state that the session owns: `dims` with the capacity along its axis.
  struct OwnedState {
    std::vector<int64_t> dims, strides; ///< of the buffer
    std::vector<int64_t> past, present; ///< shapes of the next, the last run
    uint8_t *data = nullptr;            ///< on a device: an address there
  };
  /// Chooses the CPU or opens a device: `name`, or where the model belongs.
  cinch_status_t openDevice(const cinch_session_options_t &options);
  cinch_status_t reserveArena(int64_t bytes);
  cinch_status_t measureOnDevice(const cinch::rt::SizePlan &plan,
                                 const cinch_tensor_t *inputs,
                                 const cinch_tensor_t *outputs,
                                 cinch_measurement_t &out);
  cinch_status_t insertInputs(const cinch_tensor_t *&inputs, int32_t &count);
  cinch_status_t insertOutputs(const cinch::rt::SizePlan &plan,
                               const cinch_tensor_t *&outputs, int32_t &count);
  /// What a run wrote is the past of the next.
  void advanceStates();
  cinch_tensor_t viewState(int32_t index,
                           const std::vector<int64_t> &shape) const;

  /// Points `caller` to the views' data, or to staging where a view is not
  /// contiguous, and copies such inputs there.
  cinch_status_t stage(const cinch::rt::SizePlan &plan,
                       const cinch_tensor_t *inputs,
                       const cinch_tensor_t *outputs);
  /// Copies the outputs that were staged to their views.
  void unstage(const cinch::rt::SizePlan &plan, const cinch_tensor_t *outputs);

  cinch::rt::Memory ownArena;
  bool hasCallerArena = false;
  int32_t threads = 0;
  bool profile = false;
  size_t planCacheSize = 64;
  uint64_t useCount = 0;
  std::vector<std::unique_ptr<cinch::rt::SizePlan>> plans;
  // Storage of a run, allocated once.
  std::vector<cinch_shape_t> shapes;
  std::vector<int64_t> boundSymbols;
  std::vector<void *> caller;
  std::vector<int64_t> rows; ///< of past and present of every state
  std::vector<OwnedState> states;
  std::vector<cinch_tensor_t> allInputs, allOutputs;
  std::vector<cinch_shape_t> allShapes;
};

#endif // CINCH_RUNTIME_SESSION_H
