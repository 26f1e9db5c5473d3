//===- Report.h - what was compiled, and what it needs
//---------------------------===//
#ifndef CINCH_LIB_PIPELINE_REPORT_H
#define CINCH_LIB_PIPELINE_REPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace cinch {

struct ReportInfo {
  std::string model, cpu, pipeline;
};

/// Writes kernels (operators fused, library or generated, FLOPs, bytes), the
/// memory timeline, the values alive at the peak and the plan against its lower
/// bound. Sizes are those at the bounds; expressions where a size has none.
void writeJsonReport(mlir::ModuleOp module, const ReportInfo &info,
                     llvm::raw_ostream &os);
void writeTextReport(mlir::ModuleOp module, const ReportInfo &info,
                     llvm::raw_ostream &os);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_REPORT_H
