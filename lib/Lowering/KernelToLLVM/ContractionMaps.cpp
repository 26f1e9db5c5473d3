//===- ContractionMaps.cpp - what the operations of a contraction are -----===//
#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

AffineMap cinch::getSimplifiedMap(linalg::LinalgOp op, OpOperand *operand) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  MLIRContext *context = op.getContext();
  SmallVector<AffineExpr> dims;
  for (auto [loop, range] : llvm::enumerate(ranges))
    dims.push_back(range == 1 ? getAffineConstantExpr(0, context)
                              : getAffineDimExpr(loop, context));
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(expr.replaceDims(dims));
  return AffineMap::get(map.getNumDims(), 0, results, context);
}

bool cinch::isMultiplyAdd(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Block *body = op.getBlock();
  auto add =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || !add.getType().isF32())
    return false;
  Value output = body->getArgument(2);
  Value product = add.getLhs() == output ? add.getRhs() : add.getLhs();
  if (add.getLhs() != output && add.getRhs() != output)
    return false;
  auto mul = product.getDefiningOp<arith::MulFOp>();
  if (!mul)
    return false;
  // 16-bit elements are widened.
  auto getSource = [](Value factor) {
    auto extend = factor.getDefiningOp<arith::ExtFOp>();
    return extend ? extend.getIn() : factor;
  };
  Value a = body->getArgument(0), b = body->getArgument(1);
  Value lhs = getSource(mul.getLhs()), rhs = getSource(mul.getRhs());
  return (lhs == a && rhs == b) || (lhs == b && rhs == a);
}

bool cinch::startsAtZero(linalg::GenericOp op) {
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill)
    return false;
  auto constant = fill.value().getDefiningOp<arith::ConstantOp>();
  auto value =
      constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return value && value.getValue().isPosZero();
}

std::optional<int64_t> cinch::getStride(RankedTensorType type, size_t axis) {
  int64_t stride = 1;
  for (int64_t size : type.getShape().drop_front(axis + 1)) {
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    stride *= size;
  }
  return stride;
}

std::optional<size_t> cinch::findAxis(AffineMap map, unsigned loop) {
  std::optional<size_t> found;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(loop))
      continue;
    if (found || expr != getAffineDimExpr(loop, map.getContext()))
      return std::nullopt;
    found = axis;
  }
  return found;
}
