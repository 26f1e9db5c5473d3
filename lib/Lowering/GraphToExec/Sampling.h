//===- Sampling.h - weighted sums of neighbouring elements
//-------------------===//
#ifndef CINCH_LIB_LOWERING_GRAPHTOEXEC_SAMPLING_H
#define CINCH_LIB_LOWERING_GRAPHTOEXEC_SAMPLING_H

#include "lib/Lowering/GraphToExec/KernelBody.h"

namespace cinch::form {

/// An element along one axis and its weight.
struct Tap {
  mlir::Value index;  ///< within the axis
  mlir::Value weight; ///< null: 1
  mlir::Value
      isInside; ///< where false, the element counts as 0; null: always true
};
using Taps = llvm::SmallVector<Tap, 4>;

/// Sums, over all combinations of taps of `axes`, the element of `in` at
/// `place` with the axes replaced, times the weights; computed in float type
/// `type`.
mlir::Value sumTaps(Scalars &s, const KernelBody &body, const Tensor &in,
                    llvm::ArrayRef<mlir::Value> place,
                    llvm::ArrayRef<int64_t> axes, llvm::ArrayRef<Taps> taps,
                    mlir::Type type);

/// The four weights of cubic convolution at `ratio` in [0, 1] (Keys, Cubic
/// Convolution Interpolation, 1981, with coefficient `a`).
llvm::SmallVector<mlir::Value, 4> getCubicWeights(Scalars &s, mlir::Value ratio,
                                                  double a);

} // namespace cinch::form

#endif // CINCH_LIB_LOWERING_GRAPHTOEXEC_SAMPLING_H
