//===- OrderSearch.h - beam search for one part of a program (private) ----===//
#ifndef CINCH_RUNTIME_PLAN_ORDERSEARCH_H
#define CINCH_RUNTIME_PLAN_ORDERSEARCH_H

#include <cstdint>
#include <optional>
#include <vector>

namespace cinch::plan::detail {

/// A part of the program that is ordered by itself. Time can be turned round:
/// edges are reversed, and what was live from the start is live to the end.
struct OrderPart {
  struct Value {
    int64_t bytes;
    std::vector<int32_t> users; ///< steps of the part, ascending, each once
    bool isLiveFromStart, isLiveToEnd;
  };

  int64_t base = 0; ///< bytes live throughout, not in `values`
  std::vector<Value> values;
  // Of each step:
  std::vector<std::vector<int32_t>> predecessors, successors;
  std::vector<std::vector<int32_t>> touched; ///< values it uses
  std::vector<int64_t> scratch;

  int32_t size() const { return int32_t(scratch.size()); }
  /// The part with time turned round; step i becomes size() - 1 - i.
  OrderPart reverse() const;
  /// The peak of `order`, a permutation that respects the predecessors.
  int64_t getPeak(const std::vector<int32_t> &order) const;
  /// No order of the part has a lower peak.
  int64_t getLowerBound() const;
};

struct OrderSearchResult {
  /// The best order found whose peak is below `mustBeat`; may be empty.
  std::vector<int32_t> order;
  int64_t peak = 0;
  /// Nothing was left out: no order is better than what was found (or, if none
  /// was, than `mustBeat`), except below `floor`.
  bool isExact = false;
  int64_t work = 0; ///< steps tried
};

/// Searches for an order of `part` with a peak below `mustBeat`, keeping
/// `width` sets of steps. Peaks up to `floor` count as equally good.
OrderSearchResult searchOrder(const OrderPart &part, int64_t floor,
                              int64_t mustBeat, int64_t width);

} // namespace cinch::plan::detail

#endif // CINCH_RUNTIME_PLAN_ORDERSEARCH_H
