//===- QuantizeActivations.cpp - what products read in few bits -----------===//
//
// Products of integers of 8 bits take a fourth of the bytes and, on most
// machines, of the time of products of f32. The rounding happens where the
// value is computed: one element-wise operation, or a row kernel that finds the
// scale, so nothing else is stored (Jacob et al., "Quantization and Training of
// Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/ComputedScales.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/StoredValues.h"
#include "llvm/Support/FormatVariadic.h"

namespace cinch::quantize {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {

struct Counts {
  int64_t numStatic = 0, numDynamic = 0, products = 0, others = 0, left = 0;
  int64_t bitsBefore = 0, bitsAfter = 0;
};

/// What names of roundings for readers other than products begin with.
constexpr llvm::StringLiteral storedPiece = "stored_";

/// How a quantized value is read: q and dequantize have these operands.
struct Grid {
  Value scale, zero;
  int64_t axis = 0, group = 0;
};

struct QuantizeActivations
    : public quantize::impl::QuantizeActivationsPassBase<QuantizeActivations> {
  using QuantizeActivationsPassBase::QuantizeActivationsPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error quantize(Value value, const ValuePlan &plan);
  /// `value` rounded as `plan` says; names begin with `piece`.
  llvm::Expected<Value> makeRounded(Value value, const ValuePlan &plan,
                                    StringRef piece);
  llvm::Expected<Grid> makeStatic(Maker &maker, Value value,
                                  const ValuePlan &plan, StringRef piece);
  llvm::Expected<Grid> makeChannels(Maker &maker, Value value,
                                    const ValuePlan &plan, StringRef piece);

  void count(const ValuePlan &plan);

  Calibration known;
  llvm::DenseMap<Value, StoredValue> stored;
  Counts counts;
};

} // namespace

/// Says what is wrong with a plan of an activation.
static llvm::Error checkPlan(Value value, const ValuePlan &plan) {
  auto type = cast<RankedTensorType>(value.getType());
  if (plan.format->isLogarithmic) {
    if (!value.getDefiningOp<SoftmaxOp>())
      return llvm::createStringError(
          "is no result of softmax, whose numbers log2 is for");
    if (plan.isDynamic || plan.granularity != Granularity::Tensor ||
        plan.scales != ScaleFormat::F32)
      return llvm::createStringError("has logarithms, which have no scales");
    return llvm::Error::success();
  }
  if (plan.format->isForWeights())
    return llvm::createStringError("is an activation, and " +
                                   plan.format->name + " is for weights");
  if (plan.isDynamic && plan.granularity == Granularity::Channel)
    return llvm::createStringError(
        "has dynamic scales per channel; these are static");
  if (!plan.isDynamic && (plan.granularity == Granularity::Token ||
                          plan.granularity == Granularity::Group))
    return llvm::createStringError("has static scales, which are one for the "
                                   "tensor or one for each channel");
  if (plan.isDynamic && !(plan.isSymmetric && plan.format->isSigned()))
    return llvm::createStringError(
        "has dynamic scales, which are signed and symmetric");
  if (plan.scales != ScaleFormat::F32 && !plan.isDynamic)
    return llvm::createStringError("has a static scale, which is f32");
  if (plan.scales == ScaleFormat::F16)
    return llvm::createStringError(
        "has scales that are computed, which f16 may have no "
        "numbers for");
  if (plan.format->isFloat() && !plan.isSymmetric)
    return llvm::createStringError(
        "has a format of floats, which is symmetric");
  if (!plan.format->isSigned() && plan.isSymmetric)
    return llvm::createStringError(
        "has an unsigned format, which is not symmetric");
  if (!plan.isDynamic)
    return llvm::Error::success();
  if (plan.granularity == Granularity::Tensor)
    return llvm::Error::success();
  int64_t width = type.getRank() > 0 ? type.getShape().back() : 1;
  if (ShapedType::isDynamic(width))
    return llvm::createStringError("has rows of a size that is not known");
  if (plan.granularity == Granularity::Group && width % plan.group != 0)
    return llvm::createStringError("has rows of " + llvm::Twine(width) +
                                   " elements, which groups of " +
                                   llvm::Twine(plan.group) + " do not divide");
  return llvm::Error::success();
}

llvm::Expected<Grid> QuantizeActivations::makeStatic(Maker &maker, Value value,
                                                     const ValuePlan &plan,
                                                     StringRef piece) {
  llvm::Expected<Bounds> range =
      known.findRange(getValueName(value), plan.method, *plan.format,
                      plan.isSymmetric, percentile);
  if (!range)
    return range.takeError();
  Scale scale = getScale(*range, *plan.format, plan.isSymmetric);
  Grid grid;
  grid.scale = maker.scalar((piece + "scale").str(), scale.scale);
  if (!plan.isSymmetric && !plan.format->isFloat()) {
    auto type = RankedTensorType::get(
        {}, getElementType(*plan.format, value.getContext()));
    grid.zero = maker.constant((piece + "zero").str(),
                               getIntegerConstant(type, scale.zero));
  }
  return grid;
}

/// One scale for each channel: its largest magnitude over the largest number.
llvm::Expected<Grid> QuantizeActivations::makeChannels(Maker &maker,
                                                       Value value,
                                                       const ValuePlan &plan,
                                                       StringRef piece) {
  auto found = stored.find(value);
  if (found == stored.end())
    return llvm::createStringError("has a scale for each channel, but is not "
                                   "stored, or the number of its channels is "
                                   "not known");
  if (plan.method != Method::MinMax || !plan.isSymmetric)
    return llvm::createStringError("has a scale for each channel, which is "
                                   "symmetric, of method minmax");
  auto type = cast<RankedTensorType>(value.getType());
  const ValueStatistics *shown = known.find(getValueName(value));
  auto count = static_cast<size_t>(type.getDimSize(found->second.axis));
  if (!shown || shown->channelMax.size() != count)
    return llvm::createStringError("has a scale for each channel, but "
                                   "calibration=FILE does not show them");
  SmallVector<float> scales;
  for (float largest : shown->channelMax)
    scales.push_back(static_cast<float>(
        getScale({-largest, largest}, *plan.format, /*isSymmetric=*/true)
            .scale));
  Grid grid;
  auto scaleType = RankedTensorType::get({static_cast<int64_t>(count)},
                                         type.getElementType());
  grid.scale = maker.constant(
      (piece + "scale").str(),
      DenseElementsAttr::get(scaleType, ArrayRef<float>(scales)));
  grid.axis = found->second.axis;
  return grid;
}

/// The scales of the largest magnitude of the tensor, or of each row or group.
static Grid makeDynamic(Maker &maker, Value value, const ValuePlan &plan) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t last = type.getRank() - 1;
  SmallVector<int64_t> axes = {last};
  Value rows = value;
  SmallVector<int64_t> shape(type.getShape());
  if (plan.granularity == Granularity::Tensor) {
    axes = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    shape.clear();
  } else if (plan.granularity == Granularity::Group) {
    // One axis more: [..., groups, elements].
    SmallVector<int64_t> sizes(last, 0);
    sizes.append({shape[last] / plan.group, plan.group});
    auto sizesType =
        RankedTensorType::get(last + 2, maker.builder.getI64Type());
    shape[last] = sizes[last];
    SmallVector<int64_t> grouped(shape);
    grouped.push_back(plan.group);
    rows = maker.make<ReshapeOp>(
        "groups", type.clone(grouped), value,
        maker.constant("group_sizes", getIntegerConstant(sizesType, sizes)),
        /*allow_zero=*/false);
    axes = {last + 1};
  } else {
    shape[last] = 1;
  }
  auto scaleType = type.clone(shape);
  Value magnitudes = maker.make<AbsOp>("magnitudes", rows.getType(), rows);
  Value largest = maker.make<ReduceMaxOp>(
      "largest", scaleType, magnitudes, axes,
      /*keep_dims=*/plan.granularity == Granularity::Token);
  Grid grid;
  grid.scale = makeScales(maker, largest, plan);
  if (plan.granularity != Granularity::Tensor) {
    grid.axis = last;
    grid.group = plan.granularity == Granularity::Token ? type.getShape().back()
                                                        : plan.group;
  }
  return grid;
}

llvm::Expected<Value> QuantizeActivations::makeRounded(Value value,
                                                       const ValuePlan &plan,
                                                       StringRef piece) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.getElementType().isF32())
    return llvm::createStringError("has elements other than f32");
  if (llvm::Error error = checkPlan(value, plan))
    return error;
  Maker maker(value);
  if (plan.format->isLogarithmic) {
    count(plan);
    return roundLogarithms(maker, value, *plan.format);
  }
  llvm::Expected<Grid> grid = plan.isDynamic ? makeDynamic(maker, value, plan)
                              : plan.granularity == Granularity::Channel
                                  ? makeChannels(maker, value, plan, piece)
                                  : makeStatic(maker, value, plan, piece);
  if (!grid)
    return grid.takeError();
  auto codes = type.clone(getElementType(*plan.format, value.getContext()));
  Value q =
      maker.make<QuantizeOp>((piece + "q").str(), codes, value, grid->scale,
                             grid->zero, grid->axis, grid->group);
  count(plan);
  return maker.make<DequantizeOp>((piece + "dq").str(), type, q, grid->scale,
                                  grid->zero, grid->axis, grid->group,
                                  /*levels=*/DenseF32ArrayAttr());
}

void QuantizeActivations::count(const ValuePlan &plan) {
  ++(plan.isDynamic ? counts.numDynamic : counts.numStatic);
  counts.bitsBefore += 32;
  counts.bitsAfter += plan.format->bits;
}

/// Whether `use` is of a product whose weight is quantized.
static bool isOfProduct(OpOperand &use) {
  return isProduct(use.getOwner()) && use.getOperandNumber() == 0 &&
         hasQuantizedWeight(use.getOwner());
}

/// Whether this pass did its work on `value` before.
static bool isDone(Value value) {
  std::string name = getValueName(value);
  std::string forProducts = name + "/q",
              forOthers = name + "/" + storedPiece.str() + "q";
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (isa<LogOp>(user))
      return getValueName(user->getResult(0)) == name + "/logarithms";
    if (!isa<QuantizeOp>(user))
      return false;
    std::string codes = getValueName(user->getResult(0));
    return codes == forProducts || codes == forOthers;
  });
}

llvm::Error QuantizeActivations::quantize(Value value, const ValuePlan &plan) {
  if (isDone(value))
    return llvm::Error::success();
  SmallVector<OpOperand *> products, others;
  if (plan.format)
    for (OpOperand &use : value.getUses())
      if (isOfProduct(use) ||
          (plan.format->isLogarithmic && isProduct(use.getOwner())))
        products.push_back(&use);
  if (plan.others)
    others = getOtherUses(value, stored.lookup(value).endsProduct, isOfProduct);
  if (products.empty() && others.empty()) {
    ++counts.left;
    return llvm::Error::success();
  }
  Value rounded;
  auto round = [&](const ValuePlan &how, StringRef piece,
                   ArrayRef<OpOperand *> uses) -> llvm::Error {
    if (!rounded || piece == storedPiece) {
      llvm::Expected<Value> made = makeRounded(value, how, piece);
      if (!made)
        return made.takeError();
      rounded = *made;
    }
    for (OpOperand *use : uses)
      use->set(rounded);
    return llvm::Error::success();
  };
  if (!products.empty())
    if (llvm::Error error = round(plan, "", products))
      return error;
  if (!others.empty()) {
    bool isSame = rounded && plan.hasSameGrid(*plan.others);
    if (llvm::Error error =
            round(*plan.others, isSame ? "" : storedPiece, others))
      return error;
  }
  counts.products += static_cast<int64_t>(products.size());
  counts.others += static_cast<int64_t>(others.size());
  return llvm::Error::success();
}

llvm::Error QuantizeActivations::run(func::FuncOp function) {
  if (!(percentile > 50 && percentile <= 100))
    return llvm::createStringError(
        "expected percentile above 50 to 100, but got " +
        llvm::formatv("{0}", percentile.getValue()).str());
  llvm::Expected<QuantizationPlan> plan = QuantizationPlan::get(function);
  if (!plan)
    return plan.takeError();
  llvm::Expected<Calibration> read = Calibration::read(function, calibration);
  if (!read)
    return read.takeError();
  known = std::move(*read);
  counts = Counts();
  stored.clear();
  for (const StoredValue &value : getStoredValues(function))
    stored[value.value] = value;
  SmallVector<Value> values;
  auto add = [&](Value value) {
    const ValuePlan *entry = plan->find(getValueName(value));
    if (entry && (entry->format || entry->others) && !getConstantValue(value))
      values.push_back(value);
  };
  llvm::for_each(function.getArguments(), add);
  function.walk<WalkOrder::PreOrder>(
      [&](Operation *op) { llvm::for_each(op->getResults(), add); });
  for (Value value : values) {
    std::string name = getValueName(value);
    if (llvm::Error error = quantize(value, *plan->find(name)))
      return llvm::createStringError("'" + name + "' " +
                                     llvm::toString(std::move(error)));
  }
  warnOfUnknownNames(function, *plan, "quantize-activations");
  if (report)
    function->setAttr(
        "graph.quantize_activations_report",
        getNumbersAttr(&getContext(), {{"bits_after", counts.bitsAfter},
                                       {"bits_before", counts.bitsBefore},
                                       {"dynamic", counts.numDynamic},
                                       {"left", counts.left},
                                       {"others", counts.others},
                                       {"products", counts.products},
                                       {"static", counts.numStatic}}));
  return llvm::Error::success();
}

void QuantizeActivations::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
