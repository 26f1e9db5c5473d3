//===- Body.cpp - the nodes of a graph ------------------------------------===//
#include "lib/Import/Importer.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

/// Bounds what inlining may grow a small model to.
constexpr size_t maxNodes = 4'000'000;
constexpr unsigned maxCallDepth = 64;

namespace {
/// The scope of the body of `function`, called by `node`.
struct FunctionScope {
  FunctionScope(const Node &node, const onnx::FunctionProto &function) {
    for (const onnx::AttributeProto &attribute : function.attribute_proto())
      attributes[attribute.name()] = &attribute;
    for (const std::string &name : function.attribute())
      attributes[name] = nullptr;
    for (auto &entry : attributes)
      if (const onnx::AttributeProto *given = node.attribute(entry.first()))
        entry.second = given;
    for (const auto &opset : function.opset_import())
      opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] =
          opset.version();
    scope.prefix = node.importer.nodeName + "/";
    scope.attributes = &attributes;
    scope.opsets = &opsets;
  }
  llvm::StringMap<const onnx::AttributeProto *> attributes;
  llvm::StringMap<int64_t> opsets;
  Scope scope;
};
} // namespace

bool Importer::importBody(const onnx::GraphProto &graph) {
  declareTypes(graph);
  bool ok = true;
  for (const onnx::TensorProto &initializer : graph.initializer()) {
    Problem problem;
    TypedAttr value = initializer.name().empty()
                          ? TypedAttr()
                          : tensors.read(initializer, problem);
    if (initializer.name().empty())
      problem = Problem::invalid("an initializer has no name");
    Value constant =
        value ? makeConstant(value, getDisplayName(initializer.name()))
              : Value();
    if (!value)
      report(problem);
    ok &= constant && define(initializer.name(), constant, nullptr);
    if (!constant)
      scope->entries.try_emplace(initializer.name());
  }
  for (const auto &sparse : graph.sparse_initializer()) {
    report(Problem::notSupported("initializer '" + sparse.values().name() +
                                 "' is sparse (store it dense)"));
    scope->entries.try_emplace(sparse.values().name());
    ok = false;
  }
  return importNodes(graph.node()) && ok;
}

bool Importer::importNodes(
    const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes) {
  llvm::StringSet<> produced;
  for (const onnx::NodeProto &node : nodes)
    for (const std::string &output : node.output())
      produced.insert(output);
  std::swap(produced, producedLater);
  llvm::scope_exit restore([&] { std::swap(produced, producedLater); });
  bool ok = true;
  for (const onnx::NodeProto &node : nodes) {
    ok &= importNode(node);
    if (numNodes > maxNodes)
      return false;
  }
  return ok;
}

bool Importer::importNode(const onnx::NodeProto &proto) {
  if (++numNodes > maxNodes) {
    report(Problem::notSupported("functions expand to over " + Twine(maxNodes) +
                                 " nodes"));
    return false;
  }
  std::string outerName = nodeName;
  llvm::scope_exit restore([&] { nodeName = outerName; });
  const onnx::FunctionProto *function = findFunction(proto);
  StringRef domain =
      proto.domain() == "ai.onnx" ? "" : StringRef(proto.domain());
  auto imported = scope->opsets->find(domain);
  int64_t opset = imported == scope->opsets->end() ? 0 : imported->second;
  const Schema *schema = function || !domain.empty()
                             ? nullptr
                             : SchemaTable::get().find(proto.op_type(), opset);

  std::string firstOutput = proto.op_type();
  for (const std::string &output : proto.output())
    if (!output.empty()) {
      firstOutput = output;
      break;
    }
  if (auto given = scope->displayNames.find(firstOutput);
      given != scope->displayNames.end())
    nodeName = given->second;
  else
    nodeName = scope->prefix + firstOutput;
  Node node(*this, proto, schema, opset);
  auto fail = [&](const Problem &problem) {
    report(problem, &node);
    checkBodies(node, nullptr);
    poisonOutputs(proto);
    return false;
  };

  bool poisoned = false;
  if (!resolveInputs(node, poisoned)) {
    poisonOutputs(proto);
    return false;
  }
  // What does not exist here is reported whatever the inputs are.
  std::string key =
      domain.empty() ? proto.op_type() : (domain + ":" + proto.op_type()).str();
  Rule rule = function ? nullptr : getRules().lookup(key);
  bool isStandard = false;
  if (!function) {
    if (imported == scope->opsets->end())
      return fail(Problem::invalid("no opset of domain '" +
                                   (domain.empty() ? "ai.onnx" : domain) +
                                   "' is imported"));
    if (!domain.empty() && !rule)
      return fail(
          Problem::notSupported("operator of another domain (only ai.onnx, "
                                "functions of the model and "
                                "MatMulNBits of com.microsoft are supported)"));
    if (!schema && domain.empty()) {
      int64_t first = SchemaTable::get().getFirstOpset(proto.op_type());
      return fail(first ? Problem::invalid("operator exists from opset " +
                                           Twine(first) + " on")
                        : Problem::notSupported(
                              "operator does not exist in domain 'ai.onnx' up "
                              "to opset " +
                              Twine(SchemaTable::get().getNewestOpset()) +
                              " (use operators that do, or add a function of "
                              "this name to the model)"));
    }
    if (schema && schema->deprecated && !rule)
      return fail(Problem::invalid("operator is deprecated since opset " +
                                   Twine(schema->since)));
    static const llvm::StringMap<StringRef> refusals = [] {
      llvm::StringMap<StringRef> reasons;
      addRefusals(reasons);
      return reasons;
    }();
    if (!rule) {
      function = SchemaTable::get().findFunction(*schema, opset);
      isStandard = function != nullptr;
    }
    if (!rule && !function) {
      StringRef reason = refusals.lookup(proto.op_type());
      return fail(Problem::notSupported(
          reason.empty() ? "operator is not supported (express it with others)"
                         : reason));
    }
  }
  if (!checkSchema(node) || poisoned || !checkTypes(node)) {
    checkBodies(node, isStandard ? nullptr : function);
    poisonOutputs(proto);
    return false;
  }
  bool ok =
      rule ? runRule(node, rule) : inlineFunction(node, *function, isStandard);
  if (ok && !node.failed && bindOutputs(node))
    return true;
  poisonOutputs(proto);
  return false;
}

bool Importer::resolveInputs(Node &node, bool &poisoned) {
  bool ok = true;
  std::vector<std::string> missing;
  for (const std::string &name : node.proto.input()) {
    const Scope::Entry *entry = name.empty() ? nullptr : scope->find(name);
    node.inputs.push_back(entry ? entry->value : Value());
    if (entry && !entry->value && !entry->optionalEmpty)
      poisoned = true;
    if (!name.empty() && !entry)
      missing.push_back(name);
  }
  for (const std::string &name : missing) {
    ok = false;
    report(Problem::invalid(producedLater.contains(name)
                                ? "input '" + name +
                                      "' is made by this or a later node (a "
                                      "cycle, or nodes that are not "
                                      "in topological order)"
                                : "input '" + name +
                                      "' is not an input, an initializer or "
                                      "the output of a node"),
           &node);
  }
  return ok;
}

bool Importer::runRule(Node &node, Rule rule) {
  std::string text;
  bool onlyUnsupported = true;
  LogicalResult result = failure();
  {
    ScopedDiagnosticHandler handler(getContext(), [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure();
      onlyUnsupported &= isUnsupported(diagnostic);
      llvm::raw_string_ostream(text)
          << (text.empty() ? "" : "; ") << diagnostic;
      return success();
    });
    result = rule(node);
  }
  if (!text.empty())
    report(onlyUnsupported
               ? Problem::notSupported(
                     text + " (make it a constant or pin the dimension)")
               : Problem::invalid(text),
           &node);
  return succeeded(result);
}

bool Importer::inlineFunction(Node &node, const onnx::FunctionProto &function,
                              bool isStandard) {
  if (callDepth >= maxCallDepth) {
    report(Problem::invalid("functions call each other more than " +
                            Twine(maxCallDepth) + " deep"),
           &node);
    return false;
  }
  if (node.proto.input_size() > function.input_size() ||
      node.proto.output_size() > function.output_size()) {
    report(Problem::invalid("function has " + Twine(function.input_size()) +
                            " inputs and " + Twine(function.output_size()) +
                            " outputs"),
           &node);
    return false;
  }
  FunctionScope call(node, function);
  Scope &body = call.scope;
  for (int i = 0; i < function.input_size(); ++i)
    body.entries[function.input(i)] = {node.in(i),
                                       /*optionalEmpty=*/!node.has(i)};
  for (int i = 0; i < function.output_size(); ++i)
    if (node.wants(i) && !body.entries.count(function.output(i)))
      body.displayNames[function.output(i)] =
          getDisplayName(node.proto.output(i));
  for (const onnx::ValueInfoProto &info : function.value_info())
    if (info.has_type())
      body.declared[info.name()] = &info.type();

  Scope *caller = std::exchange(scope, &body);
  ++callDepth;
  bool ok = importNodes(function.node());
  --callDepth;
  scope = caller;
  for (int i = 0; ok && i < node.proto.output_size(); ++i) {
    auto found = body.entries.find(function.output(i));
    if (node.wants(i) &&
        (found == body.entries.end() || !found->second.value)) {
      report(Problem::invalid("function does not compute its output '" +
                              function.output(i) + "'"),
             &node);
      return false;
    }
    node.outputs.push_back(node.wants(i) ? found->second.value : Value());
  }
  node.inlined = true;
  return ok;
}

bool Importer::bindOutputs(Node &node) {
  for (int i = 0; i < node.proto.output_size(); ++i) {
    if (!node.wants(i))
      continue;
    Value value =
        i < static_cast<int>(node.outputs.size()) ? node.outputs[i] : Value();
    if (!value) {
      report(Problem::notSupported("output " + Twine(i) + " ('" +
                                   node.proto.output(i) +
                                   "') is not supported"),
             &node);
      return false;
    }
    if (!node.inlined && node.created.erase(value))
      nameValue(value, getDisplayName(node.proto.output(i)));
    if (!define(node.proto.output(i), value, &node))
      return false;
  }
  return true;
}

/// A node that cannot be imported may hold others: what is wrong with these by
/// themselves is found with inputs of which nothing is known.
void Importer::checkBodies(const Node &node,
                           const onnx::FunctionProto *function) {
  auto check = [&](Scope &body, llvm::function_ref<void()> import) {
    Scope *outer = std::exchange(scope, &body);
    std::string name = nodeName;
    ++callDepth;
    if (callDepth < maxCallDepth)
      import();
    --callDepth;
    nodeName = name;
    scope = outer;
  };
  auto checkGraph = [&](const onnx::GraphProto &graph) {
    Scope body;
    body.outer = scope;
    body.prefix = scope->prefix;
    body.attributes = scope->attributes;
    body.opsets = scope->opsets;
    for (const onnx::ValueInfoProto &input : graph.input())
      body.entries.try_emplace(input.name());
    check(body, [&] { (void)importBody(graph); });
  };
  for (const onnx::AttributeProto &attribute : node.proto.attribute()) {
    if (attribute.has_g())
      checkGraph(attribute.g());
    for (const onnx::GraphProto &graph : attribute.graphs())
      checkGraph(graph);
  }
  if (!function)
    return;
  FunctionScope call(node, *function);
  Scope &body = call.scope;
  for (const std::string &input : function->input())
    body.entries.try_emplace(input);
  check(body, [&] { (void)importNodes(function->node()); });
}

void Importer::poisonOutputs(const onnx::NodeProto &proto) {
  for (const std::string &output : proto.output())
    if (!output.empty())
      scope->entries.try_emplace(output);
}
