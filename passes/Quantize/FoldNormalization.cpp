//===- FoldNormalization.cpp - parts of norms into weights ----------------===//
//
// A norm subtracts the mean of the channels, divides by their root mean square
// and multiplies by a gain. The first and the last are linear, so weights
// before and behind take them in; what is left commutes with rotations of the
// channels (Ashkboos et al., "SliceGPT", 2024, section 3), and is cheaper.
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Common/Selector.h"
#include "passes/Graph/Names.h"
#include "passes/Quantize/Calibration.h"
#include "passes/Quantize/ChannelFlow.h"
#include "passes/Quantize/FlowAxes.h"
#include "passes/Quantize/NormGain.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/WeightEditor.h"
#include "llvm/ADT/DenseSet.h"
#include <numeric>

namespace cinch::quantize {
#define GEN_PASS_DEF_FOLDNORMALIZATIONPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace cinch::quantize

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

namespace {

struct Counts {
  int64_t centered = 0, folded = 0, keptMeans = 0, keptGains = 0,
          unselected = 0, bytesAdded = 0;
};

struct FoldNormalization
    : public quantize::impl::FoldNormalizationPassBase<FoldNormalization> {
  using FoldNormalizationPassBase::FoldNormalizationPassBase;
  void runOnOperation() override;

private:
  llvm::Error run(func::FuncOp function);
  llvm::Error center(Operation *op);
  void replaceCenter(Operation *op);
  llvm::Error fold(const NormGain &gain);
  llvm::Error addShift(MatmulOp product, ArrayRef<double> shift);

  std::optional<UniqueNames> names;
  llvm::DenseSet<Operation *> centered;
  Counts counts;
};

} // namespace

/// The value whose mean over the last axis `op` subtracts; null if it does not.
static Value getCenteredInput(Operation *op) {
  if (auto norm = dyn_cast<LayerNormOp>(op))
    return static_cast<int64_t>(norm.getAxis()) + 1 == getRank(norm.getInput())
               ? norm.getInput()
               : Value();
  auto mean = isa<SubOp>(op) ? op->getOperand(1).getDefiningOp<ReduceMeanOp>()
                             : ReduceMeanOp();
  if (!mean || !mean.getKeepDims() || mean.getInput() != op->getOperand(0) ||
      mean.getAxes() != ArrayRef<int64_t>(getRank(mean.getInput()) - 1))
    return {};
  return mean.getInput();
}

/// A layer_norm over centered channels becomes an rms_norm, a subtraction of
/// their mean nothing.
void FoldNormalization::replaceCenter(Operation *op) {
  auto norm = dyn_cast<LayerNormOp>(op);
  if (!norm) {
    auto mean = op->getOperand(1).getDefiningOp<ReduceMeanOp>();
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    op->erase();
    if (mean.use_empty())
      mean.erase();
    return;
  }
  OpBuilder builder(norm);
  auto made = RMSNormOp::create(builder, norm.getLoc(), norm.getType(),
                                norm.getInput(), norm.getScale(),
                                norm.getAxisAttr(), norm.getEpsilonAttr());
  made->setAttr("names", norm->getAttr("names"));
  Value result = made;
  if (norm.getBias()) {
    auto sum = AddOp::create(builder, norm.getLoc(), norm.getType(), result,
                             norm.getBias());
    sum->setAttr("names", norm->getAttr("names"));
    setName(made, names->derive(getValueName(norm), "/scaled"));
    result = sum;
  }
  norm.replaceAllUsesWith(result);
  norm.erase();
}

/// Centers the values that `op` subtracts the mean of where they are made.
llvm::Error FoldNormalization::center(Operation *op) {
  Value input = getCenteredInput(op);
  unsigned last = getRank(input) - 1;
  ChannelFlow::Options options;
  options.map = FlowMap::Centering;
  options.block = getExtent(input, last);
  ChannelFlow::Refusal refusal;
  std::optional<ChannelFlow> flow =
      ShapedType::isDynamic(options.block)
          ? std::nullopt
          : ChannelFlow::find(input, last, options, refusal);
  if (!flow) {
    ++counts.keptMeans;
    InFlightDiagnostic remark = emitRemark(op->getLoc());
    remark << "fold-normalization: '" << getValueName(op->getResult(0))
           << "' keeps its mean: " << refusal.reason;
    if (refusal.op && refusal.op != op)
      remark.attachNote(refusal.op->getLoc()) << "here";
    return llvm::Error::success();
  }
  if (llvm::Error error = rememberModel(getOperation()))
    return error;
  WeightEditor editor(*names, "/centered");
  static const char key = 0;
  for (const ChannelFlow::Use &use : flow->getConstants())
    if (llvm::Error error =
            editor.edit(*use.operand, use.inner, use.extent, &key,
                        [](MutableArrayRef<double> channels) {
                          double mean = std::accumulate(channels.begin(),
                                                        channels.end(), 0.0) /
                                        static_cast<double>(channels.size());
                          for (double &channel : channels)
                            channel -= mean;
                        }))
      return error;
  for (auto [value, axis] : flow->getValues())
    setResultName(cast<OpResult>(value),
                  names->derive(getValueName(value), "/centered"));
  for (Operation *reader : flow->getCenters()) {
    centered.insert(reader);
    replaceCenter(reader);
    ++counts.centered;
  }
  counts.bytesAdded += editor.finish();
  return llvm::Error::success();
}

/// Adds `shift` to the last axis of the result of `product`: to the constant
/// that is added to it anyway, or with an addition.
llvm::Error FoldNormalization::addShift(MatmulOp product,
                                        ArrayRef<double> shift) {
  int64_t last = getRank(product) - 1;
  Operation *sum = product->hasOneUse() ? *product->user_begin()
                                        : static_cast<Operation *>(nullptr);
  std::optional<ChannelAffine> affine;
  if (sum && isa<AddOp>(sum) &&
      sum->getResult(0).getType() == product.getType())
    affine = getChannelAffine(sum, product, last, shift.size());
  SmallVector<float> elements;
  for (auto [channel, number] : llvm::enumerate(shift))
    elements.push_back(
        static_cast<float>(number + (affine ? affine->shift[channel] : 0)));
  if (!llvm::all_of(elements, [](float x) { return std::isfinite(x); }))
    return llvm::createStringError(
        "the bias of '" + getValueName(product) +
        "' is not finite with the shift of its input");
  OpBuilder builder(product);
  auto type = RankedTensorType::get(static_cast<int64_t>(elements.size()),
                                    builder.getF32Type());
  std::string name = getValueName(affine ? sum->getResult(0) : Value(product));
  Value constant = makeNamedConstant(
      builder, product.getLoc(), names->derive(name, "/shift"),
      DenseElementsAttr::get(type, ArrayRef<float>(elements)));
  if (affine) {
    unsigned number = sum->getOperand(0) == product ? 1 : 0;
    Operation *old = sum->getOperand(number).getDefiningOp();
    sum->setOperand(number, constant);
    if (old->use_empty())
      old->erase();
    return llvm::Error::success();
  }
  builder.setInsertionPointAfter(product);
  auto made = AddOp::create(builder, product.getLoc(), product.getType(),
                            product, constant);
  made->setAttr("names", product->getAttr("names"));
  product.getResult().replaceAllUsesExcept(made, made);
  setName(product, names->derive(name, "/linear"));
  return llvm::Error::success();
}

/// The products that read what `gain` makes take it in.
llvm::Error FoldNormalization::fold(const NormGain &gain) {
  if (llvm::Error error = rememberModel(getOperation()))
    return error;
  Value value = gain.op->getResult(0);
  const void *key = gain.op->getOperand(1).getAsOpaquePointer();
  WeightEditor editor(*names, "/folded");
  SmallVector<MatmulOp> products;
  for (Operation *user : value.getUsers())
    products.push_back(cast<MatmulOp>(user));
  for (MatmulOp product : products) {
    OpOperand &operand = product->getOpOperand(1);
    unsigned axis = product.getTransposeRhs() ? 1 : 0;
    auto shift =
        multiplyShift(gain.affine.shift, *Weight::match(operand.get()), axis);
    if (!shift)
      return shift.takeError();
    if (gain.affine.hasScale())
      if (llvm::Error error =
              editor.edit(operand, 2 - axis, gain.affine.scale.size(), key,
                          [&](MutableArrayRef<double> channels) {
                            for (auto [channel, scale] :
                                 llvm::zip_equal(channels, gain.affine.scale))
                              channel *= scale;
                          }))
        return error;
    if (gain.affine.hasShift())
      if (llvm::Error error = addShift(product, *shift))
        return error;
  }
  counts.bytesAdded += editor.finish();
  ++counts.folded;
  SmallVector<Value> constants;
  for (Value operand : gain.op->getOperands())
    if (getConstantValue(operand))
      constants.push_back(operand);
  auto eraseUnused = [&] {
    for (Value constant : constants)
      if (constant.use_empty())
        constant.getDefiningOp()->erase();
    return llvm::Error::success();
  };
  if (gain.input) {
    value.replaceAllUsesWith(gain.input);
    gain.op->erase();
    return eraseUnused();
  }
  std::string name = names->derive(getValueName(value), "/normalized");
  OpBuilder builder(gain.op);
  auto type = RankedTensorType::get(
      static_cast<int64_t>(gain.affine.scale.size()), builder.getF32Type());
  Value ones = makeNamedConstant(builder, gain.op->getLoc(),
                                 names->derive(name, "/ones"),
                                 DenseElementsAttr::get(type, 1.0f));
  gain.op->setOperand(1, ones);
  if (auto norm = dyn_cast<LayerNormOp>(gain.op))
    norm.getBiasMutable().clear();
  setName(gain.op, name);
  return eraseUnused();
}

llvm::Error FoldNormalization::run(func::FuncOp function) {
  auto selector = Selector::parse(select);
  if (!selector)
    return llvm::createStringError("select: " +
                                   llvm::toString(selector.takeError()));
  selector->number(function);
  SmallVector<Operation *> means;
  function.walk([&](Operation *op) {
    if (op->getParentOp() == function && op->getNumResults() == 1 &&
        getCenteredInput(op))
      means.push_back(op);
  });
  counts = Counts();
  centered.clear();
  names.emplace(function);
  for (Operation *op : means) {
    if (!centers || centered.contains(op))
      continue;
    if (!selector->matches(op)) {
      ++counts.unselected;
      continue;
    }
    if (llvm::Error error = center(op))
      return error;
  }
  SmallVector<Operation *> candidates;
  function.walk([&](Operation *op) {
    if (op->getParentOp() == function &&
        isa<LayerNormOp, RMSNormOp, MulOp, AddOp>(op))
      candidates.push_back(op);
  });
  // What is nearest to the products first.
  for (Operation *op : llvm::reverse(candidates)) {
    auto gain = NormGain::match(op);
    if (!gain)
      continue;
    if (!selector->matches(op)) {
      ++counts.unselected;
      continue;
    }
    if (!isReadByProductsOnly(op->getResult(0))) {
      ++counts.keptGains;
      continue;
    }
    if (llvm::Error error = fold(*gain))
      return error;
  }
  if (report)
    function->setAttr(
        "graph.fold_normalization_report",
        getNumbersAttr(&getContext(), {{"bytes_added", counts.bytesAdded},
                                       {"centered", counts.centered},
                                       {"folded", counts.folded},
                                       {"kept_gains", counts.keptGains},
                                       {"kept_means", counts.keptMeans},
                                       {"unselected", counts.unselected}}));
  return llvm::Error::success();
}

void FoldNormalization::runOnOperation() {
  if (failed(runOnFunction(getOperation(), getArgument(),
                           [&] { return run(getOperation()); })))
    signalPassFailure();
}
