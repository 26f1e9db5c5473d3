//===- Passes.h - lowering of kernel bodies to GPU code -------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_PASSES_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace cinch {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Lowering/KernelToGPU/Passes.h.inc"
} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_PASSES_H
