//===- Safetensors.h - writes the weights file
//---------------------------------===//
#ifndef CINCH_LIB_TARGET_SAFETENSORS_H
#define CINCH_LIB_TARGET_SAFETENSORS_H

#include "lib/Target/OutputFile.h"
#include "mlir/IR/BuiltinOps.h"

namespace cinch {

/// What the binary must know of its weights file.
struct WeightsSummary {
  int64_t bytes = 0; ///< of the data section
  std::string
      checksum; ///< of the data section, text form of runtime/Checksum.h
};

/// Writes the weights that `plan-memory` listed in `exec.weights` of `module`,
/// in order, at their offsets; gaps (alignment) are tensors of their own named
/// `cinch.padding.N`, because the format allows no holes. One tensor is in
/// memory at a time. The data section starts at a multiple of 64 bytes.
llvm::Expected<WeightsSummary> writeSafetensors(mlir::ModuleOp module,
                                                OutputFile &file);

} // namespace cinch

#endif // CINCH_LIB_TARGET_SAFETENSORS_H
