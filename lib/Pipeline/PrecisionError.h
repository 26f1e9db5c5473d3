//===- PrecisionError.h - what a precision costs in accuracy --------------===//
#ifndef CINCH_LIB_PIPELINE_PRECISIONERROR_H
#define CINCH_LIB_PIPELINE_PRECISIONERROR_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace cinch {

/// How far one float output is from what f32 gives.
struct OutputError {
  std::string name;
  double maxError = 0; ///< largest |a - b| over the largest |a|, of f32 a
  double rmsError = 0; ///< root of the sums of (a - b)^2 over that of a^2
};

/// The errors of a program in another precision.
struct PrecisionError {
  std::string precision; ///< f16 or bf16
  int64_t samples = 0;   ///< sets of random inputs
  std::vector<OutputError> outputs;
};

/// Compiles two programs on the graph level, of the same signature, for this
/// machine, runs both on `samples` sets of random inputs (those of cinch-run
/// with the seeds 0, 1, ...: smallest sizes, integers are 0 or 1), and compares
/// the float outputs. An error if they cannot be compiled or run so.
/// Leaves both as they are; takes as much memory and time as two compilations.
/// `precision` is the name of that of `rounded`.
llvm::Expected<PrecisionError> comparePrograms(llvm::StringRef precision,
                                               mlir::ModuleOp exact,
                                               mlir::ModuleOp rounded,
                                               int64_t samples);

/// The error of one output in a sentence.
std::string describe(const PrecisionError &error, const OutputError &output);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PRECISIONERROR_H
