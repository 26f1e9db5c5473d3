//===- Quantization.h - what few bits cost in accuracy --------------------===//
#ifndef CINCH_LIB_PIPELINE_QUANTIZATION_H
#define CINCH_LIB_PIPELINE_QUANTIZATION_H

#include "lib/Pipeline/PrecisionError.h"
#include "passes/Quantize/Statistics.h"

namespace cinch {

/// One product of a quantized model.
struct QuantizedLayer {
  std::string name, op;
  std::string weights, activations; ///< what they are stored in, as text
  /// Sums over all samples: squares of the product's elements in f32, and of
  /// the differences, which include those of all layers before.
  double signal = 0, noise = 0;
  bool isMeasured = false;
  /// Signal-to-noise ratio in dB; infinite without noise.
  double getRatio() const;
};

/// The numbers of an activation, and the range that has codes.
struct ClippedValue {
  std::string name;
  double low = 0, high = 0;
  quantize::Histogram histogram;
};

/// What `auto` tried.
struct QuantizeAttempt {
  std::string recipe;
  double error = 0; ///< largest OutputError::rmsError
  int64_t weightBytes = 0;
};

/// What quantization did to a model.
struct Quantization {
  std::string recipe;
  int64_t calibrationSamples = 0; ///< 0: none
  std::string source;             ///< of the samples; empty: random
  int64_t samples = 0;            ///< that outputs were compared on; 0: none
  double goal = 0;                ///< that holds; 0: none
  int64_t weightBytesBefore = 0, weightBytesAfter = 0;
  std::vector<OutputError> outputs;
  std::vector<QuantizedLayer> layers;
  std::vector<KeptValue> kept; ///< of the plan, with reasons
  std::vector<ClippedValue> clipped;
  std::vector<QuantizeAttempt> attempts;
};

/// The products of `module`, which is quantized, with what their operands are
/// stored in.
std::vector<QuantizedLayer> getQuantizedLayers(mlir::ModuleOp module);

/// The static ranges in the entry of `module`, of values that `statistics`
/// knows.
std::vector<ClippedValue>
getClippedValues(mlir::ModuleOp module, const quantize::Statistics &statistics);

/// Runs `exact` and `quantized`, its copy in few bits, on samples and measures
/// `layers` by the products of the same names.
llvm::Error measureLayers(mlir::ModuleOp exact, mlir::ModuleOp quantized,
                          const SampleSource &source,
                          std::vector<QuantizedLayer> &layers);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_QUANTIZATION_H
