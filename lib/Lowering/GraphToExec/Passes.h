//===- Passes.h - from graph to exec
//-----------------------------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_PASSES_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_PASSES_H

#include "mlir/Pass/Pass.h"

namespace cinch {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Lowering/GraphToExec/Passes.h.inc"
} // namespace cinch

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_PASSES_H
