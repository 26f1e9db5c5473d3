//===- QuantizeRecipes.cpp - passes for models in few bits ----------------===//
#include "lib/Pipeline/QuantizeRecipes.h"
#include "passes/Graph/Passes.h"
#include "passes/Quantize/Passes.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::quantize;

static constexpr QuantizeRecipe recipes[] = {
    {"w4a4", Recipe::W4A4, false, true, true, 32, 4, 4},
    {"w4a8", Recipe::W4A8, false, false, true, 0, 8, 4},
    {"w4a16", Recipe::W4A16, false, false, true, 0, 16, 4},
    {"w8a8", Recipe::W8A8, true, true, false, 0, 8, 8},
    {"w8a8-dynamic", Recipe::W8A8Dynamic, false, false, false, 0, 8, 8},
    {"fp8", Recipe::FP8, true, false, false, 0, 8, 8},
    {"w8a16", Recipe::W8A16, false, false, false, 0, 16, 8},
    {"w3a16", Recipe::W3A16, false, false, true, 0, 16, 3, false},
    {"nf4", Recipe::NF4, false, false, true, 0, 16, 4, false},
    {"mxfp4", Recipe::MXFP4, false, false, true, 0, 4, 4, false},
    {"mxfp8", Recipe::MXFP8, false, false, false, 0, 8, 8, false},
};

/// Weights in 4 bits that share a scale.
static constexpr int64_t groupSize = 64;

ArrayRef<QuantizeRecipe> cinch::getQuantizeRecipes() { return recipes; }

const QuantizeRecipe *cinch::findQuantizeRecipe(StringRef name) {
  for (const QuantizeRecipe &recipe : recipes)
    if (recipe.name == name)
      return &recipe;
  return nullptr;
}

void cinch::addMappingPasses(OpPassManager &passes,
                             const QuantizeRecipe &recipe,
                             const QuantizeInputs &inputs) {
  if (!recipe.smooths || inputs.statistics.empty())
    return;
  SmoothActivationsPassOptions smooth;
  smooth.mode = SmoothingMode::Search;
  smooth.activationBits = recipe.activationBits;
  smooth.weightBits = recipe.weightBits;
  smooth.granularity = recipe.isStatic ? ActivationGranularity::Tensor
                                       : ActivationGranularity::Token;
  smooth.groupSize = recipe.weightBits == 4 ? groupSize : 0;
  smooth.calibration = inputs.statistics;
  smooth.report = inputs.reportsCounts;
  passes.addNestedPass<func::FuncOp>(createSmoothActivationsPass(smooth));
  // What is left of factors that were folded.
  passes.addNestedPass<func::FuncOp>(graph::createFoldConstantsPass());
  passes.addNestedPass<func::FuncOp>(graph::createVerifyNamesPass());
}

void cinch::addQuantizePasses(OpPassManager &passes,
                              const QuantizeRecipe &recipe,
                              const QuantizeOptions &options,
                              const QuantizeInputs &inputs) {
  ChooseQuantizationPassOptions choose;
  choose.recipe = recipe.recipe;
  choose.method = inputs.isStale ? Method::MinMax : Method::Mse;
  choose.weightMethod = WeightMethod::Mse;
  if (recipe.isStatic)
    choose.granularity = ActivationGranularity::Mixed;
  choose.readPlan = options.readPlan;
  choose.writePlan = options.writePlan;
  choose.groupSize = groupSize;
  choose.calibration = inputs.statistics;
  choose.report = inputs.reportsCounts;
  passes.addNestedPass<func::FuncOp>(createChooseQuantizationPass(choose));
  if (recipe.rank > 0) {
    AddLowRankBranchPassOptions branch;
    branch.rank = recipe.rank;
    branch.calibration = inputs.statistics;
    branch.report = inputs.reportsCounts;
    // Before weights: it takes out what these then need not hold.
    passes.addNestedPass<func::FuncOp>(createAddLowRankBranchPass(branch));
  }
  QuantizeWeightsPassOptions weights;
  if (recipe.compensates && !inputs.statistics.empty())
    weights.rounding = RoundingMethod::Gptq;
  weights.calibration = inputs.statistics;
  weights.report = inputs.reportsCounts;
  // Before activations: only what quantized weights multiply is rounded.
  passes.addNestedPass<func::FuncOp>(createQuantizeWeightsPass(weights));
  QuantizeActivationsPassOptions activations;
  activations.calibration = inputs.statistics;
  activations.report = inputs.reportsCounts;
  passes.addNestedPass<func::FuncOp>(
      createQuantizeActivationsPass(activations));
  // They name what they make.
  passes.addNestedPass<func::FuncOp>(graph::createVerifyNamesPass());
}
