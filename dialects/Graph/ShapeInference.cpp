//===- ShapeInference.cpp - running the shape interface -------------------===//
#include "dialects/Graph/ShapeInference.h"
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;
using plan::Interval;

void ShapeInference::set(Value value, ValueShape shape) {
  shapes[value] = std::move(shape);
}

const ValueShape *ShapeInference::get(Value value) const {
  auto found = shapes.find(value);
  return found == shapes.end() ? nullptr : &found->second;
}

void ShapeInference::setBounds(StringRef symbol, Interval interval) {
  symbolBounds[symbol] = interval;
}

Interval ShapeInference::getBounds(StringRef symbol) const {
  auto found = symbolBounds.find(symbol);
  return found == symbolBounds.end() ? Interval{0, std::nullopt}
                                     : found->second;
}

void ShapeInference::reserveSymbol(StringRef name) { symbols.insert(name); }

Expr ShapeInference::makeSymbol(StringRef hint) {
  // The names of the functions of the text form are no symbols.
  static constexpr StringRef functions[] = {"floordiv", "ceildiv", "mod", "min",
                                            "max"};
  std::string name;
  for (char c : hint)
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name.front()) ||
      llvm::is_contained(functions, name))
    name = "d" + name;
  std::string unique = name;
  for (unsigned i = 1; !symbols.insert(unique).second; ++i)
    unique = name + "_" + std::to_string(i);
  return Expr::symbol(unique);
}

Expr ShapeInference::makeDataSymbol(StringRef hint) {
  Expr symbol = makeSymbol(hint);
  dataSymbols.push_back(*symbol.asSymbol());
  return symbol;
}

std::optional<ValueShape>
ShapeInference::join(const ValueShape &a, const ValueShape &b, StringRef hint) {
  if (a.dims.size() != b.dims.size())
    return std::nullopt;
  ValueShape shape;
  for (auto [left, right] : llvm::zip(a.dims, b.dims)) {
    shape.dims.push_back(left == right ? left : makeDataSymbol(hint));
  }
  if (a.contents && b.contents && *a.contents == *b.contents)
    shape.contents = a.contents;
  return shape;
}

/// A name for symbols that `op` makes.
static StringRef getHint(Operation *op) {
  if (auto names = op->getAttrOfType<ArrayAttr>("names");
      names && !names.empty())
    if (auto name = dyn_cast<StringAttr>(names[0]))
      return name.getValue();
  return op->getName().stripDialect();
}

/// Checks the shape against what the result's type says, stores it and refines
/// the type.
LogicalResult ShapeInference::finish(Operation *op, unsigned result,
                                     ValueShape shape) {
  auto type = dyn_cast<TensorType>(op->getResult(result).getType());
  if (!type)
    return success();
  for (const Expr &dim : shape.dims) {
    if (isUndefined(dim))
      return op->emitOpError(
                 "has a dimension that overflows or divides by zero: ")
             << toString(shape.dims);
    if (dim.asConstant().value_or(0) < 0)
      return op->emitOpError("has a negative dimension: ")
             << toString(shape.dims);
  }
  if (auto ranked = dyn_cast<RankedTensorType>(type)) {
    bool fits = ranked.getRank() == static_cast<int64_t>(shape.dims.size());
    for (int64_t i = 0; fits && i < ranked.getRank(); ++i) {
      if (ranked.isDynamicDim(i) || shape.dims[i] == Expr(ranked.getDimSize(i)))
        continue;
      fits = !shape.dims[i].asConstant();
      requirements.push_back({shape.dims[i] - ranked.getDimSize(i),
                              "dimension " + std::to_string(i) + " of '" +
                                  getHint(op).str() + "' is " +
                                  std::to_string(ranked.getDimSize(i))});
      shape.dims[i] = ranked.getDimSize(i);
    }
    if (!fits)
      return op->emitOpError("expected result #")
             << result << " of shape " << toString(shape.dims) << ", but got "
             << type;
  }
  if (refineTypes)
    op->getResult(result).setType(
        getTensorType(shape.dims, type.getElementType()));
  set(op->getResult(result), std::move(shape));
  return success();
}

/// The shape that a type tells; nullopt unless it is a static tensor or no
/// tensor.
static std::optional<ValueShape> getStaticShape(Type type) {
  ValueShape shape;
  auto tensor = dyn_cast<TensorType>(type);
  if (!tensor)
    return shape;
  if (!tensor.hasStaticShape())
    return std::nullopt;
  shape.dims.assign(tensor.getShape().begin(), tensor.getShape().end());
  return shape;
}

LogicalResult ShapeInference::infer(Operation *op) {
  auto shapeOf = [&](Value value) -> std::optional<ValueShape> {
    if (const ValueShape *known = get(value))
      return *known;
    return getStaticShape(value.getType());
  };
  if (auto branch = dyn_cast<scf::IfOp>(op);
      branch && op->getNumResults() != 0) {
    auto thenYield = branch.thenYield(), elseYield = branch.elseYield();
    for (unsigned i = 0; i < op->getNumResults(); ++i) {
      auto left = shapeOf(thenYield.getOperand(i)),
           right = shapeOf(elseYield.getOperand(i));
      if (!left || !right)
        return op->emitOpError("yields #") << i << " of unknown shape";
      auto joined = join(*left, *right, getHint(op));
      if (!joined)
        return op->emitOpError("expected branches to yield one rank, but got ")
               << toString(left->dims) << " and " << toString(right->dims);
      if (failed(finish(op, i, std::move(*joined))))
        return failure();
    }
    return success();
  }
  auto shaped = dyn_cast<ShapeInterface>(op);
  if (!shaped) {
    for (OpResult result : op->getResults()) {
      auto shape = getStaticShape(result.getType());
      if (!shape)
        return op->emitOpError("has no shape inference");
      set(result, std::move(*shape));
    }
    return success();
  }

  auto freshSymbol = [&](StringRef hint) {
    return makeDataSymbol(hint.empty() ? getHint(op) : hint);
  };
  auto requireZero = [&](const Expr &zero, StringRef message) {
    if (zero.asConstant() == 0)
      return;
    for (const Requirement &known : requirements)
      if (known.zero == zero)
        return;
    requirements.push_back(
        {zero, "'" + getHint(op).str() + "': " + message.str()});
  };
  auto bounds = [&](std::string_view symbol) {
    return getBounds({symbol.data(), symbol.size()});
  };
  ShapeContext context{op, {}, {}, freshSymbol, requireZero, bounds};
  for (OpOperand &operand : op->getOpOperands()) {
    auto shape = shapeOf(operand.get());
    if (!shape)
      return op->emitOpError("has operand #")
             << operand.getOperandNumber() << " of unknown shape";
    context.operands.push_back(std::move(*shape));
  }
  context.results.resize(op->getNumResults());
  if (failed(shaped.inferShapes(context)))
    return failure();
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (failed(finish(op, i, std::move(context.results[i]))))
      return failure();
  return success();
}
