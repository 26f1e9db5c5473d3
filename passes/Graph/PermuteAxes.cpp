//===- PermuteAxes.cpp - operations on operands with permuted axes --------===//
#include "passes/Graph/PermuteAxes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

Permutation graph::compose(ArrayRef<int64_t> inner, ArrayRef<int64_t> outer) {
  Permutation result;
  for (int64_t axis : outer)
    result.push_back(inner[axis]);
  return result;
}

Permutation graph::invert(ArrayRef<int64_t> permutation) {
  Permutation result(permutation.size());
  for (auto [place, axis] : llvm::enumerate(permutation))
    result[axis] = place;
  return result;
}

RankedTensorType graph::permuteType(RankedTensorType type,
                                    ArrayRef<int64_t> permutation) {
  return type.clone(compose(type.getShape(), permutation));
}

bool graph::keepsOrder(ArrayRef<int64_t> shape, ArrayRef<int64_t> permutation) {
  int64_t last = -1;
  for (int64_t axis : permutation) {
    if (shape[axis] == 1)
      continue;
    if (axis < last)
      return false;
    last = axis;
  }
  return true;
}

static bool isReduction(Operation *op) {
  return isa<ReduceSumOp, ReduceMeanOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp>(
      op);
}

static bool isArg(Operation *op) { return isa<ArgMaxOp, ArgMinOp>(op); }

static int64_t getRank(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

static bool keepsDims(Operation *op) {
  auto keeps = op->getAttrOfType<BoolAttr>("keep_dims");
  return !keeps || keeps.getValue();
}

bool graph::canPermute(Operation *op, int64_t rank) {
  if (!isa_and_nonnull<GraphDialect>(op->getDialect()) || !isPure(op) ||
      op->getNumResults() != 1 || op->getNumOperands() == 0)
    return false;
  if (getRank(op->getResult(0)) != rank)
    return false;
  if (isReduction(op) || isArg(op))
    return keepsDims(op);
  if (isa<QuantizeOp, DequantizeOp>(op))
    return op->getAttrOfType<IntegerAttr>("group_size").getInt() == 0 &&
           getRank(op->getOperand(1)) <= 1;
  return op->hasTrait<graph::Elementwise>() ||
         isa<SoftmaxOp, LogSoftmaxOp, ConcatOp, SliceOp, PadOp>(op);
}

bool graph::isPermutedOperand(OpOperand &operand) {
  Operation *op = operand.getOwner();
  return operand.getOperandNumber() == 0 ||
         op->hasTrait<graph::Elementwise>() || isa<ConcatOp>(op);
}

void graph::permuteAxes(Operation *op, ArrayRef<int64_t> permutation) {
  Permutation places = invert(permutation);
  Builder builder(op->getContext());
  if (auto axis = op->getAttrOfType<IntegerAttr>("axis"))
    op->setAttr("axis", builder.getI64IntegerAttr(places[axis.getInt()]));
  if (auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes")) {
    SmallVector<int64_t> moved;
    for (int64_t axis : axes.asArrayRef())
      moved.push_back(places[axis]);
    // Those of slices and pads are in the order of their operands.
    if (!isa<SliceOp, PadOp>(op))
      llvm::sort(moved);
    op->setAttr("axes", builder.getDenseI64ArrayAttr(moved));
  }
}

Operation *graph::clonePermuted(OpBuilder &builder, Operation *op,
                                ValueRange operands,
                                ArrayRef<int64_t> permutation) {
  Operation *copy = builder.clone(*op);
  copy->setOperands(operands);
  Value result = copy->getResult(0);
  result.setType(
      permuteType(cast<RankedTensorType>(result.getType()), permutation));
  permuteAxes(copy, permutation);
  return copy;
}

llvm::SmallVector<int64_t> graph::getReducedAxes(Operation *op) {
  if (isReduction(op))
    return llvm::to_vector(
        op->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef());
  if (isArg(op) || isa<SoftmaxOp, LogSoftmaxOp>(op))
    return {op->getAttrOfType<IntegerAttr>("axis").getInt()};
  return {};
}

bool graph::absorbs(Operation *op, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> dropped;
  if (auto squeeze = dyn_cast<SqueezeOp>(op))
    dropped.assign(squeeze.getAxes().begin(), squeeze.getAxes().end());
  else if ((isReduction(op) || isArg(op)) && !keepsDims(op))
    dropped = getReducedAxes(op);
  else
    return false;
  int64_t last = -1;
  for (int64_t axis : permutation) {
    if (llvm::is_contained(dropped, axis))
      continue;
    if (axis < last)
      return false;
    last = axis;
  }
  return true;
}
