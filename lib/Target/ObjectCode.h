//===- ObjectCode.h - from the llvm dialect to machine code
//--------------------===//
#ifndef CINCH_LIB_TARGET_OBJECTCODE_H
#define CINCH_LIB_TARGET_OBJECTCODE_H

#include "lib/Target/Machine.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

namespace cinch {

/// Translates a lowered module to LLVM IR, adds the object that the runtime
/// looks for (`cinch_module`, runtime/ModuleAbi.h) with `manifest`, and the ELF
/// note with the descriptor `note`, and optimizes it (O3) for `machine`.
/// Everything but `cinch_module` is internal.
llvm::Expected<std::unique_ptr<llvm::Module>>
makeLLVMModule(mlir::ModuleOp module, llvm::LLVMContext &context,
               const Machine &machine, llvm::StringRef manifest,
               llvm::StringRef note);

/// Writes `module` as an object file.
llvm::Error writeObject(llvm::Module &module, const Machine &machine,
                        llvm::raw_pwrite_stream &os);

} // namespace cinch

#endif // CINCH_LIB_TARGET_OBJECTCODE_H
