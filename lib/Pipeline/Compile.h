//===- Compile.h - the compiler, as a function ----------------------------===//
#ifndef CINCH_LIB_PIPELINE_COMPILE_H
#define CINCH_LIB_PIPELINE_COMPILE_H

#include "lib/Import/Import.h"
#include <functional>
#include <string>
#include <vector>

namespace cinch {

/// What `compile` writes. The numbers are those of cinch_emit_t.
enum class Emit { So, Obj, Llvm, Exec, Mlir, Onnx, Ptx, Cubin };

/// The exit status of every tool.
enum class Status { Done = 0, Failed = 1, WrongUsage = 2, Unsupported = 77 };

/// Values and weights in few bits.
struct QuantizeOptions {
  std::string recipe; ///< of `getQuantizeRecipes`, or auto; empty: none
  /// A .npz file or a folder of sets of inputs that statistics are taken of.
  std::string calibrationData;
  /// The file of the statistics: written if there is data, and gone on from if
  /// it is there; else read. Empty: none.
  std::string calibration;
  std::string readPlan;  ///< JSON to take instead of choosing; empty: none
  std::string writePlan; ///< JSON to write; empty: none
  /// Largest norm of an output's error over its norm on the data: fails if it
  /// does not hold; auto takes the first recipe for which it does. 0: any.
  double accuracyGoal = 0;
};

struct CompileOptions {
  std::string input; ///< .onnx, .mlir or .mlirbc
  std::string
      output; ///< empty: beside the working folder, named after the input
  std::string target = "cpu"; ///< or cuda:sm_80, sm_86, sm_89, sm_90, sm_120
  std::string cpu = "native"; ///< or a name such as x86-64-v3
  std::string pipeline =
      "default";      ///< default, reference, or a textual pipeline
  std::string report; ///< .txt, .json or .html file; empty: none
  /// Sizes that the report assumes for symbols without a bound.
  std::vector<std::pair<std::string, int64_t>> reportSizes;
  std::vector<DimBound> dims;
  /// Pairs past=present that are states; empty: all that are found.
  std::vector<std::string> states;
  int64_t budgetBytes = 0;       ///< of arena and weights; 0: no budget
  std::string precision = "f32"; ///< or f16, bf16: of f32 values and weights
  /// Sets of random inputs that show which values f16 does not hold, and on
  /// which a precision is compared with f32, for a report or a goal.
  int64_t precisionSamples = 1;
  /// A .npz file or a folder of sets of inputs to take instead; empty: none.
  std::string precisionSampleFiles;
  /// Largest error of an output over its largest value: products stay in f32
  /// until it holds on the samples. 0: any.
  double precisionGoal = 0;
  QuantizeOptions quantize;
  Emit emit = Emit::So;
  bool embedsWeights = false; ///< in the output of So or Obj
  /// Machine code for the GPU beside the PTX in the output of So or Obj.
  bool embedsCubin = false;
  /// Whether a GPU may multiply f32 as tf32 (10 bits of mantissa).
  bool allowsTF32 = false;
  /// .txt or .json file that says how each kernel is computed; "-": text to the
  /// standard output; empty: none.
  std::string kernelReport;
  /// Unsupported, if the GPU has no schedule for a kernel; else a remark.
  bool failsOnFallback = false;
  /// Called when a phase begins, with the share of the time that is over, from
  /// 0 to 1, as it is for most models.
  std::function<void(llvm::StringRef phase, double share)> progress;
};

enum class Severity { Error, Warning, Remark, Note };
using DiagnosticCallback =
    std::function<void(Severity severity, llvm::StringRef message)>;

/// Compiles a model. All that goes wrong is told to `diagnose`, then the status
/// is not Done and no output file is left. Safe to call from several threads.
Status compile(const CompileOptions &options, DiagnosticCallback diagnose);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_COMPILE_H
