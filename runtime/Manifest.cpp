//===- Manifest.cpp - signature, plan and kernels of a compiled model -----===//
//
// The manifest is data of a file that may be damaged, so nothing in it is
// believed: what this parser accepts is safe to index with.
//
//===----------------------------------------------------------------------===//
#include "runtime/Manifest.h"

#include "runtime/Json.h"
#include "runtime/ModuleAbi.h"

#include <algorithm>
#include <set>

using namespace cinch::rt;
using cinch::plan::Expr;
using cinch::plan::Interval;

namespace {

/// Parses one manifest; the first failure is kept in `error`.
class Parser {
public:
  Parser(Manifest &manifest) : manifest(manifest) {}
  bool parse(const JsonValue &root);
  std::string error;

private:
  bool parseSymbols(const JsonValue &array);
  bool parseValues(const JsonValue &array, const char *what,
                   std::vector<Value> &values);
  bool parseDims(JsonObject &object, const JsonValue &array, Value &value);
  bool parseStates(const JsonValue &array);
  bool parseSlots(const JsonValue &array);
  bool parsePlan(JsonObject &manifestObject);
  bool parseWeights(const JsonValue &value);
  bool parseKernels(const JsonValue &array);
  bool checkSymbols();
  bool getExpr(JsonObject &object, const char *name, Expr &out);
  bool checkExpr(JsonObject &object, const char *name, const Expr &expression);
  const Symbol *findSymbol(std::string_view name) const;

  bool take(const JsonObject &object) {
    error = object.error();
    return false;
  }

  Manifest &manifest;
  std::set<std::string> symbolNames;
};

} // namespace

static bool isIdentifier(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9'))
    return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
  });
}

const Symbol *Parser::findSymbol(std::string_view name) const {
  for (const Symbol &symbol : manifest.symbols)
    if (symbol.name == name)
      return &symbol;
  return nullptr;
}

bool Parser::checkExpr(JsonObject &object, const char *name,
                       const Expr &expression) {
  for (const std::string &symbol : expression.symbols())
    if (!symbolNames.count(symbol))
      return object.setError(name, "unknown symbol '" + symbol + "'");
  return true;
}

/// Reads an integer or the text of an expression.
static bool toExpr(const JsonValue &value, Expr &out) {
  if (value.IsInt64()) {
    out = Expr(value.GetInt64());
    return true;
  }
  if (!value.IsString())
    return false;
  std::optional<Expr> parsed =
      Expr::parse(std::string_view(value.GetString(), value.GetStringLength()));
  if (!parsed)
    return false;
  out = *parsed;
  return true;
}

bool Parser::getExpr(JsonObject &object, const char *name, Expr &out) {
  const JsonValue *value = object.get(name);
  if (!value)
    return take(object);
  if (!toExpr(*value, out)) {
    object.setError(name, "expected an integer or an expression");
    return take(object);
  }
  return checkExpr(object, name, out) || take(object);
}

bool Parser::parseSymbols(const JsonValue &array) {
  for (const JsonValue &element : array.GetArray()) {
    JsonObject object(element, "manifest.symbols[" +
                                   std::to_string(manifest.symbols.size()) +
                                   "]");
    Symbol symbol;
    int64_t input, axis;
    if (!object.getString("name", symbol.name) ||
        !object.getInt("min", symbol.min, 0, INT64_MAX) ||
        !object.getInt("input", input, 0, INT32_MAX) ||
        !object.getInt("axis", axis, 0, CINCH_MAX_RANK - 1))
      return take(object);
    const JsonValue *max = object.get("max");
    if (!max)
      return take(object);
    if (!max->IsNull() &&
        !object.getInt("max", symbol.max, symbol.min, INT64_MAX))
      return take(object);
    symbol.input = static_cast<int32_t>(input);
    symbol.axis = static_cast<int32_t>(axis);
    if (!isIdentifier(symbol.name) || !symbolNames.insert(symbol.name).second) {
      object.setError("name", "expected a unique identifier");
      return take(object);
    }
    manifest.symbols.push_back(std::move(symbol));
  }
  return true;
}

bool Parser::parseDims(JsonObject &object, const JsonValue &array,
                       Value &value) {
  if (array.Size() > CINCH_MAX_RANK)
    return object.setError("dims", "rank above 32");
  for (const JsonValue &element : array.GetArray()) {
    Expr dim;
    if (!toExpr(element, dim))
      return object.setError("dims", "expected integers and expressions");
    if (dim.asConstant() && *dim.asConstant() < 0)
      return object.setError("dims", "negative dimension");
    if (!checkExpr(object, "dims", dim))
      return false;
    value.dims.push_back(dim);
    value.dimTexts.push_back(dim.str());
    value.dimSymbols.push_back(dim.asSymbol().value_or(""));
  }
  return true;
}

bool Parser::parseValues(const JsonValue &array, const char *what,
                         std::vector<Value> &values) {
  std::set<std::string> names;
  for (const JsonValue &element : array.GetArray()) {
    JsonObject object(element, std::string("manifest.") + what + "[" +
                                   std::to_string(values.size()) + "]");
    Value value;
    std::string dtype;
    const JsonValue *dims;
    if (!object.getString("name", value.name) ||
        !object.getString("dtype", dtype) || !(dims = object.getArray("dims")))
      return take(object);
    value.dtype = dtypeFromName(dtype.c_str());
    if (value.dtype < 0) {
      object.setError("dtype", "unknown type '" + dtype + "'");
      return take(object);
    }
    if (value.name.empty() || !names.insert(value.name).second) {
      object.setError("name", "expected a unique name");
      return take(object);
    }
    if (!parseDims(object, *dims, value))
      return take(object);
    values.push_back(std::move(value));
  }
  // The addresses of the texts are final only now.
  for (Value &value : values)
    for (size_t axis = 0; axis < value.dims.size(); ++axis) {
      Interval range = value.dims[axis].bounds([&](std::string_view name) {
        const Symbol *symbol = findSymbol(name);
        Interval bounds;
        bounds.low = symbol->min;
        if (symbol->max >= 0)
          bounds.high = symbol->max;
        return bounds;
      });
      const std::string &symbol = value.dimSymbols[axis];
      value.dimInfos.push_back(
          {value.dimTexts[axis].c_str(),
           symbol.empty() ? nullptr : symbol.c_str(),
           std::max<int64_t>(range.low.value_or(0), 0),
           std::max<int64_t>(range.high.value_or(-1), -1)});
    }
  return true;
}

bool Parser::checkSymbols() {
  for (const Symbol &symbol : manifest.symbols) {
    bool bound =
        size_t(symbol.input) < manifest.inputs.size() &&
        size_t(symbol.axis) < manifest.inputs[symbol.input].dims.size() &&
        manifest.inputs[symbol.input].dimSymbols[symbol.axis] == symbol.name;
    if (!bound) {
      error = "manifest.symbols: '" + symbol.name +
              "' is not the dimension of an input that it names";
      return false;
    }
  }
  return true;
}

bool Parser::parseStates(const JsonValue &array) {
  for (const JsonValue &element : array.GetArray()) {
    JsonObject object(element, "manifest.states[" +
                                   std::to_string(manifest.states.size()) +
                                   "]");
    int64_t input, output, axis;
    if (!object.getInt("input", input, 0, INT32_MAX) ||
        !object.getInt("output", output, 0, INT32_MAX) ||
        !object.getInt("axis", axis, 0, CINCH_MAX_RANK - 1))
      return take(object);
    bool isPair = size_t(input) < manifest.inputs.size() &&
                  size_t(output) < manifest.outputs.size() &&
                  manifest.inputs[input].state < 0 &&
                  manifest.outputs[output].state < 0;
    if (isPair) {
      const Value &past = manifest.inputs[input];
      const Value &present = manifest.outputs[output];
      isPair = past.dtype == present.dtype && !isPacked(past.dtype) &&
               past.dims.size() == present.dims.size() &&
               size_t(axis) < past.dims.size();
      for (size_t dim = 0; isPair && dim < past.dims.size(); ++dim)
        isPair = dim == size_t(axis) || past.dims[dim] == present.dims[dim];
    }
    if (!isPair) {
      object.setError("output", "expected an input and an output that differ "
                                "in the rows, and are in no other state");
      return take(object);
    }
    manifest.inputs[input].state = manifest.outputs[output].state =
        static_cast<int32_t>(manifest.states.size());
    manifest.states.push_back({static_cast<int32_t>(input),
                               static_cast<int32_t>(output),
                               static_cast<int32_t>(axis)});
  }
  return true;
}

bool Parser::parseSlots(const JsonValue &array) {
  for (const JsonValue &element : array.GetArray()) {
    JsonObject object(element, "manifest.slots[" +
                                   std::to_string(manifest.slots.size()) + "]");
    Slot slot;
    if (!object.getString("name", slot.name) ||
        !object.getInt("first", slot.first, 0, INT32_MAX) ||
        !object.getInt("last", slot.last, slot.first, INT32_MAX))
      return take(object);
    if (!getExpr(object, "bytes", slot.bytes))
      return false;
    manifest.slots.push_back(std::move(slot));
  }
  return true;
}

bool Parser::parsePlan(JsonObject &manifestObject) {
  if (!manifestObject.getInt("alignment", manifest.alignment, 1, 4096))
    return take(manifestObject);
  if (manifest.alignment & (manifest.alignment - 1)) {
    manifestObject.setError("alignment", "expected a power of two");
    return take(manifestObject);
  }
  const JsonValue *value = manifestObject.getObjectOrNull("plan");
  if (!value)
    return take(manifestObject);
  if (value->IsNull())
    return true;
  JsonObject object(*value, "manifest.plan");
  cinch::plan::Plan plan;
  const JsonValue *offsets = object.getArray("offsets");
  if (!offsets || !object.getInt("peak", plan.peak, 0, INT64_MAX) ||
      !object.getInt("lower_bound", plan.lowerBound, 0, INT64_MAX) ||
      !object.getString("method", plan.method))
    return take(object);
  for (const JsonValue &offset : offsets->GetArray()) {
    if (!offset.IsInt64() || offset.GetInt64() < 0 ||
        offset.GetInt64() > plan.peak ||
        offset.GetInt64() % manifest.alignment != 0) {
      object.setError("offsets", "expected aligned offsets below the peak");
      return take(object);
    }
    plan.offsets.push_back(offset.GetInt64());
  }
  if (plan.offsets.size() != manifest.slots.size()) {
    object.setError("offsets", "expected one offset per slot");
    return take(object);
  }
  manifest.plan = std::move(plan);
  return true;
}

bool Parser::parseWeights(const JsonValue &value) {
  if (value.IsNull())
    return true;
  JsonObject object(value, "manifest.weights");
  auto file = value.FindMember("file");
  bool isEmbedded = file != value.MemberEnd() && file->value.IsNull();
  if ((!isEmbedded && !object.getString("file", manifest.weightsFile)) ||
      !object.getInt("bytes", manifest.weightsBytes, 0, INT64_MAX) ||
      !object.getString("checksum", manifest.weightsChecksum))
    return take(object);
  if ((manifest.weightsFile.empty() && !isEmbedded) ||
      manifest.weightsFile.find('/') != std::string::npos) {
    object.setError("file", "expected a file name without a folder");
    return take(object);
  }
  manifest.hasWeights = true;
  return true;
}

bool Parser::parseKernels(const JsonValue &array) {
  for (const JsonValue &element : array.GetArray()) {
    JsonObject object(element, "manifest.kernels[" +
                                   std::to_string(manifest.kernels.size()) +
                                   "]");
    Kernel kernel;
    if (!object.getString("name", kernel.name) ||
        !object.getString("op", kernel.op) ||
        !object.getString("kind", kernel.kind))
      return take(object);
    if (!getExpr(object, "flops", kernel.flops) ||
        !getExpr(object, "bytes", kernel.bytes))
      return false;
    manifest.kernels.push_back(std::move(kernel));
  }
  return true;
}

bool Parser::parse(const JsonValue &root) {
  JsonObject object(root, "manifest");
  int64_t abi;
  if (!object.getInt("abi", abi, CINCH_MODULE_ABI_VERSION,
                     CINCH_MODULE_ABI_VERSION) ||
      !object.getString("model", manifest.model) ||
      !object.getString("target", manifest.target) ||
      !object.getString("cpu", manifest.cpu) ||
      !object.getString("producer", manifest.producer))
    return take(object);
  const JsonValue *symbols = object.getArray("symbols");
  const JsonValue *inputs = symbols ? object.getArray("inputs") : nullptr;
  const JsonValue *outputs = inputs ? object.getArray("outputs") : nullptr;
  const JsonValue *states = outputs ? object.getArray("states") : nullptr;
  const JsonValue *slots = states ? object.getArray("slots") : nullptr;
  const JsonValue *kernels = slots ? object.getArray("kernels") : nullptr;
  const JsonValue *weights =
      kernels ? object.getObjectOrNull("weights") : nullptr;
  if (!weights)
    return take(object);
  return parseSymbols(*symbols) &&
         parseValues(*inputs, "inputs", manifest.inputs) &&
         parseValues(*outputs, "outputs", manifest.outputs) && checkSymbols() &&
         parseStates(*states) && parseSlots(*slots) && parsePlan(object) &&
         parseWeights(*weights) && parseKernels(*kernels);
}

cinch_status_t Manifest::parse(const char *path, std::string_view text) {
  JsonDocument document;
  std::string error;
  if (!parseJson(text, document, error))
    return fail(CINCH_ERROR_FORMAT, "%s: manifest is not JSON: %s", path,
                error.c_str());
  Parser parser(*this);
  if (!parser.parse(document))
    return fail(CINCH_ERROR_FORMAT, "%s: %s", path, parser.error.c_str());
  return CINCH_OK;
}

std::optional<int64_t> Manifest::evaluate(const Expr &expression,
                                          const int64_t *values) const {
  return expression.evaluate([&](std::string_view name) {
    for (size_t index = 0; index < symbols.size(); ++index)
      if (symbols[index].name == name)
        return std::optional<int64_t>(values[index]);
    return std::optional<int64_t>();
  });
}
