//===- Passes.h - from exec to the entry function -------------------------===//
#ifndef CINCH_LIB_LOWERING_EXECTOLLVM_PASSES_H
#define CINCH_LIB_LOWERING_EXECTOLLVM_PASSES_H

#include "dialects/Exec/Exec.h"
#include "mlir/Pass/Pass.h"

namespace cinch {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Lowering/ExecToLLVM/Passes.h.inc"

/// Name of the function that `lower-exec` makes of the entry program.
inline constexpr llvm::StringLiteral entryName = "cinch_entry";
/// What the functions for long runs of calls are called, with a number behind.
inline constexpr llvm::StringLiteral partName = "cinch_part";

} // namespace cinch

#endif // CINCH_LIB_LOWERING_EXECTOLLVM_PASSES_H
