//===- ComputedScales.h - rounding by what is computed --------------------===//
#ifndef CINCH_PASSES_QUANTIZE_COMPUTEDSCALES_H
#define CINCH_PASSES_QUANTIZE_COMPUTEDSCALES_H

#include "passes/Quantize/Maker.h"
#include "passes/Quantize/Plan.h"

namespace cinch::quantize {

/// What the codes round(-log2 x), saturated, stand for.
mlir::Value roundLogarithms(Maker &maker, mlir::Value value,
                            const Format &format);

/// The scales that `makeScale` makes of the magnitudes `largest`.
mlir::Value makeScales(Maker &maker, mlir::Value largest,
                       const ValuePlan &plan);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_COMPUTEDSCALES_H
