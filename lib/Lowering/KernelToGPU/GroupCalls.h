//===- GroupCalls.h - calls that are one launch ---------------------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_GROUPCALLS_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_GROUPCALLS_H

#include "dialects/Exec/Exec.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace cinch {

/// Calls of one kernel in a row that may run at the same time.
using CallGroup = llvm::SmallVector<exec::KernelOp>;

/// The groups of the entry program of `module`, of 2 to 4 calls each: the same
/// kernel at the same sizes, none of which reads or writes what another one
/// writes, whose operands and results are all alive until the last of them.
/// Failure after a diagnostic.
mlir::FailureOr<llvm::SmallVector<CallGroup>>
findCallGroups(mlir::ModuleOp module);

/// Adds the kernel `name` to the device functions of `module`: `count` times
/// the parameters of `one`, and row y of the grid computes with those of number
/// y. `one` is not a kernel yet.
mlir::LLVM::LLVMFuncOp makeGroupKernel(mlir::ModuleOp module,
                                       mlir::LLVM::LLVMFuncOp one,
                                       llvm::StringRef name, int64_t count);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_GROUPCALLS_H
