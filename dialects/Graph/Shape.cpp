//===- Shape.cpp - symbolic shapes ----------------------------------------===//
#include "dialects/Graph/Shape.h"
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;
using plan::Interval;

Expr graph::countElements(ArrayRef<Expr> dims) {
  Expr count = 1;
  for (const Expr &dim : dims)
    count = count * dim;
  return count;
}

bool graph::isUndefined(const Expr &expression) {
  return expression == Expr::floorDiv(1, 0);
}

/// The interval of `expression` for symbols within their bounds.
static Interval getBounds(const Expr &expression, const ShapeContext &context) {
  return expression.bounds(
      [&](std::string_view symbol) { return context.bounds(symbol); });
}

bool graph::isNonNegative(const Expr &expression, const ShapeContext &context) {
  Interval interval = getBounds(expression, context);
  return interval.low && *interval.low >= 0;
}

bool graph::requireEqual(const Expr &a, const Expr &b, ShapeContext &context,
                         StringRef message) {
  Expr difference = a - b;
  if (auto constant = difference.asConstant())
    return *constant == 0;
  Interval interval = getBounds(difference, context);
  if ((interval.low && *interval.low > 0) ||
      (interval.high && *interval.high < 0))
    return false;
  context.requireZero(difference, message);
  return true;
}

/// The absolute value.
static Expr getDistance(const Expr &difference, const ShapeContext &context) {
  return isNonNegative(difference, context)
             ? difference
             : Expr::max(difference, Expr(0) - difference);
}

/// The broadcast of two dimensions; nullopt if they can never agree.
static std::optional<Expr> broadcastDim(const Expr &a, const Expr &b,
                                        ShapeContext &context) {
  auto isOne = [](const Expr &dim) { return dim.asConstant() == 1; };
  if (a == b || isOne(b))
    return a;
  if (isOne(a))
    return b;
  if (a.asConstant() && b.asConstant())
    return std::nullopt;
  std::string message =
      "dimensions " + a.str() + " and " + b.str() + " broadcast";
  if (a.asConstant() || b.asConstant()) {
    const Expr &constant = a.asConstant() ? a : b,
               &other = a.asConstant() ? b : a;
    if (isNonNegative(other - 2, context)) {
      if (!requireEqual(a, b, context, message))
        return std::nullopt;
      return constant;
    }
    // Minima of distances, not products of differences: these cannot overflow.
    context.requireZero(Expr::min(getDistance(other - 1, context),
                                  getDistance(other - constant, context)),
                        message);
    return constant;
  }
  if (isNonNegative(a - 2, context) && isNonNegative(b - 2, context)) {
    if (!requireEqual(a, b, context, message))
      return std::nullopt;
    return a.symbols().size() <= b.symbols().size() ? a : b;
  }
  context.requireZero(Expr::min(getDistance(a - b, context),
                                Expr::min(getDistance(a - 1, context),
                                          getDistance(b - 1, context))),
                      message);
  Expr larger = Expr::max(a, b);
  if (isNonNegative(a - b, context) || Expr::min(a, b) == b)
    larger = a;
  else if (isNonNegative(b - a, context) || Expr::min(a, b) == a)
    larger = b;
  // The maximum is wrong for 0 and 1 only.
  if (!isNonNegative(a - 1, context) || !isNonNegative(b - 1, context))
    context.requireZero(larger * Expr::max(0, Expr(1) - Expr::min(a, b)),
                        message);
  return larger;
}

std::optional<Dims> graph::broadcastDims(ArrayRef<Expr> a, ArrayRef<Expr> b,
                                         ShapeContext &context) {
  if (a.size() < b.size())
    std::swap(a, b);
  Dims result(a.begin(), a.end());
  size_t offset = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    std::optional<Expr> dim = broadcastDim(a[offset + i], b[i], context);
    if (!dim)
      return std::nullopt;
    result[offset + i] = *dim;
  }
  return result;
}

RankedTensorType graph::getTensorType(ArrayRef<Expr> dims, Type elementType) {
  SmallVector<int64_t> shape;
  for (const Expr &dim : dims)
    shape.push_back(dim.asConstant().value_or(ShapedType::kDynamic));
  return RankedTensorType::get(shape, elementType);
}

std::string graph::toString(ArrayRef<Expr> dims) {
  std::string text = "[";
  for (const Expr &dim : dims)
    text += (text.size() > 1 ? ", " : "") + dim.str();
  return text + "]";
}

ArrayAttr graph::getDimsAttr(MLIRContext *context, ArrayRef<Expr> dims) {
  SmallVector<Attribute> attributes;
  for (const Expr &dim : dims) {
    if (auto constant = dim.asConstant())
      attributes.push_back(
          IntegerAttr::get(IntegerType::get(context, 64), *constant));
    else
      attributes.push_back(StringAttr::get(context, dim.str()));
  }
  return ArrayAttr::get(context, attributes);
}

std::optional<Dims> graph::parseDimsAttr(ArrayAttr attribute) {
  Dims dims;
  for (Attribute entry : attribute) {
    if (auto constant = dyn_cast<IntegerAttr>(entry)) {
      if (!constant.getType().isInteger(64))
        return std::nullopt;
      dims.push_back(constant.getInt());
      continue;
    }
    auto text = dyn_cast<StringAttr>(entry);
    auto expression =
        text ? Expr::parse({text.getValue().data(), text.getValue().size()})
             : std::nullopt;
    if (!expression)
      return std::nullopt;
    dims.push_back(*expression);
  }
  return dims;
}

std::optional<SmallVector<int64_t, 4>>
graph::getStaticDims(ArrayRef<Expr> dims) {
  SmallVector<int64_t, 4> shape;
  for (const Expr &dim : dims) {
    auto constant = dim.asConstant();
    if (!constant || *constant < 0)
      return std::nullopt;
    shape.push_back(*constant);
  }
  return shape;
}

LogicalResult graph::detail::verifyShapes(Operation *op) {
  int64_t numSymbols = 0;
  auto freshSymbol = [&](StringRef hint) {
    return Expr::symbol("d" + std::to_string(numSymbols++));
  };
  auto requireZero = [](const Expr &, StringRef) {};
  auto bounds = [](std::string_view) { return Interval{0, std::nullopt}; };
  ShapeContext context{
      op, {}, {}, freshSymbol, requireZero, bounds, /*verifying=*/true};
  for (Value operand : op->getOperands()) {
    ValueShape shape;
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
      for (int64_t dim : type.getShape())
        shape.dims.push_back(ShapedType::isDynamic(dim) ? freshSymbol("")
                                                        : Expr(dim));
    // Only what is at hand: a verifier opens no file.
    if (auto dense =
            dyn_cast_or_null<DenseElementsAttr>(getConstantValue(operand)))
      if (auto elements = getIntegers(dense))
        shape.contents.emplace(elements->begin(), elements->end());
    context.operands.push_back(std::move(shape));
  }
  context.results.resize(op->getNumResults());
  if (failed(cast<ShapeInterface>(op).inferShapes(context)))
    return failure();
  for (auto [result, shape] : llvm::zip(op->getResults(), context.results)) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      continue;
    auto inferred = getTensorType(shape.dims, type.getElementType());
    if (failed(verifyCompatibleShape(type, inferred)))
      return op->emitOpError("expected result #")
             << result.getResultNumber() << " of type " << inferred
             << ", but got " << type;
  }
  return success();
}
