//===- SmoothActivations.cpp - outliers from activations into weights -----===//
//
// A few channels that are much larger than the others set the step of all when
// a value is rounded; weights have no such channels. Dividing the one and
// multiplying the other spreads the range, and costs nothing where the division
// is folded into what comes before (Xiao et al., "SmoothQuant", 2023).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/FoldFactors.h"
#include "passes/Quantize/OnlineRotation.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "passes/Quantize/Smoothing.h"
#include "passes/Quantize/WeightEditor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace cinch::quantize {
#define GEN_PASS_DEF_SMOOTHACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// Outputs of a product that a search looks at.
static constexpr int64_t maxColumns = 64;
/// Strengths that a search tries are multiples of 1 / this.
static constexpr int numSteps = 20;

namespace {

struct Counts {
  int64_t folded = 0, inserted = 0, unshown = 0, shared = 0, unselected = 0,
          smoothed = 0, unsearched = 0, unfolded = 0;
};

/// A value and the products that are to read it smoothed.
using Readers = llvm::MapVector<Value, SmallVector<LinearOp>>;

struct SmoothActivations
    : public quantize::impl::SmoothActivationsPassBase<SmoothActivations> {
  using SmoothActivationsPassBase::SmoothActivationsPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error checkOptions() const;
  Readers collect(func::FuncOp function, const Selector &selector);
  /// Whether the output error of `readers` can be predicted.
  bool isSearched(ArrayRef<LinearOp> readers) const;
  std::vector<double> getFactors(const ValueStatistics &input,
                                 ArrayRef<double> weightMax,
                                 double strength) const {
    return rule == SmoothingFactors::Activations
               ? getActivationScaling(input, strength)
               : getSmoothing(input.channelMax, weightMax, strength);
  }
  double findAlpha(const ValueStatistics &input, ArrayRef<double> weightMax,
                   ArrayRef<LinearOp> readers) const;
  llvm::Error smooth(Value value, ArrayRef<LinearOp> readers,
                     const Calibration &known);
  std::string rename(StringRef name) {
    return names->derive(name, "/smoothed");
  }
  void setAttributes(func::FuncOp function);

  std::optional<UniqueNames> names;
  NamedAttrList ranges, alphas, divisors;
  Counts counts;
};

} // namespace

llvm::Error SmoothActivations::checkOptions() const {
  if (!(alpha >= 0 && alpha <= 1))
    return llvm::createStringError(
        "expected alpha of 0 to 1, but got " +
        llvm::formatv("{0}", alpha.getValue()).str());
  if (activationBits != 4 && activationBits != 8 && activationBits != 16)
    return llvm::createStringError(
        "expected activation-bits of 4, 8 or 16, but got " +
        llvm::Twine(activationBits));
  if (weightBits != 2 && weightBits != 4 && weightBits != 8)
    return llvm::createStringError(
        "expected weight-bits of 2, 4 or 8, but got " +
        llvm::Twine(weightBits));
  if (groupSize < 0)
    return llvm::createStringError(
        "expected group-size of at least 0, but got " + llvm::Twine(groupSize));
  if (calibration.empty())
    return llvm::createStringError(
        "expected calibration=FILE, which the largest magnitudes "
        "of channels come from");
  return llvm::Error::success();
}

/// Whether products other than `readers` or other operations read a weight of
/// one of `readers`.
static bool sharesWeight(ArrayRef<LinearOp> readers) {
  return llvm::any_of(readers, [&](const LinearOp &reader) {
    Value weight = reader.op->getOperand(1);
    return llvm::any_of(weight.getUses(), [&](OpOperand &use) {
      return use.getOperandNumber() != 1 ||
             llvm::none_of(readers, [&](const LinearOp &other) {
               return other.op == use.getOwner();
             });
    });
  });
}

Readers SmoothActivations::collect(func::FuncOp function,
                                   const Selector &selector) {
  auto done = function->getAttrOfType<DictionaryAttr>(smoothedAttributeName);
  Readers readers;
  for (Operation *product : getProducts(function)) {
    auto linear = LinearOp::match(product);
    // A rotation spreads what smoothing would move.
    if (!linear || isHadamard(product->getOperand(1)))
      continue;
    Value input = product->getOperand(0);
    if (!selector.matches(product))
      ++counts.unselected;
    else if (done && done.contains(getValueName(input)))
      ++counts.smoothed;
    else
      readers[input].push_back(*linear);
  }
  return readers;
}

/// The largest magnitude of the weights of each input channel, over all
/// `readers`; nullopt if a weight cannot be read.
static std::optional<std::vector<double>>
getWeightMax(ArrayRef<LinearOp> readers) {
  std::vector<double> largest(readers.front().numIn);
  for (const LinearOp &reader : readers)
    if (!reader.forEachElement([&](float weight, int64_t in, int64_t) {
          largest[in] = std::max<double>(largest[in], std::fabs(weight));
        }))
      return std::nullopt;
  return largest;
}

/// Some columns of a matrix of weights [K, N], and how many.
static std::pair<std::vector<float>, int64_t>
sampleColumns(const LinearOp &linear) {
  int64_t step = llvm::divideCeil(linear.numOut, maxColumns);
  int64_t count = llvm::divideCeil(linear.numOut, step);
  std::vector<float> columns(linear.numIn * count);
  (void)linear.forEachElement([&](float weight, int64_t in, int64_t out) {
    if (out % step == 0)
      columns[in * count + out / step] = weight;
  });
  return {std::move(columns), count};
}

bool SmoothActivations::isSearched(ArrayRef<LinearOp> readers) const {
  return mode == SmoothingMode::Search &&
         llvm::all_of(readers, [](const LinearOp &reader) {
           return isa<MatmulOp>(reader.op);
         });
}

double SmoothActivations::findAlpha(const ValueStatistics &input,
                                    ArrayRef<double> weightMax,
                                    ArrayRef<LinearOp> readers) const {
  if (!isSearched(readers))
    return alpha;
  LayerQuantization layer;
  layer.activations = activationBits == 16
                          ? nullptr
                          : Format::find(activationBits == 4 ? "i4" : "i8");
  layer.weights = Format::find(weightBits == 2   ? "i2"
                               : weightBits == 4 ? "i4"
                                                 : "i8");
  layer.isPerToken = granularity == ActivationGranularity::Token;
  layer.group = groupSize;
  std::vector<std::pair<std::vector<float>, int64_t>> columns;
  for (const LinearOp &reader : readers)
    columns.push_back(sampleColumns(reader));
  double best = alpha, least = INFINITY;
  for (int step = 0; step <= numSteps; ++step) {
    double candidate = static_cast<double>(step) / numSteps;
    std::vector<double> factors = getFactors(input, weightMax, candidate);
    double error = 0;
    for (auto [reader, weights] : llvm::zip_equal(readers, columns))
      error +=
          predictError(input, weights.first, weights.second, factors, layer) *
          static_cast<double>(reader.numOut) /
          static_cast<double>(weights.second);
    if (error < least) {
      least = error;
      best = candidate;
    }
  }
  return best;
}

/// A multiplication of the channels of `value` behind it.
static Value insertFactors(Value value, unsigned axis, ArrayRef<double> factors,
                           const std::string &name) {
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getRank() - axis, 1);
  shape[0] = static_cast<int64_t>(factors.size());
  SmallVector<float> elements(factors.begin(), factors.end());
  Value constant = makeNamedConstant(
      builder, value.getLoc(), name + "/factors",
      DenseElementsAttr::get(RankedTensorType::get(shape, builder.getF32Type()),
                             ArrayRef<float>(elements)));
  auto product = MulOp::create(builder, value.getLoc(), type, value, constant);
  setName(product, name);
  return product;
}

llvm::Error SmoothActivations::smooth(Value value, ArrayRef<LinearOp> readers,
                                      const Calibration &known) {
  std::string name = getValueName(value);
  const ValueStatistics *input = known.find(name);
  const LinearOp &first = readers.front();
  if (!input) {
    ++counts.unshown;
    return llvm::Error::success();
  }
  if (static_cast<int64_t>(input->channelMax.size()) != first.numIn)
    return llvm::createStringError(
        "'" + name + "' has " + llvm::Twine(first.numIn) + " channels, but " +
        llvm::Twine(input->channelMax.size()) + " in the statistics");
  if (sharesWeight(readers)) {
    ++counts.shared;
    return llvm::Error::success();
  }
  auto weightMax = getWeightMax(readers);
  if (!weightMax)
    return llvm::createStringError("the weights that read '" + name +
                                   "' cannot be read");
  counts.unsearched += mode == SmoothingMode::Search && !isSearched(readers);
  double strength = findAlpha(*input, *weightMax, readers);
  std::vector<double> factors = getFactors(*input, *weightMax, strength);
  bool isOnlyReaders = llvm::all_of(value.getUses(), [&](OpOperand &use) {
    return use.getOperandNumber() == 0 &&
           llvm::any_of(readers, [&](const LinearOp &reader) {
             return reader.op == use.getOwner();
           });
  });
  if (!inserts &&
      !(isOnlyReaders && canFoldFactors(value, first.inAxis, first.numIn))) {
    ++counts.unfolded;
    return llvm::Error::success();
  }
  llvm::MapVector<Value, Value> weights;
  for (const LinearOp &reader : readers) {
    Value weight = reader.op->getOperand(1);
    Value &made = weights[weight];
    if (!made) {
      ChannelAffine in = ChannelAffine::get(reader.numIn);
      in.scale.assign(factors.begin(), factors.end());
      TypedAttr filter =
          reader.scaleFilter(in, ChannelAffine::get(reader.numOut));
      if (!filter)
        return llvm::createStringError("the weights that read '" + name +
                                       "' are not finite when smoothed");
      OpBuilder builder(weight.getDefiningOp());
      made = makeNamedConstant(builder, weight.getLoc(),
                               rename(getValueName(weight)), filter);
    }
    reader.op->setOperand(1, made);
  }
  for (auto [weight, made] : weights)
    if (weight.use_empty())
      weight.getDefiningOp()->erase();
  std::vector<double> inverse;
  double low = 0, high = 0;
  for (auto [factor, largest] : llvm::zip_equal(factors, input->channelMax)) {
    inverse.push_back(1 / factor);
    high = std::max(high, largest / factor);
  }
  low = input->min < 0 ? -high : 0;
  high = input->max > 0 ? high : 0;
  std::string smoothedName = rename(name);
  auto renameOthers = [&](StringRef other) {
    return other == name ? smoothedName : rename(other);
  };
  if (isOnlyReaders &&
      foldFactors(value, first.inAxis, inverse, renameOthers)) {
    ++counts.folded;
  } else {
    Value smoothed = insertFactors(value, first.inAxis, inverse, smoothedName);
    for (const LinearOp &reader : readers)
      reader.op->setOperand(0, smoothed);
    ++counts.inserted;
  }
  Builder builder(&getContext());
  ranges.set(smoothedName, builder.getF64ArrayAttr({low, high}));
  alphas.set(smoothedName, builder.getF64FloatAttr(strength));
  divisors.set(smoothedName, getSmoothingAttr(&getContext(), name, factors));
  return llvm::Error::success();
}

void SmoothActivations::setAttributes(func::FuncOp function) {
  if (!ranges.empty()) {
    function->setAttr(smoothedAttributeName,
                      ranges.getDictionary(&getContext()));
    function->setAttr("graph.smoothing_alpha",
                      alphas.getDictionary(&getContext()));
    function->setAttr(smoothingFactorsAttributeName,
                      divisors.getDictionary(&getContext()));
  }
  if (report)
    function->setAttr(
        "graph.smooth_activations_report",
        getNumbersAttr(&getContext(), {{"folded", counts.folded},
                                       {"inserted", counts.inserted},
                                       {"shared", counts.shared},
                                       {"smoothed", counts.smoothed},
                                       {"unfolded", counts.unfolded},
                                       {"unsearched", counts.unsearched},
                                       {"unselected", counts.unselected},
                                       {"unshown", counts.unshown}}));
}

llvm::Error SmoothActivations::run(func::FuncOp function) {
  if (llvm::Error error = checkOptions())
    return error;
  auto selector = parseSelector(function, getArgument(), select);
  if (!selector)
    return selector.takeError();
  llvm::Expected<Calibration> known = Calibration::read(function, calibration);
  if (!known)
    return known.takeError();
  counts = Counts();
  names.emplace(function);
  ranges.clear();
  alphas.clear();
  divisors.clear();
  for (auto [list, attribute] :
       {std::pair(&ranges, smoothedAttributeName),
        std::pair(&alphas, llvm::StringLiteral("graph.smoothing_alpha")),
        std::pair(&divisors, smoothingFactorsAttributeName)})
    if (auto earlier = function->getAttrOfType<DictionaryAttr>(attribute))
      list->append(earlier.getValue());
  for (auto &[value, readers] : collect(function, *selector))
    if (llvm::Error error = smooth(value, readers, *known))
      return error;
  if (counts.folded + counts.inserted + counts.smoothed == 0)
    function.emitWarning("smooth-activations: nothing is smoothed: ")
        << counts.unshown << " values are not in the statistics, "
        << counts.shared << " have weights that others read, "
        << counts.unfolded << " have no place to fold factors into, "
        << counts.unselected << " products are not selected";
  setAttributes(function);
  return llvm::Error::success();
}

void SmoothActivations::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
