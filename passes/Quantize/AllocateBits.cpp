//===- AllocateBits.cpp - which weights are worth more bits ---------------===//
//
// Some products lose ten times more than others by the same rounding. Bits are
// spent where they lower the error most: what each product loses in each format
// is measured, and a knapsack chooses within a budget (Yao et al., "HAWQ-V3",
// 2021).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Knapsack.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Codes.h"
#include "passes/Quantize/GptqLayer.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/RoundMatrix.h"
#include "passes/Quantize/WeightMatrix.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace cinch::quantize {
#define GEN_PASS_DEF_ALLOCATEBITSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;
using algebra::Matrix;

namespace {

struct Counts {
  int64_t weights = 0, changed = 0, unplanned = 0, unshown = 0, unselected = 0;
};

/// A weight that the plan chooses, and what each format makes of it.
struct Layer {
  std::string name;
  SmallVector<LinearOp> readers;
  double elements = 0;
  std::vector<KnapsackOption> options; ///< in the order of the formats
};

struct AllocateBits
    : public quantize::impl::AllocateBitsPassBase<AllocateBits> {
  using AllocateBitsPassBase::AllocateBitsPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error checkOptions();
  llvm::Expected<std::vector<Layer>> collect(func::FuncOp function,
                                             const Selector &selector,
                                             const QuantizationPlan &plan,
                                             const Calibration &known);
  /// Fills the options of `layer`; false if the samples do not show what it is
  /// multiplied by.
  llvm::Expected<bool> measure(Layer &layer, const ValuePlan &plan,
                               const Calibration &known) const;
  /// The option of each layer; an error if there is no choice.
  llvm::Expected<KnapsackResult> solve(ArrayRef<Layer> layers) const;
  std::optional<KnapsackResult> solveWithin(ArrayRef<Layer> layers,
                                            int64_t bytes) const;
  void setReport(func::FuncOp function, ArrayRef<Layer> layers,
                 const KnapsackResult &result);

  std::vector<std::string> formatNames;
  SmallVector<const Format *> candidates;
  Counts counts;
};

} // namespace

llvm::Error AllocateBits::checkOptions() {
  if (calibration.empty())
    return llvm::createStringError(
        "expected calibration=FILE, which second moments come "
        "from");
  if ((budgetBytes > 0) + (averageBits > 0) + (maxErrorPpm > 0) != 1)
    return llvm::createStringError(
        "expected one of budget-bytes, average-bits and "
        "max-error-ppm above 0");
  if (maxErrorPpm > 0 && loss != BitsLoss::Relative)
    return llvm::createStringError("expected loss=relative with max-error-ppm");
  candidates.clear();
  formatNames.assign(formats.begin(), formats.end());
  if (formatNames.empty())
    formatNames = {"i2", "i4", "i8"};
  for (const std::string &name : formatNames) {
    const Format *format = Format::find(name);
    if (!format || !format->isSigned())
      return llvm::createStringError(
          "expected formats of weights, such as i4, but got '" + name + "'");
    candidates.push_back(format);
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Layer>>
AllocateBits::collect(func::FuncOp function, const Selector &selector,
                      const QuantizationPlan &plan, const Calibration &known) {
  llvm::MapVector<Value, Layer> layers;
  for (Operation *product : getProducts(function))
    if (auto linear = LinearOp::match(product)) {
      Layer &layer = layers[product->getOperand(1)];
      layer.name = getValueName(product->getOperand(1));
      layer.readers.push_back(*linear);
    }
  std::vector<Layer> result;
  for (auto &[weight, layer] : layers) {
    if (llvm::none_of(layer.readers, [&](const LinearOp &reader) {
          return selector.matches(reader.op);
        })) {
      ++counts.unselected;
    } else if (!plan.chooses(layer.name)) {
      ++counts.unplanned;
    } else {
      llvm::Expected<bool> isShown =
          measure(layer, *plan.find(layer.name), known);
      if (!isShown)
        return llvm::createStringError("'" + layer.name + "' " +
                                       llvm::toString(isShown.takeError()));
      if (*isShown)
        result.push_back(std::move(layer));
      else
        ++counts.unshown;
    }
  }
  counts.weights = static_cast<int64_t>(result.size());
  return result;
}

llvm::Expected<bool> AllocateBits::measure(Layer &layer, const ValuePlan &plan,
                                           const Calibration &known) const {
  const LinearOp &linear = layer.readers.front();
  llvm::Expected<Matrix> gram = findSecondMoment(layer.readers, known);
  if (!gram)
    return gram.takeError();
  if (gram->isEmpty())
    return false;
  llvm::Expected<Matrix> weight = readWeight(linear);
  if (!weight)
    return weight.takeError();
  auto type = cast<RankedTensorType>(linear.op->getOperand(1).getType());
  layer.elements = static_cast<double>(type.getNumElements());
  Sharing sharing = getMatrixSharing(linear.numIn, linear.numOut, plan);
  double whole = loss == BitsLoss::Relative ? getGramNorm(*gram, *weight) : 1;
  for (const Format *format : candidates) {
    bool search = plan.method == Method::Mse;
    double error;
    if (rounding == RoundingMethod::Gptq) {
      GptqOptions options;
      options.ordersByActivation = actOrder;
      options.search = search;
      std::optional<GptqWeights> rounded =
          roundByGptq(weight->toFloats(), *gram, sharing, *format, options);
      if (!rounded)
        return llvm::createStringError(
            "has an input whose second moment in the statistics "
            "is none: it is not finite, or far from positive");
      error = rounded->error;
    } else {
      error = getGramNorm(
          *gram, *weight - roundMatrix(*weight, sharing, *format, search));
    }
    int64_t bytes = getCodeBytes(type, *format);
    bytes += sharing.getNumScales() * getScaleBytes(plan.scales);
    // Rounding of f64 may make the square of nothing negative.
    layer.options.push_back(
        {bytes, whole > 0 ? std::max(error, 0.0) / whole : 0});
  }
  return true;
}

std::optional<KnapsackResult> AllocateBits::solveWithin(ArrayRef<Layer> layers,
                                                        int64_t bytes) const {
  std::vector<std::vector<KnapsackOption>> options;
  if (!isUniform) {
    for (const Layer &layer : layers)
      options.push_back(layer.options);
    return solveKnapsack(options, bytes);
  }
  // One layer, which is all of them.
  options.emplace_back(candidates.size(), KnapsackOption{0, 0});
  for (const Layer &layer : layers)
    for (auto [sum, option] : llvm::zip_equal(options.front(), layer.options)) {
      sum.bytes += option.bytes;
      sum.loss += option.loss;
    }
  std::optional<KnapsackResult> result = solveKnapsack(options, bytes);
  if (result)
    result->choices.assign(layers.size(), result->choices.front());
  return result;
}

llvm::Expected<KnapsackResult>
AllocateBits::solve(ArrayRef<Layer> layers) const {
  int64_t least = 0, most = 0;
  double elements = 0;
  for (const Layer &layer : layers) {
    auto [smallest, largest] = std::minmax_element(
        layer.options.begin(), layer.options.end(),
        [](const KnapsackOption &a, const KnapsackOption &b) {
          return a.bytes < b.bytes;
        });
    least += smallest->bytes;
    most += largest->bytes;
    elements += layer.elements;
  }
  if (maxErrorPpm == 0) {
    int64_t budget = budgetBytes > 0
                         ? static_cast<int64_t>(budgetBytes)
                         : static_cast<int64_t>(averageBits / 8 * elements);
    if (auto result = solveWithin(layers, budget))
      return std::move(*result);
    return llvm::createStringError("the weights take " + llvm::Twine(least) +
                                   " bytes at least, but the budget is " +
                                   llvm::Twine(budget));
  }
  // The error falls with the budget: the least one that keeps the bound.
  double bound = maxErrorPpm * 1e-6;
  auto keeps = [&](const KnapsackResult &result) {
    return std::sqrt(result.loss / static_cast<double>(layers.size())) <= bound;
  };
  KnapsackResult best = *solveWithin(layers, most);
  if (!keeps(best))
    return llvm::createStringError(
        "expected an error of at most " + llvm::Twine(maxErrorPpm) +
        " millionths, but the formats reach " +
        llvm::formatv("{0:f0}",
                      std::sqrt(best.loss / double(layers.size())) * 1e6)
            .str());
  for (int64_t low = least, high = best.bytes; low < high;) {
    int64_t middle = low + (high - low) / 2;
    std::optional<KnapsackResult> result = solveWithin(layers, middle);
    if (result && keeps(*result)) {
      high = std::min(middle, result->bytes);
      best = std::move(*result);
    } else {
      low = middle + 1;
    }
  }
  return best;
}

void AllocateBits::setReport(func::FuncOp function, ArrayRef<Layer> layers,
                             const KnapsackResult &result) {
  auto getPpm = [&](double loss) {
    return getRootPpm(std::max(loss, 0.0), static_cast<double>(layers.size()));
  };
  double elements = 0;
  SmallVector<int64_t> chosen(candidates.size());
  for (auto [layer, choice] : llvm::zip_equal(layers, result.choices)) {
    elements += layer.elements;
    ++chosen[choice];
  }
  SmallVector<std::pair<StringRef, int64_t>> numbers = {
      {"bytes", result.bytes},
      {"changed", counts.changed},
      {"millibits",
       static_cast<int64_t>(
           elements > 0 ? 8000. * double(result.bytes) / elements : 0)},
      {"unplanned", counts.unplanned},
      {"unselected", counts.unselected},
      {"unshown", counts.unshown},
      {"weights", counts.weights}};
  if (loss == BitsLoss::Relative)
    numbers.append({{"error_ppm", getPpm(result.loss)},
                    {"error_bound_ppm", getPpm(result.lowerBound)}});
  for (auto [format, count] : llvm::zip_equal(candidates, chosen))
    numbers.push_back({format->name, count});
  function->setAttr("graph.allocate_bits_report",
                    getNumbersAttr(&getContext(), numbers));
}

llvm::Error AllocateBits::run(func::FuncOp function) {
  if (llvm::Error error = checkOptions())
    return error;
  auto selector = parseSelector(function, getArgument(), select);
  if (!selector)
    return selector.takeError();
  llvm::Expected<QuantizationPlan> plan = QuantizationPlan::get(function);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Calibration> known = Calibration::read(function, calibration);
  if (!known)
    return known.takeError();
  counts = Counts();
  auto layers = collect(function, *selector, *plan, *known);
  if (!layers)
    return layers.takeError();
  KnapsackResult result;
  if (layers->empty()) {
    function.emitWarning("allocate-bits: there is nothing to choose: ")
        << counts.unplanned << " weights are not in the plan, "
        << counts.unshown << " have no second moment of their input, "
        << counts.unselected << " are not selected";
  } else {
    auto solved = solve(*layers);
    if (!solved)
      return solved.takeError();
    result = std::move(*solved);
    for (auto [layer, choice] : llvm::zip_equal(*layers, result.choices)) {
      ValuePlan &value = plan->values[layer.name];
      counts.changed += value.format != candidates[choice];
      value.format = candidates[choice];
      value.reason = llvm::formatv(
          "one of {0}, by its loss of {1:e2}{2}", llvm::join(formatNames, ", "),
          layer.options[choice].loss,
          loss == BitsLoss::Relative ? " of the squared outputs" : "");
    }
    plan->set(function);
  }
  if (!writePlan.empty())
    if (llvm::Error error = plan->write(writePlan))
      return error;
  if (report)
    setReport(function, *layers, result);
  return llvm::Error::success();
}

void AllocateBits::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
