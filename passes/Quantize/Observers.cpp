//===- Observers.cpp - a program that tells what its values are like ------===//
#include "passes/Quantize/Observers.h"
#include "passes/Common/EntryResults.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/StoredValues.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {

/// A value to observe.
struct Target {
  Value value;
  int64_t axis; ///< of its channels
  bool isRows;  ///< rows that are multiplied by a constant matrix
};

/// Builds the operations of one observer behind its value.
class ObserverBuilder {
public:
  ObserverBuilder(const Target &target, std::vector<NamedResult> &results)
      : target(target), results(results), builder(target.value.getContext()),
        loc(target.value.getLoc()), name(getValueName(target.value)),
        type(cast<RankedTensorType>(target.value.getType())) {
    builder.setInsertionPointAfterValue(target.value);
  }
  void build(bool withSecondMoment);

private:
  template <typename Op, typename... Args>
  Value make(StringRef what, Type resultType, Args &&...args) {
    auto op = Op::create(builder, loc, resultType, std::forward<Args>(args)...);
    setName(op, name + "/" + what);
    return op->getResult(0);
  }
  Value returned(StringRef what, Value value) {
    results.push_back({value, (name + "/" + what).str()});
    return value;
  }
  /// Over all axes but the channels'.
  template <typename Op> Value perChannel(StringRef what, Value value) {
    SmallVector<int64_t> axes;
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (axis != target.axis)
        axes.push_back(axis);
    return make<Op>(what, channels, value, axes, /*keep_dims=*/false);
  }

  const Target &target;
  std::vector<NamedResult> &results;
  OpBuilder builder;
  Location loc;
  std::string name;
  RankedTensorType type, channels, scalar;
};

} // namespace

void ObserverBuilder::build(bool withSecondMoment) {
  int64_t numChannels = type.getDimSize(target.axis);
  Type f32 = builder.getF32Type();
  channels = RankedTensorType::get({numChannels}, f32);
  scalar = RankedTensorType::get({}, f32);
  SmallVector<int64_t> axis = {0};
  Value low = perChannel<ReduceMinOp>("channel_min", target.value);
  Value high = perChannel<ReduceMaxOp>("channel_high", target.value);
  Value min = make<ReduceMinOp>("min", scalar, low, axis, false);
  Value max = make<ReduceMaxOp>("max", scalar, high, axis, false);
  Value channelMax = make<MaxOp>(
      "channel_max", channels, make<NegOp>("channel_low", channels, low), high);
  Value largest = make<ReduceMaxOp>("largest", scalar, channelMax, axis, false);
  returned("min", min);
  returned("max", max);
  returned("channel_max", channelMax);
  returned("channel_sum", perChannel<ReduceSumOp>("channel_sum", target.value));
  Value squares = make<MulOp>("squares", type, target.value, target.value);
  returned("channel_square_sum",
           perChannel<ReduceSumOp>("channel_square_sum", squares));
  returned("counts", make<HistogramOp>(
                         "counts",
                         RankedTensorType::get({Histogram::numBins},
                                               builder.getI64Type()),
                         target.value, largest, int64_t(Histogram::numBins)));
  if (!withSecondMoment)
    return;
  std::string letters = "abcdefghijklmnopqrstuvw";
  std::string rows = letters.substr(0, type.getRank() - 1);
  returned(
      "second_moment",
      make<EinsumOp>("second_moment",
                     RankedTensorType::get({numChannels, numChannels}, f32),
                     rows + "x," + rows + "y->xy",
                     ValueRange{target.value, target.value}));
}

/// The operands of products in the body of `entry`, and what else is stored,
/// each once.
static SmallVector<Target> getTargets(func::FuncOp entry) {
  SmallVector<Target> targets;
  llvm::DenseMap<Value, size_t> known;
  auto add = [&](Value value, int64_t axis, bool isRows) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.getElementType().isF32() || axis < 0 ||
        axis >= type.getRank() || type.isDynamicDim(axis) ||
        value.getDefiningOp<ConstantOp>() || getValueName(value).empty() ||
        value.getParentBlock() != &entry.front())
      return;
    auto [at, isNew] = known.try_emplace(value, targets.size());
    if (isNew)
      targets.push_back({value, axis, isRows});
    else
      targets[at->second].isRows |= isRows;
  };
  auto getRank = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getRank();
  };
  for (Operation &op : entry.front()) {
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      Value lhs = matmul.getLhs(), rhs = matmul.getRhs();
      bool isTransposed = matmul.getTransposeLhs();
      add(lhs, getRank(lhs) - (isTransposed ? 2 : 1),
          !isTransposed && rhs.getDefiningOp<ConstantOp>());
      add(rhs, getRank(rhs) - 1, /*isRows=*/false);
    } else if (isa<ConvOp, ConvTransposeOp>(op)) {
      add(op.getOperand(0), /*axis=*/1, /*isRows=*/false);
    }
  }
  for (const StoredValue &stored : getStoredValues(entry))
    add(stored.value, stored.axis, /*isRows=*/false);
  return targets;
}

std::vector<Observer> quantize::addObservers(ModuleOp module,
                                             int64_t maxMomentChannels) {
  std::vector<Observer> observers;
  func::FuncOp entry = getEntry(module);
  if (!entry)
    return observers;
  std::vector<NamedResult> results;
  for (const Target &target : getTargets(entry)) {
    auto type = cast<RankedTensorType>(target.value.getType());
    int64_t numChannels = type.getDimSize(target.axis);
    bool hasSecondMoment =
        target.isRows && type.getRank() > 1 && numChannels <= maxMomentChannels;
    ObserverBuilder(target, results).build(hasSecondMoment);
    observers.push_back(
        {getValueName(target.value), numChannels, hasSecondMoment});
  }
  addResults(entry, results);
  return observers;
}

template <typename T> static ArrayRef<T> getNumbers(ArrayRef<char> bytes) {
  return {reinterpret_cast<const T *>(bytes.data()), bytes.size() / sizeof(T)};
}

llvm::Error quantize::addSample(const Observer &observer,
                                ArrayRef<ArrayRef<char>> results,
                                ValueStatistics &statistics) {
  ValueStatistics sample;
  ArrayRef<int64_t> counts = getNumbers<int64_t>(results[Observer::Counts]);
  for (int64_t count : counts)
    sample.elements += count;
  if (sample.elements == 0)
    return llvm::Error::success();
  sample.samples = 1;
  sample.min = sample.minSum = getNumbers<float>(results[Observer::Min])[0];
  sample.max = sample.maxSum = getNumbers<float>(results[Observer::Max])[0];
  ArrayRef<float> largest = getNumbers<float>(results[Observer::ChannelMax]),
                  sums = getNumbers<float>(results[Observer::ChannelSum]),
                  squareSums =
                      getNumbers<float>(results[Observer::ChannelSquareSum]);
  sample.channelMax.assign(largest.begin(), largest.end());
  sample.channelSum.assign(sums.begin(), sums.end());
  bool isFinite =
      std::isfinite(sample.min) && std::isfinite(sample.max) &&
      llvm::all_of(sums, [](float sum) { return !std::isnan(sum); });
  if (!isFinite)
    return llvm::createStringError("'" + observer.name +
                                   "' has an infinity or NaN");
  double rows = double(sample.elements) / double(observer.numChannels);
  for (auto [sum, magnitude] : llvm::zip_equal(squareSums, largest))
    sample.channelSquareSum.push_back(
        std::isfinite(sum) ? sum // else beyond f32: the most that it can be
                           : rows * magnitude * magnitude);
  // As graph.histogram chooses the range.
  int exponent = -100;
  if (float magnitude = *llvm::max_element(largest); magnitude > 0)
    std::frexp(magnitude, &exponent);
  sample.histogram.set(std::clamp(exponent, -100, 120), counts.vec());
  // By far the most numbers: they are added in place.
  std::vector<double> moment = std::move(statistics.secondMoment);
  statistics.secondMoment.clear();
  llvm::Error error = statistics.merge(sample);
  if (observer.hasSecondMoment) {
    ArrayRef<float> products =
        getNumbers<float>(results[Observer::SecondMoment]);
    moment.resize(products.size());
    for (auto [sum, product] : llvm::zip_equal(moment, products))
      sum += product;
  }
  statistics.secondMoment = std::move(moment);
  return error;
}
