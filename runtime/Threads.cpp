//===- Threads.cpp - one parallel loop, one budget per process ------------===//
//
// The only parallel construct of the runtime. libgomp's barriers are invisible
// to ThreadSanitizer, so the fork and the join are announced to it here.
//
//===----------------------------------------------------------------------===//
#include "runtime/Threads.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <mutex>
#include <new>
#include <omp.h>
#include <pthread.h>
#include <sched.h>

#if defined(__SANITIZE_THREAD__)
extern "C" {
void __tsan_acquire(void *address);
void __tsan_release(void *address);
}
#define CINCH_TSAN_ACQUIRE(address) __tsan_acquire(address)
#define CINCH_TSAN_RELEASE(address) __tsan_release(address)
#define CINCH_TSAN_IGNORE __attribute__((no_sanitize("thread")))
#else
#define CINCH_TSAN_ACQUIRE(address) (void)(address)
#define CINCH_TSAN_RELEASE(address) (void)(address)
#define CINCH_TSAN_IGNORE
#endif

namespace cinch::rt {

/// Sizes of the budget and of what runs hold of it, apart from the calling
/// threads of runs that run alone.
static std::mutex budgetMutex;
static int32_t budget = 0; ///< 0: not set yet
static int32_t held = 0;
/// Set once a team exists; libgomp's threads do not survive fork().
static std::atomic<bool> hasTeams{false};
static std::atomic<bool> isForkedChild{false};
static thread_local int32_t teamSize = 1;

static void onForkInChild() {
  if (hasTeams.load())
    isForkedChild.store(true);
  // The forking thread may not have been the one that holds the lock.
  new (&budgetMutex) std::mutex();
  held = 0;
}

/// CPUs that this process may use.
static int32_t countCpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus))
    return 1;
  return std::max(CPU_COUNT(&cpus), 1);
}

/// Requires budgetMutex.
static int32_t getBudget() {
  if (budget == 0) {
    budget = countCpus();
    pthread_atfork(nullptr, nullptr, onForkInChild);
  }
  return isForkedChild.load() ? 1 : budget;
}

ThreadClaim::ThreadClaim(int32_t wanted) {
  std::lock_guard<std::mutex> lock(budgetMutex);
  int32_t total = getBudget();
  if (wanted == 0 || wanted > total)
    wanted = total;
  // Inside a team libgomp would make a team of one.
  if (wanted > 1 && held + wanted <= total && !omp_in_parallel()) {
    count = wanted;
    held += count;
  }
}

ThreadClaim::~ThreadClaim() {
  if (count == 1)
    return;
  std::lock_guard<std::mutex> lock(budgetMutex);
  held = std::max(held - count, 0);
}

int64_t nowNanoseconds() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

__attribute__((noinline)) void runShare(const Share &share,
                                        cinch_trace_event_t *event) {
  if (event)
    event->start_ns = nowNanoseconds();
  if (share.begin < share.end)
    share.fn(share.args, share.microkernels, share.begin, share.end);
  if (event)
    event->end_ns = nowNanoseconds();
}

/// Runs share `index` of `shares` of `whole`, which begins at 0: sizes differ
/// by one at most.
__attribute__((noinline)) static void runShareOf(int64_t index, int64_t shares,
                                                 const Share &whole,
                                                 cinch_trace_event_t *events) {
  int64_t size = whole.end / shares, larger = whole.end % shares;
  Share share = whole;
  share.begin = index * size + std::min(index, larger);
  share.end = share.begin + size + (index < larger ? 1 : 0);
  runShare(share, events ? &events[index] : nullptr);
}

/// Not instrumented itself: the structure that carries the captured variables
/// is written by the compiler after the announced fork. What a share does is.
CINCH_TSAN_IGNORE
void runParallel(int32_t threads, cinch_kernel_fn fn, const int64_t *args,
                 void *const *microkernels, int64_t tiles,
                 cinch_trace_event_t *events) {
  Share whole{fn, args, microkernels, 0, tiles};
  char start = 0, finish = 0; // addresses for ThreadSanitizer
  CINCH_TSAN_RELEASE(&start);
#pragma omp parallel num_threads(threads)
  {
    CINCH_TSAN_ACQUIRE(&start);
    runShareOf(omp_get_thread_num(), omp_get_num_threads(), whole, events);
    CINCH_TSAN_RELEASE(&finish);
  }
  CINCH_TSAN_ACQUIRE(&finish);
}

static void doNothing(const int64_t *, void *const *, int64_t, int64_t) {}

void warmTeam(int32_t threads) {
  if (threads == teamSize || threads == 1)
    return;
  hasTeams.store(true);
  runParallel(threads, doNothing, nullptr, nullptr, threads, nullptr);
  teamSize = threads;
}

} // namespace cinch::rt

using namespace cinch::rt;

cinch_status_t cinch_set_threads(int32_t threads) {
  if (threads < 1 || threads > 1024)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "expected 1 to 1024 threads, but got %d", threads);
  std::lock_guard<std::mutex> lock(budgetMutex);
  getBudget();
  if (isForkedChild.load() && threads > 1)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "a child of fork() runs on one thread: its parent had run in "
                "parallel");
  budget = threads;
  return CINCH_OK;
}

int32_t cinch_get_threads(void) {
  std::lock_guard<std::mutex> lock(budgetMutex);
  return getBudget();
}
