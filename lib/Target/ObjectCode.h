//===- ObjectCode.h - from the llvm dialect to machine code ---------------===//
#ifndef CINCH_LIB_TARGET_OBJECTCODE_H
#define CINCH_LIB_TARGET_OBJECTCODE_H

#include "lib/Target/Machine.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

namespace cinch {

/// What the object of a compiled model (runtime/ModuleAbi.h) holds besides
/// code.
struct ModuleContents {
  std::string symbol;         ///< name of the object
  std::string target = "cpu"; ///< or such as "cuda:sm_80"
  std::string cubin;          ///< machine code for a GPU; empty: none
  std::string manifest;
  std::string note; ///< descriptor of the ELF note
  /// Symbol of the weights, a .safetensors file that another object file
  /// defines, and its bytes; empty: not embedded.
  std::string weightsSymbol;
  int64_t weightsBytes = 0;
};

/// Translates a lowered module to LLVM IR and adds the ELF note and the object
/// that the runtime looks for. Everything but that object is internal.
llvm::Expected<std::unique_ptr<llvm::Module>>
makeLLVMModule(mlir::ModuleOp module, llvm::LLVMContext &context,
               const Machine &machine, const ModuleContents &contents);

/// Optimizes `module` (O3) for `machine`.
void optimize(llvm::Module &module, const Machine &machine);

/// Writes `module` as an object file.
llvm::Error writeObject(llvm::Module &module, const Machine &machine,
                        llvm::raw_pwrite_stream &os);

} // namespace cinch

#endif // CINCH_LIB_TARGET_OBJECTCODE_H
