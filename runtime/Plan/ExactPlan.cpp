//===- ExactPlan.cpp - branch and bound for the memory plan ---------------===//
//
// Any plan can be pushed down until every item lies on another one or on the
// ground, and listed by (offset, index). The search builds such lists: the next
// item goes on top of what is placed in its sections, and offsets never fall.
//
//===----------------------------------------------------------------------===//
#include "runtime/Plan/Placement.h"

#include <algorithm>
#include <numeric>

using namespace cinch::plan;
using namespace cinch::plan::detail;

namespace {
class ExactSearch {
public:
  ExactSearch(const Problem &problem, Candidate &best, int64_t nodeLimit)
      : problem(problem), best(best), nodesLeft(nodeLimit),
        offsets(problem.items.size(), -1), tops(problem.numSections),
        remaining(problem.numSections), paddings(problem.numSections) {
    for (const Item &item : problem.items) {
      for (int32_t section = item.first; section <= item.last; ++section) {
        remaining[section] += item.padded;
        paddings[section] =
            std::max(paddings[section], item.padded - item.bytes);
      }
    }
  }

  bool run() {
    visit(0, -1, problem.items.size());
    return nodesLeft >= 0;
  }

private:
  struct Choice {
    int64_t offset;
    int32_t item;
  };

  void visit(int64_t level, int32_t previous, size_t numLeft);
  bool canImprove(int64_t level) const;
  std::vector<Choice> getChoices(int64_t level, int32_t previous) const;

  /// The lowest offset of `item` above everything placed in its life.
  int64_t getTop(const Item &item) const {
    return *std::max_element(tops.begin() + item.first,
                             tops.begin() + item.last + 1);
  }
  /// True if an item that is the same and has a smaller index is not placed.
  bool hasUnplacedTwin(int32_t index) const {
    const Item &item = problem.items[index];
    for (int32_t i = 0; i < index; ++i) {
      const Item &other = problem.items[i];
      if (offsets[i] < 0 && other.first == item.first &&
          other.last == item.last && other.bytes == item.bytes)
        return true;
    }
    return false;
  }

  const Problem &problem;
  Candidate &best;
  int64_t nodesLeft;
  std::vector<int64_t> offsets;   ///< of an item; -1: not placed
  std::vector<int64_t> tops;      ///< of a section: end of the highest item
  std::vector<int64_t> remaining; ///< of a section: bytes not yet placed
  std::vector<int64_t> paddings;  ///< of a section: the largest padding
};
} // namespace

/// False if what is not placed, above `level`, reaches the best peak anyway.
bool ExactSearch::canImprove(int64_t level) const {
  for (int32_t section = 0; section < problem.numSections; ++section)
    if (remaining[section] > 0 && std::max(tops[section], level) +
                                          remaining[section] -
                                          paddings[section] >=
                                      best.peak)
      return false;
  for (size_t i = 0; i < offsets.size(); ++i)
    if (offsets[i] < 0 &&
        std::max(getTop(problem.items[i]), level) + problem.items[i].bytes >=
            best.peak)
      return false;
  return true;
}

/// The items that can come next, the most promising first.
std::vector<ExactSearch::Choice>
ExactSearch::getChoices(int64_t level, int32_t previous) const {
  // An item that would still fit below an offset can be moved there from any
  // place above: offsets from here on up need not be tried.
  int64_t limit = INT64_MAX;
  std::vector<Choice> choices;
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] >= 0)
      continue;
    int64_t top = getTop(problem.items[i]);
    limit = std::min(limit, top + problem.items[i].padded);
    if (top > level || (top == level && int32_t(i) > previous))
      choices.push_back({top, int32_t(i)});
  }
  choices.erase(std::remove_if(choices.begin(), choices.end(),
                               [&](const Choice &choice) {
                                 return choice.offset >= limit ||
                                        hasUnplacedTwin(choice.item);
                               }),
                choices.end());
  std::stable_sort(
      choices.begin(), choices.end(), [&](const Choice &a, const Choice &b) {
        if (a.offset != b.offset)
          return a.offset < b.offset;
        return problem.items[a.item].padded > problem.items[b.item].padded;
      });
  return choices;
}

void ExactSearch::visit(int64_t level, int32_t previous, size_t numLeft) {
  if (numLeft == 0) {
    int64_t peak = 0;
    for (size_t i = 0; i < offsets.size(); ++i)
      peak = std::max(peak, offsets[i] + problem.items[i].bytes);
    if (peak >= best.peak)
      return;
    best.method = "exact";
    best.offsets = offsets;
    best.peak = peak;
    return;
  }
  if (--nodesLeft < 0 || !canImprove(level))
    return;
  for (const Choice &choice : getChoices(level, previous)) {
    const Item &item = problem.items[choice.item];
    std::vector<int64_t> saved(tops.begin() + item.first,
                               tops.begin() + item.last + 1);
    for (int32_t section = item.first; section <= item.last; ++section) {
      tops[section] = choice.offset + item.padded;
      remaining[section] -= item.padded;
    }
    offsets[choice.item] = choice.offset;
    visit(choice.offset, choice.item, numLeft - 1);
    offsets[choice.item] = -1;
    for (int32_t section = item.first; section <= item.last; ++section)
      remaining[section] += item.padded;
    std::copy(saved.begin(), saved.end(), tops.begin() + item.first);
    if (nodesLeft < 0 || best.peak == problem.paddedBound)
      return;
  }
}

bool detail::searchExactly(const Problem &problem, Candidate &best,
                           int64_t nodeLimit) {
  bool isComplete = ExactSearch(problem, best, nodeLimit).run();
  if (std::string(best.method) == "exact") {
    // So that a local search can go on from here: by offset, the order gives
    // this placement again or a lower one.
    std::iota(best.order.begin(), best.order.end(), 0);
    std::stable_sort(best.order.begin(), best.order.end(),
                     [&](int32_t a, int32_t b) {
                       return best.offsets[a] < best.offsets[b];
                     });
    best.fit = Fit::Lowest;
  }
  return isComplete || best.peak == problem.paddedBound;
}
