//===- Manifest.cpp - what a compiled model says about itself -------------===//
#include "lib/Target/Manifest.h"
#include "runtime/ModuleAbi.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace cinch;
using llvm::json::OStream;

static ArrayAttr getRecords(ModuleOp module, StringRef name) {
  auto records = module->getAttrOfType<ArrayAttr>(name);
  return records ? records : ArrayAttr::get(module.getContext(), {});
}

/// Writes an attribute that is text or a number.
static void writeField(OStream &json, DictionaryAttr record, StringRef key) {
  Attribute attr = record.get(key);
  if (auto text = dyn_cast_or_null<StringAttr>(attr))
    json.attribute(key, text.getValue());
  else if (auto number = dyn_cast_or_null<IntegerAttr>(attr))
    json.attribute(key, number.getInt());
  else
    json.attribute(key, nullptr);
}

/// Writes `name` as an array of objects with the fields `keys`.
static void writeRecords(OStream &json, StringRef name, ArrayAttr records,
                         ArrayRef<StringRef> keys) {
  json.attributeArray(name, [&] {
    for (auto record : records.getAsRange<DictionaryAttr>())
      json.object([&] {
        for (StringRef key : keys)
          writeField(json, record, key);
      });
  });
}

static void writeValues(OStream &json, StringRef name, ArrayAttr records) {
  json.attributeArray(name, [&] {
    for (auto record : records.getAsRange<DictionaryAttr>())
      json.object([&] {
        writeField(json, record, "name");
        writeField(json, record, "dtype");
        json.attributeArray("dims", [&] {
          for (Attribute dim : record.getAs<ArrayAttr>("dims")) {
            if (auto text = dyn_cast<StringAttr>(dim))
              json.value(text.getValue());
            else
              json.value(cast<IntegerAttr>(dim).getInt());
          }
        });
      });
  });
}

static void writePlan(OStream &json, DictionaryAttr plan) {
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
    for (StringRef key : {"peak", "lower_bound", "method"})
      writeField(json, plan, key);
  });
}

std::string cinch::makeManifest(ModuleOp module, const ManifestInfo &info,
                                const Machine &machine,
                                const WeightsFile &weights) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OStream json(os);
  json.object([&] {
    json.attribute("abi", CINCH_MODULE_ABI_VERSION);
    json.attribute("model", info.model);
    json.attribute("target", info.target);
    json.attribute("cpu", machine.cpu);
    json.attribute("producer", info.producer);
    writeRecords(json, "symbols", getRecords(module, "exec.symbols"),
                 {"name", "min", "max", "input", "axis"});
    writeValues(json, "inputs", getRecords(module, "exec.inputs"));
    writeValues(json, "outputs", getRecords(module, "exec.outputs"));
    writeRecords(json, "states", getRecords(module, "exec.states"),
                 {"input", "output", "axis"});
    writeRecords(json, "slots", getRecords(module, "exec.slots"),
                 {"name", "bytes", "first", "last"});
    writePlan(json, module->getAttrOfType<DictionaryAttr>("exec.plan"));
    json.attribute("alignment", 64);
    if (weights.getBytes() == 0)
      json.attribute("weights", nullptr);
    else
      json.attributeObject("weights", [&] {
        if (info.weightsName.empty())
          json.attribute("file", nullptr);
        else
          json.attribute("file", info.weightsName);
        json.attribute("bytes", weights.getBytes());
        json.attribute("checksum", weights.getChecksum());
      });
    writeRecords(json, "kernels", getRecords(module, "exec.kernels"),
                 {"name", "op", "kind", "flops", "bytes"});
  });
  return text;
}

std::string cinch::makeNote(StringRef target, const Machine &machine,
                            const WeightsFile &weights) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OStream json(os);
  json.object([&] {
    json.attribute("abi", CINCH_MODULE_ABI_VERSION);
    json.attribute("target", target);
    json.attribute("cpu", machine.cpu);
    json.attributeArray("features", [&] {
      for (const std::string &feature : machine.features)
        json.value(feature);
    });
    json.attribute("weights_checksum",
                   weights.getBytes() ? weights.getChecksum() : "");
    json.attribute("weights_bytes", weights.getBytes());
  });
  return text;
}
