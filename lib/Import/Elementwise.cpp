//===- Elementwise.cpp - rules: arithmetic, comparison, logic, casts ------===//
#include "lib/Import/Node.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;
using graph::Predicate;

template <typename Op> static LogicalResult importUnary(Node &node) {
  return node.result(node.unary<Op>(node.in(0)));
}

/// Binary operators before opset 7 broadcast by attribute; those are not
/// imported.
template <typename Op> static LogicalResult importBinary(Node &node) {
  return node.result(node.binary<Op>(node.in(0), node.in(1)));
}

template <Predicate predicate> static LogicalResult importCompare(Node &node) {
  return node.result(node.compare(predicate, node.in(0), node.in(1)));
}

template <typename Op> static LogicalResult importVariadic(Node &node) {
  Value value = node.in(0);
  for (size_t i = 1; i < node.inputs.size(); ++i)
    value = node.binary<Op>(value, node.in(i));
  return node.result(value);
}

static LogicalResult importMean(Node &node) {
  Value sum = node.in(0);
  for (size_t i = 1; i < node.inputs.size(); ++i)
    sum = node.add(sum, node.in(i));
  if (node.inputs.size() == 1)
    return node.result(sum);
  return node.result(node.div(sum, node.like(sum, node.inputs.size())));
}

static LogicalResult importIdentity(Node &node) {
  return node.result(node.in(0));
}

static LogicalResult importPow(Node &node) {
  return node.result(
      node.make<graph::PowOp>(node.elem(node.in(0)), node.in(0), node.in(1)));
}

static LogicalResult importMod(Node &node) {
  if (node.getInt("fmod", 0))
    return importBinary<graph::FmodOp>(node);
  if (node.isFloat(node.in(0)) && node.schema->since <= 13)
    return node.invalid("attribute fmod must be 1 for floating point");
  return importBinary<graph::FloorModOp>(node);
}

static LogicalResult importBitShift(Node &node) {
  StringRef direction = node.getString("direction", "");
  if (direction == "LEFT")
    return importBinary<graph::ShiftLeftOp>(node);
  if (direction == "RIGHT" && node.isUnsigned(node.in(0)))
    return importBinary<graph::ShiftRightOp>(node);
  if (direction == "RIGHT") { // signed: shifts copies of the sign in
    Value x = node.in(0), count = node.in(1);
    Value isNegative = node.compare(Predicate::lt, x, node.like(x, 0));
    Value flipped =
        node.binary<graph::ShiftRightOp>(node.unary<graph::NotOp>(x), count);
    Value shifted = node.binary<graph::ShiftRightOp>(x, count);
    return node.result(
        node.select(isNegative, node.unary<graph::NotOp>(flipped), shifted));
  }
  return node.invalid("attribute direction is '" + direction +
                      "', expected LEFT or RIGHT");
}

static LogicalResult importIsInf(Node &node) {
  Value input = node.in(0);
  bool positive = node.getInt("detect_positive", 1),
       negative = node.getInt("detect_negative", 1);
  return node.result(node.make<graph::IsInfOp>(node.builder().getI1Type(),
                                               input, positive, negative));
}

static LogicalResult importIsNan(Node &node) {
  return node.result(
      node.make<graph::IsNanOp>(node.builder().getI1Type(), node.in(0)));
}

static LogicalResult importWhere(Node &node) {
  return node.result(node.select(node.in(0), node.in(1), node.in(2)));
}

static LogicalResult castTo(Node &node, Type element) {
  StringRef mode = node.getString("round_mode", "up");
  std::optional<graph::Rounding> rounding = graph::symbolizeRounding(mode);
  if (!rounding)
    return node.invalid("attribute round_mode is '" + mode + "'");
  Value input = node.in(0);
  if (node.elem(input) == element)
    return node.result(input);
  // Both attributes are about floats of 8 bits only.
  if (!isa<FloatType>(element) || element.getIntOrFloatBitWidth() != 8)
    return node.result(node.cast(input, element));
  bool saturate = node.getInt("saturate", 1) != 0;
  return node.result(node.make<graph::CastOp>(
      element, input, saturate,
      isa<Float8E8M0FNUType>(element) ? *rounding : graph::Rounding::nearest));
}

static LogicalResult importCast(Node &node) {
  Problem problem;
  Type element = getElementType(static_cast<int32_t>(node.getInt("to", 0)),
                                node.context(), problem);
  if (!element) {
    std::string message = "attribute to names " + problem.message;
    return problem.unsupported ? node.unsupported(message)
                               : node.invalid(message);
  }
  return castTo(node, element);
}

static LogicalResult importCastLike(Node &node) {
  return castTo(node, node.elem(node.in(1)));
}

static LogicalResult importBitCast(Node &node) {
  Type from = node.elem(node.in(0));
  Problem problem;
  Type to = getElementType(static_cast<int32_t>(node.getInt("to", 0)),
                           node.context(), problem);
  if (to && to == from)
    return node.result(node.in(0));
  return node.unsupported("reinterpreting the bits of a tensor is not "
                          "supported (use Cast where values allow)");
}

static LogicalResult importClip(Node &node) {
  Value value = node.in(0);
  Value low = node.in(1), high = node.in(2);
  if (node.opset < 11) {
    if (node.attribute("min"))
      low = node.like(value, node.getFloat("min", 0));
    if (node.attribute("max"))
      high = node.like(value, node.getFloat("max", 0));
  }
  if (low)
    value = node.max(value, low);
  if (high)
    value = node.min(value, high);
  return node.result(value);
}

/// Training-mode outputs are refused; otherwise the input passes through.
static LogicalResult importDropout(Node &node) {
  if (node.opset >= 12 && node.has(2)) {
    std::optional<Ints> training = node.constantInts(node.in(2));
    if (!training)
      return node.unsupported("input training_mode is not known when compiling "
                              "(make it a constant false)");
    std::optional<SmallVector<double>> ratio = node.constantFloats(node.in(1));
    bool keepsAll = ratio && ratio->size() == 1 && ratio->front() == 0;
    if (training->size() != 1 || (training->front() && !keepsAll))
      return node.unsupported(
          "training mode drops at random (export the model for inference)");
  }
  SmallVector<Value> results = {node.in(0)};
  if (node.wants(1)) {
    Type type =
        node.opset >= 10 ? node.builder().getI1Type() : node.elem(node.in(0));
    Value one = node.scalar(type, 1);
    results.push_back(node.broadcast(
        one, node.shapeOf(node.in(0), 0, node.rank(node.in(0)))));
  }
  return node.result(results);
}

void import::addElementwiseRules(RuleTable &rules) {
  rules["Abs"] = importUnary<graph::AbsOp>;
  rules["Neg"] = importUnary<graph::NegOp>;
  rules["Sign"] = importUnary<graph::SignOp>;
  rules["Exp"] = importUnary<graph::ExpOp>;
  rules["Log"] = importUnary<graph::LogOp>;
  rules["Sqrt"] = importUnary<graph::SqrtOp>;
  rules["Reciprocal"] = importUnary<graph::ReciprocalOp>;
  rules["Sin"] = importUnary<graph::SinOp>;
  rules["Cos"] = importUnary<graph::CosOp>;
  rules["Tan"] = importUnary<graph::TanOp>;
  rules["Asin"] = importUnary<graph::AsinOp>;
  rules["Acos"] = importUnary<graph::AcosOp>;
  rules["Atan"] = importUnary<graph::AtanOp>;
  rules["Sinh"] = importUnary<graph::SinhOp>;
  rules["Cosh"] = importUnary<graph::CoshOp>;
  rules["Tanh"] = importUnary<graph::TanhOp>;
  rules["Asinh"] = importUnary<graph::AsinhOp>;
  rules["Acosh"] = importUnary<graph::AcoshOp>;
  rules["Atanh"] = importUnary<graph::AtanhOp>;
  rules["Erf"] = importUnary<graph::ErfOp>;
  rules["Floor"] = importUnary<graph::FloorOp>;
  rules["Ceil"] = importUnary<graph::CeilOp>;
  rules["Round"] = importUnary<graph::RoundOp>;
  rules["Relu"] = importUnary<graph::ReluOp>;
  rules["Sigmoid"] = importUnary<graph::SigmoidOp>;
  rules["Not"] = importUnary<graph::NotOp>;
  rules["BitwiseNot"] = importUnary<graph::NotOp>;
  rules["IsNaN"] = importIsNan;
  rules["IsInf"] = importIsInf;

  rules["Add"] = importBinary<graph::AddOp>;
  rules["Sub"] = importBinary<graph::SubOp>;
  rules["Mul"] = importBinary<graph::MulOp>;
  rules["Div"] = importBinary<graph::DivOp>;
  rules["Pow"] = importPow;
  rules["Mod"] = importMod;
  rules["BitShift"] = importBitShift;
  for (StringRef prefix : {"", "Bitwise"}) {
    rules[(prefix + "And").str()] = importBinary<graph::AndOp>;
    rules[(prefix + "Or").str()] = importBinary<graph::OrOp>;
    rules[(prefix + "Xor").str()] = importBinary<graph::XorOp>;
  }
  rules["Equal"] = importCompare<Predicate::eq>;
  rules["Less"] = importCompare<Predicate::lt>;
  rules["LessOrEqual"] = importCompare<Predicate::le>;
  rules["Greater"] = importCompare<Predicate::gt>;
  rules["GreaterOrEqual"] = importCompare<Predicate::ge>;
  rules["Where"] = importWhere;

  rules["Max"] = importVariadic<graph::MaxOp>;
  rules["Min"] = importVariadic<graph::MinOp>;
  rules["Sum"] = importVariadic<graph::AddOp>;
  rules["Mean"] = importMean;

  rules["Identity"] = importIdentity;
  rules["Cast"] = importCast;
  rules["CastLike"] = importCastLike;
  rules["BitCast"] = importBitCast;
  rules["Clip"] = importClip;
  rules["Dropout"] = importDropout;
}
