//===- Binary.h - the files of a compiled model ---------------------------===//
#ifndef CINCH_LIB_TARGET_BINARY_H
#define CINCH_LIB_TARGET_BINARY_H

#include "lib/Target/Files.h"
#include "lib/Target/Machine.h"
#include "mlir/IR/BuiltinOps.h"

namespace cinch {

enum class BinaryForm {
  SharedLibrary, ///< with a weights file, if it has weights
  Object,        ///< the same and a C header
  LLVMText       ///< the code alone
};

struct BinaryOptions {
  BinaryForm form = BinaryForm::SharedLibrary;
  std::string output;
  std::string model;          ///< name, for people
  std::string producer;       ///< such as "cinch 0.1.0"
  std::string target = "cpu"; ///< or such as "cuda:sm_80"
  bool embedsWeights = false;
  std::string cubin; ///< machine code beside the PTX; empty: none
  /// Told what begins.
  std::function<void(llvm::StringRef phase)> enterPhase;
};

/// Writes a lowered module with the attributes of plan-memory and
/// describe-program to `files`, beside each other: the output, and, with its
/// name and another extension, weights and header. The same module gives the
/// same bytes.
llvm::Error writeBinary(mlir::ModuleOp module, const Machine &machine,
                        const BinaryOptions &options, OutputFiles &files);

} // namespace cinch

#endif // CINCH_LIB_TARGET_BINARY_H
