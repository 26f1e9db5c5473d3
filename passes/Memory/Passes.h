//===- Passes.h - where the values of a program live
//--------------------------===//
#ifndef CINCH_PASSES_MEMORY_PASSES_H
#define CINCH_PASSES_MEMORY_PASSES_H

#include "dialects/Exec/Exec.h"
#include "mlir/Pass/Pass.h"

namespace cinch::memory {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Memory/Passes.h.inc"

} // namespace cinch::memory

#endif // CINCH_PASSES_MEMORY_PASSES_H
