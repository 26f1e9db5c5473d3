//===- QuantizeRecipes.h - passes for models in few bits ------------------===//
#ifndef CINCH_LIB_PIPELINE_QUANTIZERECIPES_H
#define CINCH_LIB_PIPELINE_QUANTIZERECIPES_H

#include "lib/Pipeline/Compile.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Quantize/Options.h"

namespace cinch {

/// What `--quantize=NAME` does.
struct QuantizeRecipe {
  llvm::StringLiteral name;
  quantize::Recipe recipe;
  bool isStatic;    ///< scales of activations come from samples
  bool smooths;     ///< moves outliers into weights, if there are statistics
  bool compensates; ///< rounds weights by GPTQ, if there are statistics
  int64_t rank;     ///< of branches beside products; 0: none
  unsigned activationBits, weightBits; ///< that smoothing assumes
  bool isSearched = true;              ///< `auto` tries it

  /// Whether anything gets better with statistics.
  bool usesStatistics() const {
    return isStatic || smooths || compensates || rank > 0;
  }
  /// Of what values second moments are worth their time: GPTQ and branches need
  /// them, smoothing does with sums of squares, and is as good with those of
  /// wide values.
  int64_t getMaxMomentChannels() const {
    constexpr int64_t fewChannels = 512;
    return compensates || rank > 0 ? INT64_MAX : smooths ? fewChannels : 0;
  }
};

/// From few bytes to many those that `auto` tries, then the others.
llvm::ArrayRef<QuantizeRecipe> getQuantizeRecipes();
/// Null if there is none; `auto` is none.
const QuantizeRecipe *findQuantizeRecipe(llvm::StringRef name);

/// What the passes read.
struct QuantizeInputs {
  std::string statistics; ///< file; empty: none
  /// Whether the statistics were taken before smoothing: then only extremes of
  /// the smoothed values are known.
  bool isStale = false;
  bool reportsCounts = false;
};

/// graph to graph, with the same results: prepares values for few bits.
void addMappingPasses(mlir::OpPassManager &passes, const QuantizeRecipe &recipe,
                      const QuantizeInputs &inputs);
/// graph to graph: chooses (or reads the plan) and rounds.
void addQuantizePasses(mlir::OpPassManager &passes,
                       const QuantizeRecipe &recipe,
                       const QuantizeOptions &options,
                       const QuantizeInputs &inputs);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_QUANTIZERECIPES_H
