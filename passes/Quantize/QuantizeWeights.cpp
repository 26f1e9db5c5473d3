//===- QuantizeWeights.cpp - weights in few bits --------------------------===//
//
// Weights are most of the bytes of many models, and a product reads each once:
// stored in 8 or 4 bits they take a fourth or an eighth of memory and of the
// time to read them. The cost is one rounding per weight (Krishnamoorthi,
// "Quantizing deep convolutional networks for efficient inference", 2018).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/Codes.h"
#include "passes/Quantize/FloatConstants.h"
#include "passes/Quantize/GptqLayer.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/Tables.h"
#include <cmath>

namespace cinch::quantize {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {

struct Counts {
  int64_t quantized = 0, unselected = 0, widened = 0, bytesBefore = 0,
          bytesAfter = 0;
  double squaredError = 0, squaredSum = 0;
  /// Of gptq: weights, and squared errors of outputs.
  int64_t compensated = 0, unshown = 0;
  double outputError = 0, nearestOutputError = 0;
};

/// Who reads a weight, and along which axes of it.
struct Readers {
  SmallVector<OpOperand *> uses;
  unsigned inAxis = 0, outAxis = 0;
};

struct QuantizeWeights
    : public quantize::impl::QuantizeWeightsPassBase<QuantizeWeights> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error quantize(ConstantOp constant, ValuePlan plan,
                       const Calibration &known, const Selector &selector);
  /// Rounds a weight that `readers` read, with scales along `axis`.
  llvm::Expected<RoundedWeights> round(ArrayRef<float> weights,
                                       RankedTensorType type, unsigned axis,
                                       const ValuePlan &plan,
                                       const Readers &readers,
                                       const Calibration &known);
  /// Lets `uses` of the constant read what it is rounded to.
  llvm::Error replace(ConstantOp constant, const ValuePlan &plan, unsigned axis,
                      const RoundedWeights &rounded,
                      ArrayRef<OpOperand *> uses);
  void setReport(func::FuncOp function);

  Counts counts;
};

} // namespace

/// Finds the operands that are `constant` as a weight or a table, which must
/// all be read along the same axes; none if there are none.
static llvm::Expected<Readers> getReaders(ConstantOp constant) {
  Readers readers;
  for (OpOperand &use : constant->getUses()) {
    auto linear = LinearOp::match(use.getOwner());
    bool isWeight = linear && use.getOperandNumber() == 1;
    if (!isWeight && !isLookup(use))
      continue;
    // A row of a table is what an output of a product is: it has one scale.
    unsigned inAxis = isWeight ? getFilterInputAxis(*linear) : 1,
             outAxis = isWeight ? getFilterOutputAxis(*linear) : 0;
    if (!readers.uses.empty() && inAxis != readers.inAxis)
      return llvm::createStringError(
          "is read along different axes by '" +
          getValueName(readers.uses.front()->getOwner()->getResult(0)) +
          "' and '" + getValueName(use.getOwner()->getResult(0)) + "'");
    readers.inAxis = inAxis;
    readers.outAxis = outAxis;
    readers.uses.push_back(&use);
  }
  return readers;
}

/// Says what is wrong with a plan of weights of `type`.
static llvm::Error checkPlan(const ValuePlan &plan, RankedTensorType type) {
  if (!plan.format->isByElement() && type.getRank() != 2)
    return llvm::createStringError(
        "is a filter; " + plan.format->name +
        " is packed by rows, which are short in filters");
  if (!plan.format->isSigned() || !plan.isSymmetric)
    return llvm::createStringError(
        "is a weight, which has a signed and symmetric format");
  if (plan.method != Method::MinMax && plan.method != Method::Mse)
    return llvm::createStringError(
        "is a weight, whose method is minmax or mse, not " +
        getName(plan.method));
  if (plan.granularity == Granularity::Token || plan.isDynamic)
    return llvm::createStringError(
        "is a weight, which has static scales per tensor, channel "
        "or group");
  return llvm::Error::success();
}

llvm::Expected<RoundedWeights>
QuantizeWeights::round(ArrayRef<float> weights, RankedTensorType type,
                       unsigned axis, const ValuePlan &plan,
                       const Readers &readers, const Calibration &known) {
  bool search = plan.method == Method::Mse;
  if (rounding == RoundingMethod::Gptq) {
    // Rows of tables have no outputs to measure.
    SmallVector<LinearOp> products;
    for (OpOperand *use : readers.uses)
      if (auto linear = LinearOp::match(use->getOwner()))
        products.push_back(*linear);
    llvm::Expected<algebra::Matrix> moment =
        products.size() == readers.uses.size()
            ? findSecondMoment(products, known)
            : llvm::Expected<algebra::Matrix>(algebra::Matrix());
    if (!moment)
      return moment.takeError();
    GptqOptions options;
    options.ordersByActivation = actOrder;
    options.search = search;
    if (!moment->isEmpty()) {
      std::optional<GptqWeights> result =
          roundLayerByGptq(products.front(), weights, *moment, plan, options);
      if (!result)
        return llvm::createStringError(
            "has an input whose second moment in the statistics is "
            "none: it is not finite, or far from positive");
      ++counts.compensated;
      counts.outputError += result->error;
      counts.nearestOutputError += result->nearestError;
      return std::move(result->rounded);
    }
    ++counts.unshown;
  }
  return roundWeights(weights, getSharing(type, axis, plan), *plan.format,
                      search);
}

llvm::Error QuantizeWeights::quantize(ConstantOp constant, ValuePlan plan,
                                      const Calibration &known,
                                      const Selector &selector) {
  llvm::Expected<Readers> readers = getReaders(constant);
  if (!readers)
    return readers.takeError();
  if (readers->uses.empty())
    return llvm::Error::success();
  if (llvm::none_of(readers->uses, [&](OpOperand *use) {
        return selector.matches(use->getOwner());
      })) {
    ++counts.unselected;
    return llvm::Error::success();
  }
  if (llvm::Error error =
          checkPlan(plan, cast<RankedTensorType>(constant.getType())))
    return error;
  llvm::Expected<std::vector<float>> weights = readFloats(constant.getValue());
  if (!weights)
    return weights.takeError();
  if (!llvm::all_of(*weights,
                    [](float weight) { return std::isfinite(weight); }))
    return llvm::createStringError("has a weight that is not finite");
  auto type = cast<RankedTensorType>(constant.getType());
  unsigned axis = plan.granularity == Granularity::Group ? readers->inAxis
                                                         : readers->outAxis;
  if (plan.granularity == Granularity::Tensor)
    axis = 0;
  if (!hasScales(*weights, getSharing(type, axis, plan), *plan.format)) {
    constant.emitRemark("quantize-weights: '")
        << getValueName(constant) << "' has weights whose scales "
        << quantize::getName(plan.scales)
        << " has no normal numbers for; they are f32";
    plan.scales = ScaleFormat::F32;
    ++counts.widened;
  }
  llvm::Expected<RoundedWeights> rounded =
      round(*weights, type, axis, plan, *readers, known);
  if (!rounded)
    return rounded.takeError();
  return replace(constant, plan, axis, *rounded, readers->uses);
}

llvm::Error QuantizeWeights::replace(ConstantOp constant, const ValuePlan &plan,
                                     unsigned axis,
                                     const RoundedWeights &rounded,
                                     ArrayRef<OpOperand *> uses) {
  auto type = cast<RankedTensorType>(constant.getType());
  bool isSmall = isa<DenseElementsAttr>(constant.getValue());
  auto scaleType = RankedTensorType::get(
      getScaleShape(type, axis, plan.granularity, plan.group),
      getElementType(plan.scales, &getContext()));
  llvm::Expected<TypedAttr> scales = makeFloats(
      scaleType,
      SmallVector<double>(rounded.scales.begin(), rounded.scales.end()),
      /*isSmall=*/true);
  if (!scales)
    return scales.takeError();
  std::string name = getValueName(constant);
  OpBuilder builder(constant);
  Location loc = constant.getLoc();
  llvm::Expected<Codes> codes =
      makeCodes(builder, loc, name, type, *plan.format, rounded.codes, isSmall);
  if (!codes)
    return codes.takeError();
  if (keepOriginals)
    codes->constant->setAttr(originalAttributeName, constant.getValue());
  auto scale = makeNamedConstant(builder, loc, name + "/scale", *scales);
  auto dequantized = DequantizeOp::create(
      builder, loc, type, codes->value, scale, /*zero_point=*/Value(), axis,
      plan.granularity == Granularity::Group ? plan.group : 0,
      getLevels(*plan.format, &getContext()));
  setName(dequantized, name + "/dq");
  for (OpOperand *use : uses)
    use->set(dequantized);
  ++counts.quantized;
  counts.bytesBefore += *getStorageBytes(type);
  counts.bytesAfter += codes->bytes + *getStorageBytes(scaleType);
  counts.squaredError += rounded.squaredError;
  counts.squaredSum += rounded.squaredSum;
  if (constant.use_empty())
    constant.erase();
  return llvm::Error::success();
}

void QuantizeWeights::setReport(func::FuncOp function) {
  SmallVector<std::pair<StringRef, int64_t>> numbers = {
      {"bytes_after", counts.bytesAfter},
      {"bytes_before", counts.bytesBefore},
      {"error_ppm", getRootPpm(counts.squaredError, counts.squaredSum)},
      {"quantized", counts.quantized},
      {"unselected", counts.unselected},
      {"widened", counts.widened}};
  if (rounding == RoundingMethod::Gptq)
    numbers.append({{"compensated", counts.compensated},
                    {"output_ppm",
                     getRootPpm(counts.outputError, counts.nearestOutputError)},
                    {"unshown", counts.unshown}});
  function->setAttr("graph.quantize_weights_report",
                    getNumbersAttr(&getContext(), numbers));
}

llvm::Error QuantizeWeights::run(func::FuncOp function) {
  auto selector = parseSelector(function, getArgument(), select);
  if (!selector)
    return selector.takeError();
  llvm::Expected<QuantizationPlan> plan = QuantizationPlan::get(function);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Calibration> known = Calibration::read(function, calibration);
  if (!known)
    return known.takeError();
  if (rounding == RoundingMethod::Gptq && calibration.empty())
    return llvm::createStringError(
        "expected calibration=FILE with method=gptq, which "
        "second moments come from");
  counts = Counts();
  SmallVector<ConstantOp> constants;
  function.walk([&](ConstantOp constant) { constants.push_back(constant); });
  llvm::erase_if(constants, [&](ConstantOp constant) {
    return !plan->chooses(getValueName(constant));
  });
  if (!constants.empty())
    if (llvm::Error error = rememberModel(function))
      return error;
  for (ConstantOp constant : constants) {
    std::string name = getValueName(constant);
    if (llvm::Error error =
            quantize(constant, *plan->find(name), *known, *selector))
      return llvm::createStringError("'" + name + "' " +
                                     llvm::toString(std::move(error)));
  }
  warnOfUnknownNames(function, *plan, "quantize-weights");
  if (counts.unshown > 0 && counts.compensated == 0)
    function.emitWarning("quantize-weights: gptq rounded ")
        << counts.unshown << " weights to nearest: " << calibration
        << " has no second moments of what they are multiplied by";
  if (report)
    setReport(function);
  return llvm::Error::success();
}

void QuantizeWeights::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
