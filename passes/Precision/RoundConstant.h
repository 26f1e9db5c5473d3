//===- RoundConstant.h - constants in 16 bits -----------------------------===//
#ifndef CINCH_PASSES_PRECISION_ROUNDCONSTANT_H
#define CINCH_PASSES_PRECISION_ROUNDCONSTANT_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"

namespace cinch::precision {

/// An f32 `constant` rounded to nearest even in the 16-bit `element`. Finite
/// elements beyond its range become the largest finite value and are added to
/// `numClamped`. An error if the elements cannot be read or there is no room.
llvm::Expected<mlir::TypedAttr> roundConstant(mlir::TypedAttr constant,
                                              mlir::FloatType element,
                                              int64_t &numClamped);

/// Whether an element other than 0 of a small constant becomes 0 in `element`.
bool vanishes(mlir::TypedAttr constant, mlir::FloatType element);

} // namespace cinch::precision

#endif // CINCH_PASSES_PRECISION_ROUNDCONSTANT_H
