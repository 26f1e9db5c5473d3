//===- Treatment.h - what recipes do with values --------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_TREATMENT_H
#define CINCH_PASSES_QUANTIZE_TREATMENT_H

#include "passes/Quantize/Options.h"
#include "passes/Quantize/Plan.h"

namespace cinch::quantize {

/// What a recipe does with weights and activations; a null format: nothing.
struct Treatment {
  llvm::StringRef name;
  const Format *weights = nullptr, *activations = nullptr;
  bool isWeightGrouped = false, isDynamic = false;
  ScaleFormat weightScales = ScaleFormat::F32,
              activationScales = ScaleFormat::F32;
  int64_t group = 0; ///< elements that share a scale; 0: as an option says

  /// Bits of a table that is looked up, of `count` of the elements `all` of the
  /// model's constants. Its errors are those of the model's input, so it has 4
  /// only where weights are all that has as few, and where it is many of the
  /// elements: others, such as those of positions, save little.
  int64_t getTableBits(int64_t count, int64_t all) const {
    constexpr int64_t minShare = 8;
    bool isNarrow = !weights->isFloat() && weights->bits < 8 &&
                    (!activations || activations->bits >= 8);
    return isNarrow && count * minShare >= all ? 4 : 8;
  }
};

Treatment getTreatment(Recipe recipe);

/// A plan for the weight of `product`, of `inputs` for each output, in groups
/// of `group` where the recipe has groups.
ValuePlan makeWeightPlan(const Treatment &treatment, int64_t inputs,
                         int64_t group, llvm::StringRef product);

/// A plan of `bits` for a table with rows of `width`, which `reader` looks up:
/// of 4 bits, and where a recipe has a size, in groups of at most `group`.
ValuePlan makeTablePlan(const Treatment &treatment, int64_t bits, int64_t width,
                        int64_t group, llvm::StringRef reader);

/// What scales of weights are stored in.
ScaleFormat getWeightScales(const Treatment &treatment, WeightScales option);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_TREATMENT_H
