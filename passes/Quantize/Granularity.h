//===- Granularity.h - what shares a scale --------------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_GRANULARITY_H
#define CINCH_PASSES_QUANTIZE_GRANULARITY_H

namespace cinch::quantize {

/// Which elements of a value share a scale.
enum class Granularity {
  Tensor,  ///< all
  Channel, ///< of weights: those of one output; of activations: of a channel
  Token,   ///< of activations: those of one row of the last axis
  Group    ///< so many in a row along the inputs
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_GRANULARITY_H
