//===- Diagnostics.h - from MLIR's diagnostics to messages ----------------===//
#ifndef CINCH_LIB_PIPELINE_DIAGNOSTICS_H
#define CINCH_LIB_PIPELINE_DIAGNOSTICS_H

#include "lib/Pipeline/Compile.h"
#include "mlir/IR/Diagnostics.h"

namespace cinch {

/// Tells `diagnostic` and its notes, each with where it points: file and line,
/// or the names of the values.
void tell(mlir::Diagnostic &diagnostic, const DiagnosticCallback &diagnose);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_DIAGNOSTICS_H
