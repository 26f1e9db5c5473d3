//===- GraphOps.td - the operations of the graph dialect ---*- tablegen -*-===//
#ifndef CINCH_DIALECTS_GRAPH_GRAPHOPS
#define CINCH_DIALECTS_GRAPH_GRAPHOPS

include "dialects/Graph/Ops/Contraction.td"
include "dialects/Graph/Ops/Elementwise.td"
include "dialects/Graph/Ops/Indexing.td"
include "dialects/Graph/Ops/Movement.td"
include "dialects/Graph/Ops/Quantization.td"
include "dialects/Graph/Ops/Recurrent.td"
include "dialects/Graph/Ops/Reduction.td"

#endif // CINCH_DIALECTS_GRAPH_GRAPHOPS
