//===- ElementScalars.cpp - sizes and scalars of a kernel body ------------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;

Value ElementEmitter::size(Value tensor, int64_t axis) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(axis))
    return constant(type.getDimSize(axis));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return frame.tensors[argument.getArgNumber()].sizes[axis];
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return scalar(empty.getDynamicSize(axis));
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return size(
        linalgOp.getDpsInits()[cast<OpResult>(tensor).getResultNumber()], axis);
  op->emitOpError("is not part of the grammar of kernel bodies");
  return nullptr;
}

Value ElementEmitter::scalar(Value value) {
  auto known = scalarCache.find(value);
  if (known != scalarCache.end())
    return known->second;
  Value result;
  OpBuilder::InsertionGuard guard(builder);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    result = frame.scalars[argument.getArgNumber()];
  } else if (auto number = getConstantIntValue(value);
             number && value.getType().isIndex()) {
    return constant(*number);
  } else if (auto dim = value.getDefiningOp<tensor::DimOp>()) {
    auto axis = dim.getConstantIndex();
    if (!axis) {
      dim.emitOpError("expected a constant axis in a kernel body");
      return nullptr;
    }
    result = size(dim.getSource(), *axis);
  } else if (auto extract = value.getDefiningOp<tensor::ExtractOp>()) {
    SmallVector<Value> indices;
    for (Value index : extract.getIndices())
      indices.push_back(scalar(index));
    if (llvm::is_contained(indices, Value()))
      return nullptr;
    hoist(indices);
    result = element(extract.getTensor(), indices);
  } else {
    Operation *op = value.getDefiningOp();
    if (op->getNumRegions() != 0 ||
        llvm::any_of(op->getOperandTypes(),
                     [](Type type) { return isa<ShapedType>(type); }) ||
        llvm::any_of(op->getResultTypes(),
                     [](Type type) { return isa<ShapedType>(type); })) {
      op->emitOpError("is not part of the grammar of kernel bodies");
      return nullptr;
    }
    IRMapping mapping;
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(scalar(operand));
      if (!operands.back())
        return nullptr;
      mapping.map(operand, operands.back());
    }
    hoist(operands);
    result = builder.clone(*op, mapping)
                 ->getResult(cast<OpResult>(value).getResultNumber());
  }
  // Scalars of the top level depend on no loop, so they are visible everywhere
  // unless a region of the body holds them.
  if (result && barriers.empty())
    scalarCache[value] = result;
  return result;
}

SmallVector<Value> ElementEmitter::loopSizes(linalg::LinalgOp op) {
  SmallVector<Value> sizes(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    for (auto [axis, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      Value &known = sizes[dim.getPosition()];
      bool isStatic =
          !cast<RankedTensorType>(operand.get().getType()).isDynamicDim(axis);
      if (!known || (isStatic && !getConstantIntValue(known)))
        known = size(operand.get(), axis);
    }
  }
  for (Value size : sizes)
    if (!size) {
      op.emitOpError("has a loop that no operand gives a size");
      return {};
    }
  return sizes;
}

SmallVector<Value> ElementEmitter::apply(AffineMap map,
                                         ArrayRef<Value> indices) {
  std::function<Value(AffineExpr)> emit = [&](AffineExpr expr) -> Value {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return indices[dim.getPosition()];
    if (auto number = dyn_cast<AffineConstantExpr>(expr))
      return constant(number.getValue());
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Value lhs = emit(binary.getLHS()), rhs = emit(binary.getRHS());
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      return add(lhs, rhs);
    case AffineExprKind::Mul:
      return mul(lhs, rhs);
    case AffineExprKind::Mod:
      return rem(lhs, rhs);
    case AffineExprKind::FloorDiv:
      return floorDiv(lhs, rhs);
    default:
      return ceilDiv(lhs, rhs);
    }
  };
  SmallVector<Value> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(emit(expr));
  return results;
}
