//===- Reductions.cpp - building reductions over axes ---------------------===//
#include "lib/Lowering/GraphToExec/Reductions.h"
#include "lib/Lowering/GraphToExec/Contractions.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

AxisLoops::AxisLoops(KernelBody &body, ArrayRef<Expr> dims,
                     ArrayRef<int64_t> axes)
    : body(body), dims(dims) {
  isReduced.assign(dims.size(), false);
  for (int64_t axis : axes)
    isReduced[axis] = true;
  SmallVector<AffineExpr> axisExprs(dims.size());
  unsigned loop = 0;
  for (bool reduced : {false, true})
    for (size_t axis = 0; axis < dims.size(); ++axis)
      if (isReduced[axis] == reduced)
        axisExprs[axis] = getAffineDimExpr(loop++, body.getContext());
  axisMap = AffineMap::get(dims.size(), 0, axisExprs, body.getContext());
}

Dims AxisLoops::getReducedDims(bool keepDims) const {
  Dims reduced;
  for (size_t axis = 0; axis < dims.size(); ++axis)
    if (!isReduced[axis])
      reduced.push_back(dims[axis]);
    else if (keepDims)
      reduced.push_back(Expr(1));
  return reduced;
}

Expr AxisLoops::getCount() const {
  Expr count(1);
  for (size_t axis = 0; axis < dims.size(); ++axis)
    if (isReduced[axis])
      count = count * dims[axis];
  return count;
}

AffineMap AxisLoops::getReducedMap(bool keepDims) const {
  SmallVector<AffineExpr> results;
  for (size_t axis = 0; axis < dims.size(); ++axis)
    if (!isReduced[axis])
      results.push_back(axisMap.getResult(axis));
    else if (keepDims)
      results.push_back(getAffineConstantExpr(0, body.getContext()));
  return AffineMap::get(dims.size(), 0, results, body.getContext());
}

SmallVector<utils::IteratorType> AxisLoops::getIterators() const {
  SmallVector<utils::IteratorType> iterators(llvm::count(isReduced, false),
                                             utils::IteratorType::parallel);
  iterators.resize(dims.size(), utils::IteratorType::reduction);
  return iterators;
}

SmallVector<Operand> AxisLoops::getOperands(ArrayRef<Tensor> ins) {
  SmallVector<Operand> operands;
  for (Tensor in : ins) {
    // The loops take their bounds from the first operand.
    if (!in.value && operands.empty()) {
      in.dims = dims;
      in = materializeSplat(body, in);
    }
    auto map = body.broadcastMap(in.dims, dims);
    assert((in.splat || map) && "operand does not broadcast for certain");
    operands.push_back({in, in.splat ? AffineMap() : map->compose(axisMap)});
  }
  return operands;
}

Tensor AxisLoops::reduce(ArrayRef<Tensor> ins, Value out, Type element,
                         bool keepDims, TypedAttr init, CombineFn fn) {
  Value filled = body.fill(out, init);
  Value result = body.generic(getOperands(ins), filled, getReducedMap(keepDims),
                              getIterators(),
                              [&](Scalars &s, ValueRange in,
                                  ValueRange current) -> KernelBody::Results {
                                return {fn(s, in, current[0])};
                              })[0];
  return {result, {}, getReducedDims(keepDims), element};
}

Tensor AxisLoops::rowStatistic(ArrayRef<Tensor> ins, Type element,
                               TypedAttr init, CombineFn fn) {
  Tensor out = body.empty(getReducedDims(/*keepDims=*/true), element);
  return reduce(ins, out.value, element, /*keepDims=*/true, init, fn);
}

Value AxisLoops::map(ArrayRef<Tensor> ins, Value out,
                     KernelBody::ElementFn fn) {
  return body.generic(
      getOperands(ins), out, axisMap,
      SmallVector<utils::IteratorType>(dims.size(),
                                       utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange in, ValueRange) -> KernelBody::Results {
        return {fn(s, in)};
      })[0];
}

std::optional<unsigned>
cinch::form::getRowPasses(Operation *op, SmallVectorImpl<int64_t> &axes) {
  auto trailing = [&](Value input, int64_t axis) {
    for (int64_t at = axis,
                 rank = cast<RankedTensorType>(input.getType()).getRank();
         at < rank; ++at)
      axes.push_back(at);
  };
  return TypeSwitch<Operation *, std::optional<unsigned>>(op)
      .Case<graph::ReduceSumOp, graph::ReduceMeanOp, graph::ReduceProdOp,
            graph::ReduceMaxOp, graph::ReduceMinOp>([&](auto reduce) {
        axes.append(reduce.getAxes().begin(), reduce.getAxes().end());
        return 1;
      })
      .Case<graph::ArgMaxOp, graph::ArgMinOp>([&](auto arg) {
        axes.push_back(arg.getAxis());
        return 1;
      })
      .Case<graph::SoftmaxOp, graph::LogSoftmaxOp>([&](auto softmax) {
        axes.push_back(softmax.getAxis());
        return 3;
      })
      .Case<graph::LayerNormOp>([&](auto norm) {
        trailing(norm.getInput(), norm.getAxis());
        return 3;
      })
      .Case<graph::RMSNormOp>([&](auto norm) {
        trailing(norm.getInput(), norm.getAxis());
        return 2;
      })
      .Default(std::nullopt);
}
