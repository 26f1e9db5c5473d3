//===- PrecisionPhase.cpp - changing the precision of a model -------------===//
#include "lib/Pipeline/PrecisionPhase.h"
#include "lib/Pipeline/PrecisionSearch.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace cinch;

/// The share of the goal that is aimed at: errors on other inputs are larger.
static constexpr double aim = 0.5;

Status PrecisionPhase::fail(const llvm::Twine &message) {
  diagnose(Severity::Error, message.str());
  return Status::Failed;
}

/// Runs the model in f32; false if that is not possible. Then `status` is
/// Failed if it was asked for.
bool PrecisionPhase::observe(bool compares, Status &status) {
  bool observes = options.precision == "f16";
  bool hasFiles = !options.precisionSampleFiles.empty();
  if (!hasFiles && (options.precisionSamples == 0 || !(observes || compares)))
    return false;
  enter("observe values");
  llvm::Error error = samples.load(*module, observes);
  if (!error && observes)
    error = samples.observe(*module);
  if (!error)
    return true;
  std::string problem = llvm::toString(std::move(error));
  if (hasFiles)
    status = fail("--precision-samples: " + problem);
  else if (options.precisionGoal > 0)
    status = fail("--precision-goal: the model cannot be run on random inputs "
                  "(--report-dim gives sizes, --precision-samples files): " +
                  problem);
  else
    diagnose(Severity::Warning,
             options.precision +
                 ": no ranges of values are known, as the model cannot be run "
                 "on random inputs (--report-dim gives sizes): " +
                 problem);
  return false;
}

/// Runs the passes and takes what they say.
Status PrecisionPhase::convertOnce() {
  Status status = convert();
  result.kept = takeKeptValues(*module);
  return status;
}

Status PrecisionPhase::compare() {
  llvm::Error error = samples.compare(*module, result);
  if (!error)
    return Status::Done;
  std::string problem = llvm::toString(std::move(error));
  if (options.precisionGoal > 0)
    return fail("--precision-goal: " + problem);
  diagnose(Severity::Warning,
           options.precision + ": is not compared with f32: " + problem);
  return Status::Done;
}

/// Converts `exact` with `products` in f32 and compares.
Status PrecisionPhase::convertWith(ModuleOp exact,
                                   ArrayRef<std::string> products) {
  module = exact.clone();
  precision::setWideProducts(*module, products);
  Status status = convertOnce();
  return status == Status::Done ? compare() : status;
}

/// Finds by bisection how many products have to be kept, from what `search`
/// predicts, which lacks the roundings of values that no product reads.
Status PrecisionPhase::keepProducts(ModuleOp exact, PrecisionSearch &search) {
  double goal = options.precisionGoal;
  llvm::Expected<int64_t> predicted = search.countFor(aim * goal);
  if (!predicted)
    return fail("--precision-goal: " + llvm::toString(predicted.takeError()));
  int64_t low = *predicted, high = search.getNumGroups(), tried = low;
  for (bool isFirst = true; isFirst || low < high; isFirst = false) {
    tried = isFirst ? low : (low + high) / 2;
    Status status = convertWith(exact, search.getProducts(tried));
    if (status != Status::Done)
      return status;
    if (getMaxError(result.outputs) <= aim * goal)
      high = tried;
    else
      low = tried + 1;
  }
  if (tried != high) {
    Status status = convertWith(exact, search.getProducts(high));
    if (status != Status::Done)
      return status;
  }
  size_t numKept = search.getProducts(high).size(),
         numProducts = search.getProducts(search.getNumGroups()).size();
  double error = getMaxError(result.outputs);
  if (!(error <= goal))
    return fail(llvm::formatv("--precision-goal: the error is {0:e2} even with "
                              "all products in f32, of which {1} were not; "
                              "expected {2:e2}",
                              error, numProducts, goal)
                    .str());
  diagnose(Severity::Remark,
           llvm::formatv("{0}: {1} of {2} products stay in f32 for the error "
                         "goal",
                         options.precision, numKept, numProducts)
               .str());
  return Status::Done;
}

/// Keeps more and more products of `exact` in f32 until the goal holds.
Status PrecisionPhase::reachGoal(ModuleOp exact) {
  result.goal = options.precisionGoal;
  if (getMaxError(result.outputs) <= aim * options.precisionGoal)
    return Status::Done;
  enter("reach the error goal");
  PrecisionSearch search(samples);
  MLIRContext *context = exact.getContext();
  FloatType element = options.precision == "f16"
                          ? FloatType(Float16Type::get(context))
                          : FloatType(BFloat16Type::get(context));
  if (llvm::Error error = search.load(exact, element))
    return fail("--precision-goal: " + llvm::toString(std::move(error)));
  return keepProducts(exact, search);
}

Status PrecisionPhase::run() {
  bool hasGoal = options.precisionGoal > 0;
  bool compares = !options.report.empty() || hasGoal;
  result.precision = options.precision;
  Status status = Status::Done;
  bool runs = observe(compares, status);
  if (status != Status::Done)
    return status;
  OwningOpRef<ModuleOp> exact;
  if (hasGoal)
    exact = module->clone();
  status = convertOnce();
  if (status == Status::Done && runs && compares)
    status = compare();
  if (status == Status::Done && hasGoal)
    status = reachGoal(*exact);
  if (status != Status::Done)
    return status;
  for (const OutputError &output : result.outputs)
    diagnose(Severity::Remark, describe(result, output));
  return Status::Done;
}
