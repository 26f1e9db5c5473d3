//===- Treatment.h - what a recipe does with values -----------------------===//
#ifndef CINCH_PASSES_QUANTIZE_TREATMENT_H
#define CINCH_PASSES_QUANTIZE_TREATMENT_H

#include "passes/Quantize/Format.h"
#include "passes/Quantize/Options.h"
#include "llvm/ADT/StringRef.h"

namespace cinch::quantize {

/// What a recipe does with weights and activations; a null format: nothing.
struct Treatment {
  llvm::StringRef name;
  const Format *weights = nullptr, *activations = nullptr;
  bool isWeightGrouped = false, isDynamic = false;
};

Treatment getTreatment(Recipe recipe);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_TREATMENT_H
