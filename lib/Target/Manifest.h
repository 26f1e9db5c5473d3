//===- Manifest.h - what a binary says about itself
//----------------------------===//
#ifndef CINCH_LIB_TARGET_MANIFEST_H
#define CINCH_LIB_TARGET_MANIFEST_H

#include "lib/Target/Cpu.h"
#include "lib/Target/Safetensors.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace cinch {

/// Names that go into a binary.
struct BinaryInfo {
  std::string modelName;
  std::string weightsFile;               ///< file name, without a folder
  std::optional<WeightsSummary> weights; ///< nullopt: the model has none
};

/// The manifest (docs/formats.md) from the attributes that `plan-memory` and
/// `describe-program` left on `module`.
std::string makeManifest(mlir::ModuleOp module, const Cpu &cpu,
                         const BinaryInfo &info);
/// The descriptor of the ELF note: what the loader checks before it opens the
/// binary as code.
std::string makeNote(const Cpu &cpu, const BinaryInfo &info);

} // namespace cinch

#endif // CINCH_LIB_TARGET_MANIFEST_H
