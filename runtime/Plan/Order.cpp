//===- Order.cpp - order of steps with the lowest peak --------------------===//
#include "runtime/Plan/Order.h"

#include "runtime/Plan/OrderSearch.h"

#include <algorithm>
#include <numeric>

using namespace cinch::plan;
using namespace cinch::plan::detail;

//===----------------------------------------------------------------------===//
// Dependences
//===----------------------------------------------------------------------===//

/// The sorted predecessors of each step, each once.
static std::vector<std::vector<int32_t>>
getPredecessors(const std::vector<OrderStep> &steps,
                const std::vector<OrderValue> &values) {
  std::vector<std::vector<int32_t>> predecessors;
  predecessors.reserve(steps.size());
  for (const OrderStep &step : steps)
    predecessors.push_back(step.predecessors);
  for (const OrderValue &value : values)
    for (int32_t writer : value.writers)
      for (int32_t reader : value.readers)
        if (writer != reader)
          predecessors[std::max(writer, reader)].push_back(
              std::min(writer, reader));
  for (std::vector<int32_t> &list : predecessors) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return predecessors;
}

/// The ends (past the last step) of the parts into which the given order falls:
/// the last step of a part comes after all before it and before all after it in
/// every order.
static std::vector<int32_t>
getPartEnds(const std::vector<std::vector<int32_t>> &predecessors) {
  int32_t numSteps = predecessors.size();
  std::vector<int32_t> firstSuccessor(numSteps, numSteps), ends;
  for (int32_t step = numSteps; step-- > 0;)
    for (int32_t other : predecessors[step])
      firstSuccessor[other] = step;
  // The smallest, over all later steps, of the last predecessor.
  std::vector<int32_t> lastPredecessor(numSteps + 1, numSteps);
  for (int32_t step = numSteps; step-- > 0;)
    lastPredecessor[step] =
        std::min(lastPredecessor[step + 1],
                 predecessors[step].empty() ? -1 : predecessors[step].back());
  int32_t latest = 0;
  for (int32_t step = 0; step < numSteps; ++step) {
    if ((latest <= step && lastPredecessor[step + 1] >= step) ||
        step == numSteps - 1)
      ends.push_back(step + 1);
    latest = std::max(latest, firstSuccessor[step]);
  }
  return ends;
}

/// All parts, which go from the previous end to the next; their steps count
/// from 0.
static std::vector<OrderPart>
makeParts(const std::vector<OrderStep> &steps,
          const std::vector<OrderValue> &values,
          const std::vector<std::vector<int32_t>> &predecessors,
          const std::vector<int32_t> &ends) {
  std::vector<OrderPart> parts(ends.size());
  std::vector<int32_t> partOf, begins;
  int32_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    begins.push_back(begin);
    OrderPart &part = parts[i];
    int32_t size = ends[i] - begin;
    part.predecessors.resize(size);
    part.successors.resize(size);
    part.touched.resize(size);
    for (int32_t step = begin; step < ends[i]; ++step) {
      partOf.push_back(i);
      part.scratch.push_back(std::max<int64_t>(steps[step].scratchBytes, 0));
      for (int32_t other : predecessors[step]) {
        if (other < begin)
          continue; // has run whatever the order of this part
        part.predecessors[step - begin].push_back(other - begin);
        part.successors[other - begin].push_back(step - begin);
      }
    }
    begin = ends[i];
  }

  std::vector<int64_t> baseChanges(ends.size() + 1);
  for (const OrderValue &value : values) {
    std::vector<int32_t> users = value.writers;
    users.insert(users.end(), value.readers.begin(), value.readers.end());
    std::sort(users.begin(), users.end());
    users.erase(std::unique(users.begin(), users.end()), users.end());
    bool isInput = value.writers.empty();
    if (value.bytes <= 0 || (users.empty() && !(isInput && value.isPinned)))
      continue;
    int32_t first = isInput ? 0 : partOf[users.front()];
    int32_t last = value.isPinned ? ends.size() - 1 : partOf[users.back()];
    // Throughout the parts that do not use it, the value is just there.
    baseChanges[first] += value.bytes;
    baseChanges[last + 1] -= value.bytes;
    for (size_t i = 0; i < users.size();) {
      int32_t index = partOf[users[i]];
      OrderPart &part = parts[index];
      OrderPart::Value local{value.bytes, {}, isInput || i > 0, false};
      for (; i < users.size() && partOf[users[i]] == index; ++i) {
        local.users.push_back(users[i] - begins[index]);
        part.touched[local.users.back()].push_back(part.values.size());
      }
      local.isLiveToEnd = value.isPinned || i < users.size();
      part.values.push_back(std::move(local));
      part.base -= value.bytes;
    }
  }
  int64_t base = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    base += baseChanges[i];
    parts[i].base += base;
  }
  return parts;
}

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

/// The steps tried by a beam of width 1 that follows the given order.
static int64_t estimateWork(const OrderPart &part) {
  int64_t work = 0, numReady = 0;
  std::vector<int32_t> numWaiting;
  for (const std::vector<int32_t> &list : part.predecessors) {
    numWaiting.push_back(list.size());
    numReady += list.empty();
  }
  for (int32_t step = 0; step < part.size(); ++step) {
    // A set of steps is copied for every step that runs.
    work += numReady + part.size() / 512;
    --numReady;
    for (int32_t next : part.successors[step])
      numReady += --numWaiting[next] == 0;
  }
  return work;
}

/// Replaces `order`, of peak `peak`, by a better one if there is one. Peaks up
/// to `floor` are as good as `floor`. Returns true if none is better.
static bool improveOrder(const OrderPart &part, int64_t floor,
                         const OrderOptions &options, int64_t &workLeft,
                         std::vector<int32_t> &order, int64_t &peak) {
  OrderPart reversed = part.reverse();
  int64_t estimate = estimateWork(part);
  int64_t width = 1;
  for (int64_t wider : {4, 16})
    if (wider <= options.maxWidth && 2 * wider * estimate <= workLeft)
      width = wider;
  while (true) {
    int64_t used = 0;
    for (bool isReversed : {false, true}) {
      OrderSearchResult result =
          searchOrder(isReversed ? reversed : part, floor, peak, width);
      used += result.work;
      if (!result.order.empty() && result.peak < peak) {
        order = std::move(result.order);
        if (isReversed) {
          std::reverse(order.begin(), order.end());
          for (int32_t &step : order)
            step = part.size() - 1 - step;
        }
        peak = result.peak;
      }
      if (result.isExact || peak <= floor)
        return true;
    }
    workLeft -= used;
    // The next round costs at most as many times more as it is wider.
    if (width >= options.maxWidth || workLeft < 4 * used)
      return false;
    width = std::min(4 * width, options.maxWidth);
  }
}

Order cinch::plan::orderSteps(const std::vector<OrderStep> &steps,
                              const std::vector<OrderValue> &values,
                              const OrderOptions &options) {
  Order result;
  result.steps.resize(steps.size());
  std::iota(result.steps.begin(), result.steps.end(), 0);
  std::optional<int64_t> givenPeak = getOrderPeak(steps, values, result.steps);
  result.peak = result.givenPeak = givenPeak.value_or(INT64_MAX);
  if (!givenPeak || *givenPeak == INT64_MAX || steps.empty()) {
    result.proven = steps.empty();
    return result;
  }

  std::vector<std::vector<int32_t>> predecessors =
      getPredecessors(steps, values);
  std::vector<int32_t> ends = getPartEnds(predecessors);
  std::vector<OrderPart> parts = makeParts(steps, values, predecessors, ends);

  struct Ordered {
    std::vector<int32_t> order;
    int64_t peak;
    bool isBest = false;
  };
  std::vector<Ordered> ordered;
  for (const OrderPart &part : parts) {
    result.lowerBound = std::max(result.lowerBound, part.getLowerBound());
    std::vector<int32_t> order(part.size());
    std::iota(order.begin(), order.end(), 0);
    int64_t peak = part.getPeak(order);
    ordered.push_back({std::move(order), peak});
  }
  // The part with the highest peak first: the others only have to stay below
  // what is reached there.
  std::vector<size_t> byPeak(parts.size());
  std::iota(byPeak.begin(), byPeak.end(), 0);
  std::stable_sort(byPeak.begin(), byPeak.end(), [&](size_t a, size_t b) {
    return ordered[a].peak > ordered[b].peak;
  });
  int64_t floor = result.lowerBound, workLeft = options.workLimit;
  for (size_t index : byPeak) {
    Ordered &part = ordered[index];
    if (part.peak <= floor)
      break;
    part.isBest = improveOrder(parts[index], floor, options, workLeft,
                               part.order, part.peak) &&
                  part.peak > floor;
    floor = std::max(floor, part.peak);
  }

  result.peak = floor;
  result.proven = floor == result.lowerBound;
  std::vector<int32_t> reordered;
  for (const Ordered &part : ordered) {
    result.proven |= part.isBest && part.peak == floor;
    int32_t begin = reordered.size();
    for (int32_t step : part.order)
      reordered.push_back(begin + step);
  }
  if (result.peak < result.givenPeak)
    result.steps = std::move(reordered);
  return result;
}

//===----------------------------------------------------------------------===//
// Peak of an order
//===----------------------------------------------------------------------===//

std::optional<int64_t>
cinch::plan::getOrderPeak(const std::vector<OrderStep> &steps,
                          const std::vector<OrderValue> &values,
                          const std::vector<int32_t> &order) {
  int32_t numSteps = steps.size();
  std::vector<int32_t> positions(numSteps, -1);
  if (order.size() != steps.size())
    return std::nullopt;
  for (int32_t i = 0; i < numSteps; ++i) {
    if (order[i] < 0 || order[i] >= numSteps || positions[order[i]] >= 0)
      return std::nullopt;
    positions[order[i]] = i;
  }
  std::vector<std::vector<int32_t>> predecessors =
      getPredecessors(steps, values);
  int64_t sum = 0;
  bool isHuge = false;
  for (int32_t step = 0; step < numSteps; ++step) {
    for (int32_t other : predecessors[step])
      if (positions[other] >= positions[step])
        return std::nullopt;
    isHuge |= __builtin_add_overflow(
        sum, std::max<int64_t>(steps[step].scratchBytes, 0), &sum);
  }
  for (const OrderValue &value : values)
    isHuge |=
        __builtin_add_overflow(sum, std::max<int64_t>(value.bytes, 0), &sum);
  if (isHuge)
    return INT64_MAX;

  std::vector<int64_t> changes(numSteps + 1);
  for (const OrderValue &value : values) {
    int32_t first = value.writers.empty() ? 0 : numSteps;
    int32_t last = value.isPinned ? numSteps - 1 : -1;
    for (const std::vector<int32_t> *users : {&value.writers, &value.readers}) {
      for (int32_t user : *users) {
        first = std::min(first, positions[user]);
        last = std::max(last, positions[user]);
      }
    }
    if (first > last)
      continue; // nobody uses it
    changes[first] += std::max<int64_t>(value.bytes, 0);
    changes[last + 1] -= std::max<int64_t>(value.bytes, 0);
  }
  int64_t live = 0, peak = 0;
  for (int32_t i = 0; i < numSteps; ++i) {
    live += changes[i];
    peak = std::max(peak,
                    live + std::max<int64_t>(steps[order[i]].scratchBytes, 0));
  }
  return peak;
}
