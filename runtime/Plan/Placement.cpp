//===- Placement.cpp - heuristics for the memory plan ---------------------===//
#include "runtime/Plan/Placement.h"

#include <algorithm>
#include <numeric>
#include <random>

using namespace cinch::plan;
using namespace cinch::plan::detail;

/// Conflict lists take 8 bytes per conflict.
static constexpr int64_t maxListedConflicts = 4 << 20;

//===----------------------------------------------------------------------===//
// Placing in a given order
//===----------------------------------------------------------------------===//

Placer::Placer(const Problem &problem) : problem(problem) {
  if (problem.numConflicts > maxListedConflicts)
    return;
  // Items that start in or before a section and have not ended, section by
  // section; twice: to count, then to fill.
  size_t numItems = problem.items.size();
  std::vector<int32_t> byFirst(numItems), live;
  std::iota(byFirst.begin(), byFirst.end(), 0);
  std::stable_sort(byFirst.begin(), byFirst.end(), [&](int32_t a, int32_t b) {
    return problem.items[a].first < problem.items[b].first;
  });
  auto forEachConflict = [&](auto visit) {
    live.clear();
    for (int32_t item : byFirst) {
      int32_t section = problem.items[item].first;
      live.erase(std::remove_if(live.begin(), live.end(),
                                [&](int32_t other) {
                                  return problem.items[other].last < section;
                                }),
                 live.end());
      for (int32_t other : live)
        visit(item, other);
      live.push_back(item);
    }
  };
  std::vector<int64_t> counts(numItems + 1);
  forEachConflict([&](int32_t a, int32_t b) {
    ++counts[a + 1];
    ++counts[b + 1];
  });
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
  neighbours.resize(counts.back());
  neighbourEnds.assign(counts.begin(), counts.end() - 1);
  forEachConflict([&](int32_t a, int32_t b) {
    neighbours[neighbourEnds[a]++] = b;
    neighbours[neighbourEnds[b]++] = a;
  });
}

void Placer::place(Candidate &candidate, bool isByStart) {
  const std::vector<Item> &items = problem.items;
  candidate.offsets.assign(items.size(), -1);
  candidate.peak = 0;
  spans.clear();
  auto isBelow = [](const Span &a, const Span &b) { return a.begin < b.begin; };
  bool useLists = hasConflictLists();

  for (int32_t index : candidate.order) {
    const Item &item = items[index];
    if (useLists) {
      spans.clear();
      int64_t begin = index == 0 ? 0 : neighbourEnds[index - 1];
      for (int64_t i = begin; i < neighbourEnds[index]; ++i) {
        int32_t other = neighbours[i];
        int64_t offset = candidate.offsets[other];
        if (offset >= 0)
          spans.push_back({offset, offset + items[other].padded,
                           items[other].first, items[other].last});
      }
      std::sort(spans.begin(), spans.end(), isBelow);
    } else if (isByStart) {
      spans.erase(std::remove_if(
                      spans.begin(), spans.end(),
                      [&](const Span &span) { return span.last < item.first; }),
                  spans.end());
    }

    int64_t end = 0, offset = -1, smallest = INT64_MAX;
    for (const Span &span : spans) {
      if (!useLists && (span.last < item.first || item.last < span.first))
        continue;
      int64_t gap = span.begin - end;
      if (gap >= item.padded && gap < smallest) {
        smallest = gap;
        offset = end;
        if (candidate.fit == Fit::Lowest)
          break;
      }
      end = std::max(end, span.end);
    }
    if (offset < 0)
      offset = end;
    candidate.offsets[index] = offset;
    candidate.peak = std::max(candidate.peak, offset + item.bytes);
    if (!useLists) {
      Span span{offset, offset + item.padded, item.first, item.last};
      spans.insert(std::upper_bound(spans.begin(), spans.end(), span, isBelow),
                   span);
    }
  }
}

//===----------------------------------------------------------------------===//
// Orders
//===----------------------------------------------------------------------===//

/// For each item the rank of the widest section of its life, 0 for the section
/// with the most live bytes of all.
static std::vector<int32_t> getBreadthRanks(const Problem &problem) {
  std::vector<int64_t> live(problem.numSections + 1);
  for (const Item &item : problem.items) {
    live[item.first] += item.bytes;
    live[item.last + 1] -= item.bytes;
  }
  std::partial_sum(live.begin(), live.end(), live.begin());
  std::vector<int32_t> sections(problem.numSections);
  std::iota(sections.begin(), sections.end(), 0);
  std::stable_sort(sections.begin(), sections.end(),
                   [&](int32_t a, int32_t b) { return live[a] > live[b]; });
  // Minimum over a range: level k holds the minima of 2^k sections.
  std::vector<std::vector<int32_t>> levels(1);
  levels[0].resize(problem.numSections);
  for (int32_t rank = 0; rank < problem.numSections; ++rank)
    levels[0][sections[rank]] = rank;
  for (size_t width = 1; 2 * width <= levels[0].size(); width *= 2) {
    const std::vector<int32_t> &below = levels.back();
    std::vector<int32_t> level(below.size() - width);
    for (size_t i = 0; i < level.size(); ++i)
      level[i] = std::min(below[i], below[i + width]);
    levels.push_back(std::move(level));
  }
  std::vector<int32_t> ranks;
  for (const Item &item : problem.items) {
    int32_t length = item.last - item.first + 1;
    int32_t level = 31 - __builtin_clz(length);
    ranks.push_back(std::min(levels[level][item.first],
                             levels[level][item.last + 1 - (1 << level)]));
  }
  return ranks;
}

std::vector<Candidate> detail::makeCandidates(const Problem &problem) {
  const std::vector<Item> &items = problem.items;
  std::vector<int32_t> bySize(items.size());
  std::iota(bySize.begin(), bySize.end(), 0);
  std::stable_sort(bySize.begin(), bySize.end(), [&](int32_t a, int32_t b) {
    return items[a].bytes > items[b].bytes;
  });
  // The other orders are stable refinements: ties go by size, then by index.
  std::vector<int32_t> byBreadth = bySize, byStart = bySize, byArea = bySize;
  std::vector<int32_t> ranks = getBreadthRanks(problem);
  std::stable_sort(byBreadth.begin(), byBreadth.end(),
                   [&](int32_t a, int32_t b) { return ranks[a] < ranks[b]; });
  std::stable_sort(byStart.begin(), byStart.end(), [&](int32_t a, int32_t b) {
    return items[a].first < items[b].first;
  });
  auto getArea = [&](int32_t index) {
    const Item &item = items[index];
    return __int128(item.padded) * (item.last - item.first + 1);
  };
  std::stable_sort(byArea.begin(), byArea.end(), [&](int32_t a, int32_t b) {
    return getArea(a) > getArea(b);
  });
  return {{"greedy-by-size", Fit::Smallest, bySize},
          {"greedy-by-breadth", Fit::Smallest, byBreadth},
          {"first-fit", Fit::Lowest, byStart},
          {"best-fit", Fit::Smallest, byStart},
          {"greedy-by-area", Fit::Lowest, byArea}};
}

bool detail::isByStart(const Candidate &candidate) {
  std::string method = candidate.method;
  return method == "first-fit" || method == "best-fit";
}

//===----------------------------------------------------------------------===//
// Local search
//===----------------------------------------------------------------------===//

void detail::searchLocally(const Problem &problem, Placer &placer,
                           const Candidate &start, uint32_t seed, int64_t limit,
                           Candidate &best) {
  int64_t numItems = problem.items.size();
  int64_t cost =
      numItems + (placer.hasConflictLists() ? 2 * problem.numConflicts
                                            : numItems * numItems / 2);
  // The standard fixes what this generator returns, but not what the
  // distributions make of it.
  std::mt19937 random(seed);
  Candidate current = start;
  for (int64_t work = cost; work <= limit && best.peak > problem.paddedBound;
       work += cost) {
    std::vector<int32_t> atPeak; // positions in the order
    for (int64_t i = 0; i < numItems; ++i) {
      int32_t item = current.order[i];
      if (current.offsets[item] + problem.items[item].bytes == current.peak)
        atPeak.push_back(i);
    }
    // Mostly an item at the peak, sometimes any: else the search gets stuck.
    int64_t from = random() % 4 != 0 ? atPeak[random() % atPeak.size()]
                                     : random() % numItems;
    int64_t to = from == 0 ? random() % numItems : random() % from;
    Candidate next{"local-search", current.fit, current.order, {}, 0};
    auto begin = next.order.begin();
    if (to < from)
      std::rotate(begin + to, begin + from, begin + from + 1);
    else
      std::rotate(begin + from, begin + from + 1, begin + to + 1);
    placer.place(next);
    if (next.peak > current.peak)
      continue;
    current = std::move(next);
    if (current.peak < best.peak)
      best = current;
  }
}
