//===- NarrowFloats.h - floats of at most 8 bits as integers --------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_NARROWFLOATS_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_NARROWFLOATS_H

#include "dialects/Graph/Graph.h"
#include "lib/Lowering/GraphToExec/Scalars.h"

namespace cinch::form {

/// How a number becomes a narrow float.
struct Narrowing {
  /// What is too large becomes the largest number; else infinity, or NaN where
  /// the type has no infinity. f4E2M1FN, which has neither, always saturates.
  bool saturate = true;
  /// Of f8E8M0FNU, whose numbers are powers of two; others round to nearest
  /// even.
  graph::Rounding rounding = graph::Rounding::nearest;
};

/// The f32 number whose bits of type `type` are the integer `bits`; exact.
mlir::Value decode(Scalars &s, mlir::Value bits, mlir::FloatType type);

/// The bits, an integer, of the number of `type` that the f32 `x` becomes. NaN
/// stays NaN (f4E2M1FN has none: 0); f8E8M0FNU has no sign, drops that of `x`,
/// and has no infinity: NaN.
mlir::Value encode(Scalars &s, mlir::Value x, mlir::FloatType type,
                   Narrowing how);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_NARROWFLOATS_H
