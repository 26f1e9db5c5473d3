//===- OrderSearch.cpp - beam search for one part of a program ------------===//
#include "runtime/Plan/OrderSearch.h"

#include <algorithm>
#include <unordered_map>

using namespace cinch::plan::detail;

/// Of one set, only so many steps that could come next are tried: half of them
/// those that have been ready for longest, half those that became ready last,
/// which often consume what was just produced.
static constexpr size_t maxCandidates = 256;

//===----------------------------------------------------------------------===//
// The part
//===----------------------------------------------------------------------===//

OrderPart OrderPart::reverse() const {
  int32_t last = size() - 1;
  auto turn = [&](std::vector<int32_t> list) {
    for (int32_t &step : list)
      step = last - step;
    std::sort(list.begin(), list.end());
    return list;
  };
  OrderPart result;
  result.base = base;
  for (const Value &value : values)
    result.values.push_back({value.bytes, turn(value.users), value.isLiveToEnd,
                             value.isLiveFromStart});
  for (int32_t step = last; step >= 0; --step) {
    result.predecessors.push_back(turn(successors[step]));
    result.successors.push_back(turn(predecessors[step]));
    result.touched.push_back(touched[step]);
    result.scratch.push_back(scratch[step]);
  }
  return result;
}

int64_t OrderPart::getPeak(const std::vector<int32_t> &order) const {
  std::vector<int32_t> positions(size());
  for (int32_t i = 0; i < size(); ++i)
    positions[order[i]] = i;
  std::vector<int64_t> changes(size() + 1);
  for (const Value &value : values) {
    int32_t first = value.isLiveFromStart ? 0 : size();
    int32_t last = value.isLiveToEnd ? size() - 1 : -1;
    for (int32_t user : value.users) {
      first = std::min(first, positions[user]);
      last = std::max(last, positions[user]);
    }
    changes[first] += value.bytes;
    changes[last + 1] -= value.bytes;
  }
  int64_t live = base, peak = base;
  for (int32_t i = 0; i < size(); ++i) {
    live += changes[i];
    peak = std::max(peak, live + scratch[order[i]]);
  }
  return peak;
}

int64_t OrderPart::getLowerBound() const {
  // A step needs what it touches, the first step also all that is live from the
  // start, the last all that is live to the end.
  int64_t start = 0, end = 0, always = 0, peak = 0;
  for (const Value &value : values) {
    start += value.isLiveFromStart ? value.bytes : 0;
    end += value.isLiveToEnd ? value.bytes : 0;
    if (value.isLiveFromStart && value.isLiveToEnd)
      always += value.bytes;
  }
  peak = std::max(start, end);
  for (int32_t step = 0; step < size(); ++step) {
    int64_t need = scratch[step] + always;
    for (int32_t index : touched[step])
      if (!(values[index].isLiveFromStart && values[index].isLiveToEnd))
        need += values[index].bytes;
    peak = std::max(peak, need);
  }
  return base + peak;
}

//===----------------------------------------------------------------------===//
// The search
//===----------------------------------------------------------------------===//

namespace {
/// A set of steps that have run: closed under predecessors. The bytes live
/// after them depend on the set alone, the peak on the order.
struct State {
  std::vector<uint64_t> done;
  std::vector<int32_t> ready; ///< in the order in which they became ready
  int64_t live, peak;
  uint64_t hash;

  bool has(int32_t step) const { return done[step / 64] >> (step % 64) & 1; }
};

/// A state with one step more.
struct Candidate {
  int64_t peak, live;
  int32_t parent, step;
  uint64_t hash;
};

/// How a state was reached.
struct Link {
  int32_t parent, step;
};

class Search {
public:
  Search(const OrderPart &part, int64_t floor, int64_t mustBeat, int64_t width)
      : part(part), floor(floor), mustBeat(mustBeat), width(width) {}

  OrderSearchResult run();

private:
  Candidate getCandidate(const State &state, int32_t parent,
                         int32_t step) const;
  void expand(int32_t parent);
  void selectCandidates();
  bool isSameSet(const Candidate &a, const Candidate &b) const;
  State makeState(const Candidate &candidate) const;

  const OrderPart &part;
  int64_t floor, mustBeat, width;
  std::vector<State> states;
  std::vector<Candidate> candidates;
  OrderSearchResult result;
};
} // namespace

/// A fixed random number for each step (splitmix64); a set's hash is their sum.
static uint64_t getStepHash(int32_t step) {
  uint64_t x = (uint64_t(step) + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

Candidate Search::getCandidate(const State &state, int32_t parent,
                               int32_t step) const {
  int64_t begun = 0, ended = 0;
  for (int32_t index : part.touched[step]) {
    const OrderPart::Value &value = part.values[index];
    bool isBegun = value.isLiveFromStart ||
                   std::any_of(value.users.begin(), value.users.end(),
                               [&](int32_t user) { return state.has(user); });
    begun += isBegun ? 0 : value.bytes;
    // From the back: what is missing is mostly late.
    bool isEnded = !value.isLiveToEnd &&
                   std::all_of(value.users.rbegin(), value.users.rend(),
                               [&](int32_t user) {
                                 return user == step || state.has(user);
                               });
    ended += isEnded ? value.bytes : 0;
  }
  return {std::max(state.peak, state.live + begun + part.scratch[step]),
          state.live + begun - ended, parent, step,
          state.hash + getStepHash(step)};
}

/// Appends what can follow the state `parent`.
void Search::expand(int32_t parent) {
  const State &state = states[parent];
  size_t first = candidates.size();
  size_t numTried = std::min(state.ready.size(), maxCandidates);
  result.isExact &= numTried == state.ready.size();
  for (size_t i = 0; i < numTried; ++i) {
    ++result.work;
    int32_t step = i < (numTried + 1) / 2
                       ? state.ready[i]
                       : state.ready[state.ready.size() - numTried + i];
    Candidate candidate = getCandidate(state, parent, step);
    if (candidate.peak >= mustBeat)
      continue;
    candidates.push_back(candidate);
    // A step that raises neither the peak nor what is live can run at once:
    // later it would free no more than it frees for all the others now.
    if (candidate.peak == state.peak && candidate.live <= state.live) {
      candidates.erase(candidates.begin() + first, candidates.end() - 1);
      return;
    }
  }
}

bool Search::isSameSet(const Candidate &a, const Candidate &b) const {
  if (a.hash != b.hash)
    return false;
  const State &x = states[a.parent], &y = states[b.parent];
  for (size_t word = 0; word < x.done.size(); ++word) {
    uint64_t left = x.done[word], right = y.done[word];
    if (size_t(a.step / 64) == word)
      left |= uint64_t(1) << (a.step % 64);
    if (size_t(b.step / 64) == word)
      right |= uint64_t(1) << (b.step % 64);
    if (left != right)
      return false;
  }
  return true;
}

/// Sorts the candidates, the best first, drops those that reach the same set in
/// a worse way, and those beyond the width.
void Search::selectCandidates() {
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate &a, const Candidate &b) {
              if (a.peak != b.peak)
                return a.peak < b.peak;
              if (a.live != b.live)
                return a.live < b.live;
              if (a.parent != b.parent)
                return a.parent < b.parent;
              return a.step < b.step;
            });
  std::unordered_multimap<uint64_t, size_t>
      seen; // only looked up, never walked
  size_t numKept = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    auto range = seen.equal_range(candidates[i].hash);
    if (std::any_of(range.first, range.second, [&](const auto &entry) {
          return isSameSet(candidates[i], candidates[entry.second]);
        }))
      continue;
    if (int64_t(numKept) == width) {
      result.isExact = false;
      break;
    }
    seen.emplace(candidates[i].hash, numKept);
    candidates[numKept++] = candidates[i];
  }
  candidates.resize(numKept);
}

State Search::makeState(const Candidate &candidate) const {
  State state = states[candidate.parent];
  int32_t step = candidate.step;
  state.done[step / 64] |= uint64_t(1) << (step % 64);
  state.live = candidate.live;
  state.peak = candidate.peak;
  state.hash = candidate.hash;
  state.ready.erase(std::find(state.ready.begin(), state.ready.end(), step));
  for (int32_t next : part.successors[step]) {
    const std::vector<int32_t> &needed = part.predecessors[next];
    if (std::all_of(needed.begin(), needed.end(),
                    [&](int32_t other) { return state.has(other); }))
      state.ready.push_back(next);
  }
  return state;
}

OrderSearchResult Search::run() {
  result.isExact = true;
  State start{
      std::vector<uint64_t>((part.size() + 63) / 64), {}, part.base, floor, 0};
  for (const OrderPart::Value &value : part.values)
    start.live += value.isLiveFromStart ? value.bytes : 0;
  for (int32_t step = 0; step < part.size(); ++step)
    if (part.predecessors[step].empty())
      start.ready.push_back(step);
  states.push_back(std::move(start));

  std::vector<std::vector<Link>> links;
  for (int32_t numDone = 0; numDone < part.size(); ++numDone) {
    candidates.clear();
    for (size_t i = 0; i < states.size(); ++i)
      expand(i);
    selectCandidates();
    if (candidates.empty())
      return result; // nothing beats `mustBeat`
    std::vector<State> next;
    std::vector<Link> level;
    for (const Candidate &candidate : candidates) {
      next.push_back(makeState(candidate));
      level.push_back({candidate.parent, candidate.step});
    }
    states = std::move(next);
    links.push_back(std::move(level));
  }
  result.order.resize(part.size());
  int32_t state = 0;
  for (int32_t i = part.size(); i-- > 0;) {
    result.order[i] = links[i][state].step;
    state = links[i][state].parent;
  }
  result.peak = part.getPeak(result.order);
  return result;
}

OrderSearchResult cinch::plan::detail::searchOrder(const OrderPart &part,
                                                   int64_t floor,
                                                   int64_t mustBeat,
                                                   int64_t width) {
  return Search(part, floor, mustBeat, width).run();
}
