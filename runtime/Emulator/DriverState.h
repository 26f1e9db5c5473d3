//===- DriverState.h - what the emulated driver remembers -----------------===//
//
// One mutex guards everything here: an entry point takes it, and holds it while
// kernels run. Handles are numbers that are used once, so that a stale one is
// known as such.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_DRIVERSTATE_H
#define CINCH_RUNTIME_EMULATOR_DRIVERSTATE_H

#include "runtime/Emulator/DriverApi.h"
#include "runtime/Emulator/DriverQueues.h"
#include "runtime/Emulator/Launch.h"
#include <mutex>
#include <new>

namespace cinch::emulator {

/// Returns a number that was not returned before; never one of the driver's
/// reserved handles.
uintptr_t makeHandle();

/// Objects by handle.
template <typename T> class Handles {
public:
  /// Takes `object` and returns its handle.
  uintptr_t add(std::unique_ptr<T> object) {
    uintptr_t handle = makeHandle();
    objects.emplace(handle, std::move(object));
    return handle;
  }
  /// Null for what is no handle of this kind (any more).
  template <typename H> T *find(H handle) const {
    auto found = objects.find(reinterpret_cast<uintptr_t>(handle));
    return found == objects.end() ? nullptr : found->second.get();
  }
  void erase(uintptr_t handle) { objects.erase(handle); }
  std::map<uintptr_t, std::unique_ptr<T>> objects;
};

struct LoadedModule;
struct Context;

/// A kernel that was asked for by name.
struct Function {
  uintptr_t module;
  const Kernel *kernel;
  /// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, and the carveout.
  uint32_t maxDynamicShared;
  int carveout = -1;
};

struct LoadedModule {
  uintptr_t context;
  std::unique_ptr<Module> module;
  /// Handles of its functions by name: the same name gives the same handle.
  std::map<std::string, uintptr_t, std::less<>> functions;
};

struct Stream {
  uintptr_t context;
  unsigned flags;
  int priority;
  Queue *queue;
};

struct Event {
  uintptr_t context;
  unsigned flags;
  /// Of the last cuEventRecord; null before.
  std::shared_ptr<Record> record;
};

struct Context {
  Context(const Architecture &architecture, uint64_t capacity, uint64_t base,
          uint64_t order)
      : architecture(architecture), memory(capacity, base), queues(order) {}

  const Architecture &architecture;
  uintptr_t handle = 0;
  unsigned flags = 0;
  Memory memory;
  Queues queues;
  /// The first failure of what ran on the device. Later calls return it.
  Error fault;
};

/// Copies that ran, by direction.
struct Copies {
  uint64_t count = 0, bytes = 0;
  void add(size_t size) { ++count, bytes += size; }
};

/// What the environment asks for; read by cuInit while no context exists.
struct Settings {
  const Architecture *architecture = nullptr;
  uint64_t memoryBytes = 0;
  /// 0: streams run in the order in which work was given to them.
  uint64_t streamOrder = 0;
  LaunchOptions launch;
  bool isVerbose = false;

  /// InvalidValue naming the variable that does not hold what it should.
  Error read();
};

/// The process's driver. It is never destroyed.
struct Driver {
  static Driver &get();

  std::mutex mutex;
  bool isInitialized = false;
  Settings settings;
  Handles<Context> contexts;
  Handles<LoadedModule> modules;
  Handles<Function> functions;
  Handles<Stream> streams;
  Handles<Event> events;
  /// The handle of the primary context while it is retained; its flags.
  uintptr_t primary = 0;
  unsigned primaryUses = 0, primaryFlags = 0;
  /// Bytes of page-locked host memory by address.
  std::map<uintptr_t, size_t> hostMemory;

  /// Counters by kernel, copies by direction, most device memory in use.
  std::map<std::string, Counters> counters;
  Copies toDevice, toHost, onDevice;
  uint64_t peakBytes = 0;
  /// Message of the last failure that has one.
  std::string lastReport;

  /// Remembers `message` (and prints it if CINCH_EMULATOR_VERBOSE is set), and
  /// returns `code`.
  CUresult refuse(CUresult code, std::string message);
  CUresult refuse(const Error &error) {
    return refuse(CUresult(error.code), error.message);
  }
  /// Runs `queue` of `context` (null: all) until it is empty.
  CUresult drain(Context &context, Queue *queue);
  /// Runs `context` until `record` is done.
  CUresult waitFor(Context &context, const Record &record);
  /// What running gave: makes a failure the context's fault.
  CUresult finish(Context &context, const Error &error);

  uint64_t getUsedBytes() const;
  /// To be called after an allocation.
  void updatePeak();

  uintptr_t createContext(unsigned flags);
  /// Runs what is left, then releases everything of the context.
  void destroyContext(uintptr_t handle);
  void releaseFunctions(uintptr_t module);
};

/// The handles of the calling thread's contexts, the current one last.
std::vector<uintptr_t> &getContextStack();

/// Runs `body(driver)` under the driver's mutex. A host out of memory is an
/// error of the call.
template <typename Body> CUresult callAnyTime(Body &&body) {
  try {
    Driver &driver = Driver::get();
    std::lock_guard<std::mutex> lock(driver.mutex);
    return body(driver);
  } catch (const std::bad_alloc &) {
    return kOutOfMemory;
  } catch (...) {
    return kUnknown;
  }
}

/// The same once cuInit was called.
template <typename Body> CUresult call(Body &&body) {
  return callAnyTime([&](Driver &driver) -> CUresult {
    return driver.isInitialized ? body(driver) : kNotInitialized;
  });
}

/// The current context of the thread; null with `outResult` set if there is
/// none or it has a fault.
Context *getCurrent(Driver &driver, CUresult &outResult);

/// Runs `body(driver, context)` with the current context.
template <typename Body> CUresult callInContext(Body &&body) {
  return call([&](Driver &driver) -> CUresult {
    CUresult result = kSuccess;
    Context *context = getCurrent(driver, result);
    return context ? body(driver, *context) : result;
  });
}

/// Finds the queue of `stream` in the current context. InvalidHandle if it is
/// no stream, or one of another context.
CUresult findQueue(Driver &driver, Context &context, CUstream stream,
                   Queue *&outQueue);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_DRIVERSTATE_H
