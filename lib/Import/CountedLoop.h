//===- CountedLoop.h - building scf.for from Loop and Scan ----------------===//
#ifndef CINCH_LIB_IMPORT_COUNTEDLOOP_H
#define CINCH_LIB_IMPORT_COUNTEDLOOP_H

#include "lib/Import/ControlFlow.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace cinch::import {

/// A counted loop under construction.
struct CountedLoop {
  Node &node;
  Value count;       ///< of iterations, an index
  plan::Expr extent; ///< the same, as an expression
  Value countTensor; ///< the same, as a tensor of one element; null if constant
  SmallVector<Value> inits;
  mlir::scf::ForOp draft;

  mlir::Block &body() { return *draft.getBody(); }
  Value step() { return body().getArgument(0); }
};

/// The block argument for a carried value, with its shape.
Value addArgument(Node &node, mlir::Block &block, Value init);
/// Reports a carried value whose type or shape changes.
LogicalResult checkCarried(Node &node, size_t index, Value init, Value next);
/// An empty loop of `count` steps at the insertion point.
CountedLoop startLoop(Node &node, Value count, plan::Expr extent,
                      Value countTensor);
/// Yields `carried` and collects `collected` along `axes` at `steps`; the
/// results are those of the node.
LogicalResult finishLoop(CountedLoop &loop, ArrayRef<Value> carried,
                         ArrayRef<Value> collected, ArrayRef<int64_t> axes,
                         ArrayRef<Value> steps);

} // namespace cinch::import

#endif // CINCH_LIB_IMPORT_COUNTEDLOOP_H
