//===- Exec.h - the exec dialect ------------------------------------------===//
#ifndef CINCH_DIALECTS_EXEC_EXEC_H
#define CINCH_DIALECTS_EXEC_EXEC_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "runtime/Plan/Expr.h"

#include "dialects/Exec/ExecDialect.h.inc"
#include "dialects/Exec/ExecEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Exec/ExecAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Exec/ExecOps.h.inc"

namespace cinch::exec {
/// Unit attribute of functions that are kernel bodies.
inline constexpr llvm::StringLiteral kernelBodyAttrName = "exec.kernel_body";
/// String attribute of kernel bodies: how one may be lowered (form-kernels).
inline constexpr llvm::StringLiteral kindAttrName = "exec.kind";
/// Type attribute of lowered kernels: the type that their body had.
inline constexpr llvm::StringLiteral signatureAttrName = "exec.signature";
/// On a cf.assert of a kernel body: its number among those of the body.
inline constexpr llvm::StringLiteral faultAttrName = "exec.fault";
/// On kernel bodies and lowered kernels that touch a state: per argument, the
/// axis along which its buffer may have room for more rows than the tensor has,
/// or -1.
inline constexpr llvm::StringLiteral rowsAttrName = "exec.rows";
/// On those that continue a state: the argument whose rows come first in the
/// result. The rows of the result that are in its place already are not
/// written.
inline constexpr llvm::StringLiteral appendAttrName = "exec.append";

/// On a module lowered for a GPU: its device functions, see
/// lower-kernels-to-gpu.
inline constexpr llvm::StringLiteral deviceFunctionsAttrName =
    "exec.device_functions";

/// On the first of several calls that are one launch, their number, and on all
/// others of them (0).
inline constexpr llvm::StringLiteral launchCallsAttrName = "exec.launch_calls";

/// The device function for `calls` calls of the kernel `callee` in one launch.
inline std::string getGroupName(llvm::StringRef callee, int64_t calls) {
  return (callee + "_x" + llvm::Twine(calls)).str();
}
/// The place that plan-memory gave `value`, an argument of the entry or a
/// result of an operation of the program; null if it has none.
SlotAttr getSlot(mlir::Value value);
/// The kind of a kernel body; empty if it has none.
llvm::StringRef getKernelKind(mlir::Operation *body);
} // namespace cinch::exec

#endif // CINCH_DIALECTS_EXEC_EXEC_H
