//===- RotateActivations.cpp - outliers spread over channels --------------===//
//
// x W = (x R)(R^T W) for a rotation R. A random Hadamard matrix makes of one
// large channel many of the same magnitude, which few bits represent better.
// Where all that makes and reads a value is linear, R disappears in the
// weights; elsewhere it is a small product (Ashkboos et al., "QuaRot", 2024;
// Liu et al., "SpinQuant", 2025).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/ChannelFlow.h"
#include "passes/Quantize/FlowAxes.h"
#include "passes/Quantize/OnlineRotation.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/Products.h"
#include "llvm/ADT/DenseSet.h"

namespace cinch::quantize {
#define GEN_PASS_DEF_ROTATEACTIVATIONSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// The end of the names of what is rotated.
static constexpr llvm::StringLiteral suffix = "/rotated";

namespace {

struct Counts {
  int64_t residual = 0, heads = 0, queries = 0, inputs = 0, online = 0,
          rotated = 0, kept = 0, unselected = 0, bytesAdded = 0;
};

struct RotateActivations
    : public quantize::impl::RotateActivationsPassBase<RotateActivations> {
  using RotateActivationsPassBase::RotateActivationsPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Expected<bool> rotateInput(MatmulOp product, const Selector &selector);
  llvm::Expected<bool> rotateFactors(MatmulOp product);
  llvm::Error rotate(const ChannelFlow &flow, int64_t block);
  llvm::Error rotateOnline(Value value, const Selector &selector);
  void keep(Operation *op, Value value, const ChannelFlow::Refusal &refusal);

  std::optional<UniqueNames> names;
  llvm::DenseSet<Value> visited;
  Counts counts;
};

} // namespace

static bool isRotated(Value value) {
  return StringRef(getValueName(value)).ends_with(suffix);
}

/// Whether `op` multiplies what is computed by a constant matrix that is no
/// rotation itself.
static bool isLayer(Operation *op) {
  auto product = dyn_cast<MatmulOp>(op);
  return product && !product.getTransposeLhs() &&
         !Weight::match(product.getLhs()) && getRank(product.getLhs()) >= 2 &&
         getRank(product.getRhs()) == 2 && Weight::match(product.getRhs()) &&
         !isHadamard(product.getRhs());
}

/// The channels of a head, if `value` is a merger of heads; else 0.
static int64_t getHeadWidth(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<ReshapeOp, TransposeOp, SqueezeOp, UnsqueezeOp>(op))
      return 0;
    Value input = op->getOperand(0);
    int64_t before = getExtent(input, getRank(input) - 1),
            behind = getExtent(value, getRank(value) - 1);
    if (isa<ReshapeOp>(op) && !ShapedType::isDynamic(before) &&
        before < behind && behind % before == 0)
      return before;
    value = input;
  }
  return 0;
}

/// Whether the elements of `value` follow from those of layers at the same
/// place, with an operation between that is not linear: as in the middle of two
/// layers that look at one token each.
static bool isBetweenLayers(Value value) {
  SmallVector<Value> worklist = {value};
  llvm::DenseSet<Value> seen;
  bool isLinear = true;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (!seen.insert(next).second || getConstantValue(next))
      continue;
    Operation *op = next.getDefiningOp();
    if (!op)
      return false;
    if (isLayer(op))
      continue;
    if (!op->hasTrait<graph::Elementwise>())
      return false;
    bool hasConstant = llvm::any_of(op->getOperands(), [](Value operand) {
      return bool(getConstantValue(operand));
    });
    isLinear &= isa<AddOp, SubOp>(op) || (isa<MulOp>(op) && hasConstant);
    llvm::append_range(worklist, op->getOperands());
  }
  return !isLinear;
}

/// Whether `product` makes scores: a softmax reads it, scaled and masked.
static bool isScores(MatmulOp product) {
  Operation *op = product;
  for (int step = 0; step < 8 && op->hasOneUse(); ++step) {
    op = *op->user_begin();
    if (isa<SoftmaxOp>(op))
      return true;
    if (!isa<MulOp, DivOp, AddOp, SubOp, SelectOp>(op))
      return false;
  }
  return false;
}

void RotateActivations::keep(Operation *op, Value value,
                             const ChannelFlow::Refusal &refusal) {
  ++counts.kept;
  InFlightDiagnostic remark = emitRemark(op->getLoc());
  remark << "rotate-activations: '" << getValueName(value)
         << "' is not rotated: " << refusal.reason;
  if (refusal.op && refusal.op != op)
    remark.attachNote(refusal.op->getLoc()) << "here";
}

/// Applies a rotation of `block` channels to all of `flow`.
llvm::Error RotateActivations::rotate(const ChannelFlow &flow, int64_t block) {
  if (llvm::Error error = rememberModel(getOperation()))
    return error;
  RandomHadamard rotation(block, seed);
  WeightEditor editor(*names, suffix);
  for (const ChannelFlow::Use &use : flow.getConstants())
    if (llvm::Error error = editor.edit(
            *use.operand, use.inner, use.extent, this,
            [&](MutableArrayRef<double> row) { rotation.apply(row); }))
      return error;
  llvm::DenseMap<Value, Value> sources;
  for (const ChannelFlow::Use &use : flow.getSources()) {
    Value value = use.operand->get();
    Value &made = sources[value];
    if (!made) {
      made = makeRotated(value, RandomHadamard(use.extent, seed),
                         names->derive(getValueName(value), suffix), *names);
      ++counts.online;
    }
    use.operand->set(made);
  }
  for (auto [value, axis] : flow.getValues()) {
    visited.insert(value);
    if (auto result = dyn_cast<OpResult>(value); result && !isReturned(value))
      setResultName(result, names->derive(getValueName(value), suffix));
  }
  counts.bytesAdded += editor.finish();
  return llvm::Error::success();
}

/// Rotates `value` where it is, and the weights of the layers that read it.
llvm::Error RotateActivations::rotateOnline(Value value,
                                            const Selector &selector) {
  if (llvm::Error error = rememberModel(getOperation()))
    return error;
  int64_t extent = getExtent(value, getRank(value) - 1);
  RandomHadamard rotation(extent, seed);
  WeightEditor editor(*names, suffix);
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : value.getUses())
    if (use.getOperandNumber() == 0 && isLayer(use.getOwner()) &&
        selector.matches(use.getOwner()))
      uses.push_back(&use);
  for (OpOperand *use : uses) {
    auto product = cast<MatmulOp>(use->getOwner());
    if (llvm::Error error = editor.edit(
            product->getOpOperand(1), product.getTransposeRhs() ? 1 : 2, extent,
            this, [&](MutableArrayRef<double> row) { rotation.apply(row); }))
      return error;
  }
  Value made = makeRotated(value, rotation,
                           names->derive(getValueName(value), suffix), *names);
  for (OpOperand *use : uses)
    use->set(made);
  counts.bytesAdded += editor.finish();
  ++counts.online;
  return llvm::Error::success();
}

/// Rotates what `product` reads; false, and a remark, if no way was found.
llvm::Expected<bool> RotateActivations::rotateInput(MatmulOp product,
                                                    const Selector &selector) {
  Value value = product.getLhs();
  unsigned last = getRank(value) - 1;
  int64_t extent = getExtent(value, last);
  ChannelFlow::Options options;
  options.hasStates = states;
  ChannelFlow::Refusal refusal;
  auto tryFlow = [&](int64_t block, int64_t &count) -> llvm::Expected<bool> {
    if (getPowerOfTwoFactor(block) < 2) {
      refusal = {nullptr, "an odd number of channels has no Hadamard matrix"};
      return false;
    }
    options.block = block;
    auto flow = ChannelFlow::find(value, last, options, refusal);
    if (!flow)
      return false;
    if (llvm::Error error = rotate(*flow, block))
      return error;
    ++count;
    return true;
  };
  if (residual) {
    auto isDone = tryFlow(extent, counts.residual);
    if (!isDone || *isDone)
      return isDone;
  }
  if (int64_t head = getHeadWidth(value); head && heads) {
    auto isDone = tryFlow(head, counts.heads);
    if (!isDone || *isDone)
      return isDone;
  }
  bool isOnline = inputs == OnlineInputs::All ||
                  (inputs == OnlineInputs::Middle && isBetweenLayers(value));
  if (isOnline && getPowerOfTwoFactor(extent) >= 2) {
    if (llvm::Error error = rotateOnline(value, selector))
      return error;
    ++counts.inputs;
    return true;
  }
  if (refusal.reason.empty())
    refusal.reason = isOnline ? "an odd number of channels has no Hadamard "
                                "matrix"
                              : "no rotation that is on is for it";
  keep(product, value, refusal);
  return false;
}

/// Rotates both factors of scores.
llvm::Expected<bool> RotateActivations::rotateFactors(MatmulOp product) {
  Value value = product.getLhs();
  ChannelFlow::Options options;
  options.hasStates = states;
  options.block =
      getExtent(value, getRank(value) - (product.getTransposeLhs() ? 2 : 1));
  ChannelFlow::Refusal refusal;
  if (ShapedType::isDynamic(options.block) ||
      getPowerOfTwoFactor(options.block) < 2) {
    refusal.reason = "an odd or unknown number of channels has no Hadamard "
                     "matrix";
    keep(product, value, refusal);
    return false;
  }
  auto flow = ChannelFlow::findFactors(product, options, refusal);
  if (!flow) {
    options.hasSources = true;
    flow = ChannelFlow::findFactors(product, options, refusal);
  }
  if (!flow) {
    keep(product, value, refusal);
    return false;
  }
  if (llvm::Error error = rotate(*flow, options.block))
    return error;
  ++counts.queries;
  return true;
}

llvm::Error RotateActivations::run(func::FuncOp function) {
  auto selector = parseSelector(function, getArgument(), select);
  if (!selector)
    return selector.takeError();
  counts = Counts();
  visited.clear();
  names.emplace(function);
  for (Operation *op : getProducts(function)) {
    auto product = dyn_cast<MatmulOp>(op);
    bool hasScores =
        product && !isLayer(product) && isScores(product) && queries;
    if (!product || op->getParentOp() != function ||
        !(hasScores || isLayer(product)) ||
        !cast<RankedTensorType>(product.getType()).getElementType().isF32())
      continue;
    if (!selector->matches(op)) {
      ++counts.unselected;
      continue;
    }
    if (visited.contains(product.getLhs()))
      continue;
    if (isRotated(product.getLhs())) {
      ++counts.rotated;
      continue;
    }
    visited.insert(product.getLhs());
    auto isDone =
        hasScores ? rotateFactors(product) : rotateInput(product, *selector);
    if (!isDone)
      return isDone.takeError();
  }
  if (report)
    function->setAttr(
        "graph.rotate_activations_report",
        getNumbersAttr(&getContext(), {{"bytes_added", counts.bytesAdded},
                                       {"heads", counts.heads},
                                       {"inputs", counts.inputs},
                                       {"kept", counts.kept},
                                       {"online", counts.online},
                                       {"queries", counts.queries},
                                       {"residual", counts.residual},
                                       {"rotated", counts.rotated},
                                       {"unselected", counts.unselected}}));
  return llvm::Error::success();
}

void RotateActivations::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
