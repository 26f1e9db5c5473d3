//===- Schemas.cpp - the ONNX standard's operator records -----------------===//
#include "lib/Import/Schemas.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace cinch::import;
using llvm::SmallVector;
using llvm::StringRef;

extern const char cinchOnnxSchemas[];
extern const unsigned long cinchOnnxSchemasSize;
extern const char cinchOnnxFunctions[];
extern const unsigned long cinchOnnxFunctionsSize;

const Schema::Attribute *Schema::findAttribute(StringRef name) const {
  const Attribute *found = llvm::find_if(
      attributes, [&](const Attribute &a) { return a.name == name; });
  return found == attributes.end() ? nullptr : found;
}

static int64_t toInt(StringRef text) {
  int64_t value = 0;
  text.getAsInteger(10, value);
  return value;
}

SchemaTable::SchemaTable() {
  Schema *schema = nullptr;
  for (StringRef line :
       llvm::split(StringRef(cinchOnnxSchemas, cinchOnnxSchemasSize), '\n')) {
    SmallVector<StringRef, 8> words;
    line.split(words, ' ');
    switch (line.empty() ? '\0' : line[0]) {
    case 'V':
      newest = toInt(words[1]);
      break;
    case 'O': {
      Schema record;
      record.name = words[1];
      record.since = toInt(words[2]);
      record.deprecated = toInt(words[3]);
      record.minInputs = toInt(words[4]);
      record.maxInputs = toInt(words[5]);
      record.minOutputs = toInt(words[6]);
      record.maxOutputs = toInt(words[7]);
      schema = &schemas[record.name].emplace_back(std::move(record));
      break;
    }
    case 'I':
      schema->inputs.push_back({words[1],
                                words[2] == "optional" ? Schema::Kind::optional
                                : words[2] == "variadic"
                                    ? Schema::Kind::variadic
                                    : Schema::Kind::single,
                                toInt(words[3]) != 0, words[4]});
      break;
    case 'A':
      schema->attributes.push_back(
          {words[1], static_cast<int>(toInt(words[2])), toInt(words[3]) != 0});
      break;
    case 'T':
      schema->typeVariables.push_back({words[1], words[2]});
      break;
    default:
      break;
    }
  }
  for (auto &entry : schemas)
    llvm::sort(entry.second, [](const Schema &a, const Schema &b) {
      return a.since < b.since;
    });
  functions.ParseFromArray(cinchOnnxFunctions,
                           static_cast<int>(cinchOnnxFunctionsSize));
}

const SchemaTable &SchemaTable::get() {
  static const SchemaTable table;
  return table;
}

const Schema *SchemaTable::find(StringRef name, int64_t opset) const {
  auto found = schemas.find(name);
  const Schema *best = nullptr;
  if (found != schemas.end())
    for (const Schema &schema : found->second)
      if (schema.since <= opset)
        best = &schema;
  return best;
}

int64_t SchemaTable::getFirstOpset(StringRef name) const {
  auto found = schemas.find(name);
  return found == schemas.end() ? 0 : found->second.front().since;
}

const onnx::FunctionProto *SchemaTable::findFunction(const Schema &schema,
                                                     int64_t opset) const {
  const onnx::FunctionProto *best = nullptr;
  for (const onnx::FunctionProto &function : functions.functions()) {
    auto [since, version] = StringRef(function.overload()).split('@');
    if (function.name() == schema.name && toInt(since) == schema.since &&
        toInt(version) <= opset)
      best = &function;
  }
  return best;
}
