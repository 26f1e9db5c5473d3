//===- Workers.h - the threads of the process -----------------------------===//
#ifndef CINCH_RUNTIME_WORKERS_H
#define CINCH_RUNTIME_WORKERS_H

#include "runtime/Threads.h"

namespace cinch::rt {

/// Spins for up to 0.1 ms, then sleeps, until `word` is not `value`; says in
/// `isAsleep` that a wake-up is needed.
void waitWhileEqual(std::atomic<uint32_t> &word, uint32_t value,
                    std::atomic<bool> &isAsleep);
/// Wakes the one thread that waits for `word`, which has been changed, if it
/// sleeps.
void wake(std::atomic<uint32_t> &word, std::atomic<bool> &isAsleep);

/// A thread that waits for a team's loops. It lives as long as the process.
struct Worker {
  /// Counts the loops that it was called for.
  std::atomic<uint32_t> calls{0};
  std::atomic<bool> isAsleep{false};
  /// While set, it may use `team`. Stored before `team` is read, as `team` is
  /// cleared before it is read, so one of the two sees the other.
  std::atomic<bool> isBusy{false};
  std::atomic<Team *> team{nullptr};
  int32_t thread = 0;     ///< its number in the team
  Worker *next = nullptr; ///< in the list of its team or of the pool

  void call();
  /// Returns when the thread does not use its team any more, nor ever will.
  void leaveTeam();
  [[noreturn]] void serve();
};

/// Takes up to `wanted` idle workers, of a budget of the process, as a list;
/// sets `taken`. Makes those that do not exist yet.
Worker *takeWorkers(int32_t wanted, int32_t &taken);
/// Gives back the list of `taken` workers.
void returnWorkers(Worker *workers, int32_t taken);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_WORKERS_H
