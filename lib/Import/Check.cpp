//===- Check.cpp - nodes against the standard's schemas -------------------===//
#include "lib/Import/Importer.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

/// The type a message has set, for attributes that do not say.
static int getAttributeType(const onnx::AttributeProto &attribute) {
  return attribute.type();
}

bool Importer::checkSchema(Node &node) {
  const Schema *schema = node.schema;
  if (!schema)
    return true;
  const onnx::NodeProto &proto = node.proto;
  auto fail = [&](const Twine &message) {
    report(Problem::invalid(message), &node);
    return false;
  };
  int64_t numInputs = proto.input_size(), numOutputs = proto.output_size();
  while (numInputs && proto.input(numInputs - 1).empty())
    --numInputs;
  if (numInputs < schema->minInputs || numInputs > schema->maxInputs)
    return fail("has " + Twine(numInputs) + " inputs, expected " +
                Twine(schema->minInputs) + " to " + Twine(schema->maxInputs));
  if (numOutputs < schema->minOutputs || numOutputs > schema->maxOutputs)
    return fail("has " + Twine(numOutputs) + " outputs, expected " +
                Twine(schema->minOutputs) + " to " + Twine(schema->maxOutputs));
  for (auto [index, formal] : llvm::enumerate(schema->inputs))
    if (formal.kind == Schema::Kind::single &&
        (static_cast<int>(index) >= proto.input_size() || !node.has(index)) &&
        (static_cast<int>(index) >= proto.input_size() ||
         proto.input(index).empty()))
      return fail("lacks input '" + formal.name + "'");
  if (!schema->inputs.empty() &&
      schema->inputs.back().kind == Schema::Kind::variadic)
    for (int index = static_cast<int>(schema->inputs.size()) - 1;
         index < proto.input_size(); ++index)
      if (proto.input(index).empty())
        return fail("lacks input " + Twine(index) + ", which is one of '" +
                    schema->inputs.back().name + "'");
  llvm::StringSet<> seen;
  for (const onnx::AttributeProto &attribute : proto.attribute()) {
    StringRef name = attribute.name();
    const Schema::Attribute *expected = schema->findAttribute(name);
    if (!seen.insert(name).second)
      return fail("attribute '" + name + "' is given twice");
    if (!expected)
      return fail("attribute '" + name + "' does not exist");
    int type = getAttributeType(attribute);
    if (type && type != expected->type)
      return fail("attribute '" + name + "' has the wrong type");
  }
  for (const Schema::Attribute &attribute : schema->attributes)
    if (attribute.required && !node.attribute(attribute.name))
      return fail("lacks attribute '" + attribute.name + "'");
  return true;
}

/// True if `type` (`tensor(float)`) is in the list `types`.
static bool contains(StringRef types, StringRef type) {
  SmallVector<StringRef, 16> all;
  types.split(all, ',');
  return llvm::is_contained(all, type);
}

bool Importer::checkTypes(Node &node) {
  const Schema *schema = node.schema;
  if (!schema || schema->inputs.empty())
    return true;
  llvm::StringMap<Type> variables;
  for (auto [index, input] : llvm::enumerate(node.inputs)) {
    if (!input)
      continue;
    const Schema::Input &formal =
        schema->inputs[std::min(index, schema->inputs.size() - 1)];
    Type element = node.elem(input);
    std::string type = ("tensor(" + getDataTypeName(element) + ")").str();
    StringRef allowed = formal.type;
    for (const auto &[name, types] : schema->typeVariables)
      if (name == formal.type)
        allowed = types;
    if (!contains(allowed, type)) {
      report(Problem::invalid("input '" + formal.name + "' is " + type +
                              ", expected " + allowed),
             &node);
      return false;
    }
    if (allowed == formal.type || !formal.homogeneous)
      continue;
    Type &bound = variables[formal.type];
    if (bound && bound != element) {
      report(
          Problem::invalid("input '" + formal.name + "' is " + type +
                           ", but another input of the same type is tensor(" +
                           getDataTypeName(bound) + ")"),
          &node);
      return false;
    }
    bound = element;
  }
  return true;
}
