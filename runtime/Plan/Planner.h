//===- Planner.h - static memory plan -------------------------------------===//
//
// Places buffers with known lifetimes in one arena (dynamic storage
// allocation). Several heuristics run and the best result is kept; small cases
// are solved exactly. MLIR-free: the runtime plans with it when a new size of
// an unbounded dimension first arrives.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_PLAN_PLANNER_H
#define CINCH_RUNTIME_PLAN_PLANNER_H

#include <cstdint>
#include <string>
#include <vector>

namespace cinch::plan {

/// A buffer that is live in the program steps [first, last], inclusive.
struct Buffer {
  int64_t first = 0, last = 0;
  int64_t bytes = 0; ///< >= 0; a buffer of 0 bytes takes no room
};

struct Plan {
  std::vector<int64_t>
      offsets;            ///< bytes, one per buffer, multiples of alignment
  int64_t peak = 0;       ///< end of the highest buffer, bytes
  int64_t lowerBound = 0; ///< largest sum of live bytes over all steps
  bool proven = false;    ///< peak is known to be the optimum
  std::string method;     ///< the heuristic that won, or "exact"
};

/// How hard `makePlan` tries.
struct PlanOptions {
  int64_t alignment = 64;     ///< power of two
  int64_t exactUpTo = 24;     ///< branch and bound for at most so many buffers
  int64_t nodeLimit = 200000; ///< of the branch and bound
  /// Pairs of buffers that one local search may compare; 0 leaves it out. It
  /// stops as soon as the lower bound is reached.
  int64_t searchLimit = 5000000;
  int64_t searchTrials = 1; ///< local searches, each with other moves
};

/// Returns offsets such that buffers alive at the same step never overlap. The
/// same buffers and options give the same plan on every machine: limits count
/// work, not time. A buffer with `last < first` is planned as if it lived in
/// the step `first`. If the sizes add up to more than 63 bits, the plan has no
/// offsets and the peak INT64_MAX.
///
/// Sources: greedy-by-size and greedy-by-breadth from Efficient Memory
/// Management for Deep Neural Net Inference (2020), algorithms 2 and 3, the gap
/// chosen being the smallest that fits; the dominance rule of the exact search
/// from MiniMalloc (2023), section 4.
Plan makePlan(const std::vector<Buffer> &buffers,
              const PlanOptions &options = {});

/// Replays `plan` step by step; returns an empty string, or what is wrong
/// (overlap of two live buffers, misaligned or negative offset, wrong peak).
std::string checkPlan(const std::vector<Buffer> &buffers, const Plan &plan,
                      const PlanOptions &options = {});

} // namespace cinch::plan

#endif // CINCH_RUNTIME_PLAN_PLANNER_H
