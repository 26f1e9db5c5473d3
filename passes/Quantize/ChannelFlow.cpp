//===- ChannelFlow.cpp - where channels can be mixed ----------------------===//
#include "passes/Quantize/ChannelFlow.h"
#include "dialects/Graph/Constants.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/FlowAxes.h"
#include "passes/Quantize/WeightEditor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace cinch::quantize {

/// Collects a flow, from one value to those that what makes it and what reads
/// it are connected with.
class FlowFinder {
public:
  FlowFinder(const ChannelFlow::Options &options, ChannelFlow::Refusal &refusal)
      : options(options), refusal(refusal) {}

  bool add(Value value, unsigned axis);
  bool addFactor(MatmulOp product, unsigned number);
  bool run();

  ChannelFlow flow;

private:
  bool refuse(Operation *op, const Twine &reason);
  bool require(OpOperand &use, unsigned axis);
  bool addConstant(OpOperand &use, unsigned inner, int64_t extent);
  bool isSource(Value value, unsigned axis) const;
  bool visitProducer(Value value, unsigned axis);
  bool visitUser(OpOperand &use, unsigned axis);
  bool visitFactor(OpOperand &use, MatmulOp product, unsigned axis);
  bool visitNorm(OpOperand &use, RMSNormOp norm, unsigned axis);
  bool isState(Value value) const;
  bool isCentered(OpOperand &use, unsigned axis);
  bool isRotation() const { return options.map == FlowMap::Rotation; }

  ChannelFlow::Options options;
  ChannelFlow::Refusal &refusal;
  SmallVector<Value> worklist;
};

} // namespace cinch::quantize

static std::string quote(Value value) {
  return "'" + getValueName(value) + "'";
}

static std::string describe(Operation *op) {
  std::string text = op->getName().getStringRef().str();
  if (op->getNumResults() == 1)
    text += " " + quote(op->getResult(0));
  return text;
}

/// The axis of an operand of a product that is summed over, and the other of
/// the last two.
static unsigned getSummedAxis(MatmulOp product, unsigned number) {
  int64_t rank = getRank(product->getOperand(number));
  bool isLast = number == 0 ? !product.getTransposeLhs()
                            : bool(product.getTransposeRhs());
  return isLast ? rank - 1 : rank - 2;
}
static unsigned getFreeAxis(MatmulOp product, unsigned number) {
  int64_t rank = getRank(product->getOperand(number));
  return 2 * rank - 3 - getSummedAxis(product, number);
}

static bool hasMatrices(MatmulOp product) {
  return getRank(product.getLhs()) >= 2 && getRank(product.getRhs()) >= 2;
}

/// Whether `op` sums or averages over `axis` only.
static bool reducesOnly(Operation *op, int64_t axis) {
  if (auto mean = dyn_cast<ReduceMeanOp>(op))
    return mean.getAxes() == ArrayRef(axis);
  auto sum = dyn_cast<ReduceSumOp>(op);
  return sum && sum.getAxes() == ArrayRef(axis);
}

/// Whether `op` squares its operand, for nothing but sums over `axis`: a
/// rotation leaves them as they are.
static bool isSquaredNorm(Operation *op, unsigned axis) {
  bool isSquare = isa<MulOp>(op) && op->getOperand(0) == op->getOperand(1);
  if (auto power = dyn_cast<PowOp>(op)) {
    auto exponent = getFloats(getConstantValue(power->getOperand(1)));
    isSquare = exponent && exponent->size() == 1 && exponent->front() == 2;
  }
  return isSquare && llvm::all_of(op->getUsers(), [&](Operation *user) {
           return reducesOnly(user, axis);
         });
}

/// Whether all elements of the constant `value` are the same.
static bool isUniform(Value value) {
  auto weight = Weight::match(value);
  if (!weight)
    return false;
  llvm::Expected<std::vector<float>> elements = weight->read();
  if (!elements) {
    llvm::consumeError(elements.takeError());
    return false;
  }
  return llvm::all_equal(*elements);
}

bool FlowFinder::refuse(Operation *op, const Twine &reason) {
  refusal.op = op;
  refusal.reason = reason.str();
  return false;
}

bool FlowFinder::add(Value value, unsigned axis) {
  int64_t extent = getExtent(value, axis);
  bool isWhole =
      !ShapedType::isDynamic(extent) &&
      (isRotation() ? extent % options.block == 0 : extent == options.block);
  if (!cast<RankedTensorType>(value.getType()).getElementType().isF32() ||
      !isWhole)
    return refuse(value.getDefiningOp(),
                  quote(value) + " has no whole blocks of " +
                      Twine(options.block) + " channels in f32");
  auto [place, isNew] = flow.values.insert({value, axis});
  if (!isNew)
    return place->second == axis ||
           refuse(value.getDefiningOp(),
                  quote(value) + " would be changed along two axes");
  worklist.push_back(value);
  return true;
}

bool FlowFinder::addConstant(OpOperand &use, unsigned inner, int64_t extent) {
  if (!Weight::match(use.get()))
    return refuse(use.getOwner(),
                  quote(use.get()) + ", which is added to all channels by " +
                      describe(use.getOwner()) + ", is no constant");
  if (llvm::none_of(flow.constants, [&](const ChannelFlow::Use &other) {
        return other.operand == &use;
      }))
    flow.constants.push_back({&use, inner, extent});
  return true;
}

/// Whether a rotation cannot go beyond `value`, or is no cheaper behind it.
bool FlowFinder::isSource(Value value, unsigned axis) const {
  Operation *op = value.getDefiningOp();
  if (!op)
    return !isState(value);
  if (auto product = dyn_cast<MatmulOp>(op))
    return !hasMatrices(product);
  if (isa<RMSNormOp>(op))
    return false;
  bool areAllSources = isa<AddOp, SubOp>(op);
  for (OpOperand &use : op->getOpOperands()) {
    OperandAxis found =
        getOperandAxis(op, use.getOperandNumber(), axis, options.block);
    if (found.kind == OperandAxis::None)
      return true;
    if (found.kind == OperandAxis::Channels && !Weight::match(use.get()))
      areAllSources = areAllSources && isSource(use.get(), found.axis);
  }
  return areAllSources || op->getNumOperands() == 0;
}

/// Makes `use` have changed channels at `axis`.
bool FlowFinder::require(OpOperand &use, unsigned axis) {
  int64_t rank = getRank(use.get());
  if (Weight::match(use.get())) {
    int64_t extent = getExtent(use.get(), axis);
    if (extent % options.block != 0)
      return refuse(use.getOwner(), quote(use.get()) +
                                        " has no whole blocks of " +
                                        Twine(options.block) + " channels");
    return addConstant(use, rank - axis, extent);
  }
  if (!options.hasSources || !isSource(use.get(), axis))
    return add(use.get(), axis);
  if (axis + 1 != rank)
    return refuse(use.getOwner(),
                  quote(use.get()) + " has its channels not in the last axis");
  if (llvm::none_of(flow.sources, [&](const ChannelFlow::Use &other) {
        return other.operand == &use;
      }))
    flow.sources.push_back({&use, 1, getExtent(use.get(), axis)});
  return true;
}

bool FlowFinder::addFactor(MatmulOp product, unsigned number) {
  return require(product->getOpOperand(number), getSummedAxis(product, number));
}

/// An argument that is only joined with new rows, or what is then returned.
bool FlowFinder::isState(Value value) const {
  if (!options.hasStates)
    return false;
  auto isJoin = [](Operation *op) {
    return isa<ConcatOp>(op) && isReturned(op->getResult(0)) &&
           llvm::count_if(op->getOperands(), llvm::IsaPred<BlockArgument>) == 1;
  };
  if (Operation *op = value.getDefiningOp())
    return isJoin(op);
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    return isa<ShapeOp>(user) || isJoin(user);
  });
}

bool FlowFinder::visitProducer(Value value, unsigned axis) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return isState(value) ||
           refuse(nullptr, quote(value) + " is an input of the model");
  if (auto product = dyn_cast<MatmulOp>(op); product && hasMatrices(product)) {
    int64_t rank = getRank(value);
    if (axis + 2 < rank)
      return refuse(op, quote(value) + " has its channels in a batch axis of " +
                            describe(op));
    unsigned number = axis + 1 == rank ? 1 : 0;
    return require(op->getOpOperand(number), getFreeAxis(product, number));
  }
  if (isa<RMSNormOp>(op) && isRotation())
    return visitNorm(op->getOpOperand(0), cast<RMSNormOp>(op), axis);
  if (op->getNumOperands() == 0)
    return refuse(op, quote(value) + " is made by " + describe(op));
  for (OpOperand &use : op->getOpOperands()) {
    OperandAxis found =
        getOperandAxis(op, use.getOperandNumber(), axis, options.block);
    if (found.kind == OperandAxis::None)
      return refuse(op, "it is made by " + describe(op) +
                            ", which is not linear in channels");
    if (found.kind == OperandAxis::Channels && !require(use, found.axis))
      return false;
    if (found.kind == OperandAxis::Repeated &&
        !addConstant(use, getRank(value) - axis, getExtent(value, axis)))
      return false;
  }
  return true;
}

/// The root mean square is that of all channels, with the same gain.
bool FlowFinder::visitNorm(OpOperand &use, RMSNormOp norm, unsigned axis) {
  if (use.getOperandNumber() != 0 ||
      static_cast<int64_t>(norm.getAxis()) + 1 != getRank(norm.getInput()) ||
      axis + 1 != getRank(norm.getInput()))
    return refuse(norm, quote(use.get()) + " is normalized by " +
                            describe(norm) + " over other axes");
  if (!isUniform(norm.getScale()))
    return refuse(norm, "the gain of " + describe(norm) +
                            " differs between channels (fold-normalization "
                            "folds what only products read)");
  return add(norm.getInput(), axis) && add(norm.getResult(), axis);
}

bool FlowFinder::visitFactor(OpOperand &use, MatmulOp product, unsigned axis) {
  unsigned number = use.getOperandNumber();
  if (!hasMatrices(product))
    return refuse(product, quote(use.get()) + " is multiplied by a vector in " +
                               describe(product));
  if (axis == getSummedAxis(product, number)) {
    if (isRotation())
      return addFactor(product, 1 - number);
    return refuse(product, quote(use.get()) + " is read by " +
                               describe(product) + ", not by a norm");
  }
  if (axis == getFreeAxis(product, number))
    return add(product, getRank(product) - (number == 0 ? 2 : 1));
  return refuse(product, quote(use.get()) +
                             " has its channels in a batch axis "
                             "of " +
                             describe(product));
}

/// Whether `use` is of what subtracts the mean over `axis`, which is collected.
bool FlowFinder::isCentered(OpOperand &use, unsigned axis) {
  Operation *op = use.getOwner();
  auto isLast = [&](int64_t first) {
    return first + 1 == getRank(use.get()) && int64_t(axis) == first;
  };
  if (auto norm = dyn_cast<LayerNormOp>(op);
      norm && use.getOperandNumber() == 0 && isLast(norm.getAxis())) {
    flow.centers.push_back(op);
    return true;
  }
  auto isMean = [&](Value value) {
    auto mean = value.getDefiningOp<ReduceMeanOp>();
    return mean && mean.getKeepDims() && reducesOnly(mean, axis) &&
           mean.getInput() == use.get();
  };
  if (isa<SubOp>(op) && use.getOperandNumber() == 0 &&
      isMean(op->getOperand(1))) {
    flow.centers.push_back(op);
    return true;
  }
  return isa<ReduceMeanOp>(op) && isMean(op->getResult(0)) &&
         llvm::all_of(op->getUses(), [&](OpOperand &other) {
           return isa<SubOp>(other.getOwner()) &&
                  other.getOperandNumber() == 1 &&
                  other.getOwner()->getOperand(0) == use.get();
         });
}

bool FlowFinder::visitUser(OpOperand &use, unsigned axis) {
  Operation *op = use.getOwner();
  if (isa<ShapeOp, SizeOp>(op))
    return true;
  if (isa<func::ReturnOp>(op))
    return isState(use.get()) ||
           refuse(use.get().getDefiningOp(),
                  quote(use.get()) + " is an output of the model");
  if (op->getBlock() != use.get().getParentBlock())
    return refuse(op, quote(use.get()) + " is read in control flow");
  if (auto product = dyn_cast<MatmulOp>(op))
    return visitFactor(use, product, axis);
  if (isRotation() && isSquaredNorm(op, axis))
    return true;
  if (!isRotation() && isCentered(use, axis))
    return true;
  if (auto norm = dyn_cast<RMSNormOp>(op); norm && isRotation())
    return visitNorm(use, norm, axis);
  if (auto result =
          getResultAxis(op, use.getOperandNumber(), axis, options.block))
    return add(op->getResult(0), *result);
  if (isa<LayerNormOp>(op) && isRotation())
    return refuse(op, quote(use.get()) + " is read by " + describe(op) +
                          ", which subtracts the mean of the channels "
                          "(fold-normalization can make it an rms_norm)");
  return refuse(op, quote(use.get()) + " is read by " + describe(op) +
                        ", which is not linear in channels");
}

bool FlowFinder::run() {
  for (size_t next = 0; next < worklist.size(); ++next) {
    Value value = worklist[next];
    unsigned axis = flow.values.lookup(value);
    if (!visitProducer(value, axis))
      return false;
    for (OpOperand &use : value.getUses())
      if (!visitUser(use, axis))
        return false;
  }
  return true;
}

std::optional<ChannelFlow> ChannelFlow::find(Value value, unsigned axis,
                                             const Options &options,
                                             Refusal &refusal) {
  FlowFinder finder(options, refusal);
  if (!finder.add(value, axis) || !finder.run())
    return std::nullopt;
  return std::move(finder.flow);
}

std::optional<ChannelFlow> ChannelFlow::findFactors(MatmulOp product,
                                                    const Options &options,
                                                    Refusal &refusal) {
  FlowFinder finder(options, refusal);
  if (!hasMatrices(product) || !finder.addFactor(product, 0) ||
      !finder.addFactor(product, 1) || !finder.run())
    return std::nullopt;
  return std::move(finder.flow);
}
