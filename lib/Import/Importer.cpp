//===- Importer.cpp - from the model to a function ------------------------===//
#include "lib/Import/Importer.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

constexpr int64_t oldestOpset = 7;

Importer::Importer(StringRef path, ArrayRef<char> bytes,
                   const onnx::ModelProto &model, MLIRContext &context,
                   const ImportOptions &options)
    : builder(&context), tensors(path, bytes, &context), path(path),
      model(model), options(options) {}

const Scope::Entry *Scope::find(StringRef name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    if (auto found = scope->entries.find(name); found != scope->entries.end())
      return &found->second;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

std::string Importer::describe(Value value) const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto type = cast<RankedTensorType>(value.getType());
  if (const graph::ValueShape *shape = inference.get(value))
    stream << graph::toString(shape->dims) << ' ';
  stream << getDataTypeName(type.getElementType());
  return text;
}

void Importer::report(const Problem &problem, const Node *node) {
  constexpr size_t maxProblems = 1000;
  Problem complete = problem;
  if (node) {
    const onnx::NodeProto &proto = node->proto;
    std::string text;
    llvm::raw_string_ostream stream(text);
    StringRef name =
        proto.name().empty() ? StringRef(nodeName) : StringRef(proto.name());
    stream << "node '" << name << "' (" << proto.op_type() << ", domain '"
           << (proto.domain().empty() ? "ai.onnx" : proto.domain())
           << "', opset " << node->opset << ")";
    if (!node->inputs.empty()) {
      stream << " of ";
      llvm::interleaveComma(node->inputs, stream, [&](Value input) {
        stream << (input ? describe(input) : "none");
      });
    }
    stream << ": " << problem.message;
    complete.message = text;
  }
  for (const Problem &known : problems)
    if (known.message == complete.message)
      return;
  if (problems.size() < maxProblems)
    problems.push_back(complete);
}

ImportResult Importer::emitProblems() {
  Location location = FileLineColLoc::get(getContext(), path, 0, 0);
  size_t numInvalid = llvm::count_if(
      problems, [](const Problem &problem) { return !problem.unsupported; });
  for (const Problem &problem : problems)
    if (!problem.unsupported)
      emitError(location) << problem.message;
  size_t numUnsupported = problems.size() - numInvalid;
  if (numUnsupported) {
    InFlightDiagnostic diagnostic = emitError(location);
    diagnostic << (numInvalid ? "model also uses" : "model is valid but uses")
               << " what is not supported (" << numUnsupported
               << (numUnsupported == 1 ? " place)" : " places)");
    for (const Problem &problem : problems)
      if (problem.unsupported)
        diagnostic.attachNote() << problem.message;
  }
  return {numInvalid ? ImportStatus::invalid : ImportStatus::unsupported, {}};
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::string Importer::makeUnique(StringRef name) {
  if (usedNames.insert(name).second)
    return name.str();
  for (unsigned &i = nameCounters[name];;) {
    std::string candidate = (name + "_" + Twine(++i)).str();
    if (usedNames.insert(candidate).second)
      return candidate;
  }
}

void Importer::setNames(Operation *op, ArrayRef<std::string> names) {
  SmallVector<StringRef> views(names.begin(), names.end());
  op->setAttr("names", builder.getStrArrayAttr(views));
  if (!names.empty())
    op->setLoc(NameLoc::get(builder.getStringAttr(names[0])));
}

std::string Importer::getDisplayName(StringRef name) {
  if (auto found = scope->displayNames.find(name);
      found != scope->displayNames.end())
    return found->second;
  if (!scope->outer && scope->prefix.empty())
    return name.str(); // reserved from the start
  return makeUnique(scope->prefix + name.str());
}

void Importer::nameValue(Value value, StringRef name) {
  auto result = dyn_cast<OpResult>(value);
  auto names = result ? result.getOwner()->getAttrOfType<ArrayAttr>("names")
                      : ArrayAttr();
  if (!names)
    return;
  SmallVector<std::string> all;
  for (Attribute each : names)
    all.push_back(cast<StringAttr>(each).str());
  all[result.getResultNumber()] = name.str();
  setNames(result.getOwner(), all);
}

bool Importer::define(StringRef name, Value value, const Node *node) {
  if (scope->entries.try_emplace(name, Scope::Entry{value}).second) {
    if (value)
      checkDeclared(name, value, node);
    return true;
  }
  report(Problem::invalid("value '" + name + "' is defined twice"), node);
  return false;
}

Value Importer::makeConstant(TypedAttr value, StringRef name) {
  auto op = graph::ConstantOp::create(builder,
                                      NameLoc::get(builder.getStringAttr(name)),
                                      value.getType(), value);
  setNames(op, name.str());
  if (failed(inference.infer(op)))
    return {};
  return op.getResult();
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

static std::string getFunctionKey(StringRef domain, StringRef name,
                                  StringRef overload) {
  return ((domain == "ai.onnx" ? "" : domain) + ":" + name + ":" + overload)
      .str();
}

const onnx::FunctionProto *
Importer::findFunction(const onnx::NodeProto &node) const {
  return functions.lookup(
      getFunctionKey(node.domain(), node.op_type(), node.overload()));
}

bool Importer::checkModel() {
  int64_t newest = SchemaTable::get().getNewestOpset();
  if (!model.has_graph() ||
      (model.graph().node_size() == 0 && model.graph().output_size() == 0))
    report(Problem::invalid("not an ONNX model: it has no graph"));
  else if (model.graph().output_size() == 0)
    report(Problem::invalid("the graph has no outputs"));
  if (!model.has_ir_version() || model.ir_version() < 1)
    report(Problem::invalid("model has no IR version"));
  else if (model.ir_version() > onnx::IR_VERSION)
    report(Problem::notSupported("IR version " + Twine(model.ir_version()) +
                                 " (at most " + Twine(int(onnx::IR_VERSION)) +
                                 "; convert the model)"));
  for (const auto &opset : model.opset_import()) {
    StringRef domain =
        opset.domain() == "ai.onnx" ? "" : StringRef(opset.domain());
    if (!modelOpsets.try_emplace(domain, opset.version()).second &&
        modelOpsets[domain] != opset.version())
      report(Problem::invalid("opset of domain '" + domain +
                              "' is imported twice"));
  }
  if (model.ir_version() < 3 && modelOpsets.empty())
    modelOpsets[""] = 1;
  auto standard = modelOpsets.find("");
  if (standard == modelOpsets.end() && model.graph().node_size())
    modelOpsets[""] = modelOpsets.empty() ? 1 : newest;
  standard = modelOpsets.find("");
  if (standard != modelOpsets.end() &&
      (standard->second < oldestOpset || standard->second > newest))
    report(Problem::notSupported(
        "opset " + Twine(standard->second) + " of domain 'ai.onnx' (" +
        Twine(oldestOpset) + " to " + Twine(newest) +
        "; convert the model with onnx.version_converter)"));
  for (const auto &function : model.functions())
    if (!functions
             .try_emplace(getFunctionKey(function.domain(), function.name(),
                                         function.overload()),
                          &function)
             .second)
      report(Problem::invalid("function '" + Twine(function.name()) +
                              "' is defined twice"));
  if (model.training_info_size())
    emitRemark(FileLineColLoc::get(getContext(), path, 0, 0))
        << "training information is left out";
  return problems.empty();
}

ImportResult Importer::run() {
  if (!checkModel())
    return emitProblems();
  const onnx::GraphProto &graph = model.graph();
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(FileLineColLoc::get(getContext(), path, 0, 0));
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, module->getLoc(), "main",
                                       builder.getFunctionType({}, {}));
  function->setAttr("graph.entry", builder.getUnitAttr());
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToEnd(entry);

  Scope top;
  top.opsets = &modelOpsets;
  scope = &top;
  for (const auto &node : graph.node())
    for (const std::string &output : node.output())
      usedNames.insert(output);
  for (const auto &input : graph.input())
    usedNames.insert(input.name());
  for (const auto &initializer : graph.initializer())
    usedNames.insert(initializer.name());
  bool done = importInputs(graph, function) && importBody(graph) &&
              finish(function, graph);
  if (!done || !problems.empty())
    return emitProblems();
  return {ImportStatus::success, std::move(module)};
}

bool Importer::finish(func::FuncOp function, const onnx::GraphProto &graph) {
  std::optional<SmallVector<Value>> outputs = getOutputs(graph);
  if (!outputs)
    return false;
  func::ReturnOp::create(builder, function.getLoc(), *outputs);
  function.setType(builder.getFunctionType(function.getArgumentTypes(),
                                           ValueRange(*outputs).getTypes()));
  for (auto [index, output] : llvm::enumerate(graph.output())) {
    function.setResultAttr(index, "graph.name",
                           builder.getStringAttr(output.name()));
    warnOfDims(output, (*outputs)[index]);
  }
  SmallVector<Attribute> records;
  for (const Symbol &symbol : symbols) {
    if (symbol.pinned)
      continue;
    NamedAttrList record;
    record.append("name", builder.getStringAttr(symbol.name));
    record.append("min", builder.getI64IntegerAttr(symbol.bound.min));
    if (symbol.bound.max)
      record.append("max", builder.getI64IntegerAttr(*symbol.bound.max));
    if (symbol.original != symbol.name)
      record.append("original", builder.getStringAttr(symbol.original));
    records.push_back(record.getDictionary(getContext()));
  }
  function->setAttr("graph.symbols", builder.getArrayAttr(records));
  return true;
}

std::optional<SmallVector<Value>>
Importer::getOutputs(const onnx::GraphProto &graph) {
  SmallVector<Value> outputs;
  llvm::StringSet<> seen;
  bool ok = true;
  for (const auto &output : graph.output()) {
    const Scope::Entry *entry = scope->find(output.name());
    if (!seen.insert(output.name()).second) {
      report(Problem::invalid("output '" + Twine(output.name()) +
                              "' is listed twice"));
      ok = false;
    } else if (!entry || (!entry->value && entry->optionalEmpty)) {
      report(Problem::invalid("output '" + Twine(output.name()) +
                              "' is computed by no node"));
      ok = false;
    } else if (!entry->value) {
      ok = false; // reported at its node
    } else {
      outputs.push_back(entry->value);
    }
  }
  if (!ok)
    return std::nullopt;
  return outputs;
}
