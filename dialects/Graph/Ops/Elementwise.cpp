//===- Elementwise.cpp - shape rules of element-wise operations -----------===//
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;
using plan::Interval;

using Element = std::optional<Expr>;

/// Result dims of an operation that broadcasts all of its operands.
static LogicalResult inferBroadcast(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  for (const ValueShape &operand : llvm::drop_begin(context.operands)) {
    auto joined = broadcastDims(dims, operand.dims, context);
    if (!joined) { // C1
      auto diagnostic = context.emitError()
                        << "expected operands that broadcast, but got ";
      llvm::interleaveComma(
          context.operands, diagnostic,
          [&](const ValueShape &shape) { diagnostic << toString(shape.dims); });
      return diagnostic;
    }
    dims = std::move(*joined);
  }
  return setDims(context, std::move(dims));
}

static LogicalResult inferElementwise(
    ShapeContext &context,
    llvm::function_ref<Element(ArrayRef<Expr>)> compute = nullptr) {
  if (failed(inferBroadcast(context)))
    return failure();
  if (compute)
    setContents(context, mapContents(context, compute));
  return success();
}

/// `compute` on constants only; nullopt if an element is not constant or
/// `compute` refuses.
static Element onConstants(
    ArrayRef<Expr> elements,
    llvm::function_ref<std::optional<int64_t>(int64_t, int64_t)> compute) {
  auto lhs = elements[0].asConstant();
  auto rhs = elements.back().asConstant();
  if (!lhs || !rhs)
    return std::nullopt;
  auto value = compute(*lhs, *rhs);
  return value ? Element(*value) : std::nullopt;
}

/// -1, 0 or 1 where the sign of `expression` is decided by the bounds of its
/// symbols.
static std::optional<int> getSign(const Expr &expression,
                                  ShapeContext &context) {
  Interval interval = expression.bounds(context.bounds);
  if (interval.low && *interval.low > 0)
    return 1;
  if (interval.high && *interval.high < 0)
    return -1;
  if (interval.low == 0 && interval.high == 0)
    return 0;
  return std::nullopt;
}

#define INFER_SAME(OP)                                                         \
  LogicalResult OP::inferShapes(ShapeContext &context) {                       \
    return inferBroadcast(context);                                            \
  }
INFER_SAME(ExpOp)
INFER_SAME(LogOp)
INFER_SAME(SqrtOp)
INFER_SAME(ReciprocalOp)
INFER_SAME(SinOp)
INFER_SAME(CosOp)
INFER_SAME(TanOp)
INFER_SAME(AsinOp)
INFER_SAME(AcosOp)
INFER_SAME(AtanOp)
INFER_SAME(SinhOp)
INFER_SAME(CoshOp)
INFER_SAME(TanhOp)
INFER_SAME(AsinhOp)
INFER_SAME(AcoshOp)
INFER_SAME(AtanhOp)
INFER_SAME(ErfOp)
INFER_SAME(FloorOp)
INFER_SAME(CeilOp)
INFER_SAME(RoundOp)
INFER_SAME(SigmoidOp)
INFER_SAME(IsNanOp)
INFER_SAME(IsInfOp)
INFER_SAME(FmodOp)
INFER_SAME(ShiftLeftOp)
INFER_SAME(ShiftRightOp)
#undef INFER_SAME

LogicalResult AbsOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    auto sign = getSign(x[0], context);
    if (isNonNegative(x[0], context))
      return x[0];
    return sign ? Element(Expr(*sign) * x[0]) : std::nullopt;
  });
}

LogicalResult NegOp::inferShapes(ShapeContext &context) {
  return inferElementwise(
      context, [](ArrayRef<Expr> x) -> Element { return Expr(0) - x[0]; });
}

LogicalResult SignOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    auto sign = getSign(x[0], context);
    return sign ? Element(*sign) : std::nullopt;
  });
}

LogicalResult ReluOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    return isNonNegative(x[0], context) ? x[0] : Expr::max(0, x[0]);
  });
}

LogicalResult NotOp::inferShapes(ShapeContext &context) {
  auto type = cast<TensorType>(getInput().getType()).getElementType();
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    return type.isInteger(1) ? Element(Expr(1) - x[0]) : std::nullopt;
  });
}

LogicalResult AddOp::inferShapes(ShapeContext &context) {
  return inferElementwise(
      context, [](ArrayRef<Expr> x) -> Element { return x[0] + x[1]; });
}

LogicalResult SubOp::inferShapes(ShapeContext &context) {
  return inferElementwise(
      context, [](ArrayRef<Expr> x) -> Element { return x[0] - x[1]; });
}

LogicalResult MulOp::inferShapes(ShapeContext &context) {
  return inferElementwise(
      context, [](ArrayRef<Expr> x) -> Element { return x[0] * x[1]; });
}

LogicalResult DivOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    if (x[0].asConstant() && x[1].asConstant())
      return onConstants(x, [](int64_t a, int64_t b) -> std::optional<int64_t> {
        if (b == 0)
          return 0;
        if (a == INT64_MIN && b == -1)
          return std::nullopt;
        return a / b;
      });
    if (auto divisor = x[1].asConstant(); !divisor || *divisor != 0)
      if (auto quotient = x[0].exactDiv(x[1]))
        return quotient;
    // Rounding towards zero is rounding down where nothing is negative.
    if (isNonNegative(x[0], context) && isNonNegative(x[1] - 1, context))
      return Expr::floorDiv(x[0], x[1]);
    return std::nullopt;
  });
}

LogicalResult PowOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [](ArrayRef<Expr> x) -> Element {
    auto exponent = x[1].asConstant();
    if (!exponent || *exponent < 0 || *exponent > 8)
      return std::nullopt;
    Expr power = 1;
    for (int64_t i = 0; i < *exponent; ++i)
      power = power * x[0];
    return power;
  });
}

/// The larger of two elements, without `max` where bounds decide.
static Expr getLarger(const Expr &a, const Expr &b, ShapeContext &context) {
  if (isNonNegative(a - b, context))
    return a;
  return isNonNegative(b - a, context) ? b : Expr::max(a, b);
}

LogicalResult MinOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    if (isNonNegative(x[0] - x[1], context))
      return x[1];
    return isNonNegative(x[1] - x[0], context) ? x[0] : Expr::min(x[0], x[1]);
  });
}

LogicalResult MaxOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    return getLarger(x[0], x[1], context);
  });
}

LogicalResult FloorModOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    if (isNonNegative(x[1] - 1, context))
      return Expr::mod(x[0], x[1]);
    return onConstants(x, [](int64_t a, int64_t b) -> std::optional<int64_t> {
      if (b == 0)
        return std::nullopt;
      if (b == -1)
        return 0;
      int64_t remainder = a % b;
      return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b
                                                          : remainder;
    });
  });
}

LogicalResult AndOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [](ArrayRef<Expr> x) {
    return onConstants(x, [](int64_t a, int64_t b) { return a & b; });
  });
}

LogicalResult OrOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [](ArrayRef<Expr> x) {
    return onConstants(x, [](int64_t a, int64_t b) { return a | b; });
  });
}

LogicalResult XorOp::inferShapes(ShapeContext &context) {
  return inferElementwise(context, [](ArrayRef<Expr> x) {
    return onConstants(x, [](int64_t a, int64_t b) { return a ^ b; });
  });
}

LogicalResult CompareOp::inferShapes(ShapeContext &context) {
  Type lhs = cast<TensorType>(getLhs().getType()).getElementType();
  Type rhs = cast<TensorType>(getRhs().getType()).getElementType();
  if (lhs != rhs) // C2
    return context.emitError()
           << "expected operands of one element type, but got " << lhs
           << " and " << rhs;
  Predicate predicate = getPredicate();
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    // The difference, or its bounds, decide.
    Interval interval = (x[0] - x[1]).bounds(context.bounds);
    bool below = interval.high && *interval.high < 0,
         above = interval.low && *interval.low > 0;
    bool atMost = interval.high && *interval.high <= 0,
         atLeast = interval.low && *interval.low >= 0;
    auto decide = [](bool isTrue, bool isFalse) -> Element {
      return isTrue ? Element(1) : isFalse ? Element(0) : std::nullopt;
    };
    switch (predicate) {
    case Predicate::eq:
      return decide(atMost && atLeast, below || above);
    case Predicate::lt:
      return decide(below, atLeast);
    case Predicate::le:
      return decide(atMost, above);
    case Predicate::gt:
      return decide(above, atMost);
    case Predicate::ge:
      return decide(atLeast, below);
    }
    llvm_unreachable("all predicates are handled");
  });
}

LogicalResult SelectOp::inferShapes(ShapeContext &context) {
  auto elementType = [](Value value) {
    return cast<TensorType>(value.getType()).getElementType();
  };
  Type onTrue = elementType(getOnTrue()), onFalse = elementType(getOnFalse()),
       result = elementType(getOperation()->getResult(0));
  if (onTrue != onFalse || onTrue != result) // C2
    return context.emitError()
           << "expected one element type, but got " << onTrue << " and "
           << onFalse << " to " << result;
  return inferElementwise(context, [](ArrayRef<Expr> x) -> Element {
    if (x[1] == x[2])
      return x[1];
    auto condition = x[0].asConstant();
    return condition ? Element(*condition != 0 ? x[1] : x[2]) : std::nullopt;
  });
}

LogicalResult CastOp::inferShapes(ShapeContext &context) {
  auto from = dyn_cast<IntegerType>(
      cast<TensorType>(getInput().getType()).getElementType());
  auto to = dyn_cast<IntegerType>(
      cast<TensorType>(getOperation()->getResult(0).getType())
          .getElementType());
  return inferElementwise(context, [&](ArrayRef<Expr> x) -> Element {
    if (!from || !to)
      return std::nullopt;
    if (!to.isInteger(1) || from.isInteger(1))
      return x[0];
    auto sign = getSign(x[0], context);
    return sign ? Element(*sign != 0 ? 1 : 0) : std::nullopt;
  });
}
