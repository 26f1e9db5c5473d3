//===- MinCut.h - a cheapest division of a graph in two -------------------===//
#ifndef CINCH_PASSES_COMMON_MINCUT_H
#define CINCH_PASSES_COMMON_MINCUT_H

#include <cstdint>
#include <vector>

namespace cinch {

/// Divides the nodes of a directed graph so that the edges from the side of the
/// source to that of the sink have the least capacity. One solution per object.
class MinCut {
public:
  static constexpr unsigned source = 0, sink = 1;
  /// Of an edge that is never cut; sums of other capacities must be below.
  static constexpr int64_t infinite = INT64_MAX / 4;

  MinCut() : edgesOf(2) {}
  unsigned addNode();
  /// `capacity` is not negative.
  void addEdge(unsigned from, unsigned to, int64_t capacity);
  /// For each node whether it is on the side of the source: of all cheapest
  /// divisions the one with the fewest such nodes.
  std::vector<bool> solve();

private:
  struct Edge {
    unsigned to;
    int64_t capacity; ///< what is left of it; edge i ^ 1 is the reverse
  };
  /// The edge by which each node is reached from the source first; noEdge if
  /// none.
  std::vector<unsigned> search() const;

  static constexpr unsigned noEdge = ~0u;
  std::vector<Edge> edges;
  std::vector<std::vector<unsigned>> edgesOf;
};

} // namespace cinch

#endif // CINCH_PASSES_COMMON_MINCUT_H
