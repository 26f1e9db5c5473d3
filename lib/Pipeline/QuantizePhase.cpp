//===- QuantizePhase.cpp - putting a model into few bits ------------------===//
#include "lib/Pipeline/QuantizePhase.h"
#include "lib/Pipeline/Calibrate.h"
#include "lib/Pipeline/PassRecords.h"
#include "passes/Common/EntryResults.h"
#include "passes/Quantize/Plan.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::quantize;

/// Sets of inputs that outputs and layers are compared on: all results of the
/// model in f32 are in memory at once.
static constexpr int64_t maxComparedSets = 32, maxLayerSets = 4;

/// Statistics that the user did not ask for.
struct QuantizePhase::Files {
  /// A file that is removed in the end; empty if there can be none.
  std::string make() {
    llvm::SmallString<128> path;
    if (llvm::sys::fs::createTemporaryFile("cinch-statistics", "safetensors",
                                           path))
      return "";
    removers.push_back(std::make_unique<llvm::FileRemover>(path));
    bool isRemoved = !llvm::sys::fs::remove(path); // empty, no statistics yet
    return isRemoved ? path.str().str() : "";
  }
  std::vector<std::unique_ptr<llvm::FileRemover>> removers;
};

QuantizePhase::QuantizePhase(const CompileOptions &options,
                             OwningOpRef<ModuleOp> &module,
                             const DiagnosticCallback &diagnose,
                             std::function<Status(AddPasses)> runPasses,
                             std::function<void(StringRef, double)> enter)
    : options(options), quantizing(options.quantize), module(module),
      diagnose(diagnose), runPasses(std::move(runPasses)),
      enter(std::move(enter)),
      source{/*count=*/1, options.reportSizes, quantizing.calibrationData,
             maxComparedSets},
      samples(source), files(std::make_unique<Files>()) {}

QuantizePhase::~QuantizePhase() = default;

Status QuantizePhase::fail(const llvm::Twine &message) {
  diagnose(Severity::Error, message.str());
  return Status::Failed;
}

/// Runs the module as it is on the data, and writes what it shows to `file`.
Status QuantizePhase::calibrateTo(const std::string &file,
                                  int64_t maxMomentChannels) {
  if (file.empty())
    return fail("--calibration-data: no temporary file for the statistics; "
                "name one with --calibration");
  CalibrationOptions calibration;
  calibration.data = quantizing.calibrationData;
  calibration.file = file;
  calibration.maxMomentChannels = maxMomentChannels;
  calibration.progress = [&](double share) { enter("calibrate", share); };
  llvm::Expected<Statistics> taken = calibrate(*module, calibration);
  if (!taken)
    return fail("--calibration-data: " + llvm::toString(taken.takeError()));
  result.calibrationSamples = taken->samples;
  return Status::Done;
}

/// Takes the statistics of the model that the recipe uses, if there is data. A
/// file that was named has all that there are, for any recipe.
Status QuantizePhase::learn(QuantizeInputs &inputs) {
  inputs.statistics = quantizing.calibration;
  if (quantizing.calibrationData.empty())
    return Status::Done;
  const QuantizeRecipe *recipe = findQuantizeRecipe(quantizing.recipe);
  bool takesAll = !inputs.statistics.empty() || !recipe; // auto: any of them
  int64_t maxMomentChannels =
      takesAll ? INT64_MAX : recipe->getMaxMomentChannels();
  if (!takesAll && !recipe->usesStatistics())
    return Status::Done;
  if (inputs.statistics.empty())
    inputs.statistics = files->make();
  return calibrateTo(inputs.statistics, maxMomentChannels);
}

/// Quantizes the module, whose statistics are in `statistics` if there are any.
Status QuantizePhase::quantize(const QuantizeRecipe &recipe) {
  QuantizeInputs inputs;
  inputs.statistics = statistics;
  inputs.reportsCounts = !options.report.empty();
  Status status = runPasses(
      [&](OpPassManager &passes) { addMappingPasses(passes, recipe, inputs); });
  if (status != Status::Done)
    return status;
  // Ranges have changed; second moments follow from those before.
  inputs.isStale = recipe.smooths && !inputs.statistics.empty();
  if (inputs.isStale && recipe.isStatic &&
      !quantizing.calibrationData.empty()) {
    inputs.statistics = files->make();
    inputs.isStale = false;
    status = calibrateTo(inputs.statistics, /*maxMomentChannels=*/0);
    if (status != Status::Done)
      return status;
  }
  enter("quantize", 0);
  status = runPasses([&](OpPassManager &passes) {
    addQuantizePasses(passes, recipe, quantizing, inputs);
  });
  ranges = inputs.statistics;
  result.recipe = recipe.name.str();
  result.weightBytesAfter = measureProgram(*module).constantBytes;
  return status;
}

/// Runs the module, now in few bits, beside the one in f32.
Status QuantizePhase::compare() {
  enter("compare with f32", 0);
  PrecisionError error;
  if (llvm::Error problem = samples.compare(*module, error)) {
    std::string text = llvm::toString(std::move(problem));
    if (quantizing.accuracyGoal > 0)
      return fail("--accuracy-goal: " + text);
    diagnose(Severity::Warning,
             result.recipe + ": is not compared with f32: " + text);
    return Status::Done;
  }
  result.outputs = std::move(error.outputs);
  result.samples = error.samples;
  result.source = error.source;
  for (const OutputError &output : result.outputs)
    diagnose(Severity::Remark,
             llvm::formatv("{0}: output '{1}' differs from f32 by {2:e2} of "
                           "its norm",
                           result.recipe, output.name, output.rmsError)
                 .str());
  return Status::Done;
}

/// Tries the recipes from cheap to dear until the goal holds.
Status QuantizePhase::search() {
  OwningOpRef<ModuleOp> exact = module->clone();
  double least = INFINITY;
  for (const QuantizeRecipe &recipe : getQuantizeRecipes()) {
    if (!recipe.isSearched || (recipe.isStatic && statistics.empty()))
      continue;
    module = exact->clone();
    Status status = quantize(recipe);
    if (status == Status::Done)
      status = compare();
    if (status != Status::Done)
      return status;
    double error = getRmsError(result.outputs);
    result.attempts.push_back(
        {recipe.name.str(), error, result.weightBytesAfter});
    bool holds = error <= quantizing.accuracyGoal;
    least = std::min(least, error);
    diagnose(Severity::Remark,
             llvm::formatv("auto: {0} has an error of {1:e2} and {2} bytes of "
                           "weights{3}",
                           recipe.name, error, result.weightBytesAfter,
                           holds ? ": taken" : "")
                 .str());
    if (holds)
      return Status::Done;
  }
  return fail(llvm::formatv("--accuracy-goal: no recipe has an error of at "
                            "most {0:e2}; the least was {1:e2}",
                            quantizing.accuracyGoal, least)
                  .str());
}

/// What the report shows of the module, which is `exact` in few bits.
Status QuantizePhase::describe(ModuleOp exact) {
  func::FuncOp entry = getEntry(*module);
  llvm::Expected<QuantizationPlan> plan = QuantizationPlan::get(entry);
  if (!plan)
    return fail(llvm::toString(plan.takeError()));
  for (const auto &[name, value] : plan->values)
    if (!value.format && !value.others)
      result.kept.push_back({name, value.reason});
  result.layers = getQuantizedLayers(*module);
  if (!ranges.empty()) {
    llvm::Expected<Statistics> known = Statistics::read(ranges);
    if (!known)
      return fail(llvm::toString(known.takeError()));
    result.clipped = getClippedValues(*module, *known);
  }
  SampleSource few = source;
  few.maxSets = maxLayerSets;
  enter("compare with f32", 0.5);
  if (llvm::Error error = measureLayers(exact, *module, few, result.layers))
    diagnose(Severity::Warning, "layers are not compared with f32: " +
                                    llvm::toString(std::move(error)));
  return Status::Done;
}

Status QuantizePhase::run() {
  result.goal = quantizing.accuracyGoal;
  result.weightBytesBefore = measureProgram(*module).constantBytes;
  QuantizeInputs inputs;
  Status status = learn(inputs);
  if (status != Status::Done)
    return status;
  statistics = inputs.statistics;
  bool isAuto = quantizing.recipe == "auto";
  bool compares = !options.report.empty() || quantizing.accuracyGoal > 0;
  OwningOpRef<ModuleOp> exact;
  if (compares) {
    exact = module->clone();
    if (llvm::Error error = samples.load(*exact, /*observes=*/false)) {
      std::string text = llvm::toString(std::move(error));
      if (quantizing.accuracyGoal > 0)
        return fail("--accuracy-goal: the model cannot be run: " + text);
      diagnose(Severity::Warning,
               "not compared with f32, as the model cannot be run: " + text);
      compares = false;
    }
  }
  status = isAuto ? search() : quantize(*findQuantizeRecipe(quantizing.recipe));
  if (status != Status::Done || !compares)
    return status;
  if (!isAuto && (status = compare()) != Status::Done)
    return status;
  double error = getRmsError(result.outputs), goal = quantizing.accuracyGoal;
  if (goal > 0 && !(error <= goal))
    return fail(llvm::formatv("--accuracy-goal: the error of {0} is {1:e2}, "
                              "but expected at most {2:e2}; --quantize=auto "
                              "looks for a recipe that holds it",
                              result.recipe, error, goal)
                    .str());
  return options.report.empty() ? Status::Done : describe(*exact);
}
