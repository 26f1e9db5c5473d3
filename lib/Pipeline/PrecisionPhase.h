//===- PrecisionPhase.h - changing the precision of a model ---------------===//
#ifndef CINCH_LIB_PIPELINE_PRECISIONPHASE_H
#define CINCH_LIB_PIPELINE_PRECISIONPHASE_H

#include "lib/Pipeline/Compile.h"
#include "lib/Pipeline/PrecisionError.h"

namespace cinch {

class PrecisionSearch;

/// Changes the precision of a module: the values of f32 on samples decide where
/// f16 has the range; what that costs is measured for a report or a goal, and
/// products stay in f32 until the goal holds.
class PrecisionPhase {
public:
  /// `convert` runs the passes on `module`; `enter` tells what is done.
  PrecisionPhase(const CompileOptions &options,
                 mlir::OwningOpRef<mlir::ModuleOp> &module,
                 const DiagnosticCallback &diagnose,
                 std::function<Status()> convert,
                 std::function<void(llvm::StringRef)> enter)
      : options(options), module(module), diagnose(diagnose),
        convert(std::move(convert)), enter(std::move(enter)),
        samples({options.precisionSamples, options.reportSizes,
                 options.precisionSampleFiles}) {}
  /// Runs it. All that goes wrong is told.
  Status run();
  PrecisionError takeResult() { return std::move(result); }

private:
  Status fail(const llvm::Twine &message);
  bool observe(bool compares, Status &status);
  Status convertOnce();
  Status compare();
  Status reachGoal(mlir::ModuleOp exact);
  Status convertWith(mlir::ModuleOp exact,
                     llvm::ArrayRef<std::string> products);
  Status keepProducts(mlir::ModuleOp exact, PrecisionSearch &search);

  const CompileOptions &options;
  mlir::OwningOpRef<mlir::ModuleOp> &module;
  const DiagnosticCallback &diagnose;
  std::function<Status()> convert;
  std::function<void(llvm::StringRef)> enter;
  PrecisionSamples samples;
  PrecisionError result;
};

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PRECISIONPHASE_H
