//===- MinCut.cpp - a cheapest division of a graph in two -----------------===//
//
// Augments shortest paths (Edmonds and Karp, "Theoretical Improvements in
// Algorithmic Efficiency for Network Flow Problems", 1972). A search visits
// only what the source reaches, which is little of most graphs here.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/MinCut.h"
#include <algorithm>

using namespace cinch;

unsigned MinCut::addNode() {
  edgesOf.emplace_back();
  return edgesOf.size() - 1;
}

void MinCut::addEdge(unsigned from, unsigned to, int64_t capacity) {
  edgesOf[from].push_back(edges.size());
  edges.push_back({to, capacity});
  edgesOf[to].push_back(edges.size());
  edges.push_back({from, 0});
}

std::vector<unsigned> MinCut::search() const {
  std::vector<unsigned> reachedBy(edgesOf.size(), noEdge), queue = {source};
  for (size_t next = 0; next < queue.size(); ++next)
    for (unsigned number : edgesOf[queue[next]]) {
      const Edge &edge = edges[number];
      if (edge.capacity == 0 || edge.to == source ||
          reachedBy[edge.to] != noEdge)
        continue;
      reachedBy[edge.to] = number;
      queue.push_back(edge.to);
    }
  return reachedBy;
}

std::vector<bool> MinCut::solve() {
  std::vector<unsigned> reachedBy = search();
  while (reachedBy[sink] != noEdge) {
    auto forEachEdge = [&](auto visit) {
      for (unsigned node = sink; node != source;
           node = edges[reachedBy[node] ^ 1].to)
        visit(reachedBy[node]);
    };
    int64_t flow = infinite;
    forEachEdge([&](unsigned number) {
      flow = std::min(flow, edges[number].capacity);
    });
    forEachEdge([&](unsigned number) {
      edges[number].capacity -= flow;
      edges[number ^ 1].capacity += flow;
    });
    reachedBy = search();
  }
  std::vector<bool> onSourceSide(edgesOf.size());
  for (size_t node = 0; node < edgesOf.size(); ++node)
    onSourceSide[node] = node == source || reachedBy[node] != noEdge;
  return onSourceSide;
}
