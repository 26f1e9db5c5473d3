//===- DeviceReport.cpp - how the kernels of a GPU are computed -----------===//
#include "lib/Pipeline/DeviceReport.h"
#include "dialects/Exec/Exec.h"
#include "lib/Target/DeviceCode.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace cinch;

static StringRef getText(DictionaryAttr record, StringRef key) {
  auto text = record.getAs<StringAttr>(key);
  return text ? text.getValue() : "";
}

static ArrayAttr getFunctions(ModuleOp module) {
  auto list = module->getAttrOfType<ArrayAttr>(exec::deviceFunctionsAttrName);
  return list ? list : ArrayAttr::get(module.getContext(), {});
}

std::vector<DeviceFunction> cinch::collectDeviceFunctions(
    ModuleOp module, StringRef chip,
    ArrayRef<std::pair<std::string, FunctionResources>> resources) {
  StringRef ptx = getPtx(module);
  const Multiprocessor *processor = getMultiprocessor(chip);
  std::vector<DeviceFunction> result;
  for (auto fields : getFunctions(module).getAsRange<DictionaryAttr>()) {
    DeviceFunction function;
    function.name = getText(fields, "name");
    function.record = fields.getAs<DictionaryAttr>("record");
    function.schedule = getText(function.record, "schedule");
    function.reason = getText(function.record, "reason");
    function.isFallback = function.record.contains("fallback");
    function.matrixOps = getText(function.record, "matrix_count");
    function.loadBytes = getText(function.record, "load_bytes");
    function.storeBytes = getText(function.record, "store_bytes");
    function.threads = fields.getAs<IntegerAttr>("threads").getInt();
    function.dynamicSharedBytes =
        fields.getAs<IntegerAttr>("shared_bytes").getInt();
    for (const auto &[name, used] : resources)
      if (name == function.name)
        function.resources = used;
    function.staticSharedBytes = function.resources
                                     ? function.resources->sharedBytes
                                     : getStaticSharedBytes(ptx, function.name);
    if (processor && function.resources)
      function.occupancy = getOccupancy(
          *processor, function.threads, function.resources->registers,
          function.dynamicSharedBytes + function.staticSharedBytes);
    result.push_back(function);
  }
  return result;
}

std::string cinch::describeFallbacks(ModuleOp module, size_t maxNamed) {
  // By device function: why it is a fallback, and the kernels that it computes.
  llvm::MapVector<StringRef, std::pair<StringRef, std::string>> fallbacks;
  for (auto fields : getFunctions(module).getAsRange<DictionaryAttr>())
    if (auto record = fields.getAs<DictionaryAttr>("record");
        record.contains("fallback"))
      fallbacks[getText(fields, "name")].first = getText(record, "reason");
  auto kernels = module->getAttrOfType<ArrayAttr>("exec.kernels");
  if (fallbacks.empty() || !kernels)
    return "";
  size_t count = 0;
  for (auto kernel : kernels.getAsRange<DictionaryAttr>()) {
    auto fallback = fallbacks.find(getText(kernel, "function"));
    if (fallback == fallbacks.end() || ++count > maxNamed)
      continue;
    std::string &names = fallback->second.second;
    names +=
        (names.empty() ? "'" : ", '") + getText(kernel, "name").str() + "'";
  }
  std::string text = std::to_string(count) +
                     (count == 1 ? " kernel has" : " kernels have") +
                     " no schedule for the GPU: ";
  StringRef separator;
  for (const auto &[function, fallback] : fallbacks) {
    const auto &[reason, names] = fallback;
    if (names.empty())
      continue;
    text += separator.str() + names + " (" + reason.str() + ")";
    separator = "; ";
  }
  if (count > maxNamed)
    text += "; and " + std::to_string(count - maxNamed) + " more";
  return text;
}
