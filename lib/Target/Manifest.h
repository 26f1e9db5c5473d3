//===- Manifest.h - what a compiled model says about itself ---------------===//
#ifndef CINCH_LIB_TARGET_MANIFEST_H
#define CINCH_LIB_TARGET_MANIFEST_H

#include "lib/Target/Machine.h"
#include "lib/Target/Weights.h"
#include "mlir/IR/BuiltinOps.h"

namespace cinch {

struct ManifestInfo {
  std::string target = "cpu"; ///< or such as "cuda:sm_80"
  std::string model;          ///< name, for people
  std::string producer;       ///< such as "cinch 0.1.0"
  std::string weightsName;    ///< file name without a folder; empty: embedded
};

/// The manifest of a module with the attributes of plan-memory and
/// describe-program, as docs/formats.md describes it. The same module gives the
/// same bytes.
std::string makeManifest(mlir::ModuleOp module, const ManifestInfo &info,
                         const Machine &machine, const WeightsFile &weights);
/// The descriptor of the ELF note (runtime/ModuleAbi.h).
std::string makeNote(llvm::StringRef target, const Machine &machine,
                     const WeightsFile &weights);

} // namespace cinch

#endif // CINCH_LIB_TARGET_MANIFEST_H
