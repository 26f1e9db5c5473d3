//===- DriverQueues.cpp - work that waits in streams ----------------------===//
#include "runtime/Emulator/DriverQueues.h"
#include <algorithm>
#include <cassert>

using namespace cinch::emulator;

Queue *Queues::add(bool isBlocking) {
  queues.push_back(std::make_unique<Queue>());
  queues.back()->isBlocking = isBlocking;
  return queues.back().get();
}

void Queues::remove(Queue *queue) {
  assert(queue->operations.empty());
  queues.erase(
      std::find_if(queues.begin(), queues.end(),
                   [&](const auto &other) { return other.get() == queue; }));
}

void Queues::push(Queue &queue, std::function<Error()> run,
                  std::shared_ptr<const Record> after) {
  queue.operations.push_back({nextOrder++, std::move(after), std::move(run)});
}

/// True if the first operation of `queue` may run: the event it waits for was
/// reached, and what came before it on the other side of the default stream is
/// done. What an operation waits for always has a lower order, so that one with
/// the lowest order of all is ready.
bool Queues::isReady(const Queue &queue) const {
  if (queue.operations.empty())
    return false;
  const Operation &first = queue.operations.front();
  if (first.after && !first.after->isDone)
    return false;
  if (!queue.isBlocking)
    return true;
  bool isDefault = &queue == queues.front().get();
  for (const auto &other : queues) {
    bool isOrdered = isDefault ? other->isBlocking : other == queues.front();
    if (other.get() != &queue && isOrdered && !other->operations.empty() &&
        other->operations.front().order < first.order)
      return false;
  }
  return true;
}

/// The queue whose first operation runs next; null if all are empty.
Queue *Queues::pick() {
  std::vector<Queue *> ready;
  for (const auto &queue : queues)
    if (isReady(*queue))
      ready.push_back(queue.get());
  if (ready.empty())
    return nullptr;
  if (seed)
    return ready[random() % ready.size()];
  return *std::min_element(ready.begin(), ready.end(), [](Queue *a, Queue *b) {
    return a->operations.front().order < b->operations.front().order;
  });
}

/// Runs the first operation of `queue`, which is ready.
Error Queues::runFirst(Queue &queue) {
  Operation operation = std::move(queue.operations.front());
  queue.operations.pop_front();
  if (!operation.run)
    return {};
  Error error = operation.run();
  if (error)
    for (const auto &other : queues)
      other->operations.clear();
  return error;
}

template <typename Predicate> Error Queues::runUntil(Predicate isDone) {
  while (!isDone()) {
    Queue *next = pick();
    if (!next)
      break;
    if (Error error = runFirst(*next))
      return error;
  }
  return {};
}

Error Queues::step() {
  Queue *next = pick();
  return next ? runFirst(*next) : Error();
}

Error Queues::drain(const Queue &queue) {
  return runUntil([&] { return queue.operations.empty(); });
}

Error Queues::drainAll() {
  return runUntil([] { return false; });
}

Error Queues::waitFor(const Record &record) {
  return runUntil([&] { return record.isDone; });
}
