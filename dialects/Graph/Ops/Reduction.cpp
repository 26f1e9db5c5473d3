//===- Reduction.cpp - shape rules of reductions and normalizations -------===//
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// `combine` folds contents from `start`; null where contents are not shape
/// arithmetic.
static LogicalResult inferReduction(
    ShapeContext &context, ArrayRef<int64_t> axes, bool keepDims,
    Expr start = 0,
    llvm::function_ref<Expr(const Expr &, const Expr &)> combine = nullptr) {
  const Dims &input = context.operands[0].dims;
  if (failed(checkAxes(context, axes, input.size()))) // C1
    return failure();
  Dims dims;
  for (size_t i = 0; i < input.size(); ++i) {
    bool reduced = llvm::is_contained(axes, i);
    if (!reduced || keepDims)
      dims.push_back(reduced ? Expr(1) : input[i]);
  }
  (void)setDims(context, std::move(dims));
  const auto &elements = context.operands[0].contents;
  auto shape = getStaticDims(input);
  if (!combine || !elements || !shape)
    return success();
  Dims kept(input.begin(), input.end());
  for (int64_t axis : axes)
    kept[axis] = 1;
  auto keptShape = *getStaticDims(kept);
  auto strides = graph::getStrides(keptShape);
  int64_t count = 1;
  for (int64_t dim : keptShape)
    count *= dim; // no more than the elements, unless there are none
  if (elements->empty() || count > maxTrackedElements)
    return success();
  Contents contents(count, start);
  size_t next = 0;
  forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
    int64_t target = 0;
    for (size_t i = 0; i < keptShape.size(); ++i)
      target += keptShape[i] == 1 ? 0 : index[i] * strides[i];
    contents[target] = combine(contents[target], (*elements)[next++]);
  });
  setContents(context, std::move(contents));
  return success();
}

LogicalResult ReduceSumOp::inferShapes(ShapeContext &context) {
  return inferReduction(context, getAxes(), getKeepDims(), 0,
                        [](const Expr &a, const Expr &b) { return a + b; });
}

LogicalResult ReduceProdOp::inferShapes(ShapeContext &context) {
  return inferReduction(context, getAxes(), getKeepDims(), 1,
                        [](const Expr &a, const Expr &b) { return a * b; });
}

LogicalResult ReduceMaxOp::inferShapes(ShapeContext &context) {
  return inferReduction(context, getAxes(), getKeepDims(), INT64_MIN,
                        [](const Expr &a, const Expr &b) {
                          return a == Expr(INT64_MIN) ? b : Expr::max(a, b);
                        });
}

LogicalResult ReduceMinOp::inferShapes(ShapeContext &context) {
  return inferReduction(context, getAxes(), getKeepDims(), INT64_MAX,
                        [](const Expr &a, const Expr &b) {
                          return a == Expr(INT64_MAX) ? b : Expr::min(a, b);
                        });
}

LogicalResult ReduceMeanOp::inferShapes(ShapeContext &context) {
  return inferReduction(context, getAxes(), getKeepDims());
}

/// Emits an error if the reduced dimension is empty: there is no position to
/// return.
static LogicalResult inferArg(ShapeContext &context, int64_t axis,
                              bool keepDims) {
  const Dims &input = context.operands[0].dims;
  if (failed(checkAxis(context, axis, input.size()))) // C1
    return failure();
  return inferReduction(context, axis, keepDims);
}

LogicalResult ArgMaxOp::inferShapes(ShapeContext &context) {
  return inferArg(context, getAxis(), getKeepDims());
}
LogicalResult ArgMinOp::inferShapes(ShapeContext &context) {
  return inferArg(context, getAxis(), getKeepDims());
}

LogicalResult CumSumOp::inferShapes(ShapeContext &context) {
  if (failed(
          checkAxis(context, getAxis(), context.operands[0].dims.size()))) // C1
    return failure();
  return copyDims(context);
}

LogicalResult HistogramOp::inferShapes(ShapeContext &context) {
  if (getBins() < 2 || getBins() > 65536 || !llvm::isPowerOf2_64(getBins()))
    return context.emitError()
           << "expected bins to be a power of two from 2 to 65536, but got "
           << getBins(); // C2
  return setDims(context, {Expr(getBins())});
}

LogicalResult TopKOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  if (failed(checkAxis(context, getAxis(), dims.size()))) // C1
    return failure();
  const Contents *k = getList(context, 1, 1);
  if (!k)
    return useDeclaredDims(context, 1);
  Expr rest = dims[getAxis()] - k->front();
  if (rest.asConstant().value_or(0) < 0 ||
      k->front().asConstant().value_or(0) < 0)
    return context.emitError()
           << "expected k from 0 to the dimension " << getAxis() << " of "
           << toString(dims) << ", but got " << k->front().str();
  if (!isNonNegative(rest, context))
    context.requireZero(Expr::min(rest, 0), "k is at most the dimension");
  dims[getAxis()] = k->front();
  context.results[0].dims = context.results[1].dims = dims;
  return success();
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

template <typename OpTy>
static LogicalResult inferPool(OpTy op, ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  if (input.size() < 2)
    return context.emitError()
           << "expected an input of at least two axes, but got "
           << toString(input);
  size_t rank = input.size() - 2;
  ArrayRef<int64_t> kernel = op.getKernel(), strides = op.getStrides(),
                    pads = op.getPads(), dilations = op.getDilations();
  if (failed(checkSize(context, "kernel sizes", kernel, rank)) ||
      failed(checkSize(context, "strides", strides, rank)) ||
      failed(checkSize(context, "pads", pads, 2 * rank)) ||
      failed(checkSize(context, "dilations", dilations, rank))) // C1
    return failure();
  if (failed(checkAtLeast(context, "kernel sizes", kernel, 1)) ||
      failed(checkAtLeast(context, "strides", strides, 1)) ||
      failed(checkAtLeast(context, "pads", pads, 0)) ||
      failed(checkAtLeast(context, "dilations", dilations, 1))) // C2
    return failure();
  Dims dims = {input[0], input[1]};
  for (size_t i = 0; i < rank; ++i) {
    Expr window = Expr(kernel[i] - 1) * dilations[i] + 1;
    Expr room = input[2 + i] + pads[i] + pads[rank + i] - window;
    if (room.asConstant().value_or(0) < 0)
      return context.emitError()
             << "expected a kernel that fits the padded input, but got ["
             << kernel << "] for " << toString(input);
    if (!op.getCeilMode()) {
      dims.push_back(Expr::floorDiv(room, strides[i]) + 1);
      continue;
    }
    // The last window starts before the end padding.
    Expr windows = Expr::ceilDiv(room, strides[i]) + 1,
         starts = Expr::ceilDiv(input[2 + i] + pads[i], strides[i]);
    bool isCertain =
        isNonNegative(starts - windows, context) ||
        pads[rank + i] <= window.asConstant().value_or(0) - strides[i];
    dims.push_back(isCertain ? windows : Expr::min(windows, starts));
  }
  return setDims(context, std::move(dims));
}

LogicalResult MaxPoolOp::inferShapes(ShapeContext &context) {
  return inferPool(*this, context);
}
LogicalResult AveragePoolOp::inferShapes(ShapeContext &context) {
  return inferPool(*this, context);
}
LogicalResult MaxPoolIndicesOp::inferShapes(ShapeContext &context) {
  return inferPool(*this, context);
}

/// One operation per element of each window.
static Expr getPoolFlops(ArrayRef<int64_t> kernel, const Dims &result) {
  Expr count = countElements(result);
  for (int64_t size : kernel)
    count = count * size;
  return count;
}

Expr MaxPoolOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  return getPoolFlops(getKernel(), results[0]);
}
Expr AveragePoolOp::getFlops(ArrayRef<Dims> operands, ArrayRef<Dims> results) {
  return getPoolFlops(getKernel(), results[0]);
}
Expr MaxPoolIndicesOp::getFlops(ArrayRef<Dims> operands,
                                ArrayRef<Dims> results) {
  return getPoolFlops(getKernel(), results[0]);
}

//===----------------------------------------------------------------------===//
// Normalizations
//===----------------------------------------------------------------------===//

LogicalResult SoftmaxOp::inferShapes(ShapeContext &context) {
  if (failed(
          checkAxis(context, getAxis(), context.operands[0].dims.size()))) // C1
    return failure();
  return copyDims(context);
}

LogicalResult LogSoftmaxOp::inferShapes(ShapeContext &context) {
  if (failed(
          checkAxis(context, getAxis(), context.operands[0].dims.size()))) // C1
    return failure();
  return copyDims(context);
}

/// The rule of layer_norm and rms_norm: parameters broadcast to the input.
static LogicalResult inferRowNorm(ShapeContext &context, int64_t axis) {
  const Dims &input = context.operands[0].dims;
  if (failed(checkAxis(context, axis, input.size()))) // C1
    return failure();
  for (const ValueShape &parameter : llvm::drop_begin(context.operands)) {
    bool fits = parameter.dims.size() <= input.size();
    for (size_t i = 0; fits && i < parameter.dims.size(); ++i) {
      const Expr &dim = parameter.dims[i];
      fits = dim == Expr(1) ||
             requireEqual(input[input.size() - parameter.dims.size() + i], dim,
                          context, "parameters broadcast to the input");
    }
    if (!fits) // C2
      return context.emitError()
             << "expected parameters that broadcast to " << toString(input)
             << ", but got " << toString(parameter.dims);
  }
  return copyDims(context);
}

LogicalResult LayerNormOp::inferShapes(ShapeContext &context) {
  return inferRowNorm(context, getAxis());
}
LogicalResult RMSNormOp::inferShapes(ShapeContext &context) {
  return inferRowNorm(context, getAxis());
}

LogicalResult BatchNormOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  if (input.size() < 2)
    return context.emitError()
           << "expected an input of at least two axes, but got "
           << toString(input);
  for (const ValueShape &parameter : llvm::drop_begin(context.operands))
    if (parameter.dims.size() != 1 ||
        !requireEqual(parameter.dims[0], input[1], context,
                      "parameters are as many as channels")) // C1
      return context.emitError() << "expected parameters [" << input[1].str()
                                 << "], but got " << toString(parameter.dims);
  return copyDims(context);
}

LogicalResult LRNOp::inferShapes(ShapeContext &context) {
  if (context.operands[0].dims.size() < 2)
    return context.emitError()
           << "expected an input of at least two axes, but got "
           << toString(context.operands[0].dims);
  if (failed(checkAtLeast(context, "size", getSize(), 1)))
    return failure();
  return copyDims(context);
}
