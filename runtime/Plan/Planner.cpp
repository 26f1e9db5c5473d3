//===- Planner.cpp - choice of the best memory plan -----------------------===//
#include "runtime/Plan/Planner.h"

#include "runtime/Plan/Placement.h"

#include <algorithm>
#include <queue>

using namespace cinch::plan;
using namespace cinch::plan::detail;

/// Beyond so many items without conflict lists only the heuristics that go by
/// start run: the others would take time that grows with the square.
static constexpr size_t maxQuadraticItems = 20000;

/// Sets the bounds and the number of conflicts by going over the sections once.
static void setBounds(Problem &problem) {
  std::vector<int64_t> bytes(problem.numSections + 1), padded(bytes),
      numEnding(bytes);
  for (const Item &item : problem.items) {
    bytes[item.first] += item.bytes;
    bytes[item.last + 1] -= item.bytes;
    padded[item.first] += item.padded;
    padded[item.last + 1] -= item.padded;
    ++numEnding[item.last + 1];
  }
  std::vector<int32_t> byFirst(problem.items.size());
  for (size_t i = 0; i < byFirst.size(); ++i)
    byFirst[i] = i;
  std::sort(byFirst.begin(), byFirst.end(), [&](int32_t a, int32_t b) {
    return problem.items[a].first < problem.items[b].first;
  });
  // The largest padding among the live items: (padding, last section).
  std::priority_queue<std::pair<int64_t, int32_t>> paddings;
  int64_t liveBytes = 0, livePadded = 0, numLive = 0;
  size_t next = 0;
  for (int32_t section = 0; section < problem.numSections; ++section) {
    liveBytes += bytes[section];
    livePadded += padded[section];
    numLive -= numEnding[section];
    for (;
         next < byFirst.size() && problem.items[byFirst[next]].first == section;
         ++next) {
      const Item &item = problem.items[byFirst[next]];
      paddings.push({item.padded - item.bytes, item.last});
      problem.numConflicts += numLive++;
    }
    while (!paddings.empty() && paddings.top().second < section)
      paddings.pop();
    int64_t padding = paddings.empty() ? 0 : paddings.top().first;
    problem.lowerBound = std::max(problem.lowerBound, liveBytes);
    problem.paddedBound = std::max(problem.paddedBound, livePadded - padding);
  }
}

std::optional<Problem> detail::makeProblem(const std::vector<Buffer> &buffers,
                                           int64_t alignment) {
  Problem problem;
  std::vector<int64_t> starts;
  int64_t sum = 0;
  for (size_t i = 0; i < buffers.size(); ++i) {
    int64_t bytes = buffers[i].bytes, padded;
    if (bytes <= 0)
      continue;
    if (__builtin_add_overflow(bytes, alignment - 1, &padded))
      return std::nullopt;
    padded &= -alignment;
    if (__builtin_add_overflow(sum, padded, &sum))
      return std::nullopt;
    starts.push_back(buffers[i].first);
    problem.items.push_back({0, 0, bytes, padded});
    problem.buffers.push_back(i);
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  problem.numSections = starts.size();
  for (size_t i = 0; i < problem.items.size(); ++i) {
    const Buffer &buffer = buffers[problem.buffers[i]];
    int64_t last = std::max(buffer.first, buffer.last);
    problem.items[i].first =
        std::lower_bound(starts.begin(), starts.end(), buffer.first) -
        starts.begin();
    problem.items[i].last =
        std::upper_bound(starts.begin(), starts.end(), last) - starts.begin() -
        1;
  }
  setBounds(problem);
  return problem;
}

Plan cinch::plan::makePlan(const std::vector<Buffer> &buffers,
                           const PlanOptions &options) {
  Plan plan;
  std::optional<Problem> problem = makeProblem(buffers, options.alignment);
  if (!problem) {
    plan.peak = INT64_MAX;
    return plan;
  }
  plan.offsets.assign(buffers.size(), 0);
  plan.lowerBound = problem->lowerBound;
  if (problem->items.empty()) {
    plan.proven = true;
    return plan;
  }

  Placer placer(*problem);
  Candidate best;
  for (Candidate &candidate : makeCandidates(*problem)) {
    bool isCheap = isByStart(candidate) || placer.hasConflictLists() ||
                   problem->items.size() <= maxQuadraticItems;
    if (!isCheap)
      continue;
    placer.place(candidate, isByStart(candidate));
    if (best.order.empty() || candidate.peak < best.peak)
      best = std::move(candidate);
    if (best.peak == problem->paddedBound)
      break;
  }
  plan.proven = best.peak == problem->paddedBound;
  if (!plan.proven && int64_t(problem->items.size()) <= options.exactUpTo)
    plan.proven = searchExactly(*problem, best, options.nodeLimit);
  const Candidate start = best;
  for (int64_t trial = 0; trial < options.searchTrials && !plan.proven;
       ++trial) {
    searchLocally(*problem, placer, start, trial, options.searchLimit, best);
    plan.proven = best.peak == problem->paddedBound;
  }

  for (size_t i = 0; i < problem->items.size(); ++i)
    plan.offsets[problem->buffers[i]] = best.offsets[i];
  plan.peak = best.peak;
  plan.method = best.method;
  return plan;
}
