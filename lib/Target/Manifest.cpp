//===- Manifest.cpp - what a binary says about itself
//--------------------------===//
#include "lib/Target/Manifest.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "runtime/ModuleAbi.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace cinch;
using llvm::json::OStream;

/// Slots start at multiples of this many bytes.
static constexpr int64_t arenaAlignment = 64;

static int64_t getInt(DictionaryAttr record, StringRef key) {
  return record.getAs<IntegerAttr>(key).getInt();
}

static StringRef getText(DictionaryAttr record, StringRef key) {
  return record.getAs<StringAttr>(key).getValue();
}

static void writeTexts(OStream &json, DictionaryAttr record,
                       ArrayRef<StringRef> keys) {
  for (StringRef key : keys)
    json.attribute(key, getText(record, key));
}

/// Writes the array `key` of objects from the module attribute `attribute`.
static void writeRecords(OStream &json, ModuleOp module, StringRef key,
                         StringRef attribute,
                         llvm::function_ref<void(DictionaryAttr)> writeFields) {
  json.attributeArray(key, [&] {
    for (auto record : module->getAttrOfType<ArrayAttr>(attribute)
                           .getAsRange<DictionaryAttr>())
      json.object([&] { writeFields(record); });
  });
}

static void writeValue(OStream &json, DictionaryAttr record) {
  writeTexts(json, record, {"name", "dtype"});
  json.attributeArray("dims", [&] {
    for (Attribute dim : record.getAs<ArrayAttr>("dims")) {
      if (auto text = dyn_cast<StringAttr>(dim))
        json.value(text.getValue());
      else
        json.value(cast<IntegerAttr>(dim).getInt());
    }
  });
}

static void writeSymbol(OStream &json, DictionaryAttr record) {
  json.attribute("name", getText(record, "name"));
  json.attribute("min", getInt(record, "min"));
  if (auto max = record.getAs<IntegerAttr>("max"))
    json.attribute("max", max.getInt());
  else
    json.attribute("max", nullptr);
  json.attribute("input", getInt(record, "input"));
  json.attribute("axis", getInt(record, "axis"));
}

static void writePlan(OStream &json, ModuleOp module) {
  auto plan = module->getAttrOfType<DictionaryAttr>("exec.plan");
  if (!plan) {
    json.attribute("plan", nullptr);
    return;
  }
  json.attributeObject("plan", [&] {
    json.attributeArray("offsets", [&] {
      for (int64_t offset :
           plan.getAs<DenseI64ArrayAttr>("offsets").asArrayRef())
        json.value(offset);
    });
    json.attribute("peak", getInt(plan, "peak"));
    json.attribute("lower_bound", getInt(plan, "lower_bound"));
    json.attribute("method", getText(plan, "method"));
  });
}

static void writeWeights(OStream &json, const BinaryInfo &info) {
  if (!info.weights) {
    json.attribute("weights", nullptr);
    return;
  }
  json.attributeObject("weights", [&] {
    json.attribute("file", info.weightsFile);
    json.attribute("bytes", info.weights->bytes);
    json.attribute("checksum", info.weights->checksum);
  });
}

std::string cinch::makeManifest(ModuleOp module, const Cpu &cpu,
                                const BinaryInfo &info) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OStream json(os);
  json.object([&] {
    json.attribute("abi", CINCH_MODULE_ABI_VERSION);
    json.attribute("model", info.modelName);
    json.attribute("target", "cpu");
    json.attribute("cpu", cpu.name);
    json.attribute("producer", CINCH_PRODUCER);
    writeRecords(json, module, "symbols", "exec.symbols",
                 [&](DictionaryAttr record) { writeSymbol(json, record); });
    for (StringRef key : {"inputs", "outputs"})
      writeRecords(json, module, key, ("exec." + key).str(),
                   [&](DictionaryAttr record) { writeValue(json, record); });
    writeRecords(json, module, "slots", "exec.slots",
                 [&](DictionaryAttr record) {
                   writeTexts(json, record, {"name", "bytes"});
                   json.attribute("first", getInt(record, "first"));
                   json.attribute("last", getInt(record, "last"));
                 });
    writePlan(json, module);
    json.attribute("alignment", arenaAlignment);
    writeWeights(json, info);
    writeRecords(
        json, module, "kernels", "exec.kernels", [&](DictionaryAttr record) {
          writeTexts(json, record, {"name", "op", "kind", "flops", "bytes"});
        });
  });
  os.flush();
  return text;
}

std::string cinch::makeNote(const Cpu &cpu, const BinaryInfo &info) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OStream json(os);
  json.object([&] {
    json.attribute("abi", CINCH_MODULE_ABI_VERSION);
    json.attribute("target", "cpu");
    json.attribute("cpu", cpu.name);
    json.attributeArray("features", [&] {
      for (const std::string &feature : cpu.features)
        json.value(feature);
    });
    json.attribute("weights_checksum",
                   info.weights ? info.weights->checksum : "");
    json.attribute("weights_bytes", info.weights ? info.weights->bytes : 0);
  });
  os.flush();
  return text;
}
