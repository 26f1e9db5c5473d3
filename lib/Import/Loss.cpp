//===- Loss.cpp - rules: negative log likelihood and cross entropy --------===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

/// -weight[target] * logProbabilities[n, target, ...], reduced. Shapes: N
/// batch, C classes.
static Value makeLoss(Node &node, Value logProbabilities, Value target,
                      Value weight) {
  Type element = node.elem(logProbabilities);
  StringRef reduction = node.getString("reduction", "mean");
  Value ignored;
  if (node.attribute("ignore_index")) {
    Value index = node.scalar(
        node.elem(target), static_cast<double>(node.getInt("ignore_index", 0)));
    ignored = node.compare(graph::Predicate::eq, target, index);
    target = node.select(ignored, node.like(target, 0), target);
  }
  Value picked = node.make<graph::GatherElementsOp>(
      element, logProbabilities, node.unsqueeze(target, {1}), int64_t(1));
  Value loss = node.unary<graph::NegOp>(node.squeeze(picked, {1}));
  Value scale;
  if (weight)
    scale = node.make<graph::GatherOp>(element, weight, target, int64_t(0));
  if (ignored)
    scale = node.select(ignored, node.scalar(element, 0),
                        scale ? scale : node.scalar(element, 1));
  if (scale)
    loss = node.mul(loss, scale);
  Ints axes = makeRange(0, node.rank(target));
  if (reduction == "none")
    return loss;
  if (reduction == "sum")
    return node.reduce<graph::ReduceSumOp>(loss, axes, /*keepDims=*/false);
  if (reduction != "mean") {
    (void)node.invalid("attribute reduction is '" + reduction + "'");
    return loss;
  }
  if (!scale)
    return node.reduce<graph::ReduceMeanOp>(loss, axes, /*keepDims=*/false);
  Value total = node.reduce<graph::ReduceSumOp>(loss, axes, /*keepDims=*/false);
  return node.div(
      total, node.reduce<graph::ReduceSumOp>(scale, axes, /*keepDims=*/false));
}

static bool checkRanks(Node &node) {
  if (node.rank(node.in(0)) >= 2 &&
      node.rank(node.in(1)) == node.rank(node.in(0)) - 1)
    return true;
  (void)node.invalid("the target must have one axis less than the input, which "
                     "has at least two");
  return false;
}

static LogicalResult importNegativeLogLikelihoodLoss(Node &node) {
  if (!checkRanks(node))
    return failure();
  return node.result(makeLoss(node, node.in(0), node.in(1), node.in(2)));
}

static LogicalResult importSoftmaxCrossEntropyLoss(Node &node) {
  if (!checkRanks(node))
    return failure();
  Value logProbabilities = node.make<graph::LogSoftmaxOp>(
      node.elem(node.in(0)), node.in(0), int64_t(1));
  return node.result({makeLoss(node, logProbabilities, node.in(1), node.in(2)),
                      logProbabilities});
}

void import::addLossRules(RuleTable &rules) {
  rules["NegativeLogLikelihoodLoss"] = importNegativeLogLikelihoodLoss;
  rules["SoftmaxCrossEntropyLoss"] = importSoftmaxCrossEntropyLoss;
}
