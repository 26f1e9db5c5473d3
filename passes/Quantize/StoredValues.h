//===- StoredValues.h - values that kernels leave in memory ---------------===//
#ifndef CINCH_PASSES_QUANTIZE_STOREDVALUES_H
#define CINCH_PASSES_QUANTIZE_STOREDVALUES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace cinch::quantize {

/// A value of f32 that others than products by constants read from memory.
struct StoredValue {
  mlir::Value value;
  unsigned axis = 0; ///< of its channels, whose number is static
  /// Whether it is computed where a contraction writes its result: one
  /// rounding of it fits there.
  bool endsProduct = false;
};

/// Those of the body of `function`, in program order. What is computed between
/// a contraction, a norm, a reduction or other operation that needs a whole
/// value and the next one is not in memory; what such an operation or several
/// others read is, and what an attention multiplies. Scores and probabilities
/// of an attention are not, nor are arguments and results of the function,
/// which keep their type.
llvm::SmallVector<StoredValue> getStoredValues(mlir::func::FuncOp function);

/// The uses of `value` that read it from memory if it is rounded once for all
/// of them: those that are neither of a product (`isOfProduct`), which has a
/// rounding of its own, nor return it. What is only rounded for products reads
/// the exact value, unless that ends a product.
llvm::SmallVector<mlir::OpOperand *>
getOtherUses(mlir::Value value, bool endsProduct,
             llvm::function_ref<bool(mlir::OpOperand &)> isOfProduct);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_STOREDVALUES_H
