//===- PrecisionError.h - what a precision costs in accuracy --------------===//
#ifndef CINCH_LIB_PIPELINE_PRECISIONERROR_H
#define CINCH_LIB_PIPELINE_PRECISIONERROR_H

#include "lib/Pipeline/Samples.h"

namespace cinch {

/// How far one float output is from what f32 gives.
struct OutputError {
  std::string name;
  double maxError = 0; ///< largest |a - b| over the largest |a|, of f32 a
  double rmsError = 0; ///< the norm of all a - b over the norm of all a
};

/// A value that stays in f32, and why.
struct KeptValue {
  std::string name, reason;
};

/// What another precision changes and leaves.
struct PrecisionError {
  std::string precision; ///< f16 or bf16
  int64_t samples = 0;   ///< sets of inputs; 0: not compared
  std::string source;    ///< the file or folder of the sets; empty: random
  double goal = 0;       ///< that holds for all outputs' maxError; 0: none
  std::vector<OutputError> outputs;
  std::vector<KeptValue> kept;
};

/// The largest maxError, and rmsError, of `outputs`; NaN if one is.
double getMaxError(llvm::ArrayRef<OutputError> outputs);
double getRmsError(llvm::ArrayRef<OutputError> outputs);

/// A program in f32 that is run on samples, to learn how large its values are
/// and how far a precision is from it.
class PrecisionSamples {
public:
  explicit PrecisionSamples(SampleSource source) : source(std::move(source)) {}
  /// Compiles `module`, which is on the graph level, for this machine; with
  /// observers if `observes`. Reads the samples. An error if it cannot be
  /// compiled, or if there are no samples for it.
  llvm::Error load(mlir::ModuleOp module, bool observes);
  /// Runs it, and writes the largest magnitude of every value into the entry of
  /// `module` (`setMagnitudes`). An error if it cannot be run.
  llvm::Error observe(mlir::ModuleOp module);
  /// Compiles `rounded`, which has the same signature, runs both, and compares
  /// the float outputs. An error if that is not possible.
  llvm::Error compare(mlir::ModuleOp rounded, PrecisionError &result);
  /// Compares `program`, which has the same outputs and takes a bool scalar for
  /// each of `flags` behind the inputs.
  llvm::Expected<std::vector<OutputError>> measure(const SampleProgram &program,
                                                   llvm::ArrayRef<bool> flags);

private:
  llvm::Error computeWanted();

  SampleSource source;
  SampleProgram exact;
  std::vector<Sample> samples;
  std::vector<std::vector<SampleTensor>> wanted; ///< outputs, by sample
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
