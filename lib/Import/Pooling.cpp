//===- Pooling.cpp - rules: pools and local response normalization --------===//
#include "lib/Import/Convolution.h"
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

static bool readPoolWindow(Node &node, Value &input, Window &window,
                           double filler) {
  int64_t spatial = node.rank(input) - 2;
  if (spatial < 1) {
    (void)node.invalid("input must have at least three axes");
    return false;
  }
  std::optional<Ints> kernel = node.getInts("kernel_shape");
  if (!kernel) {
    (void)node.invalid("lacks attribute kernel_shape");
    return false;
  }
  if (!readWindow(node, kernel, spatial, window))
    return false;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
    if (window.pads[i] < reach && window.pads[i + spatial] < reach)
      continue;
    (void)node.unsupported("a pad as large as the window");
    return false;
  }
  return resolveSamePads(node, input, window, filler);
}

static bool usesCeil(Node &node, const Window &window) {
  return node.getInt("ceil_mode", 0) != 0 && window.autoPad == "NOTSET";
}

static LogicalResult importMaxPool(Node &node) {
  Value input = node.in(0);
  bool isDynamicSame =
      node.getString("auto_pad", "NOTSET").starts_with("SAME") &&
      !node.type(input).hasStaticShape();
  if (isDynamicSame && !node.isFloat(input))
    return node.unsupported(
        "auto_pad on integers of dynamic size (state pads)");
  if (isDynamicSame && node.wants(1))
    return node.unsupported(
        "auto_pad with indices on a dynamic size (state pads)");
  Window window;
  if (!readPoolWindow(node, input, window,
                      -std::numeric_limits<double>::infinity()))
    return failure();
  bool ceil = usesCeil(node, window);
  SmallVector<Value> results;
  results.push_back(node.make<graph::MaxPoolOp>(
      node.elem(input), input, window.kernel, window.strides, window.pads,
      window.dilations, ceil, /*count_include_pad=*/false));
  if (node.wants(1))
    results.push_back(node.make<graph::MaxPoolIndicesOp>(
        node.builder().getI64Type(), input, window.kernel, window.strides,
        window.pads, window.dilations, ceil,
        node.getInt("storage_order", 0) != 0));
  return node.result(results);
}

static LogicalResult importAveragePool(Node &node) {
  Value input = node.in(0);
  if (node.getString("auto_pad", "NOTSET").starts_with("SAME") &&
      !node.type(input).hasStaticShape()) {
    for (int64_t stride : node.getInts("strides", 1, 1))
      if (stride != 1)
        return node.unsupported(
            "auto_pad on a dynamic size (state pads, or pin the dimension)");
  }
  Window window;
  if (!readPoolWindow(node, input, window, 0))
    return failure();
  return node.result(node.make<graph::AveragePoolOp>(
      node.elem(input), input, window.kernel, window.strides, window.pads,
      window.dilations, usesCeil(node, window),
      node.getInt("count_include_pad", 0) != 0));
}

/// |x|^p summed over each window, to the power 1/p: an average times the
/// window.
static LogicalResult importLpPool(Node &node) {
  Value input = node.in(0);
  Window window;
  if (!readPoolWindow(node, input, window, 0))
    return failure();
  double p = static_cast<double>(node.getInt("p", 2)), size = 1;
  if (p < 1)
    return node.invalid("attribute p is " + Twine(node.getInt("p", 2)));
  for (int64_t extent : window.kernel)
    size *= static_cast<double>(extent);
  Type element = node.elem(input);
  Value power =
      p == 2 ? node.mul(input, input)
             : node.make<graph::PowOp>(element, node.unary<graph::AbsOp>(input),
                                       node.like(input, p));
  Value mean = node.make<graph::AveragePoolOp>(
      element, power, window.kernel, window.strides, window.pads,
      window.dilations, usesCeil(node, window), /*count_include_pad=*/true);
  Value sum = node.mul(mean, node.like(input, size));
  return node.result(
      p == 2 ? node.unary<graph::SqrtOp>(sum)
             : node.make<graph::PowOp>(element, sum, node.like(input, 1 / p)));
}

static std::optional<Ints> getSpatialAxes(Node &node) {
  int64_t rank = node.rank(node.in(0));
  if (rank >= 2)
    return makeRange(2, rank);
  (void)node.invalid("input must have at least two axes");
  return std::nullopt;
}

template <typename Op> static LogicalResult importGlobalPool(Node &node) {
  std::optional<Ints> axes = getSpatialAxes(node);
  return axes ? node.result(node.reduce<Op>(node.in(0), *axes)) : failure();
}

static LogicalResult importGlobalLpPool(Node &node) {
  std::optional<Ints> axes = getSpatialAxes(node);
  if (!axes)
    return failure();
  Value input = node.in(0);
  double p = static_cast<double>(node.getInt("p", 2));
  Value power = node.make<graph::PowOp>(
      node.elem(input), node.unary<graph::AbsOp>(input), node.like(input, p));
  Value sum = node.reduce<graph::ReduceSumOp>(power, *axes);
  return node.result(
      node.make<graph::PowOp>(node.elem(input), sum, node.like(input, 1 / p)));
}

static LogicalResult importLRN(Node &node) {
  OpBuilder &builder = node.builder();
  auto attribute = [&](StringRef name, double otherwise) {
    return builder.getF32FloatAttr(
        static_cast<float>(node.getFloat(name, otherwise)));
  };
  return node.result(
      node.make<graph::LRNOp>(node.elem(node.in(0)), node.in(0),
                              builder.getI64IntegerAttr(node.getInt("size", 1)),
                              attribute("alpha", 0.0001),
                              attribute("beta", 0.75), attribute("bias", 1)));
}

void import::addPoolingRules(RuleTable &rules) {
  rules["MaxPool"] = importMaxPool;
  rules["AveragePool"] = importAveragePool;
  rules["LpPool"] = importLpPool;
  rules["GlobalAveragePool"] = importGlobalPool<graph::ReduceMeanOp>;
  rules["GlobalMaxPool"] = importGlobalPool<graph::ReduceMaxOp>;
  rules["GlobalLpPool"] = importGlobalLpPool;
  rules["LRN"] = importLRN;
}
