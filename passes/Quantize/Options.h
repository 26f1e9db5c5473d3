//===- Options.h - what options of the passes choose from -----------------===//
#ifndef CINCH_PASSES_QUANTIZE_OPTIONS_H
#define CINCH_PASSES_QUANTIZE_OPTIONS_H

#include "mlir/Pass/PassOptions.h"
#include "passes/Quantize/Calibrators.h"
#include "passes/Quantize/Granularity.h"

namespace cinch::quantize {

/// Bits of weights and activations (16: as they are).
enum class Recipe {
  W8A8,
  W8A8Dynamic,
  W8A16,
  W4A16,
  W4A8,
  W4A4,
  W3A16,
  NF4,
  FP8,
  MXFP8,
  MXFP4
};

/// What shares a scale in activations.
enum class ActivationGranularity {
  Default,
  Tensor,
  Token,
  Group,
  Mixed ///< tensor for products, channel for what else is stored
};

/// What scales of weights are stored in.
enum class WeightScales { Default, F32, F16, E8M0 };

/// How weights are rounded.
enum class WeightMethod { Rtn, Mse };

/// How weights are rounded to the grid that their scales make.
enum class RoundingMethod { Nearest, Gptq };

/// What allocate-bits adds up.
enum class BitsLoss { Relative, Absolute };

/// The type that factors of a low-rank branch are stored in.
enum class BranchPrecision { F32, F16, BF16 };

/// What channels are divided by.
enum class SmoothingFactors { Outliers, Activations };

/// How the strength of smoothing is found.
enum class SmoothingMode { Fixed, Search };

/// Inputs of products that rotate-activations rotates while the model runs.
enum class OnlineInputs { None, Middle, All };

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_OPTIONS_H
