//===- Tables.h - constants whose rows are looked up ----------------------===//
#ifndef CINCH_PASSES_QUANTIZE_TABLES_H
#define CINCH_PASSES_QUANTIZE_TABLES_H

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace cinch::quantize {

/// Whether `use` is of a table [rows, width] whose rows are looked up.
bool isLookup(mlir::OpOperand &use);

/// The table of `gather`, if it can be stored in few bits: a constant of f32 of
/// at least `minElements` elements, whose rows are all that is read of it. Else
/// null.
graph::ConstantOp findTable(graph::GatherOp gather, int64_t minElements);

/// The number of elements of all constants of f32 in `function`.
int64_t countConstantElements(mlir::func::FuncOp function);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_TABLES_H
