//===- Emit.h - from the llvm dialect to object code and shared library
//--------===//
#ifndef CINCH_LIB_TARGET_EMIT_H
#define CINCH_LIB_TARGET_EMIT_H

#include "lib/Target/Cpu.h"
#include "lib/Target/Manifest.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace cinch {

/// Translates a module that is in the llvm dialect (after `lower-exec`) to LLVM
/// IR, adds the object that the runtime looks for (`moduleSymbol`, a
/// cinch_module_v1) and the ELF note, makes all else internal, and optimizes
/// for `machine`.
llvm::Expected<std::unique_ptr<llvm::Module>>
emitLLVM(mlir::ModuleOp module, llvm::LLVMContext &context, const Cpu &cpu,
         const BinaryInfo &info, llvm::TargetMachine &machine,
         llvm::StringRef moduleSymbol);

/// Writes `module` as an ELF object. Consumes the IR.
llvm::Error emitObject(llvm::Module &module, llvm::TargetMachine &machine,
                       llvm::raw_pwrite_stream &output);

/// Links the object file `objectPath` into the shared library `outputPath`,
/// which needs only libc and libm. Runs the ld.lld of the LLVM that this
/// program is built with (or what the environment variable CINCH_LLD names).
llvm::Error linkSharedLibrary(llvm::StringRef objectPath,
                              llvm::StringRef outputPath);

} // namespace cinch

#endif // CINCH_LIB_TARGET_EMIT_H
