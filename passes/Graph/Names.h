//===- Names.h - values that keep or get a name ---------------------------===//
#ifndef CINCH_PASSES_GRAPH_NAMES_H
#define CINCH_PASSES_GRAPH_NAMES_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/Builders.h"

namespace cinch::graph {

/// Names the only result of `op`.
void setName(mlir::Operation *op, const llvm::Twine &name);
/// Names one result of its operation, if that has names.
void setResultName(mlir::OpResult result, llvm::StringRef name);
/// A graph.constant of `value` with a name.
ConstantOp makeNamedConstant(mlir::OpBuilder &builder, mlir::Location loc,
                             const llvm::Twine &name, mlir::TypedAttr value);
/// Whether the function returns `value`, whose name is then that of an output.
bool isReturned(mlir::Value value);

} // namespace cinch::graph

#endif // CINCH_PASSES_GRAPH_NAMES_H
