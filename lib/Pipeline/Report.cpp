//===- Report.cpp - the report as JSON and as text ------------------------===//
#include "lib/Pipeline/Json.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using cinch::json::putOptional;
using cinch::json::putText;
using llvm::json::OStream;

static void putNames(OStream &json, StringRef key, ArrayAttr names) {
  json.attributeArray(key, [&] {
    for (auto name : names.getAsValueRange<StringAttr>())
      json.value(llvm::json::fixUTF8(name));
  });
}

static void writeSlots(OStream &json, const Report &report) {
  json.attributeArray("alive_at_peak", [&] {
    for (const Report::Slot *slot : report.aliveAtPeak)
      json.object([&] {
        putText(json, "name", slot->name);
        json.attribute("bytes", slot->bytesAtSizes.value_or(0));
      });
  });
  json.attributeArray("timeline", [&] {
    for (const Report::Moment &moment : report.timeline)
      json.object([&] {
        json.attribute("step", moment.step);
        json.attribute("live_bytes", moment.bytes);
      });
  });
  json.attributeArray("slots", [&] {
    for (const Report::Slot &slot : report.slots)
      json.object([&] {
        putText(json, "name", slot.name);
        json.attribute("bytes", slot.bytes);
        putOptional(json, "bytes_at_sizes", slot.bytesAtSizes);
        json.attribute("first", slot.first);
        json.attribute("last", slot.last);
        if (slot.offset >= 0)
          json.attribute("offset", slot.offset);
      });
  });
}

static void writeMemory(OStream &json, const Report &report) {
  json.attribute("weights_bytes", report.weightBytes);
  putOptional(json, "arena_bytes",
              report.isBounded ? report.arenaBytes : std::nullopt);
  if (report.arenaBytes) {
    json.attribute("arena_bytes_at_sizes", *report.arenaBytes);
    putOptional(json, "lower_bound_bytes", report.lowerBoundBytes);
    json.attribute("method", report.method);
    json.attribute("peak_step", report.peakStep);
  }
  writeSlots(json, report);
  if (report.counts)
    json.attributeObject("counts", [&] {
      for (NamedAttribute count : report.counts)
        json.attribute(count.getName().getValue(),
                       cast<IntegerAttr>(count.getValue()).getInt());
    });
}

static void writePasses(OStream &json, const Report &report) {
  auto putSize = [&](StringRef key, const ProgramSize &size) {
    json.attributeObject(key, [&] {
      json.attribute("operations", size.operations);
      json.attribute("constants", size.constants);
      json.attribute("constant_bytes", size.constantBytes);
    });
  };
  for (const PassRecord &record : report.info.passes)
    json.object([&] {
      json.attribute("pass", record.pass);
      putSize("before", record.before);
      putSize("after", record.after);
      json.attributeObject("counts", [&] {
        for (const auto &[name, count] : record.counts)
          json.attribute(name, count);
      });
    });
}

static void writePrecision(OStream &json, const PrecisionError &error) {
  json.attribute("type", error.precision);
  json.attribute("samples", error.samples);
  if (!error.source.empty())
    putText(json, "source", error.source);
  if (error.goal > 0)
    json.attribute("goal", error.goal);
  auto putError = [&](StringRef key, double value) {
    if (std::isfinite(value))
      json.attribute(key, value);
    else
      json.attribute(key, nullptr);
  };
  json.attributeArray("outputs", [&] {
    for (const OutputError &output : error.outputs)
      json.object([&] {
        putText(json, "name", output.name);
        putError("max_error", output.maxError);
        putError("rms_error", output.rmsError);
      });
  });
  json.attributeArray("kept", [&] {
    for (const KeptValue &value : error.kept)
      json.object([&] {
        putText(json, "name", value.name);
        putText(json, "reason", value.reason);
      });
  });
}

static void writeKernel(OStream &json, const Report::Kernel &kernel) {
  putText(json, "name", kernel.name);
  json.attribute("op", kernel.op);
  json.attribute("kind", kernel.kind);
  json::putKernelCode(json, kernel);
  json.attribute("step", kernel.step);
  json.attribute("flops", kernel.flops);
  putOptional(json, "flops_at_sizes", kernel.flopsAtSizes);
  json.attribute("bytes", kernel.bytes);
  putOptional(json, "bytes_at_sizes", kernel.bytesAtSizes);
  putNames(json, "inputs", kernel.inputs);
  putNames(json, "values", kernel.values);
}

void cinch::writeJsonReport(const Report &report, llvm::raw_ostream &os) {
  OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    putText(json, "model", report.info.model);
    json.attribute("cpu", report.info.cpu);
    if (!report.info.chip.empty())
      json.attribute("gpu", report.info.chip);
    json.attribute("pipeline", report.info.pipeline);
    json.attributeObject("sizes", [&] {
      for (const Report::Size &size : report.sizes)
        putOptional(json, size.name, size.value);
    });
    json.attributeArray("kernels", [&] {
      for (const Report::Kernel &kernel : report.kernels)
        json.object([&] { writeKernel(json, kernel); });
    });
    json.attributeObject("memory", [&] { writeMemory(json, report); });
    json.attributeArray("passes", [&] { writePasses(json, report); });
    if (report.info.precision)
      json.attributeObject(
          "precision", [&] { writePrecision(json, *report.info.precision); });
    if (report.info.quantization)
      json.attributeObject("quantization", [&] {
        json::putQuantization(json, *report.info.quantization);
      });
  });
  os << "\n";
}

static void writeTextMemory(const Report &report, llvm::raw_ostream &os) {
  os << "  arena        " << *report.arenaBytes << " bytes\n  lower bound  "
     << *report.lowerBoundBytes << " bytes";
  if (*report.lowerBoundBytes > 0)
    os << " (plan is "
       << llvm::format("%.3f", static_cast<double>(*report.arenaBytes) /
                                   *report.lowerBoundBytes)
       << "x)";
  os << "\n  method       " << report.method << "\n\nAlive at the peak (step "
     << report.peakStep << ")\n";
  for (const Report::Slot *slot : report.aliveAtPeak)
    os << llvm::format("  %14lld  ",
                       static_cast<long long>(slot->bytesAtSizes.value_or(0)))
       << slot->name << "\n";
  os << "\nTimeline (step: live bytes)\n";
  for (const Report::Moment &moment : report.timeline)
    os << "  " << moment.step << ": " << moment.bytes << "\n";
}

void cinch::writeTextReport(const Report &report, llvm::raw_ostream &os) {
  os << "model " << report.info.model << ", cpu " << report.info.cpu
     << ", pipeline " << report.info.pipeline << "\n\nMemory\n  weights      "
     << report.weightBytes << " bytes\n";
  if (!report.isBounded)
    os << "  arena        planned when a size arrives: the sizes have no upper "
          "bound\n";
  if (!report.isBounded && report.arenaBytes) {
    os << "  sizes        assumed below:";
    for (const Report::Size &size : report.sizes)
      os << " " << size.name << "=" << size.value;
    os << "\n";
  }
  if (report.arenaBytes)
    writeTextMemory(report, os);
  if (!report.isBounded) {
    os << "\nSlots (bytes, steps)\n";
    for (const Report::Slot &slot : report.slots)
      os << "  " << slot.name << ": " << slot.bytes << ", " << slot.first
         << " to " << slot.last << "\n";
  }
  os << "\nKernels (" << report.kernels.size()
     << "): name, operators, kind, FLOPs, bytes\n";
  for (const Report::Kernel &kernel : report.kernels)
    os << "  " << kernel.name << ", " << kernel.op << ", " << kernel.kind
       << ", " << kernel.flops << ", " << kernel.bytes << "\n";
  if (!report.functions.empty()) {
    os << "\nKernels of the GPU " << report.info.chip << "\n";
    writeKernelReport(report, ".txt", os);
  }
  os << "\nPasses: operations, constants, bytes of constants before -> after\n";
  for (const PassRecord &record : report.info.passes) {
    os << "  " << record.pass << ": " << record.before.operations << " -> "
       << record.after.operations << ", " << record.before.constants << " -> "
       << record.after.constants << ", " << record.before.constantBytes
       << " -> " << record.after.constantBytes;
    for (const auto &[name, count] : record.counts)
      os << ", " << name << " " << count;
    os << "\n";
  }
  if (report.info.quantization)
    writeQuantizationText(*report.info.quantization, os);
  if (!report.info.precision)
    return;
  os << "\nErrors of " << report.info.precision->precision << " against f32 on "
     << report.info.precision->samples << " sets of inputs ("
     << (report.info.precision->source.empty()
             ? "random"
             : StringRef(report.info.precision->source))
     << "): largest / largest value, norm / norm\n";
  for (const OutputError &output : report.info.precision->outputs)
    os << "  " << output.name << ": "
       << llvm::format("%.2e, %.2e\n", output.maxError, output.rmsError);
  os << "\nValues that stay in f32\n";
  for (const KeptValue &value : report.info.precision->kept)
    os << "  " << value.name << ": " << value.reason << "\n";
}

void cinch::writeReport(const Report &report, StringRef extension,
                        llvm::raw_ostream &os) {
  if (extension == ".json")
    writeJsonReport(report, os);
  else if (extension == ".html")
    writeHtmlReport(report, os);
  else
    writeTextReport(report, os);
}
