//===- Activation.cpp - rules: activation functions -----------------------===//
//
// Each is written as the formula of the ONNX standard in basic operations; the
// kernels fuse them again.
//
//===----------------------------------------------------------------------===//
#include "lib/Import/Node.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;
using graph::Predicate;

static Value isNegative(Node &node, Value x) {
  return node.compare(Predicate::lt, x, node.like(x, 0));
}
static Value expMinusOne(Node &node, Value x) {
  return node.sub(node.unary<graph::ExpOp>(x), node.like(x, 1));
}

static LogicalResult importElu(Node &node) {
  Value x = node.in(0);
  Value scaled =
      node.mul(node.like(x, node.getFloat("alpha", 1)), expMinusOne(node, x));
  return node.result(node.select(isNegative(node, x), scaled, x));
}

static LogicalResult importCelu(Node &node) {
  Value x = node.in(0), zero = node.like(x, 0),
        alpha = node.like(x, node.getFloat("alpha", 1));
  Value low =
      node.min(zero, node.mul(alpha, expMinusOne(node, node.div(x, alpha))));
  return node.result(node.add(node.max(zero, x), low));
}

static LogicalResult importSelu(Node &node) {
  Value x = node.in(0);
  Value alpha = node.like(x, node.getFloat("alpha", 1.67326319217681884765625));
  Value gamma = node.like(x, node.getFloat("gamma", 1.05070102214813232421875));
  Value positive = node.compare(Predicate::gt, x, node.like(x, 0));
  return node.result(node.mul(
      gamma, node.select(positive, x, node.mul(alpha, expMinusOne(node, x)))));
}

static LogicalResult importLeakyRelu(Node &node) {
  Value x = node.in(0);
  Value scaled = node.mul(x, node.like(x, node.getFloat("alpha", 0.01)));
  return node.result(node.select(isNegative(node, x), scaled, x));
}

static LogicalResult importPRelu(Node &node) {
  Value x = node.in(0);
  return node.result(
      node.select(isNegative(node, x), node.mul(x, node.in(1)), x));
}

static LogicalResult importThresholdedRelu(Node &node) {
  Value x = node.in(0);
  Value above =
      node.compare(Predicate::gt, x, node.like(x, node.getFloat("alpha", 1)));
  return node.result(node.select(above, x, node.like(x, 0)));
}

static Value hardSigmoid(Node &node, Value x, double alpha, double beta) {
  Value line = node.add(node.mul(x, node.like(x, alpha)), node.like(x, beta));
  return node.max(node.like(x, 0), node.min(node.like(x, 1), line));
}

static LogicalResult importHardSigmoid(Node &node) {
  return node.result(hardSigmoid(node, node.in(0), node.getFloat("alpha", 0.2f),
                                 node.getFloat("beta", 0.5)));
}

static LogicalResult importHardSwish(Node &node) {
  Value x = node.in(0);
  return node.result(node.mul(x, hardSigmoid(node, x, 1.0 / 6, 0.5)));
}

/// log(1 + exp(x)) without overflow: max(x, 0) + log(1 + exp(-|x|)).
static Value softplus(Node &node, Value x) {
  Value decay = node.unary<graph::ExpOp>(
      node.unary<graph::NegOp>(node.unary<graph::AbsOp>(x)));
  Value rest = node.unary<graph::LogOp>(node.add(decay, node.like(x, 1)));
  return node.add(node.max(x, node.like(x, 0)), rest);
}

static LogicalResult importSoftplus(Node &node) {
  return node.result(softplus(node, node.in(0)));
}

static LogicalResult importMish(Node &node) {
  Value x = node.in(0);
  return node.result(node.mul(x, node.unary<graph::TanhOp>(softplus(node, x))));
}

static LogicalResult importSoftsign(Node &node) {
  Value x = node.in(0);
  return node.result(
      node.div(x, node.add(node.unary<graph::AbsOp>(x), node.like(x, 1))));
}

static LogicalResult importSwish(Node &node) {
  Value x = node.in(0);
  double alpha = node.getFloat("alpha", 1);
  Value scaled = alpha == 1 ? x : node.mul(x, node.like(x, alpha));
  return node.result(node.mul(x, node.unary<graph::SigmoidOp>(scaled)));
}

static LogicalResult importGelu(Node &node) {
  Value x = node.in(0), half = node.like(x, 0.5), one = node.like(x, 1);
  StringRef approximate = node.getString("approximate", "none");
  Value inner;
  if (approximate == "none") {
    inner = node.unary<graph::ErfOp>(
        node.mul(x, node.like(x, 0.70710678118654752440)));
  } else if (approximate == "tanh") {
    Value cube = node.mul(node.mul(x, x), x);
    Value sum = node.add(x, node.mul(cube, node.like(x, 0.044715)));
    inner = node.unary<graph::TanhOp>(
        node.mul(sum, node.like(x, 0.79788456080286535588)));
  } else {
    return node.invalid("attribute approximate is '" + approximate +
                        "', expected none or tanh");
  }
  return node.result(node.mul(node.mul(x, half), node.add(inner, one)));
}

static LogicalResult importShrink(Node &node) {
  Value x = node.in(0);
  if (!node.isFloat(x))
    return node.unsupported("integer input (cast to float)");
  double lambda = node.getFloat("lambd", 0.5);
  Value bias = node.like(x, node.getFloat("bias", 0));
  Value low = node.compare(Predicate::lt, x, node.like(x, -lambda));
  Value high = node.compare(Predicate::gt, x, node.like(x, lambda));
  Value rest = node.select(high, node.sub(x, bias), node.like(x, 0));
  return node.result(node.select(low, node.add(x, bias), rest));
}

/// Softmax before opset 13 works on the input flattened to a matrix at `axis`.
template <typename Op> static LogicalResult importSoftmax(Node &node) {
  Value x = node.in(0);
  int64_t rank = node.rank(x),
          axis = node.getInt("axis", node.opset < 13 ? 1 : -1);
  if (rank == 0)
    return node.unsupported("input without axes");
  if (node.opset < 13 && axis == rank) // one element per row
    return node.unsupported("axis equals the rank");
  if (rank == 1 && node.opset < 13 && !node.attribute("axis"))
    axis = 0;
  if (!node.normalizeAxis(axis, rank))
    return failure();
  bool flattens = false; // more than one trailing axis counts
  for (int64_t i = axis + 1; i < rank; ++i)
    flattens |= node.dim(x, i) != 1;
  if (node.opset >= 13 || !flattens)
    return node.result(node.make<Op>(node.elem(x), x, axis));
  Value matrix = node.make<graph::FlattenOp>(node.elem(x), x, axis);
  Value soft = node.make<Op>(node.elem(x), matrix, 1);
  return node.result(node.reshape(soft, node.shapeOf(x, 0, rank)));
}

/// 1 at the first largest element along an axis, else 0.
static LogicalResult importHardmax(Node &node) {
  Value x = node.in(0);
  int64_t rank = node.rank(x),
          axis = node.getInt("axis", node.opset < 13 ? 1 : -1);
  if (!node.normalizeAxis(axis, rank))
    return failure();
  Value input = x;
  bool flattens = node.opset < 13 && axis != rank - 1;
  if (flattens) {
    x = node.make<graph::FlattenOp>(node.elem(x), x, axis);
    axis = 1;
    rank = 2;
  }
  Value best = node.make<graph::ArgMaxOp>(node.builder().getI64Type(), x, axis,
                                          /*keep_dims=*/true,
                                          /*select_last=*/false);
  Value size = node.squeeze(node.shapeOf(x, axis, axis + 1), {0});
  Value range = node.make<graph::RangeOp>(
      node.builder().getI64Type(), node.integer(0), size, node.integer(1));
  Value position = node.alignChannel(range, rank, axis);
  Value hit = node.compare(Predicate::eq, best, position);
  Value marked = node.cast(hit, node.elem(x));
  return node.result(
      flattens ? node.reshape(marked, node.shapeOf(input, 0, node.rank(input)))
               : marked);
}

void import::addActivationRules(RuleTable &rules) {
  rules["Elu"] = importElu;
  rules["Celu"] = importCelu;
  rules["Selu"] = importSelu;
  rules["LeakyRelu"] = importLeakyRelu;
  rules["PRelu"] = importPRelu;
  rules["ThresholdedRelu"] = importThresholdedRelu;
  rules["HardSigmoid"] = importHardSigmoid;
  rules["HardSwish"] = importHardSwish;
  rules["Softplus"] = importSoftplus;
  rules["Softsign"] = importSoftsign;
  rules["Swish"] = importSwish;
  rules["Mish"] = importMish;
  rules["Gelu"] = importGelu;
  rules["Shrink"] = importShrink;
  rules["Softmax"] = importSoftmax<graph::SoftmaxOp>;
  rules["LogSoftmax"] = importSoftmax<graph::LogSoftmaxOp>;
  rules["Hardmax"] = importHardmax;
}
