//===- Reduction.cpp - rules: reductions, arg max, top k, scans -----------===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

namespace {
/// What a reduction node reduces over.
struct Axes {
  Ints axes;
  bool keepDims = true;
};
} // namespace

/// The axes that take the static `from` to the declared `to`, where only one
/// choice is possible. An axis of 1 that stays may be among them: reducing it
/// is the same as not reducing it, but for operators that also map their
/// elements.
static std::optional<Ints> deduceAxes(ArrayRef<int64_t> from,
                                      ArrayRef<int64_t> to, bool keepDims) {
  Ints axes;
  if (keepDims) {
    for (size_t i = 0; i < from.size() && from.size() == to.size(); ++i)
      if (to[i] != from[i])
        axes.push_back(i);
    return from.size() == to.size() ? std::optional(axes) : std::nullopt;
  }
  size_t count = from.size() - to.size(), found = 0;
  if (from.size() < to.size() || from.size() > 16)
    return std::nullopt;
  for (uint32_t mask = 0; mask < (1u << from.size()); ++mask) {
    Ints kept, dropped;
    for (size_t i = 0; i < from.size(); ++i)
      (mask >> i & 1 ? dropped : kept).push_back(i);
    if (dropped.size() != count ||
        !llvm::equal(kept, to, [&](int64_t axis, int64_t dim) {
          return from[axis] == dim;
        }))
      continue;
    axes = dropped;
    ++found;
  }
  return found == 1 ? std::optional(axes) : std::nullopt;
}

/// `inputSince`: the opset from which the axes are an input. nullopt: reported.
static std::optional<Axes> readAxes(Node &node, int64_t inputSince) {
  int64_t rank = node.rank(node.in(0));
  bool ok;
  Axes result;
  result.keepDims = node.getInt("keepdims", 1);
  std::optional<Ints> declared = node.declaredDims(0);
  if (node.opset >= inputSince && node.has(1) &&
      !node.constantInts(node.in(1)) && declared &&
      node.type(node.in(0)).hasStaticShape()) {
    std::optional<Ints> deduced = deduceAxes(node.type(node.in(0)).getShape(),
                                             *declared, result.keepDims);
    if (deduced) {
      node.expectAxes(node.in(1), *deduced, rank);
      result.axes = *deduced;
      return result;
    }
  }
  std::optional<Ints> given = node.axes(1, inputSince, ok);
  if (!ok)
    return std::nullopt;
  if (given)
    result.axes = *given;
  if (result.axes.empty() &&
      !(node.opset >= inputSince && node.getInt("noop_with_empty_axes", 0)))
    result.axes = makeRange(0, rank);
  if (!node.normalizeAxes(result.axes, rank))
    return std::nullopt;
  return result;
}

template <typename Op, int64_t inputSince = 18>
static LogicalResult importReduce(Node &node) {
  std::optional<Axes> over = readAxes(node, inputSince);
  if (!over)
    return failure();
  Value input = node.in(0);
  // Bools are ordered as integers.
  bool isBool = node.elem(input).isInteger(1);
  if (isBool)
    input = node.cast(input, node.builder().getIntegerType(8));
  Value value = node.reduce<Op>(input, over->axes, over->keepDims);
  // Of nothing the maximum is the lowest i8, which stands for false.
  return node.result(
      isBool ? node.compare(graph::Predicate::gt, value, node.like(value, 0))
             : value);
}

static LogicalResult importReduceL1(Node &node) {
  std::optional<Axes> over = readAxes(node, 18);
  if (!over)
    return failure();
  Value magnitude = node.isUnsigned(node.in(0))
                        ? node.in(0)
                        : node.unary<graph::AbsOp>(node.in(0));
  return node.result(
      node.reduce<graph::ReduceSumOp>(magnitude, over->axes, over->keepDims));
}

static LogicalResult importReduceSumSquare(Node &node) {
  std::optional<Axes> over = readAxes(node, 18);
  if (!over)
    return failure();
  Value square = node.mul(node.in(0), node.in(0));
  return node.result(
      node.reduce<graph::ReduceSumOp>(square, over->axes, over->keepDims));
}

static LogicalResult refuseIntegers(Node &node) {
  return node.unsupported("integer input (cast to float)");
}

static LogicalResult importReduceL2(Node &node) {
  std::optional<Axes> over = readAxes(node, 18);
  if (!over)
    return failure();
  if (!node.isFloat(node.in(0)))
    return refuseIntegers(node);
  Value square = node.mul(node.in(0), node.in(0));
  Value sum =
      node.reduce<graph::ReduceSumOp>(square, over->axes, over->keepDims);
  return node.result(node.unary<graph::SqrtOp>(sum));
}

static LogicalResult importReduceLogSum(Node &node) {
  std::optional<Axes> over = readAxes(node, 18);
  if (!over)
    return failure();
  if (!node.isFloat(node.in(0)))
    return refuseIntegers(node);
  Value sum =
      node.reduce<graph::ReduceSumOp>(node.in(0), over->axes, over->keepDims);
  return node.result(node.unary<graph::LogOp>(sum));
}

/// max + log(sum(exp(x - max))), with an infinite maximum taken as 0.
static LogicalResult importReduceLogSumExp(Node &node) {
  std::optional<Axes> over = readAxes(node, 18);
  if (!over)
    return failure();
  Value x = node.in(0);
  if (!node.isFloat(x))
    return refuseIntegers(node);
  Value peak =
      node.reduce<graph::ReduceMaxOp>(x, over->axes, /*keepDims=*/true);
  Value isInfinite =
      node.make<graph::IsInfOp>(node.builder().getI1Type(), peak, true, true);
  Value shift = node.select(isInfinite, node.like(x, 0), peak);
  Value exps = node.unary<graph::ExpOp>(node.sub(x, shift));
  Value sum =
      node.reduce<graph::ReduceSumOp>(exps, over->axes, /*keepDims=*/true);
  Value value = node.add(node.unary<graph::LogOp>(sum), shift);
  return node.result(over->keepDims ? value : node.squeeze(value, over->axes));
}

template <typename Op> static LogicalResult importArg(Node &node) {
  int64_t axis = node.getInt("axis", 0);
  if (!node.normalizeAxis(axis, node.rank(node.in(0))))
    return failure();
  bool keepDims = node.getInt("keepdims", 1),
       last = node.getInt("select_last_index", 0);
  return node.result(node.make<Op>(node.builder().getI64Type(), node.in(0),
                                   axis, keepDims, last));
}

static LogicalResult importTopK(Node &node) {
  Value input = node.in(0), k;
  int64_t axis = node.getInt("axis", -1);
  if (!node.normalizeAxis(axis, node.rank(input)))
    return failure();
  if (node.opset < 10) {
    k = node.ints({node.getInt("k", 1)});
  } else {
    k = node.in(1);
    std::optional<Ints> declared = node.declaredDims(0);
    if (!node.constantInts(k) && declared &&
        axis < static_cast<int64_t>(declared->size())) {
      node.expect(k, (*declared)[axis], "k");
      k = node.ints({(*declared)[axis]});
    }
  }
  bool largest = node.getInt("largest", 1);
  SmallVector<Value> results = node.makeMany<graph::TopKOp>(
      {node.elem(input), node.builder().getI64Type()}, input, k, axis, largest);
  return node.result(results);
}

static LogicalResult importCumSum(Node &node) {
  // Of one axis there is no choice.
  std::optional<Ints> given =
      node.rank(node.in(0)) == 1 ? Ints{0} : node.requireInts(1, "axis");
  if (!given)
    return failure();
  if (given->size() != 1)
    return node.invalid("axis must have one element");
  int64_t axis = given->front();
  if (!node.normalizeAxis(axis, node.rank(node.in(0))))
    return failure();
  return node.result(node.make<graph::CumSumOp>(
      node.elem(node.in(0)), node.in(0), axis, node.getInt("exclusive", 0) != 0,
      node.getInt("reverse", 0) != 0));
}

void import::addReductionRules(RuleTable &rules) {
  rules["ReduceSum"] = importReduce<graph::ReduceSumOp, 13>;
  rules["ReduceMean"] = importReduce<graph::ReduceMeanOp>;
  rules["ReduceProd"] = importReduce<graph::ReduceProdOp>;
  rules["ReduceMax"] = importReduce<graph::ReduceMaxOp>;
  rules["ReduceMin"] = importReduce<graph::ReduceMinOp>;
  rules["ReduceL1"] = importReduceL1;
  rules["ReduceL2"] = importReduceL2;
  rules["ReduceSumSquare"] = importReduceSumSquare;
  rules["ReduceLogSum"] = importReduceLogSum;
  rules["ReduceLogSumExp"] = importReduceLogSumExp;
  rules["ArgMax"] = importArg<graph::ArgMaxOp>;
  rules["ArgMin"] = importArg<graph::ArgMinOp>;
  rules["TopK"] = importTopK;
  rules["CumSum"] = importCumSum;
}
