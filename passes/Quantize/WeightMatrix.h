//===- WeightMatrix.h - constants as matrices -----------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_WEIGHTMATRIX_H
#define CINCH_PASSES_QUANTIZE_WEIGHTMATRIX_H

#include "passes/Algebra/Matrix.h"
#include "passes/Graph/LinearOp.h"
#include "llvm/Support/Error.h"

namespace cinch::quantize {

/// The filter of a matmul as a matrix [inputs, outputs]; an error if it cannot
/// be read or is not finite.
llvm::Expected<algebra::Matrix> readWeight(const graph::LinearOp &linear);

/// `number` in a float type, to nearest, ties to even.
llvm::APFloat convertFloat(double number, mlir::Type element);

/// A constant of the float elements `numbers` of `type`, as `convertFloat`
/// rounds them. Large ones, whose elements no text shows, go to a temporary
/// file; an error if it cannot be written.
llvm::Expected<mlir::TypedAttr> makeFloats(mlir::RankedTensorType type,
                                           llvm::ArrayRef<double> numbers,
                                           bool isSmall);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_WEIGHTMATRIX_H
