//===- Passes.h - lowering of kernel bodies to LLVM for the CPU -----------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOLLVM_PASSES_H
#define CINCH_LIB_LOWERING_KERNELTOLLVM_PASSES_H

#include "lib/Lowering/KernelToLLVM/DotProducts.h"
#include "mlir/Pass/Pass.h"

namespace cinch {

#define GEN_PASS_DECL
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Lowering/KernelToLLVM/Passes.h.inc"

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOLLVM_PASSES_H
