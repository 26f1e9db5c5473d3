//===- CountedLoop.cpp - building scf.for from Loop and Scan --------------===//
//
// A loop whose number of iterations is known before it starts becomes scf.for;
// what it collects is written step by step into a tensor made before it.
//
//===----------------------------------------------------------------------===//
#include "lib/Import/CountedLoop.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

Value import::addArgument(Node &node, Block &block, Value init) {
  Value argument = block.addArgument(init.getType(), node.location());
  node.importer.inference.set(
      argument, graph::ValueShape{node.shape(init)->dims, std::nullopt});
  return argument;
}

LogicalResult import::checkCarried(Node &node, size_t index, Value init,
                                   Value next) {
  if (init.getType() == next.getType() &&
      node.shape(init)->dims == node.shape(next)->dims)
    return success();
  return node.unsupported("loop-carried value " + Twine(index) +
                          " changes from " + node.importer.describe(init) +
                          " to " + node.importer.describe(next) +
                          " (keep its type and shape)");
}

/// A one-element tensor that holds `dim`; null if no value of the model has it.
static Value findDim(Node &node, const CountedLoop &loop,
                     const plan::Expr &dim) {
  if (std::optional<int64_t> constant = dim.asConstant())
    return node.ints({*constant});
  if (loop.countTensor && dim == loop.extent)
    return node.reshape(
        node.cast(loop.countTensor, node.builder().getI64Type()), {1});
  SmallVector<Value> candidates(node.inputs);
  auto function = loop.draft->getParentOfType<func::FuncOp>();
  candidates.append(function.getArguments().begin(),
                    function.getArguments().end());
  for (Value candidate : candidates) {
    if (!candidate)
      continue;
    const graph::ValueShape *shape = node.shape(candidate);
    for (size_t axis = 0; shape && axis < shape->dims.size(); ++axis)
      if (shape->dims[axis] == dim)
        return node.shapeOf(candidate, axis, axis + 1);
  }
  return {};
}

/// Zeros for what the loop collects: the shape of `element` with the number of
/// iterations inserted at `axis`.
static Value makeBuffer(Node &node, const CountedLoop &loop, Value element,
                        int64_t axis) {
  graph::Dims dims = node.shape(element)->dims;
  dims.insert(dims.begin() + axis, loop.extent);
  SmallVector<Value> parts;
  for (const plan::Expr &dim : dims) {
    parts.push_back(findDim(node, loop, dim));
    if (parts.back())
      continue;
    (void)node.unsupported("the size of a collected output (" +
                           graph::toString(dims) +
                           ") is not known before the loop");
    return {};
  }
  Value shape = node.concat(parts, 0);
  return node.broadcast(node.scalar(node.elem(element), 0), shape);
}

CountedLoop import::startLoop(Node &node, Value count, plan::Expr extent,
                              Value countTensor) {
  OpBuilder &builder = node.builder();
  Value zero = arith::ConstantIndexOp::create(builder, node.location(), 0);
  Value one = arith::ConstantIndexOp::create(builder, node.location(), 1);
  CountedLoop loop{
      node,   count,
      extent, countTensor,
      {},     scf::ForOp::create(builder, node.location(), zero, count, one)};
  loop.body().clear();
  return loop;
}

LogicalResult import::finishLoop(CountedLoop &loop, ArrayRef<Value> carried,
                                 ArrayRef<Value> collected,
                                 ArrayRef<int64_t> axes,
                                 ArrayRef<Value> steps) {
  Node &node = loop.node;
  OpBuilder &builder = node.builder();
  for (auto [index, next] : llvm::enumerate(carried))
    if (failed(checkCarried(node, index, loop.inits[index], next)))
      return failure();
  SmallVector<Value> yields(carried);
  for (auto [index, value] : llvm::enumerate(collected)) {
    Value buffer;
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPoint(loop.draft);
      buffer = makeBuffer(node, loop, value, axes[index]);
    }
    if (!buffer || node.failed)
      return failure();
    loop.inits.push_back(buffer);
    Value argument = addArgument(node, loop.body(), buffer);
    yields.push_back(node.make<graph::StepSetOp>(
        node.elem(value), value, argument, steps[index], axes[index]));
  }
  if (node.failed)
    return failure();
  scf::YieldOp::create(builder, node.location(), yields);
  builder.setInsertionPointAfter(loop.draft);
  auto final = scf::ForOp::create(
      builder, node.location(), loop.draft.getLowerBound(),
      loop.draft.getUpperBound(), loop.draft.getStep(), loop.inits);
  final.getRegion().takeBody(loop.draft.getRegion());
  loop.draft.erase();
  setResults(node, final, loop.inits);
  return node.result(SmallVector<Value>(final.getResults()));
}
