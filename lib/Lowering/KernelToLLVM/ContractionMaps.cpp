//===- ContractionMaps.cpp - what the operations of a contraction are -----===//
#include "lib/Lowering/KernelToLLVM/ContractionPlan.h"

#include "dialects/Graph/ElementTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

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

/// The multiplication whose result `op`, of two inputs, adds to its output, of
/// element type `type`; null if it does something else.
template <typename AddOp, typename MulOp>
static MulOp findAddedProduct(linalg::GenericOp op, Type type) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return {};
  Block *body = op.getBlock();
  auto add = body->getTerminator()->getOperand(0).getDefiningOp<AddOp>();
  if (!add || add.getType() != type)
    return {};
  Value output = body->getArgument(2);
  Value product = add.getLhs() == output ? add.getRhs() : add.getLhs();
  if (add.getLhs() != output && add.getRhs() != output)
    return {};
  return product.getDefiningOp<MulOp>();
}

bool cinch::isMultiplyAdd(linalg::GenericOp op) {
  auto mul = findAddedProduct<arith::AddFOp, arith::MulFOp>(
      op, Float32Type::get(op.getContext()));
  if (!mul)
    return false;
  // 16-bit elements are widened.
  auto getSource = [](Value factor) {
    auto extend = factor.getDefiningOp<arith::ExtFOp>();
    return extend ? extend.getIn() : factor;
  };
  Block *body = op.getBlock();
  Value a = body->getArgument(0), b = body->getArgument(1);
  Value lhs = getSource(mul.getLhs()), rhs = getSource(mul.getRhs());
  return (lhs == a && rhs == b) || (lhs == b && rhs == a);
}

std::optional<IntegerOperands> cinch::findIntegerProduct(linalg::GenericOp op) {
  auto mul = findAddedProduct<arith::AddIOp, arith::MulIOp>(
      op, IntegerType::get(op.getContext(), 32));
  if (!mul)
    return std::nullopt;
  // Whether the block argument `number` is extended with its sign.
  auto isSigned = [&](unsigned number) -> std::optional<bool> {
    Value argument = op.getBlock()->getArgument(number);
    for (Value factor : {mul.getLhs(), mul.getRhs()}) {
      Operation *extend = factor.getDefiningOp();
      if (isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(extend) &&
          extend->getOperand(0) == argument && argument.getType().isInteger(8))
        return isa<arith::ExtSIOp>(extend);
    }
    return std::nullopt;
  };
  std::optional<bool> lhs = isSigned(0), rhs = isSigned(1);
  if (!lhs || !rhs)
    return std::nullopt;
  return IntegerOperands{*lhs, *rhs};
}

bool cinch::startsAtZero(linalg::GenericOp op) {
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill)
    return false;
  return matchPattern(fill.value(), m_PosZeroFloat()) ||
         matchPattern(fill.value(), m_Zero());
}

OpOperand *cinch::findFewBits(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op->hasAttr(unpackAttrName) || op.getNumReductionLoops() != 0 ||
      op.getNumDpsInputs() != 1 || op->getNumResults() != 1)
    return nullptr;
  OpOperand *input = op.getDpsInputOperand(0);
  Type element = getElementTypeOrSelf(input->get().getType());
  bool isSmall = element.isInteger() && !element.isInteger(1) &&
                 graph::getStorageBits(element) <= 8;
  return isSmall && op.getMatchingIndexingMap(input).isIdentity() &&
                 op.getIndexingMapMatchingResult(op->getResult(0)).isIdentity()
             ? input
             : nullptr;
}

unsigned cinch::getPackedArgument(linalg::GenericOp unpack) {
  std::optional<unsigned> number;
  unpack.walk([&](tensor::ExtractOp extract) {
    number = cast<BlockArgument>(extract.getTensor()).getArgNumber();
  });
  return *number;
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

bool cinch::areNeighbours(RankedTensorType type, AffineMap map,
                          ArrayRef<unsigned> loops, ArrayRef<int64_t> ranges,
                          size_t &last) {
  std::optional<size_t> previous;
  for (unsigned loop : loops) {
    if (ranges[loop] == 1)
      continue;
    std::optional<size_t> axis = findAxis(map, loop);
    if (!axis || (previous && *axis != *previous + 1))
      return false;
    // A convolution with one output reads a part of its image.
    if (previous && type.getDimSize(*axis) != ranges[loop])
      return false;
    previous = axis;
  }
  if (!previous)
    return false;
  last = *previous;
  return true;
}
