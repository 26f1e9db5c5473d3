//===- Plan.cpp - which values are stored in few bits, and how ------------===//
#include "passes/Quantize/Plan.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::quantize;
namespace json = llvm::json;

static constexpr llvm::StringLiteral versionKey = "cinch_quantization_plan",
                                     valuesKey = "values", noFormat = "none";
static constexpr int64_t version = 1;

static StringRef getName(Granularity granularity) {
  switch (granularity) {
  case Granularity::Tensor:
    return "tensor";
  case Granularity::Channel:
    return "channel";
  case Granularity::Token:
    return "token";
  case Granularity::Group:
    return "group";
  }
  return "";
}

static std::optional<Granularity> parseGranularity(StringRef name) {
  for (Granularity granularity : {Granularity::Tensor, Granularity::Channel,
                                  Granularity::Token, Granularity::Group})
    if (::getName(granularity) == name)
      return granularity;
  return std::nullopt;
}

/// One entry as JSON, which attributes are made of and read through, too.
static json::Object toJson(const ValuePlan &value) {
  json::Object object;
  object["format"] =
      value.format ? StringRef(value.format->name) : StringRef(noFormat);
  object["reason"] = value.reason;
  if (value.others)
    object["others"] = toJson(*value.others);
  if (!value.format)
    return object;
  object["granularity"] = ::getName(value.granularity);
  object["method"] = quantize::getName(value.method);
  object["symmetric"] = value.isSymmetric;
  object["dynamic"] = value.isDynamic;
  if (value.scales != ScaleFormat::F32)
    object["scales"] = quantize::getName(value.scales);
  if (value.granularity == Granularity::Group)
    object["group"] = value.group;
  return object;
}

static llvm::Expected<ValuePlan> fromJson(const json::Object &object);

/// The member `others`; null if it is none.
static std::shared_ptr<const ValuePlan> parseOthers(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  llvm::Expected<ValuePlan> plan =
      object ? fromJson(*object) : llvm::createStringError("is no object");
  if (!plan) {
    llvm::consumeError(plan.takeError());
    return nullptr;
  }
  bool fits = plan->format && !plan->format->isForWeights() &&
              !plan->format->isLogarithmic && !plan->isDynamic &&
              !plan->others && plan->scales == ScaleFormat::F32 &&
              (plan->granularity == Granularity::Tensor ||
               plan->granularity == Granularity::Channel);
  return fits ? std::make_shared<ValuePlan>(*plan) : nullptr;
}

/// Sets one member of an entry; false if its value is none of this member.
static bool setMember(StringRef key, const json::Value &value,
                      ValuePlan &plan) {
  auto text = value.getAsString();
  if (key == "format" && text) {
    plan.format = Format::find(*text);
    return plan.format || *text == noFormat;
  }
  if (key == "reason" && text) {
    plan.reason = text->str();
    return true;
  }
  if (key == "others") {
    plan.others = parseOthers(value);
    return plan.others != nullptr;
  }
  if (key == "granularity" && text) {
    auto granularity = parseGranularity(*text);
    plan.granularity = granularity.value_or(plan.granularity);
    return granularity.has_value();
  }
  if (key == "method" && text) {
    auto method = parseMethod(*text);
    plan.method = method.value_or(plan.method);
    return method.has_value();
  }
  if (key == "scales" && text) {
    auto scales = parseScaleFormat(*text);
    plan.scales = scales.value_or(plan.scales);
    return scales.has_value();
  }
  if (key == "group") {
    plan.group = value.getAsInteger().value_or(0);
    return plan.group > 0;
  }
  if ((key == "symmetric" || key == "dynamic") && value.getAsBoolean()) {
    (key == "dynamic" ? plan.isDynamic : plan.isSymmetric) =
        *value.getAsBoolean();
    return true;
  }
  return false;
}

static llvm::Expected<ValuePlan> fromJson(const json::Object &object) {
  ValuePlan plan;
  if (!object.get("format"))
    return llvm::createStringError("has no format");
  for (const auto &[key, value] : object)
    if (!setMember(key, value, plan)) {
      std::string text;
      llvm::raw_string_ostream(text) << value;
      return llvm::createStringError("has " + StringRef(key) + " " + text +
                                     ", which is not known");
    }
  if (plan.format && plan.granularity == Granularity::Group && plan.group == 0)
    return llvm::createStringError("has no size of its groups");
  return plan;
}

/// What can be read of `attribute` as JSON; null for others.
static json::Value toJson(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.getValue();
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  auto members = dyn_cast<DictionaryAttr>(attribute);
  if (!members)
    return nullptr;
  json::Object object;
  for (NamedAttribute member : members)
    object[member.getName().getValue()] = toJson(member.getValue());
  return object;
}

static Attribute toAttribute(Builder &builder, const json::Value &value) {
  if (auto text = value.getAsString())
    return builder.getStringAttr(*text);
  if (auto flag = value.getAsBoolean())
    return builder.getBoolAttr(*flag);
  if (auto number = value.getAsInteger())
    return builder.getI64IntegerAttr(*number);
  SmallVector<NamedAttribute> members;
  for (const auto &[key, member] : *value.getAsObject())
    members.push_back(
        builder.getNamedAttr(StringRef(key), toAttribute(builder, member)));
  return builder.getDictionaryAttr(members);
}

llvm::Expected<QuantizationPlan> QuantizationPlan::get(func::FuncOp function) {
  QuantizationPlan plan;
  auto dictionary = function->getAttrOfType<DictionaryAttr>(attributeName);
  if (!dictionary)
    return plan;
  for (NamedAttribute entry : dictionary) {
    std::string name = entry.getName().str();
    json::Value members = ::toJson(entry.getValue());
    if (!members.getAsObject())
      return llvm::createStringError("plan: '" + name + "' is no dictionary");
    llvm::Expected<ValuePlan> value = fromJson(*members.getAsObject());
    if (!value)
      return llvm::createStringError("plan: '" + name + "' " +
                                     llvm::toString(value.takeError()));
    plan.values[name] = std::move(*value);
  }
  return plan;
}

void QuantizationPlan::set(func::FuncOp function) const {
  Builder builder(function.getContext());
  SmallVector<NamedAttribute> entries;
  for (const auto &[name, value] : values)
    entries.push_back(
        builder.getNamedAttr(name, toAttribute(builder, toJson(value))));
  function->setAttr(attributeName, builder.getDictionaryAttr(entries));
}

static llvm::Expected<QuantizationPlan> parse(StringRef text) {
  llvm::Expected<json::Value> parsed = json::parse(text);
  if (!parsed)
    return parsed.takeError();
  const json::Object *object = parsed->getAsObject();
  const json::Object *values = object ? object->getObject(valuesKey) : nullptr;
  if (!values || object->getInteger(versionKey) != version)
    return llvm::createStringError("expected a quantization plan with " +
                                   versionKey + " " + Twine(version) + " and " +
                                   valuesKey);
  QuantizationPlan plan;
  for (const auto &[key, value] : *values) {
    std::string name = StringRef(key).str();
    const json::Object *entry = value.getAsObject();
    if (!entry)
      return llvm::createStringError("'" + name + "' is no object");
    llvm::Expected<ValuePlan> valuePlan = fromJson(*entry);
    if (!valuePlan)
      return llvm::createStringError("'" + name + "' " +
                                     llvm::toString(valuePlan.takeError()));
    plan.values[name] = std::move(*valuePlan);
  }
  return plan;
}

llvm::Expected<QuantizationPlan> QuantizationPlan::read(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  llvm::Expected<QuantizationPlan> plan = parse((*buffer)->getBuffer());
  if (!plan)
    return llvm::createStringError(path + ": " +
                                   llvm::toString(plan.takeError()));
  return plan;
}

llvm::Error QuantizationPlan::write(StringRef path) const {
  json::Object entries;
  for (const auto &[name, value] : values)
    entries[name] = toJson(value);
  json::Object file;
  file[versionKey] = version;
  file[valuesKey] = std::move(entries);
  auto print = [&](llvm::raw_ostream &os) {
    os << llvm::formatv("{0:2}\n", json::Value(std::move(file)));
    return llvm::Error::success();
  };
  if (llvm::Error error = llvm::writeToOutput(path, print))
    return llvm::createStringError(path + ": " +
                                   llvm::toString(std::move(error)));
  return llvm::Error::success();
}

const ValuePlan *QuantizationPlan::find(StringRef name) const {
  auto entry = values.find(name.str());
  return entry == values.end() ? nullptr : &entry->second;
}

bool QuantizationPlan::chooses(StringRef name) const {
  const ValuePlan *value = find(name);
  return value && value->format;
}
