//===- Quantization.cpp - rules: quantized types and operators ------------===//
#include "lib/Import/Convolution.h"
#include "lib/Import/Node.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

/// The axis of scales; per-tensor scales are brought to rank 0.
static bool readScale(Node &node, Value input, Value &scale, Value &zero,
                      int64_t &axis, int64_t &group) {
  int64_t rank = node.rank(input);
  axis = node.getInt("axis", 1);
  group = node.getInt("block_size", 0);
  if (group < 0) {
    (void)node.invalid("attribute block_size is " + Twine(group));
    return false;
  }
  auto isOne = [&](Value value) {
    return node.rank(value) == 1 && node.dim(value, 0) == 1;
  };
  if (group == 0 && isOne(scale) && (rank != 1 || node.dim(input, 0) != 1))
    scale = node.squeeze(scale, {0});
  if (zero && node.rank(scale) == 0 && isOne(zero))
    zero = node.squeeze(zero, {0});
  if (node.rank(scale) == 0) {
    axis = 0;
    group = 0;
    return true;
  }
  return node.normalizeAxis(axis, rank);
}

static LogicalResult importQuantizeLinear(Node &node) {
  Value x = node.in(0), scale = node.in(1), zero = node.in(2);
  int64_t axis, group;
  Type element =
      zero ? node.elem(zero)
           : Type(node.builder().getIntegerType(8, /*isSigned=*/false));
  if (int64_t number = node.getInt("output_dtype", 0)) {
    Problem problem;
    Type stated =
        getElementType(static_cast<int32_t>(number), node.context(), problem);
    if (!stated)
      return problem.unsupported ? node.unsupported(problem.message)
                                 : node.invalid(problem.message);
    if (zero && stated != element)
      return node.invalid(
          "attribute output_dtype is not the type of the zero point");
    element = stated;
  }
  bool saturate = node.getInt("saturate", 1) != 0 || !isa<FloatType>(element);
  if (int64_t precision = node.getInt("precision", 0);
      precision && precision != 1)
    return node.unsupported("attribute precision other than float");
  if (!readScale(node, x, scale, zero, axis, group))
    return failure();
  return node.result(node.make<graph::QuantizeOp>(element, x, scale, zero, axis,
                                                  group, saturate));
}

static LogicalResult importDequantizeLinear(Node &node) {
  Value x = node.in(0), scale = node.in(1), zero = node.in(2);
  int64_t axis, group;
  Type element = node.elem(scale);
  Type result = element;
  if (int64_t number = node.getInt("output_dtype", 0)) {
    Problem problem;
    result =
        getElementType(static_cast<int32_t>(number), node.context(), problem);
    if (!result)
      return problem.unsupported ? node.unsupported(problem.message)
                                 : node.invalid(problem.message);
  }
  if (!readScale(node, x, scale, zero, axis, group))
    return failure();
  return node.result(node.make<graph::DequantizeOp>(
      result, x, scale, zero, axis, group, /*levels=*/DenseF32ArrayAttr()));
}

/// `value` in i32 less its zero point.
static Value centerInt(Node &node, Value value, Value zero, int64_t axis) {
  Type wide = node.builder().getI32Type();
  Value result = node.cast(value, wide);
  if (!zero)
    return result;
  zero = node.cast(zero, wide);
  if (node.rank(zero) == 1 && node.dim(zero, 0) == 1)
    zero = node.squeeze(zero, {0});
  if (node.rank(zero) == 1)
    zero = node.alignChannel(zero, node.rank(value),
                             axis < 0 ? axis + node.rank(value) : axis);
  return node.sub(result, zero);
}

static LogicalResult importMatMulInteger(Node &node) {
  Value a = node.in(0), b = node.in(1);
  int64_t rowAxis = std::max<int64_t>(node.rank(a) - 2, 0);
  return node.result(node.matmul(centerInt(node, a, node.in(2), rowAxis),
                                 centerInt(node, b, node.in(3), -1)));
}

static LogicalResult importConvInteger(Node &node) {
  Value x = centerInt(node, node.in(0), node.in(2), 1),
        filter = centerInt(node, node.in(1), node.in(3), 0);
  Window window;
  if (node.failed || !readConvWindow(node, x, filter, window))
    return failure();
  return node.result(convolve(node, x, filter, window));
}

/// saturate(round(accumulator * scale) + zero) in the type of `zero`.
static Value requantize(Node &node, Value accumulator, Value scale,
                        Value yScale, Value yZero) {
  Type element = node.builder().getF32Type();
  Value real =
      node.mul(node.cast(accumulator, element), node.cast(scale, element));
  Value inScale = node.cast(yScale, element);
  auto flat = [&](Value value) {
    return node.rank(value) == 1 && node.dim(value, 0) == 1
               ? node.squeeze(value, {0})
               : value;
  };
  return node.make<graph::QuantizeOp>(node.elem(yZero), real, flat(inScale),
                                      flat(yZero), int64_t(0), int64_t(0));
}

/// Scales per row of a or column of b of a matrix product.
static LogicalResult importQLinearMatMul(Node &node) {
  Value a = node.in(0), b = node.in(3);
  int64_t rowAxis = std::max<int64_t>(node.rank(a) - 2, 0);
  Value product = node.matmul(centerInt(node, a, node.in(2), rowAxis),
                              centerInt(node, b, node.in(5), -1));
  Value aScale = node.in(1), bScale = node.in(4);
  if (node.rank(aScale) == 1 && node.dim(aScale, 0) != 1)
    aScale = node.unsqueeze(aScale, {1});
  Value scale = node.mul(aScale, bScale);
  if (node.rank(node.in(6)) > 1 ||
      (node.rank(node.in(6)) == 1 && node.dim(node.in(6), 0) != 1))
    return node.unsupported("result scale per row (one scale is supported)");
  return node.result(requantize(node, product, scale, node.in(6), node.in(7)));
}

static LogicalResult importQLinearConv(Node &node) {
  Value x = centerInt(node, node.in(0), node.in(2), 1),
        filter = centerInt(node, node.in(3), node.in(5), 0);
  Window window;
  if (node.failed || !readConvWindow(node, x, filter, window))
    return failure();
  Value sum = convolve(node, x, filter, window);
  int64_t rank = node.rank(node.in(0));
  if (node.has(8))
    sum = node.add(sum, node.alignChannel(node.in(8), rank));
  Value xScale = node.in(1), wScale = node.in(4);
  if (node.rank(xScale) == 1)
    xScale = node.squeeze(xScale, {0});
  if (node.rank(wScale) == 1 && node.dim(wScale, 0) == 1)
    wScale = node.squeeze(wScale, {0});
  if (node.rank(wScale) == 1)
    wScale = node.alignChannel(wScale, rank);
  return node.result(
      requantize(node, sum, node.mul(xScale, wScale), node.in(6), node.in(7)));
}

static LogicalResult importDynamicQuantizeLinear(Node &node) {
  Value x = node.in(0), zero = node.like(x, 0);
  Ints axes;
  for (int64_t i = 0; i < node.rank(x); ++i)
    axes.push_back(i);
  Value high = node.max(node.reduce<graph::ReduceMaxOp>(x, axes, false), zero);
  Value low = node.min(node.reduce<graph::ReduceMinOp>(x, axes, false), zero);
  Value scale = node.div(node.sub(high, low), node.like(x, 255));
  Value origin = node.div(node.sub(zero, low), scale);
  Value clipped = node.min(node.max(origin, zero), node.like(x, 255));
  Type byte = node.builder().getIntegerType(8, /*isSigned=*/false);
  Value zeroPoint = node.cast(node.unary<graph::RoundOp>(clipped), byte);
  Value y = node.make<graph::QuantizeOp>(byte, x, scale, zeroPoint, int64_t(0),
                                         int64_t(0));
  return node.result({y, scale, zeroPoint});
}

void import::addQuantizationRules(RuleTable &rules) {
  rules["QuantizeLinear"] = importQuantizeLinear;
  rules["DequantizeLinear"] = importDequantizeLinear;
  rules["MatMulInteger"] = importMatMulInteger;
  rules["ConvInteger"] = importConvInteger;
  rules["QLinearMatMul"] = importQLinearMatMul;
  rules["QLinearConv"] = importQLinearConv;
  rules["DynamicQuantizeLinear"] = importDynamicQuantizeLinear;
}
