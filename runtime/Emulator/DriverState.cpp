//===- DriverState.cpp - what the emulated driver remembers ---------------===//
#include "runtime/Emulator/DriverState.h"
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <limits>

using namespace cinch::emulator;

/// Addresses of a context start at a multiple of this.
static constexpr unsigned kContextAddressBits = 40;
/// Contexts after which address ranges are used again.
static constexpr uint64_t kContextRanges = 60;

uintptr_t cinch::emulator::makeHandle() {
  static std::atomic<uintptr_t> next{0x1000};
  return next.fetch_add(16);
}

//===--- Settings ---------------------------------------------------------===//

/// Reads the number `name` of the environment, `minimum` .. `maximum`, if it is
/// set.
static Error readNumber(const char *name, uint64_t minimum, uint64_t maximum,
                        uint64_t &value) {
  const char *text = std::getenv(name);
  if (!text || !*text)
    return {};
  uint64_t number = 0;
  bool isNumber = true;
  for (const char *digit = text; *digit; ++digit) {
    isNumber &= *digit >= '0' && *digit <= '9' &&
                number <= (std::numeric_limits<uint64_t>::max() - 9) / 10;
    number = number * 10 + uint64_t(*digit - '0');
  }
  if (!isNumber || number < minimum || number > maximum)
    return {Code::InvalidValue, std::string(name) + " is \"" + text +
                                    "\"; expected a number from " +
                                    std::to_string(minimum) + " to " +
                                    std::to_string(maximum)};
  value = number;
  return {};
}

static Error readArchitecture(const Architecture *&architecture) {
  const char *text = std::getenv("CINCH_EMULATOR_ARCH");
  std::string wanted = text && *text ? text : "sm_80";
  size_t count = 0;
  const Architecture *rows = getArchitectures(count);
  std::string known;
  for (size_t i = 0; i < count; ++i) {
    std::string name = "sm_" + std::to_string(rows[i].sm);
    if (name == wanted) {
      architecture = &rows[i];
      return {};
    }
    known += (i ? ", " : "") + name;
  }
  return {Code::InvalidValue, "CINCH_EMULATOR_ARCH is \"" + wanted +
                                  "\"; expected one of " + known};
}

Error Settings::read() {
  Settings read;
  if (Error error = readArchitecture(read.architecture))
    return error;
  read.memoryBytes = read.architecture->memoryBytes;
  uint64_t threads = 0;
  constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();
  Error error =
      readNumber("CINCH_EMULATOR_MEMORY", 1,
                 uint64_t(1) << kContextAddressBits >> 1, read.memoryBytes);
  if (!error)
    error = readNumber("CINCH_EMULATOR_THREADS", 0, 1024, threads);
  if (!error)
    error = readNumber("CINCH_EMULATOR_MAX_INSTRUCTIONS", 1, kAny,
                       read.launch.maxInstructions);
  if (!error)
    error =
        readNumber("CINCH_EMULATOR_STREAM_ORDER", 0, kAny, read.streamOrder);
  if (error)
    return error;
  read.launch.threads = unsigned(threads);
  const char *verbose = std::getenv("CINCH_EMULATOR_VERBOSE");
  read.isVerbose = verbose && *verbose;
  *this = read;
  return {};
}

//===--- Driver -----------------------------------------------------------===//

Driver &Driver::get() {
  static Driver *driver = new Driver; // threads may outlive static objects
  return *driver;
}

CUresult Driver::refuse(CUresult code, std::string message) {
  lastReport = std::move(message);
  const char *verbose = std::getenv("CINCH_EMULATOR_VERBOSE");
  if (settings.isVerbose || (verbose && *verbose))
    std::fprintf(stderr, "cinch_cuda_emulator: %s\n", lastReport.c_str());
  return code;
}

CUresult Driver::finish(Context &context, const Error &error) {
  if (!error)
    return kSuccess;
  context.fault = error;
  return refuse(error);
}

CUresult Driver::drain(Context &context, Queue *queue) {
  return finish(context, queue ? context.queues.drain(*queue)
                               : context.queues.drainAll());
}

CUresult Driver::waitFor(Context &context, const Record &record) {
  return finish(context, context.queues.waitFor(record));
}

uint64_t Driver::getUsedBytes() const {
  uint64_t used = 0;
  for (const auto &entry : contexts.objects)
    used += entry.second->memory.getUsed();
  return used;
}

void Driver::updatePeak() { peakBytes = std::max(peakBytes, getUsedBytes()); }

uintptr_t Driver::createContext(unsigned flags) {
  static uint64_t created = 0;
  uint64_t base = (1 + created++ % kContextRanges) << kContextAddressBits;
  auto context = std::make_unique<Context>(
      *settings.architecture, settings.memoryBytes, base, settings.streamOrder);
  context->flags = flags;
  Context &made = *context;
  return made.handle = contexts.add(std::move(context));
}

/// Erases the objects of `handles` that `isOf` says.
template <typename T, typename Predicate>
static void eraseIf(Handles<T> &handles, Predicate &&isOf) {
  for (auto it = handles.objects.begin(); it != handles.objects.end();)
    it = isOf(*it->second) ? handles.objects.erase(it) : std::next(it);
}

void Driver::releaseFunctions(uintptr_t module) {
  eraseIf(functions, [&](Function &f) { return f.module == module; });
}

void Driver::destroyContext(uintptr_t handle) {
  Context *context = contexts.find(handle);
  if (!context->fault)
    drain(*context, nullptr);
  for (auto &entry : modules.objects)
    if (entry.second->context == handle)
      releaseFunctions(entry.first);
  auto isOfContext = [&](auto &object) { return object.context == handle; };
  eraseIf(modules, isOfContext);
  eraseIf(streams, isOfContext);
  eraseIf(events, isOfContext);
  contexts.erase(handle);
}

//===--- What every entry point needs -------------------------------------===//

std::vector<uintptr_t> &cinch::emulator::getContextStack() {
  static thread_local std::vector<uintptr_t> stack;
  return stack;
}

Context *cinch::emulator::getCurrent(Driver &driver, CUresult &outResult) {
  const std::vector<uintptr_t> &stack = getContextStack();
  if (stack.empty()) {
    outResult =
        driver.refuse(kInvalidContext, "no context is current on this thread");
    return nullptr;
  }
  Context *context = driver.contexts.find(stack.back());
  if (!context) {
    outResult = driver.refuse(kContextIsDestroyed,
                              "the thread's current context was destroyed");
    return nullptr;
  }
  if (context->fault) {
    outResult = CUresult(context->fault.code);
    return nullptr;
  }
  return context;
}

CUresult cinch::emulator::findQueue(Driver &driver, Context &context,
                                    CUstream stream, Queue *&outQueue) {
  // A thread's own default stream is the common one here: one more order that
  // the program must bear.
  if (reinterpret_cast<uintptr_t>(stream) <= kStreamPerThread) {
    outQueue = &context.queues.getDefault();
    return kSuccess;
  }
  Stream *found = driver.streams.find(stream);
  if (!found)
    return driver.refuse(kInvalidHandle, "the stream does not exist");
  if (found->context != context.handle)
    return driver.refuse(kInvalidHandle,
                         "the stream belongs to another context");
  outQueue = found->queue;
  return kSuccess;
}
