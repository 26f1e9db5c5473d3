//===- WeightsObject.h - weights as an object file ------------------------===//
#ifndef CINCH_LIB_TARGET_WEIGHTSOBJECT_H
#define CINCH_LIB_TARGET_WEIGHTSOBJECT_H

#include "lib/Target/Weights.h"

namespace cinch {

/// Writes an ELF object file that defines the hidden symbol `symbol`: the
/// .safetensors file of `weights` in a read-only section, aligned to 64. Code
/// may lie any distance away from it. The bytes go straight to `os`, tensor by
/// tensor. `machine` and `flags` are those of the objects it is linked with
/// (Elf64_Ehdr).
llvm::Error writeWeightsObject(llvm::raw_ostream &os,
                               const WeightsFile &weights,
                               llvm::StringRef symbol, uint16_t machine,
                               uint32_t flags);

} // namespace cinch

#endif // CINCH_LIB_TARGET_WEIGHTSOBJECT_H
