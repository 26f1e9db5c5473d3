//===- Calibrate.h - statistics of a program on samples -------------------===//
#ifndef CINCH_LIB_PIPELINE_CALIBRATE_H
#define CINCH_LIB_PIPELINE_CALIBRATE_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/Quantize/Statistics.h"
#include <functional>

namespace cinch {

struct CalibrationOptions {
  std::string data; ///< samples, as readSamples takes them
  /// Where the statistics are written, now and then and in the end. What is
  /// there of the same model and fewer samples is gone on from.
  std::string file;
  /// X^T X is taken of what is multiplied by matrices and has at most so many
  /// channels.
  int64_t maxMomentChannels = 0;
  /// Called before each sample with the share of the work that is done.
  std::function<void(double share)> progress;
};

/// Runs `module`, a program on the graph level, with observers on all samples,
/// on this machine. Keeps statistics only, whatever the number of samples.
llvm::Expected<quantize::Statistics>
calibrate(mlir::ModuleOp module, const CalibrationOptions &options);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_CALIBRATE_H
