//===- WeightMatrix.h - constants as matrices -----------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_WEIGHTMATRIX_H
#define CINCH_PASSES_QUANTIZE_WEIGHTMATRIX_H

#include "dialects/Graph/Graph.h"
#include "passes/Algebra/Matrix.h"
#include "passes/Graph/LinearOp.h"
#include "llvm/Support/Error.h"

namespace cinch::quantize {

/// The filter of a matmul as a matrix [inputs, outputs]; an error if it cannot
/// be read or is not finite.
llvm::Expected<algebra::Matrix> readWeight(const graph::LinearOp &linear);

/// A constant [inputs, outputs] of f32, or [outputs, inputs] if `isTransposed`,
/// as a matrix [inputs, outputs]; an error as for `readWeight`.
llvm::Expected<algebra::Matrix> readMatrix(mlir::TypedAttr constant,
                                           bool isTransposed);

/// What `weight`, a dequantized constant with two dimensions that
/// quantize-weights made, stands for, laid out as by `readMatrix`; an error if
/// it cannot be read.
llvm::Expected<algebra::Matrix> readDequantized(graph::DequantizeOp weight,
                                                bool isTransposed);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_WEIGHTMATRIX_H
