//===- Threads.h - one parallel loop, one budget per process --------------===//
#ifndef CINCH_RUNTIME_THREADS_H
#define CINCH_RUNTIME_THREADS_H

#include "runtime/ModuleAbi.h"
#include "runtime/Status.h"

namespace cinch::rt {

/// Threads taken from the process's budget for one run; given back on
/// destruction.
class ThreadClaim {
public:
  /// Takes `wanted` threads, the calling one included (0: the whole budget),
  /// or, if they are not all free, the calling thread alone. All or nothing, so
  /// that a thread's teams keep one size, for which libgomp allocates once.
  explicit ThreadClaim(int32_t wanted);
  ~ThreadClaim();
  ThreadClaim(const ThreadClaim &) = delete;
  ThreadClaim &operator=(const ThreadClaim &) = delete;
  int32_t threads() const { return count; }

private:
  int32_t count = 1;
};

/// Makes libgomp create the team of `threads` of the calling thread, if its
/// last team had another size, so that later loops allocate nothing.
void warmTeam(int32_t threads);

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

/// Runs fn over [0, tiles) on `threads` threads (at least 2), of which thread t
/// gets the t-th of `threads` contiguous shares, and sets the times of
/// `events[t]`, if there are any.
void runParallel(int32_t threads, cinch_kernel_fn fn, const int64_t *args,
                 void *const *microkernels, int64_t tiles,
                 cinch_trace_event_t *events);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_THREADS_H
