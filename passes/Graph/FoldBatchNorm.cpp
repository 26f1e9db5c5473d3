//===- FoldBatchNorm.cpp - scales and shifts into constant weights --------===//
//
// What is linear stays linear when a scale and a shift of its channels follow:
// a * (W x) + b = (a W) x + b. So a batch norm, or the multiplications and
// additions that an exporter made of one, cost nothing where they can be moved
// into a constant filter; the same before it, where no padding brings in zeros
// that the shift did not reach (Jacob et al., "Quantization and Training of
// Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018,
// equation 14; we compute in double and round once).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/Report.h"
#include "passes/Graph/LinearOp.h"
#include "passes/Graph/Names.h"
#include "passes/Graph/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

namespace cinch::graph {
#define GEN_PASS_DEF_FOLDBATCHNORMPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

namespace {

struct Counts {
  int64_t folded = 0, scaled = 0, kept = 0;
};

/// One operation that is to take over what stands before and behind it.
struct Fold {
  LinearOp linear;
  SmallVector<Operation *> before, after; ///< nearest first
  ChannelAffine in, out;
  bool changesFilter() const { return in.hasScale() || out.hasScale(); }
};

struct FoldBatchNorm
    : public graph::impl::FoldBatchNormPassBase<FoldBatchNorm> {
  using FoldBatchNormPassBase::FoldBatchNormPassBase;
  void runOnOperation() override;

private:
  void collectAfter(Fold &fold);
  void collectBefore(Fold &fold);
  void dropGrowing();
  void apply(Fold &fold);
  void makeScale(BatchNormOp op);

  std::vector<Fold> folds;
  llvm::DenseSet<Operation *> taken;
  Counts counts;
};

} // namespace

/// Copies of weights that have other uses may add so many bytes per weight.
static constexpr int64_t maxGrowthBytes = 64 * 1024;

/// Takes the chain of operations of which each is the only user of the one
/// before.
void FoldBatchNorm::collectAfter(Fold &fold) {
  Value value = fold.linear.op->getResult(0);
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (user->getBlock() != fold.linear.op->getBlock())
      return;
    auto next =
        getChannelAffine(user, value, fold.linear.outAxis, fold.linear.numOut);
    ChannelAffine sum = next ? next->after(fold.out) : ChannelAffine();
    if (!next || !sum.isFinite())
      return;
    fold.out = std::move(sum);
    fold.after.push_back(user);
    taken.insert(user);
    value = user->getResult(0);
  }
}

/// The operand that `op`, an operation of one, scales and shifts.
static Value getInput(Operation *op) {
  if (isa<BatchNormOp>(op))
    return op->getOperand(0);
  if (!isa<AddOp, SubOp, MulOp, DivOp>(op))
    return {};
  for (Value operand : op->getOperands())
    if (operand.getType() == op->getResult(0).getType() &&
        !getConstantValue(operand))
      return operand;
  return {};
}

void FoldBatchNorm::collectBefore(Fold &fold) {
  Value value = fold.linear.op->getOperand(0);
  while (value.hasOneUse()) {
    Operation *op = value.getDefiningOp();
    Value input = op ? getInput(op) : Value();
    if (!input || taken.contains(op) ||
        op->getBlock() != fold.linear.op->getBlock())
      return;
    auto next =
        getChannelAffine(op, input, fold.linear.inAxis, fold.linear.numIn);
    ChannelAffine sum = next ? fold.in.after(*next) : ChannelAffine();
    if (!next || !sum.isFinite() ||
        (sum.hasShift() && !fold.linear.allowsShift))
      return;
    fold.in = std::move(sum);
    fold.before.push_back(op);
    taken.insert(op);
    value = input;
  }
}

/// Drops the folds of weights that other operations need unchanged, or changed
/// in another way, unless the copies are small.
void FoldBatchNorm::dropGrowing() {
  struct Weight {
    SmallVector<const Fold *> variants; ///< of different factors
    int64_t numFolds = 0, numUses = 0;
  };
  llvm::MapVector<Attribute, Weight> weights;
  for (const Fold &fold : folds) {
    Value filter = fold.linear.op->getOperand(1);
    Weight &weight = weights[getConstantValue(filter)];
    ++weight.numFolds;
    if (!llvm::any_of(weight.variants, [&](const Fold *other) {
          return other->in.scale == fold.in.scale &&
                 other->out.scale == fold.out.scale;
        }))
      weight.variants.push_back(&fold);
  }
  getOperation().walk([&](ConstantOp op) {
    if (auto found = weights.find(op.getValue()); found != weights.end())
      found->second.numUses += std::distance(op->use_begin(), op->use_end());
  });
  llvm::erase_if(folds, [&](const Fold &fold) {
    TypedAttr filter = getConstantValue(fold.linear.op->getOperand(1));
    const Weight &weight = weights[filter];
    int64_t copies = weight.variants.size();
    // One repeated value takes no bytes, so there is none to take over.
    auto dense = dyn_cast<DenseElementsAttr>(filter);
    bool isSplat = dense && dense.isSplat();
    copies -= weight.numUses == weight.numFolds && !isSplat ? 1 : 0;
    return copies * *getStorageBytes(cast<RankedTensorType>(filter.getType())) >
           maxGrowthBytes;
  });
}

/// A constant [channels, 1, ...] that broadcasts along `axis` of `rank` axes.
static Value makeChannelConstant(OpBuilder &builder, Location loc,
                                 const Twine &name, ArrayRef<float> values,
                                 int64_t rank, unsigned axis) {
  SmallVector<int64_t> shape(rank - axis, 1);
  shape[0] = values.size();
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  return makeNamedConstant(builder, loc, name,
                           DenseElementsAttr::get(type, values));
}

void FoldBatchNorm::apply(Fold &fold) {
  Operation *op = fold.linear.op;
  TypedAttr filter = fold.changesFilter()
                         ? fold.linear.scaleFilter(fold.in, fold.out)
                         : getConstantValue(op->getOperand(1));
  auto shift = fold.linear.getShift(fold.in, fold.out);
  if (!filter || !shift)
    return;
  Operation *last = fold.after.empty() ? op : fold.after.back();
  std::string name = getValueName(last->getResult(0));
  OpBuilder builder(op);
  if (fold.changesFilter())
    op->setOperand(
        1, makeNamedConstant(builder, op->getLoc(), name + "/filter", filter));
  auto countNorm = [&](Operation *taken) {
    counts.folded += isa<BatchNormOp>(taken);
  };
  llvm::for_each(fold.before, countNorm);
  llvm::for_each(fold.after, countNorm);
  if (!fold.before.empty())
    op->setOperand(0, getInput(fold.before.back()));
  Value result = op->getResult(0);
  Type type = last->getResult(0).getType();
  Attribute names = last->getAttr("names");
  Location loc = last->getLoc();
  Value old = last->getResult(0);
  bool hasShift = llvm::any_of(*shift, [](float value) { return value != 0; });
  if (hasShift) {
    builder.setInsertionPointAfter(op);
    Value constant =
        makeChannelConstant(builder, loc, name + "/shift", *shift,
                            cast<RankedTensorType>(result.getType()).getRank(),
                            fold.linear.outAxis);
    auto sum = AddOp::create(builder, loc, type, result, constant);
    sum->setAttr("names", names);
    setName(op, name + "/linear");
    old.replaceAllUsesExcept(sum, sum);
  } else {
    result.setType(type);
    op->setAttr("names", names);
    if (old != result)
      old.replaceAllUsesWith(result);
  }
  for (Operation *dead : llvm::reverse(fold.after))
    dead->erase();
  for (Operation *dead : fold.before)
    dead->erase();
}

/// The four parameters become one factor and one term.
void FoldBatchNorm::makeScale(BatchNormOp op) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  int64_t numChannels =
      cast<RankedTensorType>(op.getScale().getType()).getDimSize(0);
  auto affine =
      type.getElementType().isF32() && !ShapedType::isDynamic(numChannels)
          ? getChannelAffine(op, op.getInput(), 1, numChannels)
          : std::nullopt;
  auto round = [](ArrayRef<double> values) {
    SmallVector<float> rounded;
    for (double value : values)
      rounded.push_back(static_cast<float>(value));
    return rounded;
  };
  SmallVector<float> scale, shift;
  if (affine) {
    scale = round(affine->scale);
    shift = round(affine->shift);
  }
  auto isFinite = [](float value) { return std::isfinite(value); };
  if (!affine || !llvm::all_of(scale, isFinite) ||
      !llvm::all_of(shift, isFinite)) {
    ++counts.kept;
    return;
  }
  std::string name = getValueName(op);
  OpBuilder builder(op);
  Value factor = makeChannelConstant(builder, op.getLoc(), name + "/scale",
                                     scale, type.getRank(), 1);
  Value term = makeChannelConstant(builder, op.getLoc(), name + "/shift", shift,
                                   type.getRank(), 1);
  auto product =
      MulOp::create(builder, op.getLoc(), op.getType(), op.getInput(), factor);
  setName(product, name + "/scaled");
  auto sum = AddOp::create(builder, op.getLoc(), op.getType(), product, term);
  sum->setAttr("names", op->getAttr("names"));
  op.replaceAllUsesWith(sum.getResult());
  op.erase();
  ++counts.scaled;
}

void FoldBatchNorm::runOnOperation() {
  folds.clear();
  taken.clear();
  counts = Counts();
  func::FuncOp function = getOperation();
  function.walk([&](Operation *op) {
    if (auto linear = LinearOp::match(op)) {
      Fold fold;
      fold.linear = *linear;
      fold.in = ChannelAffine::get(linear->numIn);
      fold.out = ChannelAffine::get(linear->numOut);
      folds.push_back(std::move(fold));
    }
  });
  // What stands between two is taken by the first, which may have padding.
  for (Fold &fold : folds)
    collectAfter(fold);
  for (Fold &fold : folds)
    collectBefore(fold);
  // One addition behind is what a fold leaves.
  llvm::erase_if(folds, [](const Fold &fold) {
    return fold.before.empty() && !fold.out.hasScale() && fold.after.size() < 2;
  });
  dropGrowing();
  for (Fold &fold : folds)
    apply(fold);
  SmallVector<BatchNormOp> norms;
  function.walk([&](BatchNormOp op) { norms.push_back(op); });
  for (BatchNormOp op : norms)
    makeScale(op);
  if (report)
    function->setAttr(
        "graph.fold_batch_norm_report",
        getNumbersAttr(&getContext(), {{"folded", counts.folded},
                                       {"kept", counts.kept},
                                       {"scaled", counts.scaled}}));
}
