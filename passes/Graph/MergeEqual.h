//===- MergeEqual.h - one operation for equal ones ------------------------===//
#ifndef CINCH_PASSES_GRAPH_MERGEEQUAL_H
#define CINCH_PASSES_GRAPH_MERGEEQUAL_H

#include "dialects/Graph/Graph.h"

namespace cinch::graph {

/// Replaces pure graph operations by equal ones that dominate them: of one
/// kind, attributes other than `names`, operands and result types. One whose
/// result the function returns stays, as its name is the name of an output.
/// Returns how many were replaced.
int64_t mergeEqual(mlir::func::FuncOp function);

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_MERGEEQUAL_H
