//===- Report.h - numbers that a pass leaves behind -----------------------===//
#ifndef CINCH_PASSES_COMMON_REPORT_H
#define CINCH_PASSES_COMMON_REPORT_H

#include "mlir/IR/BuiltinAttributes.h"

namespace cinch {

/// A dictionary of 64-bit integers: the form of the counts that passes report,
/// which lib/Pipeline/PassRecords.cpp reads.
mlir::DictionaryAttr
getNumbersAttr(mlir::MLIRContext *context,
               llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> numbers);

} // namespace cinch

#endif // CINCH_PASSES_COMMON_REPORT_H
