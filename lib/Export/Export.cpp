//===- Export.cpp - graph dialect to ONNX ---------------------------------===//
#include "lib/Export/Export.h"
#include "lib/Export/Rules.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

const RuleTable &RuleTable::get() {
  static const RuleTable table = [] {
    RuleTable table;
    addElementwiseRules(table);
    addContractionRules(table);
    addReductionRules(table);
    addMovementRules(table);
    addIndexingRules(table);
    addQuantizationRules(table);
    addRecurrentRules(table);
    addControlFlowRules(table);
    return table;
  }();
  return table;
}

const Rule *RuleTable::find(Operation *op) const {
  auto it = rules.find(op->getName().getStringRef());
  return it == rules.end() ? nullptr : &it->second;
}

/// The entry: the one function marked `graph.entry`.
static FailureOr<func::FuncOp> findEntry(ModuleOp module) {
  func::FuncOp entry;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("graph.entry"))
      entry = function;
  if (!entry)
    return module.emitError(
        "cannot be exported: no function has the attribute graph.entry");
  return entry;
}

/// Name given to argument or result `index` by `graph.name`, else a default.
static std::string getSignatureName(DictionaryAttr attributes,
                                    StringRef fallback, unsigned index) {
  if (attributes)
    if (auto name = attributes.getAs<StringAttr>("graph.name"))
      return name.str();
  return (fallback + Twine(index)).str();
}

static LogicalResult emitEntry(func::FuncOp entry, onnx::GraphProto &graph) {
  Emitter emitter(graph);
  graph.set_name(entry.getSymName().str());
  for (BlockArgument argument : entry.getArguments()) {
    DictionaryAttr attributes = entry.getArgAttrDict(argument.getArgNumber());
    std::string name =
        getSignatureName(attributes, "input", argument.getArgNumber());
    emitter.setName(argument, name);
    auto dims =
        attributes ? attributes.getAs<ArrayAttr>("graph.dims") : ArrayAttr();
    if (failed(emitter.describe(*graph.add_input(), argument, name, dims)))
      return failure();
  }

  // An output takes its signature name; a value returned twice, or an input
  // returned as it is, goes through Identity.
  Operation *terminator = entry.getBody().front().getTerminator();
  SmallVector<std::pair<unsigned, std::string>> copies;
  llvm::DenseSet<Value> named;
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    std::string name =
        getSignatureName(entry.getResultAttrDict(index), "output", index);
    bool own = operand.get().getDefiningOp() &&
               operand.get().getParentBlock() == &entry.getBody().front() &&
               !isa<graph::ConstantOp>(operand.get().getDefiningOp()) &&
               named.insert(operand.get()).second;
    if (own)
      emitter.setName(operand.get(), name);
    else
      copies.push_back({index, name});
  }
  for (auto &[index, name] : copies)
    (void)emitter.makeName(name);
  if (failed(emitter.emitBlock(entry.getBody().front())))
    return failure();
  for (auto &[index, name] : copies) {
    onnx::NodeProto &node = *graph.add_node();
    node.set_op_type("Identity");
    node.add_input(emitter.getName(terminator->getOperand(index)));
    node.add_output(name);
  }
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    std::string name =
        getSignatureName(entry.getResultAttrDict(index), "output", index);
    if (failed(emitter.describe(*graph.add_output(), operand.get(), name,
                                nullptr)))
      return failure();
  }
  return success();
}

/// The first opset that has what `module` uses of element types of few bits.
static int64_t getOpset(ModuleOp module) {
  int64_t opset = exportOpset;
  auto addType = [&](Type value) {
    Type type = getElementTypeOrSelf(value);
    if (isa<Float4E2M1FNType>(type))
      opset = std::max<int64_t>(opset, 23);
    if (isa<Float8E8M0FNUType>(type))
      opset = std::max<int64_t>(opset, 24);
    if (isa<IntegerType>(type) && type.getIntOrFloatBitWidth() == 2)
      opset = std::max<int64_t>(opset, 25);
  };
  module.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      addType(type);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Type type : block.getArgumentTypes())
          addType(type);
    auto dequantize = dyn_cast<graph::DequantizeOp>(op);
    if (dequantize && !onnx_export::hasWidenedScale(op) &&
        getElementTypeOrSelf(dequantize.getType()) !=
            getElementTypeOrSelf(dequantize.getScale().getType()))
      opset = std::max<int64_t>(opset, 23); // output_dtype
  });
  return opset;
}

LogicalResult cinch::exportOnnx(ModuleOp module, llvm::raw_ostream &output) {
  FailureOr<func::FuncOp> entry = findEntry(module);
  if (failed(entry))
    return failure();
  onnx::ModelProto model;
  int64_t version = getOpset(module);
  // ONNX pairs them: 21 with 10, 23 with 11, and so on.
  model.set_ir_version(version == exportOpset ? 10 : version - 12);
  model.set_producer_name("cinch");
  onnx::OperatorSetIdProto &opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(version);
  if (failed(emitEntry(*entry, *model.mutable_graph())))
    return failure();
  std::string bytes;
  if (!model.SerializeToString(&bytes))
    return module.emitError(
        "cannot be exported: the model does not fit in one protobuf message");
  output << bytes;
  return success();
}
