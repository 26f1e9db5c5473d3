//===- DeviceCode.h - the code of a model for a GPU -----------------------===//
#ifndef CINCH_LIB_TARGET_DEVICECODE_H
#define CINCH_LIB_TARGET_DEVICECODE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"

namespace cinch {

/// The chip of a target such as "cuda:sm_80"; empty for the CPU.
llvm::StringRef getChip(llvm::StringRef target);
/// Whether `target` is one that there is device code for.
bool isDeviceTarget(llvm::StringRef target);

/// The PTX of a module lowered for a GPU (its `gpu.binary`); empty without.
llvm::StringRef getPtx(mlir::ModuleOp module);

/// A constant that only `code` sees.
llvm::GlobalVariable *addConstant(llvm::Module &code, llvm::Constant *value,
                                  llvm::StringRef name);

/// The fields of cinch_module_t about device code, added to `code` as constants
/// of it: images (the PTX, and `cubin` unless it is empty), their number,
/// functions, their number.
llvm::SmallVector<llvm::Constant *, 4> addDeviceCode(llvm::Module &code,
                                                     mlir::ModuleOp module,
                                                     llvm::StringRef target,
                                                     llvm::StringRef cubin);

} // namespace cinch

#endif // CINCH_LIB_TARGET_DEVICECODE_H
