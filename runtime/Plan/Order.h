//===- Order.h - order of steps with the lowest peak ----------------------===//
//
// Orders the steps of a program so that the values alive at the same time take
// as little room as possible. Only lifetimes are seen: a plan (Planner.h) can
// need more than the peak given here, because of gaps, but not less.
//
// Source: exact search over the sets of steps that have run (one set per
// antichain of the graph), as in Ordering Chaos: Memory-Aware Scheduling of
// Irregularly Wired Neural Networks for Edge Devices (2020), section 3. The
// graph is split at steps through which everything passes. Where too many sets
// arise, a beam of the best is kept, once forwards and once backwards in time.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_PLAN_ORDER_H
#define CINCH_RUNTIME_PLAN_ORDER_H

#include <cstdint>
#include <optional>
#include <vector>

namespace cinch::plan {

/// A step of the program. Steps are named by their index, and their indices are
/// the given order: predecessors have smaller ones.
struct OrderStep {
  std::vector<int32_t> predecessors; ///< beside those that `OrderValue` implies
  int64_t scratchBytes = 0;          ///< needed only while the step runs
};

/// A piece of memory that steps share: one slot after aliases were merged. A
/// writer and a reader of it keep the order in which they were given (so a step
/// that overwrites a value stays behind the readers of the old one); two
/// writers are free (they fill different parts) unless both also read. It is
/// live from the first of its steps to the last, inclusive.
struct OrderValue {
  int64_t bytes = 0;            ///< below 0 counts as 0
  std::vector<int32_t> writers; ///< none: live from the start, as an input is
  std::vector<int32_t> readers;
  bool isPinned = false; ///< live until the end, as an output is
};

/// How hard `orderSteps` tries.
struct OrderOptions {
  int64_t maxWidth = 4096; ///< sets of steps kept at a time
  /// Steps tried, all sets together: about 0.1 microseconds each.
  int64_t workLimit = 5000000;
};

struct Order {
  std::vector<int32_t> steps; ///< every step once, in the new order
  int64_t peak = 0;           ///< bytes, of the new order
  int64_t givenPeak = 0;      ///< bytes, of the given order
  int64_t lowerBound = 0;     ///< bytes; no order is below
  bool proven = false;        ///< peak is known to be the optimum
};

/// The order found with the lowest peak; the given order if none is lower, and
/// steps that do not matter for the peak stay as they were given among
/// themselves. The same input gives the same order on every machine: limits
/// count work, not time. Indices must be valid and predecessors smaller than
/// their step. If all sizes add up to more than 63 bits, the given order is
/// returned with the peaks INT64_MAX.
Order orderSteps(const std::vector<OrderStep> &steps,
                 const std::vector<OrderValue> &values,
                 const OrderOptions &options = {});

/// The peak in bytes of running `order`; nullopt if that is not an order of all
/// steps that respects their dependences.
std::optional<int64_t> getOrderPeak(const std::vector<OrderStep> &steps,
                                    const std::vector<OrderValue> &values,
                                    const std::vector<int32_t> &order);

} // namespace cinch::plan

#endif // CINCH_RUNTIME_PLAN_ORDER_H
