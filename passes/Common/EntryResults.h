//===- EntryResults.h - more results of a program -------------------------===//
#ifndef CINCH_PASSES_COMMON_ENTRYRESULTS_H
#define CINCH_PASSES_COMMON_ENTRYRESULTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>

namespace cinch {

/// The function of `module` that is the program; null if there is none or it
/// has no body.
mlir::func::FuncOp getEntry(mlir::ModuleOp module);

/// Values that a program computes and shall return.
struct NamedResult {
  mlir::Value value;
  std::string name;
};

/// Lets `entry` return `results` behind those that it has.
void addResults(mlir::func::FuncOp entry, llvm::ArrayRef<NamedResult> results);

} // namespace cinch

#endif // CINCH_PASSES_COMMON_ENTRYRESULTS_H
