//===- QuantizePhase.h - putting a model into few bits --------------------===//
#ifndef CINCH_LIB_PIPELINE_QUANTIZEPHASE_H
#define CINCH_LIB_PIPELINE_QUANTIZEPHASE_H

#include "lib/Pipeline/Quantization.h"
#include "lib/Pipeline/QuantizeRecipes.h"

namespace cinch {

/// Quantizes a module by a recipe: takes statistics of it on samples, prepares
/// it, takes them again if that changed the values, and rounds; measures what
/// that costs for a report or a goal, and looks for the recipe if none is
/// given.
class QuantizePhase {
public:
  using AddPasses = llvm::function_ref<void(mlir::OpPassManager &)>;
  /// `runPasses` runs passes on `module` and tells what they diagnose; `enter`
  /// tells what is done, and the share of it.
  QuantizePhase(const CompileOptions &options,
                mlir::OwningOpRef<mlir::ModuleOp> &module,
                const DiagnosticCallback &diagnose,
                std::function<Status(AddPasses)> runPasses,
                std::function<void(llvm::StringRef, double)> enter);
  ~QuantizePhase();
  /// Runs it. All that goes wrong is told.
  Status run();
  Quantization takeResult() { return std::move(result); }

private:
  struct Files;

  Status fail(const llvm::Twine &message);
  Status quantize(const QuantizeRecipe &recipe);
  Status search();
  Status learn(QuantizeInputs &inputs);
  Status calibrateTo(const std::string &file, int64_t maxMomentChannels);
  Status compare();
  Status describe(mlir::ModuleOp exact);

  const CompileOptions &options;
  const QuantizeOptions &quantizing;
  mlir::OwningOpRef<mlir::ModuleOp> &module;
  const DiagnosticCallback &diagnose;
  std::function<Status(AddPasses)> runPasses;
  std::function<void(llvm::StringRef, double)> enter;
  SampleSource source;
  PrecisionSamples samples; ///< that outputs are compared on
  std::unique_ptr<Files> files;
  std::string statistics; ///< file of those of the model as it came
  std::string ranges;     ///< file of those that static scales came from
  Quantization result;
};

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_QUANTIZEPHASE_H
