//===- Knapsack.cpp - one choice each within a budget ---------------------===//
#include "passes/Common/Knapsack.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

using namespace cinch;

namespace {

/// A choice for the first layers.
struct State {
  int64_t bytes;
  double loss;
  uint32_t parent; ///< among the states of one layer less
  uint32_t option; ///< of the last layer
};

/// A step from an option of a layer to a larger one, on the lower convex hull
/// of its options.
struct Step {
  size_t layer, option;
  int64_t bytes;
  double gain; ///< the loss falls by it
  double getGainPerByte() const { return gain / static_cast<double>(bytes); }
};

class Solver {
public:
  Solver(const std::vector<std::vector<KnapsackOption>> &layers,
         int64_t budgetBytes, size_t maxStates)
      : layers(layers), budgetBytes(budgetBytes), maxStates(maxStates) {}
  std::optional<KnapsackResult> solve();

private:
  /// Numbers of the options of `layer` from few bytes to many, without those
  /// that another one is as good as.
  std::vector<uint32_t> getUndominated(size_t layer) const;
  void addSteps(size_t layer);
  /// Fills `greedy` step by step, the best first; returns what a byte more is
  /// worth.
  double fillGreedily();
  void sumBounds(double price);
  /// No completion of a choice for the layers before `next` has a smaller loss.
  double getBound(const State &state, size_t next) const;
  std::vector<State> extend(const std::vector<State> &states, size_t layer);
  KnapsackResult trace(const std::vector<std::vector<State>> &table) const;

  const std::vector<std::vector<KnapsackOption>> &layers;
  int64_t budgetBytes;
  size_t maxStates;

  std::vector<std::vector<uint32_t>> undominated; ///< by layer
  std::vector<Step> steps;
  KnapsackResult greedy;
  double tolerance = 0;            ///< of sums in different orders
  std::vector<int64_t> leastBytes; ///< of the layers from this one on
  /// For each price of a byte: it, and for the layers from each one on the sum
  /// of the least loss + price * bytes.
  std::vector<std::pair<double, std::vector<double>>> bounds;
  double droppedBound = std::numeric_limits<double>::infinity();
};

} // namespace

std::vector<uint32_t> Solver::getUndominated(size_t layer) const {
  const std::vector<KnapsackOption> &options = layers[layer];
  std::vector<uint32_t> order(options.size()), kept;
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<uint32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return options[a].bytes != options[b].bytes
               ? options[a].bytes < options[b].bytes
               : options[a].loss < options[b].loss;
  });
  for (uint32_t option : order)
    if (kept.empty() || options[option].loss < options[kept.back()].loss)
      kept.push_back(option);
  return kept;
}

void Solver::addSteps(size_t layer) {
  const std::vector<KnapsackOption> &options = layers[layer];
  std::vector<Step> hull;
  for (size_t i = 1; i < undominated[layer].size(); ++i) {
    uint32_t to = undominated[layer][i];
    // From the last option of the hull; steps that gain less per byte than the
    // one after them are no part of it.
    while (true) {
      uint32_t from = hull.empty() ? undominated[layer].front()
                                   : static_cast<uint32_t>(hull.back().option);
      Step step{layer, to, options[to].bytes - options[from].bytes,
                options[from].loss - options[to].loss};
      if (hull.empty() ||
          step.getGainPerByte() < hull.back().getGainPerByte()) {
        hull.push_back(step);
        break;
      }
      hull.pop_back();
    }
  }
  steps.insert(steps.end(), hull.begin(), hull.end());
}

double Solver::fillGreedily() {
  greedy.bytes = leastBytes.front();
  for (size_t layer = 0; layer < layers.size(); ++layer)
    greedy.choices.push_back(undominated[layer].front());
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step &a, const Step &b) {
                     return a.getGainPerByte() > b.getGainPerByte();
                   });
  std::vector<bool> isFull(layers.size());
  double price = 0;
  for (const Step &step : steps) {
    if (isFull[step.layer])
      continue;
    if (greedy.bytes + step.bytes > budgetBytes) {
      if (price == 0)
        price = step.getGainPerByte();
      isFull[step.layer] = true; // what follows starts from this option
      continue;
    }
    greedy.bytes += step.bytes;
    greedy.choices[step.layer] = step.option;
  }
  for (size_t layer = 0; layer < layers.size(); ++layer)
    greedy.loss += layers[layer][greedy.choices[layer]].loss;
  return price;
}

void Solver::sumBounds(double price) {
  std::vector<double> sums(layers.size() + 1);
  for (size_t layer = layers.size(); layer-- > 0;) {
    double least = std::numeric_limits<double>::infinity();
    for (const KnapsackOption &option : layers[layer])
      least = std::min(least,
                       option.loss + price * static_cast<double>(option.bytes));
    sums[layer] = sums[layer + 1] + least;
  }
  bounds.emplace_back(price, std::move(sums));
}

double Solver::getBound(const State &state, size_t next) const {
  auto left = static_cast<double>(budgetBytes - state.bytes);
  double bound = -std::numeric_limits<double>::infinity();
  for (const auto &[price, sums] : bounds)
    bound = std::max(bound, sums[next] - price * left);
  return state.loss + bound;
}

std::vector<State> Solver::extend(const std::vector<State> &states,
                                  size_t layer) {
  std::vector<State> next;
  for (size_t i = 0; i < states.size(); ++i)
    for (uint32_t option : undominated[layer]) {
      State state{states[i].bytes + layers[layer][option].bytes,
                  states[i].loss + layers[layer][option].loss,
                  static_cast<uint32_t>(i), option};
      if (state.bytes + leastBytes[layer + 1] <= budgetBytes &&
          getBound(state, layer + 1) <= greedy.loss + tolerance)
        next.push_back(state);
    }
  std::stable_sort(
      next.begin(), next.end(), [](const State &a, const State &b) {
        return a.bytes != b.bytes ? a.bytes < b.bytes : a.loss < b.loss;
      });
  size_t kept = 0;
  for (const State &state : next)
    if (kept == 0 || state.loss < next[kept - 1].loss)
      next[kept++] = state;
  next.resize(kept);
  if (kept <= maxStates)
    return next;
  std::stable_sort(next.begin(), next.end(),
                   [&](const State &a, const State &b) {
                     return getBound(a, layer + 1) < getBound(b, layer + 1);
                   });
  droppedBound = std::min(droppedBound, getBound(next[maxStates], layer + 1));
  next.resize(maxStates);
  return next;
}

KnapsackResult
Solver::trace(const std::vector<std::vector<State>> &table) const {
  const std::vector<State> &last = table.back();
  auto best = std::min_element(
      last.begin(), last.end(), [](const State &a, const State &b) {
        return a.loss != b.loss ? a.loss < b.loss : a.bytes < b.bytes;
      });
  if (best == last.end() || best->loss > greedy.loss)
    return greedy;
  KnapsackResult result;
  result.bytes = best->bytes;
  result.loss = best->loss;
  result.choices.resize(layers.size());
  State state = *best;
  for (size_t layer = layers.size(); layer-- > 0;) {
    result.choices[layer] = state.option;
    state = table[layer][state.parent];
  }
  return result;
}

std::optional<KnapsackResult> Solver::solve() {
  leastBytes.resize(layers.size() + 1);
  for (size_t layer = layers.size(); layer-- > 0;) {
    assert(!layers[layer].empty() && "a layer without options");
    int64_t least = layers[layer].front().bytes;
    double largest = 0;
    for (const KnapsackOption &option : layers[layer]) {
      assert(option.bytes >= 0 && std::isfinite(option.loss));
      least = std::min(least, option.bytes);
      largest = std::max(largest, std::fabs(option.loss));
    }
    leastBytes[layer] = leastBytes[layer + 1] + least;
    tolerance += 1e-12 * largest;
  }
  if (leastBytes.front() > budgetBytes)
    return std::nullopt;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    undominated.push_back(getUndominated(layer));
    addSteps(layer);
  }
  double price = fillGreedily();
  // That of the linear relaxation is the best one for all layers together;
  // others may be for the rest of them.
  for (double ratio : {0.25, 0.5, 1.0, 2.0, 4.0})
    sumBounds(price * ratio);
  std::vector<std::vector<State>> table{{State{0, 0, 0, 0}}};
  double relaxed = getBound(table.front().front(), 0);
  for (size_t layer = 0; layer < layers.size(); ++layer)
    table.push_back(extend(table.back(), layer));
  KnapsackResult result = trace(table);
  result.isOptimal = droppedBound >= result.loss - tolerance;
  result.lowerBound =
      result.isOptimal ? result.loss : std::max(relaxed, droppedBound);
  return result;
}

std::optional<KnapsackResult>
cinch::solveKnapsack(const std::vector<std::vector<KnapsackOption>> &layers,
                     int64_t budgetBytes, size_t maxStates) {
  return Solver(layers, budgetBytes, maxStates).solve();
}
