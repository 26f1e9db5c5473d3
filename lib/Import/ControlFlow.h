//===- ControlFlow.h - what If, Loop and Scan share -----------------------===//
#ifndef CINCH_LIB_IMPORT_CONTROLFLOW_H
#define CINCH_LIB_IMPORT_CONTROLFLOW_H

#include "lib/Import/Importer.h"

namespace cinch::import {

/// A graph attribute, imported at the builder's insertion point.
struct Subgraph {
  Subgraph(Node &node, const onnx::GraphProto &graph);
  /// Gives the input `index` of the subgraph its value; false after reporting.
  bool bind(int index, Value value);
  /// The outputs; nullopt after reporting.
  std::optional<SmallVector<Value>> import();

  Importer &importer;
  const onnx::GraphProto &graph;
  Scope scope;
};

/// The one element of a bool or integer tensor as a scalar: `tensor.extract`.
/// Null after a failure.
Value readScalar(Node &node, Value tensor);
/// Names the results of `op` and gives each the shape of the value in `shapes`.
void setResults(Node &node, mlir::Operation *op, ArrayRef<Value> shapes);

LogicalResult importLoop(Node &node);
LogicalResult importScan(Node &node);

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_CONTROLFLOW_H
