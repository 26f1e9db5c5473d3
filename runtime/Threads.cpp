//===- Threads.cpp - one parallel loop ------------------------------------===//
//
// A loop is cut into shares, one per thread, and each share into chunks. A
// thread takes the chunks of its own share, the same of every loop of that
// size, so that its cache holds what it wrote; then it takes those of threads
// that are late. The loop ends with its last chunk: a thread that another
// process keeps from its CPU costs the others nothing but its help.
//
//===----------------------------------------------------------------------===//
#include "runtime/Threads.h"
#include "runtime/Workers.h"

#include <algorithm>
#include <climits>
#include <ctime>

namespace cinch::rt {

/// Chunks of one share: enough for a late thread's work to be taken over, few
/// enough to cost nothing.
static constexpr int64_t chunksPerShare = 4;

int64_t nowNanoseconds() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void runShare(const Share &share, cinch_trace_event_t *event) {
  if (event && event->start_ns == 0)
    event->start_ns = nowNanoseconds();
  if (share.begin < share.end)
    share.fn(share.args, share.microkernels, share.begin, share.end);
  if (event)
    event->end_ns = nowNanoseconds();
}

Team::Team(int32_t wanted) {
  int32_t taken = 0;
  if (wanted != 1)
    workers = takeWorkers(wanted == 0 ? INT_MAX : wanted - 1, taken);
  count += taken;
  int32_t thread = 1;
  for (Worker *worker = workers; worker; worker = worker->next) {
    worker->thread = thread++;
    worker->team.store(this);
  }
}

Team::~Team() {
  for (Worker *worker = workers; worker; worker = worker->next)
    worker->leaveTeam();
  returnWorkers(workers, count - 1);
}

/// Takes the next chunk of `share` if it has one. Whoever takes it sees the
/// loop that it belongs to: run() stores `left` last.
bool Team::take(int32_t share, int64_t &chunk) {
  std::atomic<uint32_t> &left = cursors[share].left;
  uint32_t value = left.load(std::memory_order_relaxed);
  do {
    if (value == 0)
      return false;
  } while (!left.compare_exchange_weak(
      value, value - 1, std::memory_order_acq_rel, std::memory_order_relaxed));
  chunk = (share + 1) * shareChunks - value;
  return true;
}

void Team::participate(int32_t thread) {
  int32_t shares = std::min(count, maxShares);
  for (int32_t step = 0; step < shares; ++step) {
    int64_t chunk = 0;
    while (take((thread + step) % shares, chunk)) {
      int64_t total = shares * shareChunks;
      int64_t size = tiles / total, larger = tiles % total;
      int64_t begin = chunk * size + std::min(chunk, larger);
      int64_t end = begin + size + (chunk < larger ? 1 : 0);
      runShare({fn, args, microkernels, begin, end},
               events ? &events[thread] : nullptr);
      finishChunk();
    }
  }
}

void Team::finishChunk() {
  if (unfinished.fetch_sub(1) == 1)
    wake(unfinished, isCallerAsleep);
}

void Team::waitForChunks() {
  for (uint32_t left; (left = unfinished.load()) != 0;)
    waitWhileEqual(unfinished, left, isCallerAsleep);
}

void Team::run(cinch_kernel_fn kernel, const int64_t *kernelArgs,
               void *const *functions, int64_t numTiles,
               cinch_trace_event_t *trace) {
  int64_t shares = std::min(count, maxShares);
  fn = kernel;
  args = kernelArgs;
  microkernels = functions;
  tiles = numTiles;
  events = trace;
  shareChunks = std::clamp<int64_t>(numTiles / shares, 1, chunksPerShare);
  unfinished.store(shares * shareChunks, std::memory_order_relaxed);
  for (int32_t share = 0; share < shares; ++share)
    cursors[share].left.store(shareChunks, std::memory_order_release);
  for (Worker *worker = workers; worker; worker = worker->next)
    worker->call();
  participate(0);
  waitForChunks();
  for (int32_t thread = 0; trace && thread < count; ++thread)
    if (trace[thread].start_ns == 0) // came too late
      trace[thread].start_ns = trace[thread].end_ns = nowNanoseconds();
}

} // namespace cinch::rt
