//===- ChooseQuantization.cpp - which values have few bits, and how -------===//
//
// What is decided here is read, tested and edited as a plan, and obeyed by
// others. It costs nothing; the rules are the common recipes, and the reasons
// for what stays as it is.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/OnlineRotation.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/StoredValues.h"
#include "passes/Quantize/Tables.h"
#include "passes/Quantize/Treatment.h"
#include "llvm/ADT/SetVector.h"

namespace cinch::quantize {
#define GEN_PASS_DEF_CHOOSEQUANTIZATIONPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {

struct Counts {
  int64_t weights = 0, activations = 0, depthwise = 0, ends = 0, shared = 0,
          tiny = 0, unshown = 0, window = 0, computed = 0, quantized = 0,
          rotations = 0, stored = 0, tables = 0, unselected = 0, filters = 0;
};

struct ChooseQuantization
    : public quantize::impl::ChooseQuantizationPassBase<ChooseQuantization> {
  using ChooseQuantizationPassBase::ChooseQuantizationPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error checkOptions() const;
  llvm::Error choose(func::FuncOp function, const Selector &selector);
  void chooseProduct(Operation *product, bool isEnd, const Selector &selector);
  void chooseTable(GatherOp gather);
  void chooseStored(const StoredValue &stored);
  std::string findReasonToLeave(const LinearOp &linear, bool isEnd);
  /// A plan of weights or a table, with what options say.
  ValuePlan finishWeight(ValuePlan value) const;
  ValuePlan makeActivationPlan(Value value) const;
  bool isPerRow() const {
    return treatment.isDynamic && granularity != ActivationGranularity::Tensor;
  }

  int64_t getGroupSize() const {
    return treatment.group > 0 ? treatment.group : int64_t(groupSize);
  }

  Treatment treatment;
  int64_t numElements = 0; ///< of all constants of f32
  QuantizationPlan plan;
  Calibration known;
  Counts counts;
  llvm::SetVector<Value> inputs; ///< to be quantized
};

} // namespace

llvm::Error ChooseQuantization::checkOptions() const {
  if (groupSize <= 0)
    return llvm::createStringError("expected group-size > 0, but got " +
                                   llvm::Twine(groupSize));
  if (tableBits != 0 && tableBits != 4 && tableBits != 8)
    return llvm::createStringError(
        "expected table-bits of 4 or 8, or 0, but got " +
        llvm::Twine(tableBits));
  if (!treatment.isDynamic && (granularity == ActivationGranularity::Token ||
                               granularity == ActivationGranularity::Group))
    return llvm::createStringError(
        "recipe " + treatment.name +
        " has one static scale for "
        "each activation; granularity token and group need "
        "dynamic ones");
  if (granularity == ActivationGranularity::Mixed &&
      (treatment.isDynamic || !treatment.activations))
    return llvm::createStringError("recipe " + treatment.name +
                                   " has no static scales of activations; "
                                   "granularity mixed is for these");
  if (!isSymmetric && (treatment.isDynamic || !treatment.activations ||
                       treatment.activations->isFloat()))
    return llvm::createStringError(
        "recipe " + treatment.name +
        " has no static integers; symmetric=false is for these");
  return llvm::Error::success();
}

/// Why the weight of `linear` stays as it is, in a sentence; empty if it does
/// not. Counts the reason.
std::string ChooseQuantization::findReasonToLeave(const LinearOp &linear,
                                                  bool isEnd) {
  Value weight = linear.op->getOperand(1), input = linear.op->getOperand(0);
  int64_t elements = cast<RankedTensorType>(weight.getType()).getNumElements();
  if (isHadamard(weight)) {
    ++counts.rotations;
    return "is a rotation: rounded before, its input would keep the outliers "
           "that it spreads";
  }
  if (linear.blocks > 1 && linear.blocks == linear.numIn) {
    ++counts.depthwise;
    return "depthwise: each output sums only " + std::to_string(linear.taps) +
           " products, so errors do not average out, and there is little to "
           "save";
  }
  if (elements < minElements) {
    ++counts.tiny;
    return "has " + std::to_string(elements) + " elements, fewer than " +
           std::to_string(minElements) + ": too little to save";
  }
  if (!treatment.weights->isByElement() && !isa<MatmulOp>(linear.op)) {
    ++counts.filters;
    return "is a filter; " + treatment.weights->name.str() +
           " is packed by rows, which are short in filters";
  }
  if (isEnd) {
    ++counts.ends;
    return "belongs to the first or the last product, which keep-ends leaves";
  }
  for (OpOperand &use : weight.getUses()) {
    auto reader = LinearOp::match(use.getOwner());
    if (reader && use.getOperandNumber() == 1 &&
        reader->rowsAreIn == linear.rowsAreIn)
      continue;
    ++counts.shared;
    return "is also read by " + listNames(use.getOwner()) + " (" +
           use.getOwner()->getName().getStringRef().str() +
           "), so that it would be stored twice";
  }
  auto type = cast<RankedTensorType>(input.getType());
  if (treatment.activations && isPerRow() &&
      linear.inAxis + 1 != static_cast<unsigned>(type.getRank())) {
    ++counts.window;
    return "is of a convolution, whose windows cannot have a scale for each "
           "row; w8a8 takes one scale from samples";
  }
  std::string name = getValueName(input);
  if (treatment.activations && !treatment.isDynamic && !calibration.empty() &&
      !isDequantized(input)) {
    if (!known.knows(name, method)) {
      ++counts.unshown;
      return "no sample shows its input '" + name +
             "', which a static scale is taken from";
    }
  }
  return "";
}

ValuePlan ChooseQuantization::finishWeight(ValuePlan value) const {
  value.scales = getWeightScales(treatment, weightScales);
  value.method =
      weightMethod == WeightMethod::Mse ? Method::Mse : Method::MinMax;
  return value;
}

ValuePlan ChooseQuantization::makeActivationPlan(Value input) const {
  ValuePlan value;
  value.format = treatment.activations;
  value.isDynamic = treatment.isDynamic;
  value.scales = treatment.activationScales;
  std::string scales = "one scale for each row, computed from it";
  if (!treatment.isDynamic) {
    value.method = method;
    value.isSymmetric = isSymmetric;
    if (!isSymmetric)
      value.format = Format::find("ui8");
    scales = "one scale from samples (" +
             quantize::getName(method.getValue()).str() + ")";
  } else if (granularity == ActivationGranularity::Tensor) {
    scales = "one scale, computed from all of it";
  } else {
    value.granularity = Granularity::Token;
    int64_t width = cast<RankedTensorType>(input.getType()).getShape().back();
    int64_t group = getGroupSize();
    bool isGrouped =
        granularity == ActivationGranularity::Group ||
        (granularity == ActivationGranularity::Default && treatment.group > 0);
    if (isGrouped && width % group == 0) {
      value.granularity = Granularity::Group;
      value.group = group;
      scales = "one scale for " + std::to_string(group) +
               " elements of a row, computed from them";
    } else if (isGrouped) {
      scales += ", as groups of " + std::to_string(group) +
                " do not divide its " + std::to_string(width) + " elements";
    }
  }
  SmallVector<Operation *> readers = getProductsOf(input);
  llvm::erase_if(readers, [&](Operation *reader) {
    return !hasQuantizedWeight(reader) &&
           !plan.chooses(getValueName(reader->getOperand(1)));
  });
  value.reason =
      (treatment.name + ": read by " + listNames(readers) + "; " + scales)
          .str();
  return value;
}

void ChooseQuantization::chooseProduct(Operation *product, bool isEnd,
                                       const Selector &selector) {
  if (hasQuantizedWeight(product) ||
      llvm::any_of(product->getOperands(), [](Value operand) {
        return isa<IntegerType>(getElementTypeOrSelf(operand.getType()));
      })) {
    ++counts.quantized;
    return;
  }
  auto linear = LinearOp::match(product);
  if (!linear) {
    ++counts.computed;
    return;
  }
  Value input = product->getOperand(0), weight = product->getOperand(1);
  std::string reason = findReasonToLeave(*linear, isEnd);
  ValuePlan &entry = plan.values[getValueName(weight)];
  if (!reason.empty()) {
    entry = ValuePlan();
    entry.reason = std::move(reason);
    return;
  }
  entry = finishWeight(makeWeightPlan(
      treatment, linear->rowsAreIn ? linear->rows : linear->columns,
      getGroupSize(), getValueName(product->getResult(0))));
  ++counts.weights;
  if (isDequantized(input))
    return;
  if (treatment.activations) {
    inputs.insert(input);
  } else if (llvm::all_of(getProductsOf(input), [&](Operation *reader) {
               return selector.matches(reader);
             })) {
    plan.values.erase(getValueName(input)); // of an earlier recipe
  }
}

/// Tables are often most of the bytes of a small model, and a row costs one
/// multiplication more where it is read.
void ChooseQuantization::chooseTable(GatherOp gather) {
  ConstantOp constant = findTable(gather, minElements);
  if (!constant)
    return;
  auto type = cast<RankedTensorType>(constant.getType());
  int64_t bits = treatment.getTableBits(type.getNumElements(), numElements);
  plan.values[getValueName(constant.getResult())] = finishWeight(makeTablePlan(
      treatment, tableBits != 0 ? int64_t(tableBits) : bits, type.getDimSize(1),
      getGroupSize(), getValueName(gather.getResult())));
  ++counts.tables;
}

/// What others than products read of a value that is stored. Where a product
/// writes it there is room for one rounding; elsewhere, and for others alone,
/// channels have scales of their own, so that outliers cost the others nothing.
void ChooseQuantization::chooseStored(const StoredValue &stored) {
  std::string name = getValueName(stored.value);
  auto type = cast<RankedTensorType>(stored.value.getType());
  SmallVector<OpOperand *> uses =
      getOtherUses(stored.value, stored.endsProduct, [&](OpOperand &use) {
        Operation *user = use.getOwner();
        return isProduct(user) && use.getOperandNumber() == 0 &&
               (hasQuantizedWeight(user) ||
                plan.chooses(getValueName(user->getOperand(1))));
      });
  auto lookup = stored.value.getDefiningOp<GatherOp>();
  bool hasFewBits = lookup && (isDequantized(lookup.getInput()) ||
                               plan.chooses(getValueName(lookup.getInput())));
  if (uses.empty() || hasFewBits ||
      (type.hasStaticShape() && type.getNumElements() < minElements))
    return;
  SmallVector<Operation *> readers;
  for (OpOperand *use : llvm::reverse(uses))
    readers.push_back(use->getOwner());
  ValuePlan others;
  auto found = plan.values.find(name);
  std::string reason = "stored for " + listNames(readers) + " with ";
  if (stored.endsProduct && found != plan.values.end() &&
      found->second.format) {
    others = found->second;
    others.reason = reason + "the scale for products";
  } else {
    const ValueStatistics *shown = known.find(name);
    if (!calibration.empty() &&
        (!shown || static_cast<int64_t>(shown->channelMax.size()) !=
                       type.getDimSize(stored.axis))) {
      ++counts.unshown;
      return;
    }
    others.format = treatment.activations;
    others.granularity = Granularity::Channel;
    others.reason = reason + "one scale for each channel, from samples";
  }
  ++counts.stored;
  plan.values[name].others = std::make_shared<ValuePlan>(std::move(others));
}

llvm::Error ChooseQuantization::choose(func::FuncOp function,
                                       const Selector &selector) {
  if (llvm::Error error = checkOptions())
    return error;
  llvm::Expected<QuantizationPlan> earlier = QuantizationPlan::get(function);
  if (!earlier)
    return earlier.takeError();
  plan = std::move(*earlier);
  llvm::Expected<Calibration> read = Calibration::read(function, calibration);
  if (!read)
    return read.takeError();
  known = std::move(*read);
  SmallVector<Operation *> products = getProducts(function);
  for (Operation *product : products) {
    bool isEnd =
        keepEnds && (product == products.front() || product == products.back());
    if (selector.matches(product))
      chooseProduct(product, isEnd, selector);
    else
      ++counts.unselected;
  }
  numElements = countConstantElements(function);
  function.walk([&](GatherOp gather) {
    if (selector.matches(gather))
      chooseTable(gather);
  });
  // Now it is known which products take part.
  for (Value input : inputs)
    plan.values[getValueName(input)] = makeActivationPlan(input);
  counts.activations = static_cast<int64_t>(inputs.size());
  if (granularity == ActivationGranularity::Mixed)
    for (const StoredValue &stored : getStoredValues(function))
      if (selector.matches(stored.value.getDefiningOp()))
        chooseStored(stored);
  if (counts.weights + counts.tables + counts.quantized == 0)
    function.emitWarning("choose-quantization: no product is quantized: ")
        << counts.computed << " have no constant operand, " << counts.unselected
        << " are not selected, "
        << counts.depthwise + counts.ends + counts.filters + counts.rotations +
               counts.shared + counts.tiny + counts.unshown + counts.window
        << " are left for the reasons in the plan";
  return llvm::Error::success();
}

llvm::Error ChooseQuantization::run(func::FuncOp function) {
  treatment = getTreatment(recipe);
  plan = QuantizationPlan();
  counts = Counts();
  inputs.clear();
  if (readPlan.empty()) {
    auto selector = parseSelector(function, getArgument(), select);
    if (!selector)
      return selector.takeError();
    if (llvm::Error error = choose(function, *selector))
      return error;
  } else {
    llvm::Expected<QuantizationPlan> file = QuantizationPlan::read(readPlan);
    if (!file)
      return file.takeError();
    plan = std::move(*file);
    warnOfUnknownNames(function, plan, "choose-quantization");
  }
  plan.set(function);
  if (!writePlan.empty())
    if (llvm::Error error = plan.write(writePlan))
      return error;
  if (report)
    function->setAttr(
        "graph.choose_quantization_report",
        getNumbersAttr(&getContext(), {{"activations", counts.activations},
                                       {"computed", counts.computed},
                                       {"depthwise", counts.depthwise},
                                       {"ends", counts.ends},
                                       {"filters", counts.filters},
                                       {"quantized", counts.quantized},
                                       {"rotations", counts.rotations},
                                       {"shared", counts.shared},
                                       {"stored", counts.stored},
                                       {"tables", counts.tables},
                                       {"tiny", counts.tiny},
                                       {"unselected", counts.unselected},
                                       {"unshown", counts.unshown},
                                       {"weights", counts.weights},
                                       {"window", counts.window}}));
  return llvm::Error::success();
}

void ChooseQuantization::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
