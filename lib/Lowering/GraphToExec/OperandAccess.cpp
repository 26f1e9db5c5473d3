//===- OperandAccess.cpp - movement as indexing ---------------------------===//
#include "lib/Lowering/GraphToExec/OperandAccess.h"
#include "lib/Lowering/GraphToExec/FormGroups.h"
#include "lib/Lowering/GraphToExec/LoweringTable.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;
using plan::Expr;
using Axes = SmallVector<AffineExpr>;

/// Axes of `in` for the element at `axes` of `out`, which repeats `in`.
static std::optional<Axes> readBroadcast(ArrayRef<Expr> in, ArrayRef<Expr> out,
                                         ArrayRef<AffineExpr> axes,
                                         MLIRContext *context) {
  Axes result;
  for (auto [number, dim] : llvm::enumerate(in)) {
    size_t at = out.size() - in.size() + number;
    if (dim == out[at])
      result.push_back(axes[at]);
    else if (dim == Expr(1))
      result.push_back(getAffineConstantExpr(0, context));
    else
      return std::nullopt;
  }
  return result;
}

/// The sizes of `dims` from `begin` on whose product is `size`; empty if there
/// are none or a size is not constant.
static SmallVector<int64_t> findFactors(ArrayRef<Expr> dims, size_t begin,
                                        const Expr &size) {
  SmallVector<int64_t> factors;
  auto wanted = size.asConstant();
  int64_t product = 1;
  for (const Expr &dim : dims.drop_front(begin)) {
    auto factor = dim.asConstant();
    if (!wanted || !factor || *factor <= 0 || product * *factor > *wanted)
      return {};
    factors.push_back(*factor);
    product *= *factor;
    if (product == *wanted)
      return factors;
  }
  return {};
}

/// Axes of `in` for the element at `axes` of `out`, a reshape of it that
/// splits and joins constant dimensions.
static std::optional<Axes> readReshape(ArrayRef<Expr> in, ArrayRef<Expr> out,
                                       ArrayRef<AffineExpr> axes,
                                       MLIRContext *context) {
  Axes result;
  AffineExpr zero = getAffineConstantExpr(0, context);
  size_t at = 0;
  auto isUnit = [](ArrayRef<Expr> dims, size_t axis) {
    return axis < dims.size() && dims[axis] == Expr(1);
  };
  while (result.size() < in.size()) {
    size_t axis = result.size();
    if (at < out.size() && in[axis] == out[at]) {
      result.push_back(axes[at++]);
    } else if (isUnit(in, axis)) {
      result.push_back(zero);
    } else if (isUnit(out, at)) {
      ++at;
    } else if (at == out.size()) {
      return std::nullopt;
    } else if (auto parts = findFactors(in, axis, out[at]); !parts.empty()) {
      int64_t stride = *out[at].asConstant();
      for (int64_t part : parts) {
        AffineExpr rest = axes[at] % stride;
        stride /= part;
        result.push_back(rest.floorDiv(stride));
      }
      ++at;
    } else if (auto parts = findFactors(out, at, in[axis]); !parts.empty()) {
      AffineExpr joined = zero;
      for (int64_t part : parts)
        joined = joined * part + axes[at++];
      result.push_back(joined);
    } else {
      return std::nullopt;
    }
  }
  return result;
}

std::optional<Axes> cinch::form::getReadAxes(Operation *op,
                                             ArrayRef<AffineExpr> axes,
                                             const ShapeTable &shapes) {
  if (auto transpose = dyn_cast<graph::TransposeOp>(op)) {
    Axes result(axes.size());
    for (auto [axis, source] : llvm::enumerate(transpose.getPermutation()))
      result[source] = axes[axis];
    return result;
  }
  if (!isa<graph::BroadcastOp, graph::ReshapeOp, graph::SqueezeOp,
           graph::UnsqueezeOp, graph::FlattenOp>(op))
    return std::nullopt;
  ArrayRef<Expr> in = shapes.get(op->getOperand(0)).dims,
                 out = shapes.get(op->getResult(0)).dims;
  return isa<graph::BroadcastOp>(op)
             ? readBroadcast(in, out, axes, op->getContext())
             : readReshape(in, out, axes, op->getContext());
}

unsigned cinch::form::countReaders(Value value,
                                   const DenseSet<Operation *> &live) {
  return llvm::count_if(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    return isRead(use) && (live.contains(user) ||
                           !isa<graph::GraphDialect>(user->getDialect()));
  });
}

SmallVector<Operation *>
cinch::form::findReadThrough(OpOperand &operand, const ShapeTable &shapes,
                             const DenseSet<Operation *> &live) {
  SmallVector<Operation *> chain;
  size_t numUseful = 0;
  Value value = operand.get();
  Axes axes;
  for (size_t axis = 0; axis < shapes.get(value).dims.size(); ++axis)
    axes.push_back(getAffineDimExpr(axis, value.getContext()));
  while (Operation *op = value.getDefiningOp()) {
    if (!live.contains(op) ||
        op->getBlock() != operand.getOwner()->getBlock() ||
        countReaders(value, live) != 1)
      break;
    Place place = getPlace(op, shapes);
    if (place != Place::Kernel && place != Place::View)
      break;
    std::optional<Axes> read = getReadAxes(op, axes, shapes);
    if (!read)
      break;
    axes = *read;
    chain.push_back(op);
    if (place == Place::Kernel)
      numUseful = chain.size();
    value = op->getOperand(0);
  }
  chain.truncate(numUseful);
  return chain;
}

std::optional<StaticSlice>
cinch::form::getStaticSlice(graph::SliceOp op, const ShapeTable &shapes) {
  auto starts = shapes.contents(op.getStarts());
  if (!starts || op.getAxes().size() != 1 || op.getSteps()[0] != 1)
    return std::nullopt;
  int64_t axis = op.getAxes()[0];
  auto start = (*starts)[0].asConstant();
  auto size = shapes.get(op.getInput()).dims[axis].asConstant(),
       count = shapes.get(op.getResult()).dims[axis].asConstant();
  if (!start || !size || !count)
    return std::nullopt;
  int64_t first = *start < 0 ? *start + *size : *start;
  first = std::clamp<int64_t>(first, 0, *size);
  return StaticSlice{axis, first, first + *count, *size};
}

graph::SliceOp cinch::form::findReadThrough(graph::ConvOp conv,
                                            const ShapeTable &shapes,
                                            const DenseSet<Operation *> &live) {
  auto slice = conv.getInput().getDefiningOp<graph::SliceOp>();
  if (!slice || !live.contains(slice) ||
      slice->getBlock() != conv->getBlock() ||
      countReaders(slice.getResult(), live) != 1 ||
      getPlace(slice, shapes) != Place::Kernel)
    return nullptr;
  auto argument = dyn_cast<BlockArgument>(slice.getInput());
  auto part = getStaticSlice(slice, shapes);
  if (!argument || !part || part->axis < 2 ||
      !isa<func::FuncOp>(argument.getOwner()->getParentOp()))
    return nullptr;
  ArrayRef<int64_t> pads = conv.getPads();
  int64_t before = pads[part->axis - 2],
          behind = pads[pads.size() / 2 + part->axis - 2];
  bool isPlain = (before == 0 || part->start == 0) &&
                 (behind == 0 || part->end == part->size);
  return isPlain ? slice : nullptr;
}

bool cinch::form::isExpansion(Operation *op, const ShapeTable &shapes,
                              unsigned maxDepth) {
  ArrayRef<Expr> dims = shapes.get(op->getResult(0)).dims;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    if (ShapeTable::splat(operand) || shapes.get(operand).dims != dims)
      return true;
    Operation *producer = operand.getDefiningOp();
    const Lowering *lowering =
        producer ? LoweringTable::get().find(producer) : nullptr;
    return maxDepth != 0 && lowering &&
           lowering->opClass == OpClass::Elementwise && lowering->isCheap &&
           producer->hasOneUse() && isExpansion(producer, shapes, maxDepth - 1);
  });
}
