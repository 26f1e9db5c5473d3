//===- ExprEmitter.h - expressions as code
//-------------------------------------===//
#ifndef CINCH_LIB_LOWERING_EXECTOLLVM_EXPREMITTER_H
#define CINCH_LIB_LOWERING_EXECTOLLVM_EXPREMITTER_H

#include "mlir/IR/Builders.h"
#include "runtime/Plan/Expr.h"

namespace cinch {

/// Emits `expr` as i64 arithmetic of the llvm dialect. `getSymbol` emits the
/// value of a symbol. Arithmetic wraps: the runtime has checked the ranges of
/// the sizes. A divisor of 0 counts as 1.
mlir::Value
emitExpr(mlir::OpBuilder &builder, mlir::Location loc, const plan::Expr &expr,
         llvm::function_ref<mlir::Value(llvm::StringRef)> getSymbol);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_EXECTOLLVM_EXPREMITTER_H
