//===- Report.h - what a pass tells of its run ----------------------------===//
#ifndef CINCH_PASSES_COMMON_REPORT_H
#define CINCH_PASSES_COMMON_REPORT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

namespace cinch {

/// A dictionary of 64-bit integers: the form of the counts that passes report,
/// which lib/Pipeline/PassRecords.cpp reads.
mlir::DictionaryAttr
getNumbersAttr(mlir::MLIRContext *context,
               llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> numbers);

/// The root of `part` / `whole`, which are sums of squares, in millionths; 0 if
/// `whole` is 0.
int64_t getRootPpm(double part, double whole);

/// Runs `run` on `function` unless that has no body. An error becomes one of
/// the pass `flag` at the function, and failure.
mlir::LogicalResult runOnFunction(mlir::func::FuncOp function,
                                  llvm::StringRef flag,
                                  llvm::function_ref<llvm::Error()> run);

} // namespace cinch

#endif // CINCH_PASSES_COMMON_REPORT_H
