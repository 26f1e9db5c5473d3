//===- Normalization.cpp - rules: batch, layer, instance, group norms -----===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

static FloatAttr getEpsilon(Node &node, double otherwise) {
  return node.builder().getF32FloatAttr(
      static_cast<float>(node.getFloat("epsilon", otherwise)));
}

static LogicalResult importBatchNormalization(Node &node) {
  if (node.opset >= 14 && node.getInt("training_mode", 0))
    return node.unsupported("training mode (export the model for inference)");
  for (int i = 1; i < 5; ++i)
    if (node.opset < 14 && node.wants(i))
      return node.unsupported(
          "training outputs (export the model for inference)");
  if (node.opset < 9 && !node.getInt("spatial", 1))
    return node.unsupported("attribute spatial is 0 (1 is supported)");
  Value x = node.in(0);
  SmallVector<Value> parameters; // ONNX allows them in another float type
  for (size_t i = 1; i < 5; ++i)
    parameters.push_back(node.cast(node.in(i), node.elem(x)));
  return node.result(node.make<graph::BatchNormOp>(
      node.elem(x), x, parameters[0], parameters[1], parameters[2],
      parameters[3], getEpsilon(node, 1e-5)));
}

/// 1 / sqrt(mean of squares + epsilon) of `centered` over `axes`.
static Value inverseDeviation(Node &node, Value centered,
                              ArrayRef<int64_t> axes, double epsilon) {
  Value variance =
      node.reduce<graph::ReduceMeanOp>(node.mul(centered, centered), axes);
  Value deviation = node.unary<graph::SqrtOp>(
      node.add(variance, node.like(variance, epsilon)));
  return node.unary<graph::ReciprocalOp>(deviation);
}

static LogicalResult importLayerNormalization(Node &node) {
  Value x = node.in(0), scale = node.in(1), bias = node.in(2);
  int64_t rank = node.rank(x), axis = node.getInt("axis", -1);
  if (!node.normalizeAxis(axis, rank))
    return failure();
  int64_t stash = node.getInt("stash_type", 1);
  Type element = node.elem(x), compute = node.builder().getF32Type();
  if (stash != 1 && !(stash == 11 && element.isF64()) &&
      !(stash == 10 && element.isF16()))
    return node.unsupported("attribute stash_type is " + Twine(stash) +
                            " (1 is supported)");
  SmallVector<Value> results;
  results.push_back(node.make<graph::LayerNormOp>(
      element, x, scale, bias, node.builder().getI64IntegerAttr(axis),
      getEpsilon(node, 1e-5)));
  if (node.wants(1) || node.wants(2)) {
    Ints axes = makeRange(axis, rank);
    Value wide = node.cast(x, compute);
    Value mean = node.reduce<graph::ReduceMeanOp>(wide, axes);
    results.push_back(mean);
    results.push_back(inverseDeviation(node, node.sub(wide, mean), axes,
                                       node.getFloat("epsilon", 1e-5)));
  }
  return node.result(results);
}

static LogicalResult importRMSNormalization(Node &node) {
  Value x = node.in(0);
  int64_t axis = node.getInt("axis", -1);
  if (!node.normalizeAxis(axis, node.rank(x)))
    return failure();
  if (node.getInt("stash_type", 1) != 1)
    return node.unsupported("attribute stash_type is " +
                            Twine(node.getInt("stash_type", 1)) +
                            " (1 is supported)");
  return node.result(node.make<graph::RMSNormOp>(
      node.elem(x), x, node.cast(node.in(1), node.elem(x)),
      node.builder().getI64IntegerAttr(axis), getEpsilon(node, 1e-5)));
}

static LogicalResult importInstanceNormalization(Node &node) {
  Value x = node.in(0);
  int64_t rank = node.rank(x);
  if (rank < 3)
    return node.invalid("input must have at least three axes");
  Ints axes = makeRange(2, rank);
  Value centered = node.sub(x, node.reduce<graph::ReduceMeanOp>(x, axes));
  Value normal =
      node.mul(centered, inverseDeviation(node, centered, axes,
                                          node.getFloat("epsilon", 1e-5)));
  Value scaled = node.mul(normal, node.alignChannel(node.in(1), rank));
  return node.result(node.add(scaled, node.alignChannel(node.in(2), rank)));
}

/// Opset 18 scales per group, opset 21 per channel.
static LogicalResult importGroupNormalization(Node &node) {
  Value x = node.in(0);
  int64_t rank = node.rank(x), groups = node.getInt("num_groups", 0);
  std::optional<int64_t> channels = rank >= 2 ? node.dim(x, 1) : std::nullopt;
  if (rank < 2)
    return node.invalid("input must have at least two axes");
  if (!channels)
    return node.unsupported("dynamic number of channels (pin the dimension)");
  if (groups < 1 || *channels % groups)
    return node.invalid("attribute num_groups is " + Twine(groups) + " for " +
                        Twine(*channels) + " channels");
  Type element = node.elem(x);
  Value wide = node.opset >= 21 ? node.cast(x, node.builder().getF32Type()) : x;
  // [N, C, ...] -> [N, G, C/G * ...]
  Value grouped = node.reshape(wide, {0, groups, -1});
  Value centered =
      node.sub(grouped, node.reduce<graph::ReduceMeanOp>(grouped, {2}));
  Value normal =
      node.mul(centered, inverseDeviation(node, centered, {2},
                                          node.getFloat("epsilon", 1e-5)));
  Value scale = node.in(1), bias = node.in(2);
  if (node.opset < 21) {
    Value scaled = node.add(node.mul(normal, node.unsqueeze(scale, {1})),
                            node.unsqueeze(bias, {1}));
    return node.result(node.reshape(scaled, node.shapeOf(x, 0, rank)));
  }
  Value whole =
      node.cast(node.reshape(normal, node.shapeOf(x, 0, rank)), element);
  Value scaled = node.mul(whole, node.alignChannel(scale, rank));
  return node.result(node.add(scaled, node.alignChannel(bias, rank)));
}

static LogicalResult importLpNormalization(Node &node) {
  Value x = node.in(0);
  int64_t axis = node.getInt("axis", -1), p = node.getInt("p", 2);
  if (!node.normalizeAxis(axis, node.rank(x)))
    return failure();
  if (p != 1 && p != 2)
    return node.invalid("attribute p is " + Twine(p) + ", expected 1 or 2");
  Value norm = node.reduce<graph::ReduceSumOp>(
      p == 1 ? node.unary<graph::AbsOp>(x) : node.mul(x, x), {axis});
  if (p == 2)
    norm = node.unary<graph::SqrtOp>(norm);
  Value isZero = node.compare(graph::Predicate::eq, norm, node.like(norm, 0));
  return node.result(
      node.div(x, node.select(isZero, node.like(norm, 1), norm)));
}

static LogicalResult importMeanVarianceNormalization(Node &node) {
  Value x = node.in(0);
  Ints axes = node.getInts("axes").value_or(Ints{0, 2, 3});
  if (!node.normalizeAxes(axes, node.rank(x)))
    return failure();
  Value centered = node.sub(x, node.reduce<graph::ReduceMeanOp>(x, axes));
  Value variance =
      node.reduce<graph::ReduceMeanOp>(node.mul(centered, centered), axes);
  Value deviation =
      node.add(node.unary<graph::SqrtOp>(variance), node.like(x, 1e-9));
  return node.result(node.div(centered, deviation));
}

void import::addNormalizationRules(RuleTable &rules) {
  rules["BatchNormalization"] = importBatchNormalization;
  rules["LayerNormalization"] = importLayerNormalization;
  rules["RMSNormalization"] = importRMSNormalization;
  rules["InstanceNormalization"] = importInstanceNormalization;
  rules["GroupNormalization"] = importGroupNormalization;
  rules["LpNormalization"] = importLpNormalization;
  rules["MeanVarianceNormalization"] = importMeanVarianceNormalization;
}
