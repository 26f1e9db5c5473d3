//===- DriverQueues.h - work that waits in streams ------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_DRIVERQUEUES_H
#define CINCH_RUNTIME_EMULATOR_DRIVERQUEUES_H

#include "runtime/Emulator/Error.h"
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace cinch::emulator {

/// One cuEventRecord: done once everything before it in its stream ran.
struct Record {
  bool isDone = false;
};

/// One thing that a stream does.
struct Operation {
  /// Numbers the operations of a context as they were given.
  uint64_t order;
  /// Not to be run before this is done; null: nothing to wait for.
  std::shared_ptr<const Record> after;
  /// Null: only waits.
  std::function<Error()> run;
};

/// A stream's operations, run in order.
struct Queue {
  /// Waits for the default stream, and the default stream for it.
  bool isBlocking;
  std::deque<Operation> operations;
};

/// The streams of a context. Nothing runs before somebody waits for it; then
/// one operation after the other does, never two at once.
class Queues {
public:
  /// `seed`: 0 runs operations in the order they were given; other values pick
  /// any that may run, so that a result which depends on an order that no event
  /// demands differs from seed to seed.
  explicit Queues(uint64_t seed) : seed(seed), random(seed) { add(true); }

  Queue &getDefault() { return *queues.front(); }
  Queue *add(bool isBlocking);
  /// `queue` must be empty.
  void remove(Queue *queue);

  void push(Queue &queue, std::function<Error()> run,
            std::shared_ptr<const Record> after = nullptr);

  /// Run operations, of any queue, until `queue` is empty, all are, or
  /// `record` is done. Stops at the first failure and drops all operations.
  Error drain(const Queue &queue);
  Error drainAll();
  Error waitFor(const Record &record);
  /// Runs one operation, if there is any.
  Error step();

private:
  bool isReady(const Queue &queue) const;
  Queue *pick();
  Error runFirst(Queue &queue);
  template <typename Predicate> Error runUntil(Predicate isDone);

  const uint64_t seed;
  std::mt19937_64 random;
  uint64_t nextOrder = 0;
  std::vector<std::unique_ptr<Queue>> queues;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_DRIVERQUEUES_H
