//===- GptqLayer.h - rounding the weights of a product by GPTQ ------------===//
#ifndef CINCH_PASSES_QUANTIZE_GPTQLAYER_H
#define CINCH_PASSES_QUANTIZE_GPTQLAYER_H

#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/Gptq.h"
#include "passes/Quantize/Products.h"

namespace cinch::quantize {

/// X^T X over all rows that `readers` multiply one weight by, as the samples
/// show them; empty if one of them is no matmul or has an input that no sample
/// shows. An error if the statistics are of another number of channels.
llvm::Expected<algebra::Matrix>
findSecondMoment(llvm::ArrayRef<graph::LinearOp> readers,
                 const Calibration &known);

/// `roundByGptq` for weights in the layout of the filter of `linear`, a matmul:
/// codes and scales are in that layout, too.
std::optional<GptqWeights> roundLayerByGptq(const graph::LinearOp &linear,
                                            llvm::ArrayRef<float> weights,
                                            const algebra::Matrix &gram,
                                            const ValuePlan &plan,
                                            const GptqOptions &options);

/// What shares a scale in a matrix [inputs, outputs].
Sharing getMatrixSharing(int64_t numInputs, int64_t numOutputs,
                         const ValuePlan &plan);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_GPTQLAYER_H
