//===- RoundMatrix.h - matrices in few bits, as f64 -----------------------===//
#ifndef CINCH_PASSES_QUANTIZE_ROUNDMATRIX_H
#define CINCH_PASSES_QUANTIZE_ROUNDMATRIX_H

#include "passes/Algebra/Matrix.h"
#include "passes/Quantize/WeightRounding.h"

namespace cinch::quantize {

/// What `matrix`, rounded to f32 first, is when `roundWeights` stores it.
algebra::Matrix roundMatrix(const algebra::Matrix &matrix,
                            const Sharing &sharing, const Format &format,
                            bool search);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_ROUNDMATRIX_H
