//===- Gptq.h - rounding that makes up for earlier errors -----------------===//
#ifndef CINCH_PASSES_QUANTIZE_GPTQ_H
#define CINCH_PASSES_QUANTIZE_GPTQ_H

#include "passes/Algebra/Matrix.h"
#include "passes/Quantize/WeightRounding.h"
#include <optional>

namespace cinch::quantize {

struct GptqOptions {
  /// What is added to the diagonal of the second moment, in parts of its mean.
  double damping = 0.01;
  /// Rounds the inputs of largest second moment first instead of from the first
  /// to the last. Scales of groups then come from the weights as they were.
  bool ordersByActivation = false;
  /// Scales of least squared error instead of the largest magnitude.
  bool search = false;
};

struct GptqWeights {
  RoundedWeights rounded;
  /// The squared error of the outputs, summed over all rows of the samples: of
  /// `rounded`, and of rounding to nearest.
  double error = 0, nearestError = 0;
  /// Outputs whose weights are rounded to nearest, since that errs no more.
  int64_t nearestColumns = 0;
};

/// Rounds `weights` [inputs, outputs] to `format`, one input after the other,
/// and spreads the error of each over the weights of those that follow, so that
/// the outputs X W change least. `gram` [inputs, inputs] is X^T X. Scales are
/// shared as `sharing` says, which has outer 1, extent inputs, inner outputs,
/// or is per channel with outer inputs, extent outputs, inner 1, or per tensor.
/// For each output it keeps rounding to nearest where that errs no more, so
/// that no output is worse. An input that the samples show as 0 is rounded to
/// nearest. nullopt if `gram` has an element that is not finite or is no Gram
/// matrix. Source: Frantar et al., "GPTQ", 2023, algorithm 1, with lazy updates
/// by blocks of 128 inputs and damping of 1 %.
std::optional<GptqWeights> roundByGptq(llvm::ArrayRef<float> weights,
                                       const algebra::Matrix &gram,
                                       const Sharing &sharing,
                                       const Format &format,
                                       const GptqOptions &options);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_GPTQ_H
