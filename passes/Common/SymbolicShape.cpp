//===- SymbolicShape.cpp - dimensions of every value of a function --------===//
#include "passes/Common/SymbolicShape.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;
using plan::Interval;

FailureOr<SymbolicShapeAnalysis>
SymbolicShapeAnalysis::compute(func::FuncOp function) {
  SymbolicShapeAnalysis analysis;
  if (failed(analysis.seed(function)))
    return failure();
  if (!function.isExternal() &&
      failed(analysis.visit(function.getBody().front())))
    return failure();
  return analysis;
}

LogicalResult SymbolicShapeAnalysis::seed(func::FuncOp function) {
  if (auto symbols = function->getAttrOfType<ArrayAttr>("graph.symbols"))
    for (Attribute entry : symbols) {
      auto symbol = dyn_cast<DictionaryAttr>(entry);
      auto name = symbol ? symbol.getAs<StringAttr>("name") : StringAttr();
      if (!name)
        return function.emitOpError(
                   "expected graph.symbols with names, but got ")
               << entry;
      Interval interval;
      interval.low = 0;
      if (auto low = symbol.getAs<IntegerAttr>("min"))
        interval.low = low.getInt();
      if (auto high = symbol.getAs<IntegerAttr>("max"))
        interval.high = high.getInt();
      if (*interval.low < 0 ||
          (interval.high && *interval.high < *interval.low))
        return function.emitOpError("expected 0 <= min <= max, but got ")
               << entry;
      inference.reserveSymbol(name);
      inference.setBounds(name, interval);
    }
  for (BlockArgument argument : function.getArguments())
    if (auto attribute = function.getArgAttrOfType<ArrayAttr>(
            argument.getArgNumber(), "graph.dims"))
      if (auto dims = parseDimsAttr(attribute))
        for (const Expr &dim : *dims)
          for (const std::string &symbol : dim.symbols())
            inference.reserveSymbol(symbol);
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    ValueShape shape;
    if (auto attribute = function.getArgAttrOfType<ArrayAttr>(
            argument.getArgNumber(), "graph.dims")) {
      auto dims = parseDimsAttr(attribute);
      if (!dims || failed(verifyCompatibleShape(
                       type, getTensorType(*dims, type.getElementType()))))
        return function.emitOpError("expected graph.dims of ")
               << type << ", but got " << attribute;
      shape.dims = *dims;
    }
    for (int64_t axis = shape.dims.size(); axis < type.getRank(); ++axis)
      shape.dims.push_back(type.isDynamicDim(axis)
                               ? inference.makeSymbol("d")
                               : Expr(type.getDimSize(axis)));
    inference.set(argument, std::move(shape));
  }
  return success();
}

LogicalResult SymbolicShapeAnalysis::visit(Block &block) {
  for (Operation &op : block) {
    if (isa<scf::ForOp, scf::WhileOp>(op)) {
      if (failed(visitLoop(&op)))
        return failure();
      continue;
    }
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
        if (!region->empty() && failed(visit(region->front())))
          return failure();
    } else if (op.getNumRegions() != 0) {
      return op.emitOpError(
          "is not expected to have regions on the graph level");
    }
    if (failed(inference.infer(&op)))
      return failure();
  }
  return success();
}

namespace {
/// The shape of a loop-carried value, and the dimensions that iterations
/// change.
struct Carried {
  ValueShape shape;
  SmallVector<bool, 4> varies;
};
} // namespace

LogicalResult SymbolicShapeAnalysis::visitLoop(Operation *loop) {
  auto forOp = dyn_cast<scf::ForOp>(loop);
  auto whileOp = dyn_cast<scf::WhileOp>(loop);
  auto shapeOf = [&](Value value) -> ValueShape {
    if (const ValueShape *known = inference.get(value))
      return *known;
    return {};
  };
  SmallVector<Carried> carried;
  for (Value init : forOp ? ValueRange(forOp.getInitArgs())
                          : ValueRange(whileOp.getInits())) {
    ValueShape shape = shapeOf(init);
    SmallVector<bool, 4> varies(shape.dims.size(), false);
    carried.push_back({std::move(shape), std::move(varies)});
  }
  // The body is visited again, from the same state, until its shapes hold for
  // every iteration.
  const ShapeInference before = inference;
  ShapeInference widened = before;
  while (true) {
    inference = widened;
    ValueRange arguments = forOp ? ValueRange(forOp.getRegionIterArgs())
                                 : ValueRange(whileOp.getBeforeArguments());
    for (auto [argument, value] : llvm::zip(arguments, carried))
      inference.set(argument, value.shape);
    if (forOp) {
      if (failed(visit(*forOp.getBody())))
        return failure();
    } else {
      if (failed(visit(*whileOp.getBeforeBody())))
        return failure();
      for (auto [argument, passed] : llvm::zip(
               whileOp.getAfterArguments(), whileOp.getConditionOp().getArgs()))
        inference.set(argument, shapeOf(passed));
      if (failed(visit(*whileOp.getAfterBody())))
        return failure();
    }
    ValueRange yields =
        forOp ? ValueRange(forOp.getBody()->getTerminator()->getOperands())
              : ValueRange(whileOp.getYieldOp().getOperands());
    bool changed = false;
    for (auto [yield, value] : llvm::zip(yields, carried)) {
      ValueShape next = shapeOf(yield);
      if (next.dims.size() != value.shape.dims.size())
        return loop->emitOpError(
                   "expected loop-carried values to keep their rank, but got ")
               << toString(value.shape.dims) << " and " << toString(next.dims);
      for (size_t i = 0; i < next.dims.size(); ++i)
        if (!value.varies[i] && next.dims[i] != value.shape.dims[i]) {
          value.varies[i] = changed = true;
          value.shape.dims[i] = widened.makeDataSymbol("loop");
        }
      if (value.shape.contents &&
          (!next.contents || *next.contents != *value.shape.contents)) {
        value.shape.contents = std::nullopt;
        changed = true;
      }
    }
    if (!changed)
      break;
  }
  // A dimension that iterations change has one more value after the last.
  auto widenedSymbols = ArrayRef(widened.getDataSymbols())
                            .drop_front(before.getDataSymbols().size());
  ValueRange passed = forOp ? ValueRange(forOp.getRegionIterArgs())
                            : ValueRange(whileOp.getConditionOp().getArgs());
  for (auto [result, value] : llvm::zip(loop->getResults(), passed)) {
    ValueShape shape = shapeOf(value);
    for (Expr &dim : shape.dims)
      if (llvm::any_of(dim.symbols(), [&](const std::string &symbol) {
            return llvm::is_contained(widenedSymbols, symbol);
          }))
        dim = inference.makeDataSymbol("loop");
    inference.set(result, std::move(shape));
  }
  return success();
}
