//===- PrecisionError.h - what a precision costs in accuracy --------------===//
#ifndef CINCH_LIB_PIPELINE_PRECISIONERROR_H
#define CINCH_LIB_PIPELINE_PRECISIONERROR_H

#include "lib/Pipeline/SampleProgram.h"

namespace cinch {

/// How far one float output is from what f32 gives.
struct OutputError {
  std::string name;
  double maxError = 0; ///< largest |a - b| over the largest |a|, of f32 a
  double rmsError = 0; ///< root of the sums of (a - b)^2 over that of a^2
};

/// A value that stays in f32, and why.
struct KeptValue {
  std::string name, reason;
};

/// What another precision changes and leaves.
struct PrecisionError {
  std::string precision; ///< f16 or bf16
  int64_t samples = 0;   ///< sets of random inputs; 0: not compared
  std::vector<OutputError> outputs;
  std::vector<KeptValue> kept;
};

/// A program in f32 that is run on sets of random inputs, those of cinch-run
/// with the seeds 0, 1, ..., to learn how large its values are and how far a
/// precision is from it.
class PrecisionSamples {
public:
  PrecisionSamples(int64_t count, SampleSizes sizes)
      : count(count), sizes(std::move(sizes)) {}
  /// Compiles `module`, which is on the graph level, for this machine; with
  /// observers if `observes`. An error if it cannot be compiled.
  llvm::Error load(mlir::ModuleOp module, bool observes);
  /// Runs it, and writes the largest magnitude of every value into the entry of
  /// `module` (`setMagnitudes`). An error if it cannot be run.
  llvm::Error observe(mlir::ModuleOp module);
  /// Compiles `rounded`, which has the same signature, runs both, and compares
  /// the float outputs. An error if that is not possible.
  llvm::Error compare(mlir::ModuleOp rounded, PrecisionError &result);

private:
  int64_t count;
  SampleSizes sizes;
  SampleProgram exact;
  std::vector<std::string> observed; ///< names of values, whose magnitudes are
                                     ///< the last outputs of `exact`
};

/// Removes from the entry of `module` what convert-precision read and wrote
/// there; returns the values that it left in f32.
std::vector<KeptValue> takeKeptValues(mlir::ModuleOp module);

/// The error of one output in a sentence.
std::string describe(const PrecisionError &error, const OutputError &output);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PRECISIONERROR_H
