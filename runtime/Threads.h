//===- Threads.h - one parallel loop, one budget per process --------------===//
#ifndef CINCH_RUNTIME_THREADS_H
#define CINCH_RUNTIME_THREADS_H

#include "runtime/ModuleAbi.h"
#include "runtime/Status.h"

#include <array>
#include <atomic>

namespace cinch::rt {

struct Worker;

/// CLOCK_MONOTONIC.
int64_t nowNanoseconds();

/// A range of the tiles of a kernel.
struct Share {
  cinch_kernel_fn fn;
  const int64_t *args;
  void *const *microkernels;
  int64_t begin, end;
};

/// Runs `share` on this thread; sets the times of `event` if there is one.
void runShare(const Share &share, cinch_trace_event_t *event);

/// Makes the threads that a run with `wanted` threads (0: the whole budget) can
/// take, so that the run allocates nothing. What cannot be made is missing.
void prepareThreads(int32_t wanted);

/// The threads of one run: the calling one and workers of the process's pool,
/// given back on destruction.
class Team {
public:
  /// Takes `wanted` threads, the calling one included (0: the whole budget), or
  /// as many of them as other runs leave.
  explicit Team(int32_t wanted);
  ~Team();
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;
  int32_t size() const { return count; }

  /// Runs fn over [0, tiles) on the team, which has at least 2 threads. Thread
  /// t begins with the t-th of equal contiguous shares and then takes what is
  /// left of the others, so the loop waits for no thread that has not begun.
  /// Sets the times of `events[t]`, of `size()`, if there are any.
  void run(cinch_kernel_fn fn, const int64_t *args, void *const *microkernels,
           int64_t tiles, cinch_trace_event_t *events);

private:
  friend struct Worker;
  static constexpr int32_t maxShares = 64;
  /// How many of its chunks nobody has taken yet, all that a thread asks: a
  /// late one that compared this with anything else it read could mix two
  /// loops.
  struct alignas(64) Cursor {
    std::atomic<uint32_t> left{0};
  };

  void participate(int32_t thread);
  bool take(int32_t share, int64_t &chunk);
  void finishChunk();
  void waitForChunks();

  Worker *workers = nullptr;
  int32_t count = 1;
  // Of the loop that runs: read once a chunk of it is taken, not changed until
  // that is finished.
  cinch_kernel_fn fn = nullptr;
  const int64_t *args = nullptr;
  void *const *microkernels = nullptr;
  int64_t tiles = 0, shareChunks = 0;
  cinch_trace_event_t *events = nullptr;
  std::array<Cursor, maxShares> cursors;
  alignas(64) std::atomic<uint32_t> unfinished{0}; ///< chunks
  std::atomic<bool> isCallerAsleep{false};
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_THREADS_H
