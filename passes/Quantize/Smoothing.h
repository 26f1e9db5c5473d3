//===- Smoothing.h - moving outliers from activations into weights --------===//
#ifndef CINCH_PASSES_QUANTIZE_SMOOTHING_H
#define CINCH_PASSES_QUANTIZE_SMOOTHING_H

#include "passes/Quantize/Format.h"
#include "passes/Quantize/Statistics.h"
#include "passes/Quantize/WeightRounding.h"

namespace cinch::quantize {

/// s_j = max|X_j|^alpha / max|W_j|^(1 - alpha) for each input channel j, by
/// which activations are divided and weights multiplied (Xiao et al.,
/// "SmoothQuant", 2023, equation 4). 1 where either maximum is 0; kept within
/// [1e-4, 1e4].
std::vector<double> getSmoothing(llvm::ArrayRef<float> channelMax,
                                 llvm::ArrayRef<double> weightMax,
                                 double alpha);

/// s_j = (root mean square of X_j)^alpha for each input channel j, over the
/// root of the largest times the smallest of them: what is multiplied by more
/// has a finer grid when weights are rounded (Lin et al., "AWQ", 2024, equation
/// 4, with the mean of magnitudes). 1 where a channel is 0; kept within [1e-4,
/// 1e4].
std::vector<double> getActivationScaling(const ValueStatistics &input,
                                         double alpha);

/// How a layer is going to be quantized.
struct LayerQuantization {
  const Format *activations; ///< null: they are not
  const Format *weights;
  bool isPerToken = false; ///< activations; else one static scale by minmax
  /// Weights of one column (an output) that share a scale; 0: all.
  int64_t group = 0;
};

/// The expected squared error, summed over all rows of the samples, of X W in
/// few bits with X / s and s W. `weights` is [K, N] row-major. Of weights it is
/// exact: tr(dW^T G dW) with the second moment G of X; where only its diagonal
/// is known, roundings are taken as independent. Activations are taken as
/// rounded at random: an element errs by the step's square over 12 on average,
/// or by its own square if that is less. The step per token is estimated from
/// channels that are independent and normal.
double predictError(const ValueStatistics &input, llvm::ArrayRef<float> weights,
                    int64_t numColumns, llvm::ArrayRef<double> factors,
                    const LayerQuantization &layer);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_SMOOTHING_H
