//===- Placement.h - parts of the planner (private) -----------------------===//
//
// The problem in the form in which the heuristics and the exact search see it,
// and the one routine that puts buffers into gaps in a given order. Only the
// sources and tests of the planner include this file.
//
//===----------------------------------------------------------------------===//
#ifndef CINCH_RUNTIME_PLAN_PLACEMENT_H
#define CINCH_RUNTIME_PLAN_PLACEMENT_H

#include "runtime/Plan/Planner.h"

#include <optional>

namespace cinch::plan::detail {

/// A buffer that takes room. Its lifetime is counted in sections: a section
/// begins where some buffer begins, so two buffers share a step exactly if they
/// share a section.
struct Item {
  int32_t first, last; ///< sections, inclusive
  int64_t bytes;
  int64_t padded; ///< bytes rounded up to the alignment
};

struct Problem {
  std::vector<Item> items;
  std::vector<size_t> buffers; ///< of an item: its index in the caller's list
  int32_t numSections = 0;
  int64_t numConflicts = 0; ///< pairs of items that share a section
  /// Largest sum of live bytes; with all live items but one padded. The second
  /// bound holds too: only the highest item can do without its padding.
  int64_t lowerBound = 0, paddedBound = 0;
};

/// nullopt if the padded sizes add up to more than 63 bits.
std::optional<Problem> makeProblem(const std::vector<Buffer> &buffers,
                                   int64_t alignment);

/// Where an item goes among the gaps that are large enough.
enum class Fit { Lowest, Smallest };

/// An order of items and the placement it gives.
struct Candidate {
  const char *method = "";
  Fit fit = Fit::Lowest;
  std::vector<int32_t> order;
  std::vector<int64_t> offsets; ///< one per item
  int64_t peak = 0;
};

/// Places the items of one problem one after the other.
class Placer {
public:
  explicit Placer(const Problem &problem);

  /// Fills offsets and peak of `candidate` from its order. If the order goes by
  /// first section, say so: what has ended is then forgotten on the way.
  void place(Candidate &candidate, bool isByStart = false);
  /// Conflicts of each item are kept in lists, so that `place` costs about
  /// numConflicts; else it costs the square of the number of items.
  bool hasConflictLists() const { return !neighbourEnds.empty(); }

private:
  struct Span {
    int64_t begin, end;
    int32_t first, last; // of the item
  };

  const Problem &problem;
  std::vector<int32_t> neighbours;    ///< of all items, one after the other
  std::vector<int64_t> neighbourEnds; ///< of an item: past its last neighbour
  std::vector<Span> spans;
};

/// The heuristics, in the order in which ties are decided; `method` is one of
/// greedy-by-size, greedy-by-breadth, first-fit, best-fit, greedy-by-area.
std::vector<Candidate> makeCandidates(const Problem &problem);
bool isByStart(const Candidate &candidate);

/// Moves the items of `start` that reach the peak to the front of the order,
/// and so on, for a plan better than `best`. The same `seed` makes the same
/// moves; ends after `limit` conflicts.
void searchLocally(const Problem &problem, Placer &placer,
                   const Candidate &start, uint32_t seed, int64_t limit,
                   Candidate &best);

/// Branch and bound over placements in order of offset. Replaces `best` by any
/// better one; true if the result is proven to be the optimum within
/// `nodeLimit` nodes.
bool searchExactly(const Problem &problem, Candidate &best, int64_t nodeLimit);

} // namespace cinch::plan::detail

#endif // CINCH_RUNTIME_PLAN_PLACEMENT_H
