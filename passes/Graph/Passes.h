//===- Passes.h - rewrites of the graph -----------------------------------===//
#ifndef CINCH_PASSES_GRAPH_PASSES_H
#define CINCH_PASSES_GRAPH_PASSES_H

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace cinch::graph {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Graph/Passes.h.inc"

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_PASSES_H
