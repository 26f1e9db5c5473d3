//===- KernelReport.cpp - the kernels, as text and as JSON
//------------------===//
#include "lib/Pipeline/Json.h"
#include "lib/Pipeline/Report.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace cinch;
using llvm::json::OStream;

using Row = SmallVector<std::string>;

/// Prints `rows`, the first of which has the headings, in columns.
static void printTable(ArrayRef<Row> rows, llvm::raw_ostream &os) {
  SmallVector<size_t> widths(rows.front().size(), 0);
  for (const Row &row : rows)
    for (auto [width, cell] : llvm::zip(widths, row))
      width = std::max(width, cell.size());
  for (const Row &row : rows) {
    for (auto [index, cell] : llvm::enumerate(row)) {
      os << (index ? "  " : "") << cell;
      if (index + 1 < row.size())
        os.indent(widths[index] - cell.size());
    }
    os << "\n";
  }
}

static std::string orDash(StringRef text) {
  return text.empty() ? "-" : text.str();
}

static Row describeDevice(const DeviceFunction &function) {
  Row row = {function.name.str(), function.schedule.str(),
             std::to_string(function.threads),
             std::to_string(function.dynamicSharedBytes) + "+" +
                 std::to_string(function.staticSharedBytes)};
  if (function.resources)
    row.append({std::to_string(function.resources->registers),
                std::to_string(function.resources->spillBytes)});
  else
    row.append({"-", "-"});
  row.push_back(function.occupancy
                    ? llvm::formatv("{0} ({1:F0} %)",
                                    function.occupancy->blocks,
                                    100 * function.occupancy->share)
                          .str()
                    : "-");
  row.append(
      {orDash(function.matrixOps), orDash(function.loadBytes),
       orDash(function.storeBytes),
       (function.isFallback ? "fallback: " : "") + function.reason.str()});
  return row;
}

static std::string describeGrain(std::optional<int64_t> grain) {
  if (!grain)
    return "-";
  return *grain ? std::to_string(*grain) : "by FLOPs";
}

static void writeTable(const Report &report, llvm::raw_ostream &os) {
  std::vector<Row> rows;
  if (report.info.chip.empty())
    rows.push_back({"kernel", "operators", "function", "kind", "grain"});
  else
    rows.push_back({"kernel", "operators", "function", "schedule", "threads",
                    "shared", "registers", "spills", "blocks (occupancy)",
                    "matrix ops", "load bytes", "store bytes", "why"});
  for (const Report::Kernel &kernel : report.kernels) {
    Row row = {kernel.name.str(), kernel.op.str()};
    if (kernel.device)
      row.append(describeDevice(*kernel.device));
    else
      row.append({kernel.function.str(), kernel.kind.str(),
                  describeGrain(kernel.grain)});
    row.resize(rows.front().size());
    rows.push_back(std::move(row));
  }
  printTable(rows, os);
}

/// Writes an attribute of a record under its name.
static void writeField(OStream &json, NamedAttribute field) {
  StringRef key = field.getName().getValue();
  if (auto text = dyn_cast<StringAttr>(field.getValue()))
    json::putText(json, key, text.getValue());
  else if (auto number = dyn_cast<IntegerAttr>(field.getValue()))
    json.attribute(key, number.getInt());
  else if (isa<UnitAttr>(field.getValue()))
    json.attribute(key, true);
  else if (auto record = dyn_cast<DictionaryAttr>(field.getValue()))
    json.attributeObject(key, [&] {
      for (NamedAttribute part : record)
        writeField(json, part);
    });
}

static void writeDevice(OStream &json, const DeviceFunction &function) {
  json.attribute("threads", function.threads);
  json.attribute("dynamic_shared_bytes", function.dynamicSharedBytes);
  json.attribute("static_shared_bytes", function.staticSharedBytes);
  if (const auto &used = function.resources) {
    json.attribute("registers", used->registers);
    json.attribute("spill_bytes", used->spillBytes);
    json.attribute("stack_bytes", used->stackBytes);
  } else {
    for (StringRef key : {"registers", "spill_bytes", "stack_bytes"})
      json.attribute(key, nullptr);
  }
  if (const auto &occupancy = function.occupancy)
    json.attributeObject("occupancy", [&] {
      json.attribute("blocks", occupancy->blocks);
      json.attribute("share", occupancy->share);
      json.attribute("limit", occupancy->limit);
    });
  else
    json.attribute("occupancy", nullptr);
  json.attributeObject("record", [&] {
    for (NamedAttribute field : function.record)
      writeField(json, field);
  });
}

void cinch::json::putKernelCode(OStream &json, const Report::Kernel &kernel) {
  json.attribute("function", kernel.function);
  if (kernel.device)
    json.attributeObject("gpu", [&] { writeDevice(json, *kernel.device); });
  else
    putOptional(json, "grain", kernel.grain);
}

static void writeJson(const Report &report, llvm::raw_ostream &os) {
  OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    json::putText(json, "model", report.info.model);
    json.attribute("cpu", report.info.cpu);
    if (!report.info.chip.empty())
      json.attribute("gpu", report.info.chip);
    json.attributeArray("kernels", [&] {
      for (const Report::Kernel &kernel : report.kernels)
        json.object([&] {
          json::putText(json, "name", kernel.name);
          json.attribute("op", kernel.op);
          json.attribute("kind", kernel.kind);
          json::putKernelCode(json, kernel);
        });
    });
  });
  os << "\n";
}

void cinch::writeKernelReport(const Report &report, StringRef extension,
                              llvm::raw_ostream &os) {
  if (extension == ".json")
    writeJson(report, os);
  else
    writeTable(report, os);
}
