//===- RoundingGates.cpp - products that may be rounded while running -----===//
//
// One program with an argument per product measures all of them: compiling one
// for each would take as many compilations.
//
//===----------------------------------------------------------------------===//
#include "passes/Precision/RoundingGates.h"
#include "dialects/Graph/Constants.h"
#include "passes/Common/EntryResults.h"
#include "passes/Graph/Names.h"
#include "passes/Precision/KeptValues.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::precision;

static constexpr StringLiteral wideProductsName = "graph.wide_products";

static bool isF32(Value value) {
  return getElementTypeOrSelf(value.getType()).isF32();
}

/// The products of the entry block that are computed in 16 bits.
static llvm::Expected<SmallVector<Operation *>>
findProducts(func::FuncOp entry, FloatType element) {
  SmallVector<Operation *> products;
  KeptValues kept(entry, element);
  for (Operation &op : entry.front()) {
    if (!isa<GraphDialect>(op.getDialect()) ||
        getRule(&op).treatment != Treatment::Narrow ||
        !isF32(op.getResult(0)) || kept.contains(op.getResult(0)))
      continue;
    bool isKept = false;
    for (Value operand : op.getOperands()) {
      TypedAttr constant = getConstantValue(operand);
      if (!constant || !isF32(operand)) {
        isKept |= kept.contains(operand);
        continue;
      }
      llvm::Expected<bool> isOut = kept.isOutOfRange(constant);
      if (!isOut)
        return isOut.takeError();
      isKept |= *isOut;
    }
    if (!isKept)
      products.push_back(&op);
  }
  return products;
}

/// Lets `product` read its operands rounded to `element` where `gate` is true.
static void addGate(Operation *product, Value gate, FloatType element) {
  OpBuilder builder(product);
  Location loc = product->getLoc();
  for (OpOperand &operand : product->getOpOperands()) {
    Value exact = operand.get();
    if (!isF32(exact))
      continue;
    std::string name = getValueName(product->getResult(0)) + "/operand_" +
                       std::to_string(operand.getOperandNumber());
    auto type = cast<RankedTensorType>(exact.getType());
    auto narrow = CastOp::create(builder, loc, type.clone(element), exact);
    setName(narrow, name + "/narrow");
    auto rounded = CastOp::create(builder, loc, type, narrow);
    setName(rounded, name + "/rounded");
    auto chosen = SelectOp::create(builder, loc, type, gate, rounded, exact);
    setName(chosen, name);
    operand.set(chosen);
  }
}

llvm::Expected<std::vector<ProductGroup>>
precision::addRoundingGates(ModuleOp module, FloatType element,
                            int64_t maxGroups) {
  std::vector<ProductGroup> groups;
  func::FuncOp entry = getEntry(module);
  if (!entry || entry.isExternal())
    return groups;
  llvm::Expected<SmallVector<Operation *>> products =
      findProducts(entry, element);
  if (!products)
    return products.takeError();
  Builder builder(module.getContext());
  auto type = RankedTensorType::get({}, builder.getI1Type());
  int64_t count = products->size(),
          numGroups = std::min<int64_t>(count, maxGroups);
  for (int64_t group = 0; group < numGroups; ++group) {
    std::string name = "gate_" + std::to_string(group);
    unsigned number = entry.getNumArguments();
    auto attributes = builder.getDictionaryAttr(
        {builder.getNamedAttr("graph.dims", builder.getArrayAttr({})),
         builder.getNamedAttr("graph.name", builder.getStringAttr(name))});
    if (failed(entry.insertArgument(number, type, attributes, entry.getLoc())))
      return llvm::createStringError("no argument can be added");
    groups.emplace_back();
    for (int64_t index = group * count / numGroups;
         index < (group + 1) * count / numGroups; ++index) {
      Operation *product = (*products)[index];
      addGate(product, entry.getArgument(number), element);
      groups.back().push_back(getValueName(product->getResult(0)));
    }
  }
  return groups;
}

void precision::setWideProducts(ModuleOp module,
                                ArrayRef<std::string> products) {
  Builder builder(module.getContext());
  SmallVector<StringRef> names(products.begin(), products.end());
  if (func::FuncOp entry = getEntry(module))
    entry->setAttr(wideProductsName, builder.getStrArrayAttr(names));
}

/// Whether the result of `product` is not stored in 16 bits: it is computed
/// together with its only reader, or with the cast to an output.
static bool isFused(Operation *product) {
  if (!product->hasOneUse())
    return false;
  Operation *reader = *product->user_begin();
  return reader->hasTrait<Elementwise>() || isa<func::ReturnOp>(reader);
}

/// Adds what computes `value` behind the products before it, and those of them
/// whose results are stored.
static void addSources(Value value, llvm::DenseSet<Operation *> &ops) {
  SmallVector<Value> pending = {value};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op || !isa<GraphDialect>(op->getDialect()) || isa<ConstantOp>(op) ||
        !isF32(next))
      continue;
    bool isProduct = getRule(op).treatment == Treatment::Narrow;
    if ((isProduct && isFused(op)) || !ops.insert(op).second || isProduct)
      continue;
    llvm::append_range(pending, op->getOperands());
  }
}

llvm::DenseSet<Operation *>
precision::getWideOperations(func::FuncOp function) {
  llvm::DenseSet<Operation *> ops;
  auto names = function->getAttrOfType<ArrayAttr>(wideProductsName);
  if (!names)
    return ops;
  llvm::StringSet<> wanted;
  for (StringAttr name : names.getAsRange<StringAttr>())
    wanted.insert(name);
  for (Operation &op : function.front()) {
    if (!isa<GraphDialect>(op.getDialect()) || op.getNumResults() != 1 ||
        getRule(&op).treatment != Treatment::Narrow ||
        !wanted.contains(getValueName(op.getResult(0))))
      continue;
    ops.insert(&op);
    for (Value operand : op.getOperands())
      addSources(operand, ops);
  }
  for (Value output : function.front().getTerminator()->getOperands())
    addSources(output, ops);
  return ops;
}
