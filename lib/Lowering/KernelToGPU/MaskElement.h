//===- MaskElement.h - what is known of an element of a mask --------------===//
#ifndef CINCH_LIB_LOWERING_KERNELTOGPU_MASKELEMENT_H
#define CINCH_LIB_LOWERING_KERNELTOGPU_MASKELEMENT_H

#include "dialects/Exec/Exec.h"
#include "runtime/Plan/Expr.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace cinch {

/// What is known of a scalar that depends on a query and a key, numbered from
/// 0, and on sizes of the program.
struct MaskElement {
  enum Kind {
    Unknown,
    Number, ///< an integer: the number of `of`, and `value`
    Lowest, ///< minus infinity
    Hidden, ///< minus infinity, or false, where key - query > value
    Shown,  ///< true where key - query > value
  };
  enum Of { Nothing, Query, Key };
  Kind kind = Unknown;
  Of of = Nothing;
  plan::Expr value;

  static MaskElement number(plan::Expr value, Of of = Nothing) {
    return {Number, of, std::move(value)};
  }
};
using MaskElements = llvm::SmallVector<MaskElement>;

/// Dimensions of a tensor of an exec program; nullopt where they are not said.
std::optional<llvm::SmallVector<plan::Expr, 4>> getProgramDims(mlir::Value v);

/// The element at `indices` of a tensor of the program: a constant, sizes, a
/// view of another tensor, or what a kernel computes of such.
MaskElement getProgramElement(mlir::Value tensor,
                              llvm::ArrayRef<MaskElement> indices);
/// The element at `indices` of a tensor of the body of `call`.
MaskElement getBodyElement(exec::KernelOp call, mlir::Value tensor,
                           llvm::ArrayRef<MaskElement> indices);
/// The element at `indices` of the constant `value`.
MaskElement getConstantElement(mlir::TypedAttr value,
                               llvm::ArrayRef<MaskElement> indices);

} // namespace cinch

#endif // CINCH_LIB_LOWERING_KERNELTOGPU_MASKELEMENT_H
