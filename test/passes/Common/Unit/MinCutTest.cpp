//===- MinCutTest.cpp - a cheapest division of a graph in two -------------===//
#include "passes/Common/MinCut.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace cinch;

namespace {

struct TestEdge {
  unsigned from, to;
  int64_t capacity;
};

/// Capacity of the edges from the side of the source to the other.
int64_t getCost(const std::vector<TestEdge> &edges,
                const std::vector<bool> &side) {
  int64_t cost = 0;
  for (const TestEdge &edge : edges)
    if (side[edge.from] && !side[edge.to])
      cost += edge.capacity;
  return cost;
}

std::vector<bool> solve(unsigned numNodes, const std::vector<TestEdge> &edges) {
  MinCut cut;
  for (unsigned node = 2; node < numNodes; ++node)
    EXPECT_EQ(cut.addNode(), node);
  for (const TestEdge &edge : edges)
    cut.addEdge(edge.from, edge.to, edge.capacity);
  return cut.solve();
}

TEST(MinCut, CutsTheCheaperEdge) {
  EXPECT_EQ(solve(3, {{0, 2, 5}, {2, 1, 3}}),
            (std::vector<bool>{true, false, true}));
  EXPECT_EQ(solve(3, {{0, 2, 3}, {2, 1, 5}}),
            (std::vector<bool>{true, false, false}));
}

TEST(MinCut, LeavesNodesToTheSinkInATie) {
  EXPECT_EQ(solve(4, {{0, 2, 3}, {2, 3, 3}, {3, 1, 3}}),
            (std::vector<bool>{true, false, false, false}));
}

TEST(MinCut, KeepsWhatNothingCutsTogether) {
  EXPECT_EQ(solve(4, {{0, 2, 3}, {2, 3, MinCut::infinite}, {3, 1, 2}}),
            (std::vector<bool>{true, false, true, true}));
}

/// Against all divisions: the cost, and that no cheapest one has fewer nodes.
TEST(MinCut, IsCheapestOfRandomGraphs) {
  std::mt19937 random(7);
  constexpr unsigned numNodes = 8;
  for (unsigned graph = 0; graph < 200; ++graph) {
    std::vector<TestEdge> edges;
    for (unsigned i = 0; i < 20; ++i)
      edges.push_back({static_cast<unsigned>(random() % numNodes),
                       static_cast<unsigned>(random() % numNodes),
                       static_cast<int64_t>(random() % 5)});
    int64_t best = INT64_MAX;
    std::vector<bool> smallest;
    for (unsigned bits = 0; bits < 1u << numNodes; ++bits) {
      std::vector<bool> side;
      for (unsigned node = 0; node < numNodes; ++node)
        side.push_back(bits >> node & 1);
      if (!side[MinCut::source] || side[MinCut::sink])
        continue;
      int64_t cost = getCost(edges, side);
      if (cost < best ||
          (cost == best &&
           std::count(side.begin(), side.end(), true) <
               std::count(smallest.begin(), smallest.end(), true))) {
        best = cost;
        smallest = side;
      }
    }
    EXPECT_EQ(solve(numNodes, edges), smallest) << "graph " << graph;
  }
}

} // namespace
