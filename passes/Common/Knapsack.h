//===- Knapsack.h - one choice each within a budget -----------------------===//
#ifndef CINCH_PASSES_COMMON_KNAPSACK_H
#define CINCH_PASSES_COMMON_KNAPSACK_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cinch {

/// One way to store a layer, say in so many bits.
struct KnapsackOption {
  int64_t bytes; ///< not negative
  double loss;   ///< finite
};

struct KnapsackResult {
  std::vector<size_t> choices; ///< an option for each layer
  int64_t bytes = 0;
  double loss = 0;
  /// No choice has a smaller loss. Equal to `loss`, but for rounding, if
  /// `isOptimal`.
  double lowerBound = 0;
  bool isOptimal = true;
};

/// Chooses one option for each layer so that their bytes are at most
/// `budgetBytes` and the sum of losses is least (the multiple-choice knapsack
/// problem); among equal losses the fewest bytes. Layers are independent: the
/// loss of a choice is that of its layer alone. nullopt if even the smallest
/// options exceed the budget. Exact while fewer than `maxStates` sums of the
/// first layers are worth a try; else the most promising ones are kept, and the
/// result says what is proven. Source: Dyer, Kayal, Walker, "A branch and bound
/// algorithm for solving the multiple-choice knapsack problem", 1984: dynamic
/// programming over undominated sums, bounded by the linear relaxation.
std::optional<KnapsackResult>
solveKnapsack(const std::vector<std::vector<KnapsackOption>> &layers,
              int64_t budgetBytes, size_t maxStates = 1 << 16);

} // namespace cinch

#endif // CINCH_PASSES_COMMON_KNAPSACK_H
