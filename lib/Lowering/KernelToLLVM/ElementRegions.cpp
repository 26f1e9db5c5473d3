//===- ElementRegions.cpp - linalg regions as scalar code -----------------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;

SmallVector<Value> ElementEmitter::inlineBody(linalg::GenericOp op,
                                              ArrayRef<Value> indices,
                                              ValueRange accumulators) {
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (argument.use_empty())
      continue;
    Value value;
    if (isa<RankedTensorType>(input->get().getType()))
      value = element(input->get(),
                      apply(op.getMatchingIndexingMap(input), indices));
    else
      value = scalar(input->get());
    if (!value)
      return {};
    mapping.map(argument, value);
  }
  for (auto [argument, value] :
       llvm::zip(op.getRegionOutputArgs(), accumulators))
    if (value)
      mapping.map(argument, value);
  SmallVector<Value> yielded;
  if (failed(cloneBlock(*op.getBlock(), mapping, op, indices, &yielded)))
    return {};
  return yielded;
}

LogicalResult ElementEmitter::cloneRegions(Operation &op, IRMapping &mapping,
                                           linalg::GenericOp generic,
                                           ArrayRef<Value> indices) {
  Operation *copy = op.cloneWithoutRegions(mapping);
  builder.insert(copy);
  for (auto [from, to] : llvm::zip(op.getRegions(), copy->getRegions()))
    for (Block &block : from) {
      OpBuilder::InsertionGuard guard(builder);
      SmallVector<Location> locs(block.getNumArguments(), loc);
      Block *body =
          builder.createBlock(&to, to.end(), block.getArgumentTypes(), locs);
      mapping.map(block.getArguments(), body->getArguments());
      barriers.push_back(body);
      LogicalResult result =
          cloneBlock(block, mapping, generic, indices, nullptr);
      barriers.pop_back();
      if (failed(result))
        return failure();
    }
  mapping.map(op.getResults(), copy->getResults());
  return success();
}

/// True if `condition` is a conjunction with `0 <= index < size` as one of its
/// terms, written as an unsigned comparison.
static bool guards(Value condition, Value index) {
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return guards(both.getLhs(), index) || guards(both.getRhs(), index);
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  return compare && compare.getPredicate() == arith::CmpIPredicate::ult &&
         compare.getLhs() == index;
}

/// What `index` was before it was clamped into the tensor; null if it was not.
static Value beforeClamp(Value index) {
  if (auto max = index.getDefiningOp<arith::MaxSIOp>())
    if (auto min = max.getLhs().getDefiningOp<arith::MinSIOp>())
      return min.getLhs();
  return nullptr;
}

/// The extract that `op` selects where its indices are inside the tensor, if
/// `op` is select(inside, extract(clamped indices), other): the clamps are not
/// needed when the load is guarded by `inside`, and addresses become affine, so
/// that LLVM makes masked loads of it.
static tensor::ExtractOp findGuarded(Operation &op) {
  auto select = dyn_cast<arith::SelectOp>(op);
  auto extract = select
                     ? select.getTrueValue().getDefiningOp<tensor::ExtractOp>()
                     : nullptr;
  if (!extract || !extract->hasOneUse() || extract->getBlock() != op.getBlock())
    return nullptr;
  for (Value index : extract.getIndices()) {
    Value inner = beforeClamp(index);
    if (inner && guards(select.getCondition(), inner))
      return extract;
  }
  return nullptr;
}

LogicalResult ElementEmitter::emitGuarded(Operation &op, IRMapping &mapping) {
  auto select = cast<arith::SelectOp>(op);
  tensor::ExtractOp extract = findGuarded(op);
  SmallVector<Value> at;
  for (Value index : extract.getIndices()) {
    Value inner = beforeClamp(index);
    bool free = inner && guards(select.getCondition(), inner);
    at.push_back(mapping.lookup(free ? inner : index));
  }
  auto branch = scf::IfOp::create(builder, loc, select.getType(),
                                  mapping.lookup(select.getCondition()),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  barriers.push_back(branch.thenBlock());
  Value value = element(extract.getTensor(), at);
  barriers.pop_back();
  if (!value)
    return failure();
  scf::YieldOp::create(builder, loc, value);
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, loc, mapping.lookup(select.getFalseValue()));
  mapping.map(select.getResult(), branch.getResult(0));
  return success();
}

/// Whether `op`, a conversion of a float, need not round.
static bool mayContract(Operation *op) {
  auto flags = cast<arith::ArithFastMathInterface>(op).getFastMathFlagsAttr();
  return flags && arith::bitEnumContainsAll(flags.getValue(),
                                            arith::FastMathFlags::contract);
}

/// What `op` widens, before it was narrowed, if neither need round; else null.
static Value findUnrounded(Operation &op, const IRMapping &mapping) {
  if (!isa<arith::ExtFOp>(op) || !mayContract(&op))
    return nullptr;
  auto narrow =
      mapping.lookup(op.getOperand(0)).getDefiningOp<arith::TruncFOp>();
  if (!narrow || !mayContract(narrow) ||
      narrow.getIn().getType() != op.getResult(0).getType())
    return nullptr;
  return narrow.getIn();
}

LogicalResult ElementEmitter::cloneBlock(Block &block, IRMapping &mapping,
                                         linalg::GenericOp op,
                                         ArrayRef<Value> indices,
                                         SmallVectorImpl<Value> *yielded) {
  // Values from outside the region come from the top level of the body.
  auto capture = [&](Value operand) -> LogicalResult {
    if (mapping.contains(operand) || isa<RankedTensorType>(operand.getType()))
      return success();
    Value value = scalar(operand);
    if (!value)
      return failure();
    mapping.map(operand, value);
    return success();
  };
  for (Operation &inner : block) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      mapping.map(index.getResult(), indices[index.getDim()]);
      continue;
    }
    bool isGuarded = fast && findGuarded(inner);
    for (auto [number, operand] : llvm::enumerate(inner.getOperands()))
      if ((!isGuarded || number != 1) && failed(capture(operand)))
        return failure();
    if (isGuarded) {
      if (failed(emitGuarded(inner, mapping)))
        return failure();
      continue;
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      if (fast && extract->hasOneUse() &&
          findGuarded(**extract->user_begin()) == extract)
        continue;
      SmallVector<Value> at;
      for (Value operand : extract.getIndices())
        at.push_back(mapping.lookup(operand));
      Value value = element(extract.getTensor(), at);
      if (!value)
        return failure();
      mapping.map(extract.getResult(), value);
      continue;
    }
    if (auto dim = dyn_cast<tensor::DimOp>(inner)) {
      auto axis = dim.getConstantIndex();
      Value value = axis ? size(dim.getSource(), *axis) : Value();
      if (!value)
        return dim.emitOpError("expected a constant axis of a known tensor");
      mapping.map(dim.getResult(), value);
      continue;
    }
    if (yielded && inner.hasTrait<OpTrait::IsTerminator>()) {
      for (Value operand : inner.getOperands())
        yielded->push_back(mapping.lookup(operand));
      continue;
    }
    if (inner.getNumRegions() != 0) {
      if (failed(cloneRegions(inner, mapping, op, indices)))
        return failure();
      continue;
    }
    if (Value exact = findUnrounded(inner, mapping)) {
      mapping.map(inner.getResult(0), exact);
      continue;
    }
    OpBuilder::InsertionGuard guard(builder);
    bool isTerminator = inner.hasTrait<OpTrait::IsTerminator>();
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(mapping.lookup(operand));
    // An assertion says the same wherever its condition is known.
    if (!isTerminator && (isPure(&inner) || isa<cf::AssertOp>(inner)))
      hoist(operands);
    Operation *copy = builder.clone(inner, mapping);
    auto arithmetic = dyn_cast<arith::ArithFastMathInterface>(copy);
    bool combines = llvm::any_of(inner.getOperands(), [&](Value operand) {
      auto argument = dyn_cast<BlockArgument>(operand);
      return argument && argument.getOwner() == op.getBlock() &&
             argument.getArgNumber() >= op.getNumDpsInputs();
    });
    // The multiplication that feeds a sum may become one FMA.
    if (fast && arithmetic && op.getNumReductionLoops() != 0 &&
        isa<arith::AddFOp, arith::MulFOp>(copy)) {
      auto flags = arith::FastMathFlags::contract;
      if (combines)
        flags = flags | arith::FastMathFlags::reassoc;
      copy->setAttr(arithmetic.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(builder.getContext(), flags));
    }
  }
  return success();
}
