//===- Program.cpp - steps, sizes and lifetimes of the entry program ------===//
#include "passes/Memory/Program.h"
#include "dialects/Graph/ElementTypes.h"
#include "dialects/Graph/Unsupported.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

static bool isTensor(Value value) {
  return isa<RankedTensorType>(value.getType());
}

FailureOr<func::FuncOp> memory::getEntry(ModuleOp module) {
  func::FuncOp entry;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr("graph.entry"))
      continue;
    if (entry)
      return function.emitOpError(
          "expected one function with graph.entry, but got a second");
    entry = function;
  }
  if (!entry || entry.isDeclaration())
    return module.emitError("expected a function with graph.entry and a body");
  if (!entry.getBody().hasOneBlock())
    return entry.emitOpError("expected structured control flow");
  return entry;
}

FailureOr<std::vector<Symbol>> memory::getSymbols(func::FuncOp entry) {
  std::vector<Symbol> symbols;
  auto list = entry->getAttrOfType<ArrayAttr>("graph.symbols");
  if (!list)
    return symbols;
  for (Attribute attr : list) {
    auto record = dyn_cast<DictionaryAttr>(attr);
    auto name = record ? record.getAs<StringAttr>("name") : StringAttr();
    if (!name)
      return entry.emitOpError()
             << "expected symbols with a name, but got " << attr;
    Symbol symbol;
    symbol.name = name.getValue().str();
    if (auto min = record.getAs<IntegerAttr>("min"))
      symbol.min = min.getInt();
    if (auto max = record.getAs<IntegerAttr>("max"))
      symbol.max = max.getInt();
    symbols.push_back(std::move(symbol));
  }
  return symbols;
}

Expr memory::getTensorBytes(Type elementType, const Expr &count) {
  int64_t bits = graph::getStorageBits(elementType);
  assert(bits && "not the element type of a tensor of a program");
  return bits % 8 == 0 ? count * Expr(bits / 8)
                       : Expr::ceilDiv(count, Expr(8 / bits));
}

std::optional<memory::Dims> memory::parseDims(ArrayAttr attribute) {
  Dims dims;
  for (Attribute attr : attribute) {
    if (auto number = dyn_cast<IntegerAttr>(attr)) {
      dims.push_back(Expr(number.getInt()));
      continue;
    }
    auto text = dyn_cast<StringAttr>(attr);
    std::optional<Expr> expr;
    if (text)
      expr = Expr::parse(std::string_view(text.data(), text.size()));
    if (!expr)
      return std::nullopt;
    dims.push_back(*expr);
  }
  return dims;
}

bool memory::isLoop(Operation *op) { return isa<scf::ForOp, scf::WhileOp>(op); }

RankedTensorType memory::getType(ArrayRef<Expr> dims, Type elementType) {
  SmallVector<int64_t> shape;
  for (const Expr &dim : dims)
    shape.push_back(dim.asConstant().value_or(ShapedType::kDynamic));
  return RankedTensorType::get(shape, elementType);
}

ArrayAttr memory::getDimsAttr(MLIRContext *context, ArrayRef<Expr> dims) {
  Builder builder(context);
  SmallVector<Attribute> attributes;
  for (const Expr &dim : dims) {
    if (auto constant = dim.asConstant())
      attributes.push_back(builder.getI64IntegerAttr(*constant));
    else
      attributes.push_back(builder.getStringAttr(dim.str()));
  }
  return builder.getArrayAttr(attributes);
}

static Dims getStaticDims(RankedTensorType type) {
  Dims dims;
  for (int64_t dim : type.getShape())
    dims.push_back(Expr(dim));
  return dims;
}

FailureOr<Program> Program::analyze(func::FuncOp entry) {
  Program program;
  program.entry = entry;
  FailureOr<std::vector<Symbol>> symbols = memory::getSymbols(entry);
  if (failed(symbols))
    return failure();
  program.symbols = std::move(*symbols);
  for (BlockArgument argument : entry.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      return entry.emitOpError()
             << "expected tensor arguments, but got " << argument.getType();
    Dims dims;
    if (auto attr = entry.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                      "graph.dims")) {
      std::optional<Dims> parsed = parseDims(attr);
      if (!parsed || static_cast<int64_t>(parsed->size()) != type.getRank())
        return entry.emitOpError()
               << "expected graph.dims of " << type << ", but got " << attr;
      dims = *parsed;
    } else if (type.hasStaticShape()) {
      dims = getStaticDims(type);
    } else {
      return entry.emitOpError()
             << "expected graph.dims on argument " << argument.getArgNumber();
    }
    program.argumentSteps[argument] = 0;
    if (failed(program.setDims(argument, dims)))
      return failure();
  }
  program.numSteps = 0;
  if (failed(program.visit(entry.getBody().front())))
    return failure();
  return program;
}

LogicalResult Program::setDims(Value value, Dims newDims) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!graph::getStorageBits(type.getElementType())) {
    Operation *op =
        value.getDefiningOp() ? value.getDefiningOp() : entry.getOperation();
    return emitUnsupportedError(op)
           << "elements of " << type << " have no place in memory";
  }
  dims[value] = std::move(newDims);
  tensors.push_back(value);
  return success();
}

LogicalResult Program::setFromDimsAttr(Operation &op) {
  auto lists = op.getAttrOfType<ArrayAttr>("dims");
  for (OpResult result : op.getResults()) {
    auto list = lists && result.getResultNumber() < lists.size()
                    ? dyn_cast<ArrayAttr>(lists[result.getResultNumber()])
                    : ArrayAttr();
    std::optional<Dims> parsed;
    if (list)
      parsed = parseDims(list);
    if (!parsed)
      return op.emitOpError("expected dims of every result");
    if (failed(setDims(result, *parsed)))
      return failure();
  }
  return success();
}

/// Gives each tensor of `to` the dimensions of the value of `from` beside it.
LogicalResult Program::setDimsOf(ValueRange to, ValueRange from) {
  for (auto [target, source] : llvm::zip(to, from))
    if (isTensor(target) && failed(setDims(target, Dims(getDims(source)))))
      return failure();
  return success();
}

LogicalResult Program::visitRegions(Operation &op) {
  auto visitBody = [&](Region &region) {
    for (Value argument : region.getArguments())
      argumentSteps[argument] = numSteps;
    ++numSteps; // block arguments exist after the operands were read
    return visit(region.front());
  };
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    if (failed(setDimsOf(loop.getRegionIterArgs(), loop.getInitArgs())) ||
        failed(visitBody(loop.getRegion())))
      return failure();
    return setDimsOf(loop.getResults(), loop.getInitArgs());
  }
  if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    if (failed(setDimsOf(loop.getBeforeArguments(), loop.getInits())) ||
        failed(visitBody(loop.getBefore())) ||
        failed(setDimsOf(loop.getAfterArguments(),
                         loop.getConditionOp().getArgs())) ||
        failed(visitBody(loop.getAfter())))
      return failure();
    return setDimsOf(loop.getResults(), loop.getConditionOp().getArgs());
  }
  auto branch = cast<scf::IfOp>(op);
  for (Region &region : branch->getRegions())
    if (!region.empty() && failed(visitBody(region)))
      return failure();
  if (branch.getNumResults() == 0)
    return success();
  return setDimsOf(branch.getResults(), branch.thenYield().getOperands());
}

LogicalResult Program::visit(Operation &op) {
  int64_t step = numSteps++;
  steps[&op] = {step, step};
  if (isa<scf::ForOp, scf::WhileOp, scf::IfOp>(op)) {
    if (failed(visitRegions(op)))
      return failure();
    steps[&op].second = numSteps++;
    return success();
  }
  if (isa<exec::KernelOp, exec::ViewOp, exec::AssembleOp, exec::CopyOp>(op))
    return setFromDimsAttr(op);
  if (isa<exec::WeightOp, exec::ShapeOp, exec::WriteOp>(op)) {
    auto type = dyn_cast<RankedTensorType>(op.getResult(0).getType());
    if (!type || !type.hasStaticShape())
      return op.emitOpError() << "expected a static shape, but got "
                              << op.getResult(0).getType();
    return setDims(op.getResult(0), getStaticDims(type));
  }
  bool isScalar =
      llvm::none_of(op.getResultTypes(), llvm::IsaPred<ShapedType>) &&
      llvm::none_of(op.getOperandTypes(), llvm::IsaPred<ShapedType>);
  if (isScalar || isa<exec::ReadOp, tensor::DimOp>(op) ||
      op.hasTrait<OpTrait::IsTerminator>())
    return success();
  return op.emitOpError("has no place in an exec program: expected exec, scf "
                        "and scalar operations");
}

LogicalResult Program::visit(Block &block) {
  for (Operation &op : block)
    if (failed(visit(op)))
      return failure();
  return success();
}

plan::Interval Program::getRange(std::string_view name) const {
  for (const Symbol &symbol : symbols)
    if (symbol.name == name)
      return {symbol.min, symbol.max};
  return {};
}

int64_t Program::getFirst(Value value) const {
  if (Operation *op = value.getDefiningOp())
    return getEndStep(op);
  return argumentSteps.lookup(value);
}

int64_t Program::getLast(Value value) const {
  int64_t last = getFirst(value);
  Block *home = value.getParentBlock();
  for (Operation *user : value.getUsers()) {
    last = std::max(last, getStep(user));
    for (Operation *op = user; op->getBlock() != home;) {
      op = op->getParentOp();
      if (isLoop(op))
        last = std::max(last, getEndStep(op));
    }
  }
  return last;
}

ArrayRef<Expr> Program::getDims(Value value) const {
  auto found = dims.find(value);
  assert(found != dims.end() && "not a tensor of the program");
  return found->second;
}

Expr Program::getBytes(Value value) const {
  Expr count(1);
  for (const Expr &dim : getDims(value))
    count = count * dim;
  return getTensorBytes(
      cast<RankedTensorType>(value.getType()).getElementType(), count);
}

std::string Program::getName(Value value) const {
  if (auto result = dyn_cast<OpResult>(value)) {
    auto names = result.getOwner()->getAttrOfType<ArrayAttr>("names");
    if (names && result.getResultNumber() < names.size())
      if (auto name = dyn_cast<StringAttr>(names[result.getResultNumber()]))
        return name.getValue().str();
    return (result.getOwner()->getName().getStringRef() + "@" +
            Twine(getFirst(value)))
        .str();
  }
  auto argument = cast<BlockArgument>(value);
  func::FuncOp entry = this->entry;
  if (argument.getOwner() == &entry.getBody().front())
    if (auto name = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                       "graph.name"))
      return name.getValue().str();
  return ("argument@" + Twine(getFirst(value)) + "." +
          Twine(argument.getArgNumber()))
      .str();
}
