//===- RoundingGates.h - products that may be rounded while running -------===//
#ifndef CINCH_PASSES_PRECISION_ROUNDINGGATES_H
#define CINCH_PASSES_PRECISION_ROUNDINGGATES_H

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace cinch::precision {

/// Names of products (matmul, conv, ...) that are rounded together.
using ProductGroup = std::vector<std::string>;

/// Adds arguments behind those of the entry of `module`, in f32: one bool
/// scalar per group of consecutive products outside of control flow that
/// convert-precision would compute in `element`, at most `maxGroups`. Where it
/// is true, their operands are rounded. Returns the groups in program order; an
/// error if a constant cannot be read.
llvm::Expected<std::vector<ProductGroup>>
addRoundingGates(mlir::ModuleOp module, mlir::FloatType element,
                 int64_t maxGroups);

/// Tells convert-precision (`graph.wide_products` of the entry of `module`) to
/// compute `products` in f32, from operands in f32, and what no product reads.
void setWideProducts(mlir::ModuleOp module,
                     llvm::ArrayRef<std::string> products);

/// The operations that `setWideProducts` means: the products themselves, what
/// computes their operands and the outputs from the results of other products,
/// and those of these whose results are stored.
llvm::DenseSet<mlir::Operation *>
getWideOperations(mlir::func::FuncOp function);

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_ROUNDINGGATES_H
