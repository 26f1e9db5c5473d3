//===- Workers.cpp - the threads of the process ---------------------------===//
//
// Workers are made once, never end, and sleep on a futex between runs. Those of
// the parent do not exist in a child of fork(), which makes its own.
//
//===----------------------------------------------------------------------===//
#include "runtime/Workers.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <linux/futex.h>
#include <mutex>
#include <new>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cinch::rt {

/// How long a thread looks before it sleeps: longer than the kernels of a run
/// that one thread runs alone, shorter than a time slice of another process.
static constexpr int64_t spinNanoseconds = 100'000;

static std::mutex poolMutex;
static int32_t budget = 0; ///< 0: not set yet
static int32_t held = 0;   ///< threads of the teams of two and more
static int32_t made = 0;   ///< workers
static Worker *idle = nullptr;

static void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void waitWhileEqual(std::atomic<uint32_t> &word, uint32_t value,
                    std::atomic<bool> &isAsleep) {
  int64_t end = nowNanoseconds() + spinNanoseconds;
  do {
    for (int look = 0; look < 32; ++look) {
      if (word.load(std::memory_order_acquire) != value)
        return;
      pause();
    }
  } while (nowNanoseconds() < end);
  isAsleep.store(true);
  while (word.load() == value)
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  isAsleep.store(false);
}

void wake(std::atomic<uint32_t> &word, std::atomic<bool> &isAsleep) {
  if (isAsleep.load())
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void Worker::call() {
  calls.fetch_add(1);
  wake(calls, isAsleep);
}

void Worker::leaveTeam() {
  team.store(nullptr);
  for (int looks = 0; isBusy.load(); ++looks)
    looks < 1000 ? pause() : static_cast<void>(sched_yield());
}

void Worker::serve() {
  for (uint32_t seen = 0;;) {
    waitWhileEqual(calls, seen, isAsleep);
    seen = calls.load();
    isBusy.store(true);
    if (Team *mine = team.load())
      mine->participate(thread);
    isBusy.store(false);
  }
}

static void *startWorker(void *worker) {
  static_cast<Worker *>(worker)->serve();
}

static void onForkInChild() {
  // The forking thread may not have been the one that holds the lock.
  new (&poolMutex) std::mutex();
  held = 0;
  made = 0;
  idle = nullptr;
}

/// CPUs that this process may use.
static int32_t countCpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus))
    return 1;
  return std::max(CPU_COUNT(&cpus), 1);
}

/// Requires poolMutex.
static int32_t getBudget() {
  if (budget == 0) {
    budget = countCpus();
    pthread_atfork(nullptr, nullptr, onForkInChild);
  }
  return budget;
}

/// Requires poolMutex. Null if there is no memory or no thread.
static Worker *makeWorker() {
  Worker *worker = new (std::nothrow) Worker;
  if (!worker)
    return nullptr;
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, nullptr, startWorker, worker);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error) {
    delete worker;
    return nullptr;
  }
  pthread_detach(thread);
  pthread_setname_np(thread, "cinch");
  ++made;
  return worker;
}

Worker *takeWorkers(int32_t wanted, int32_t &taken) {
  taken = 0;
  std::lock_guard<std::mutex> lock(poolMutex);
  int32_t total = getBudget();
  // The caller is one of the team.
  int32_t most = std::min(wanted, total - held - 1);
  Worker *first = nullptr;
  while (taken < most) {
    Worker *worker = idle;
    if (worker)
      idle = worker->next;
    else if (!(worker = makeWorker()))
      break;
    worker->next = first;
    first = worker;
    ++taken;
  }
  held += taken ? taken + 1 : 0;
  return first;
}

void returnWorkers(Worker *workers, int32_t taken) {
  if (!taken)
    return;
  std::lock_guard<std::mutex> lock(poolMutex);
  held -= taken + 1;
  while (Worker *worker = workers) {
    workers = worker->next;
    worker->next = idle;
    idle = worker;
  }
}

void prepareThreads(int32_t wanted) {
  std::lock_guard<std::mutex> lock(poolMutex);
  int32_t total = getBudget();
  while (made < std::min(wanted == 0 ? INT_MAX : wanted, total) - 1) {
    Worker *worker = makeWorker();
    if (!worker)
      return;
    worker->next = idle;
    idle = worker;
  }
}

} // namespace cinch::rt

using namespace cinch::rt;

cinch_status_t cinch_set_threads(int32_t threads) {
  if (threads < 1 || threads > 1024)
    return fail(CINCH_ERROR_INVALID_ARGUMENT,
                "expected 1 to 1024 threads, but got %d", threads);
  std::lock_guard<std::mutex> lock(poolMutex);
  getBudget();
  budget = threads;
  return CINCH_OK;
}

int32_t cinch_get_threads(void) {
  std::lock_guard<std::mutex> lock(poolMutex);
  return getBudget();
}
