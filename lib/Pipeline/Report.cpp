//===- Report.cpp - what was compiled, and what it needs
//--------------------------===//
#include "lib/Pipeline/Report.h"
#include "runtime/Plan/Expr.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace cinch;
using llvm::json::OStream;
using plan::Expr;

namespace {

struct Kernel {
  StringRef name, op, kind, flops, bytes;
};
struct Slot {
  StringRef name, bytes;
  std::optional<int64_t> maximum; ///< bytes at the bounds
  int64_t first, last;
};
/// Live bytes from this step to the next entry.
struct Moment {
  int64_t step, bytes;
};

/// Everything both forms print.
struct Report {
  SmallVector<Kernel> kernels;
  SmallVector<Slot> slots;
  SmallVector<Moment> timeline;
  SmallVector<const Slot *> aliveAtPeak;
  int64_t peakStep = 0;
  DictionaryAttr plan, counts;
  int64_t weightBytes = 0;

  explicit Report(ModuleOp module);

private:
  void addTimeline();
};

} // namespace

static StringRef getText(DictionaryAttr record, StringRef key) {
  auto text = record.getAs<StringAttr>(key);
  return text ? text.getValue() : "";
}

static int64_t getNumber(DictionaryAttr record, StringRef key) {
  auto number = record.getAs<IntegerAttr>(key);
  return number ? number.getInt() : 0;
}

/// Largest value over the bounds of the symbols of `module`.
static std::optional<int64_t> getMaximum(ModuleOp module, StringRef text) {
  std::optional<Expr> expr = Expr::parse(std::string_view(text));
  auto symbols = module->getAttrOfType<ArrayAttr>("exec.symbols");
  if (!expr)
    return std::nullopt;
  return expr
      ->bounds([&](std::string_view name) {
        plan::Interval range;
        if (symbols)
          for (auto symbol : symbols.getAsRange<DictionaryAttr>())
            if (getText(symbol, "name") == StringRef(name)) {
              range.low = getNumber(symbol, "min");
              if (symbol.get("max"))
                range.high = getNumber(symbol, "max");
            }
        return range;
      })
      .high;
}

Report::Report(ModuleOp module) {
  auto getRecords = [&](StringRef name) {
    auto records = module->getAttrOfType<ArrayAttr>(name);
    return records ? records : ArrayAttr::get(module.getContext(), {});
  };
  for (auto record : getRecords("exec.kernels").getAsRange<DictionaryAttr>())
    kernels.push_back({getText(record, "name"), getText(record, "op"),
                       getText(record, "kind"), getText(record, "flops"),
                       getText(record, "bytes")});
  for (auto record : getRecords("exec.slots").getAsRange<DictionaryAttr>())
    slots.push_back({getText(record, "name"), getText(record, "bytes"),
                     getMaximum(module, getText(record, "bytes")),
                     getNumber(record, "first"), getNumber(record, "last")});
  plan = module->getAttrOfType<DictionaryAttr>("exec.plan");
  counts = module->getAttrOfType<DictionaryAttr>("exec.plan_report");
  if (auto bytes = module->getAttrOfType<IntegerAttr>("exec.weight_bytes"))
    weightBytes = bytes.getInt();
  if (plan)
    addTimeline();
}

void Report::addTimeline() {
  SmallVector<int64_t> steps;
  for (const Slot &slot : slots) {
    steps.push_back(slot.first);
    steps.push_back(slot.last + 1);
  }
  llvm::sort(steps);
  steps.erase(llvm::unique(steps), steps.end());
  int64_t worst = -1;
  for (int64_t step : steps) {
    int64_t live = 0;
    for (const Slot &slot : slots)
      if (slot.first <= step && step <= slot.last)
        live += std::max<int64_t>(slot.maximum.value_or(0), 0);
    timeline.push_back({step, live});
    if (live > worst)
      worst = live, peakStep = step;
  }
  for (const Slot &slot : slots)
    if (slot.first <= peakStep && peakStep <= slot.last)
      aliveAtPeak.push_back(&slot);
  llvm::stable_sort(aliveAtPeak, [](const Slot *a, const Slot *b) {
    return a->maximum.value_or(0) > b->maximum.value_or(0);
  });
}

static void writeMemory(OStream &json, const Report &report) {
  json.attribute("weights_bytes", report.weightBytes);
  if (!report.plan) {
    json.attribute("arena_bytes", nullptr);
  } else {
    json.attribute("arena_bytes", getNumber(report.plan, "peak"));
    json.attribute("lower_bound_bytes", getNumber(report.plan, "lower_bound"));
    json.attribute("method", getText(report.plan, "method"));
    json.attribute("peak_step", report.peakStep);
  }
  json.attributeArray("alive_at_peak", [&] {
    for (const Slot *slot : report.aliveAtPeak)
      json.object([&] {
        json.attribute("name", slot->name);
        json.attribute("bytes", slot->maximum.value_or(0));
      });
  });
  json.attributeArray("timeline", [&] {
    for (const Moment &moment : report.timeline)
      json.object([&] {
        json.attribute("step", moment.step);
        json.attribute("live_bytes", moment.bytes);
      });
  });
  json.attributeArray("slots", [&] {
    for (const Slot &slot : report.slots)
      json.object([&] {
        json.attribute("name", slot.name);
        json.attribute("bytes", slot.bytes);
        json.attribute("first", slot.first);
        json.attribute("last", slot.last);
      });
  });
  if (report.counts)
    json.attributeObject("counts", [&] {
      for (NamedAttribute count : report.counts)
        json.attribute(count.getName().getValue(),
                       cast<IntegerAttr>(count.getValue()).getInt());
    });
}

void cinch::writeJsonReport(ModuleOp module, const ReportInfo &info,
                            llvm::raw_ostream &os) {
  Report report(module);
  OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    json.attribute("model", info.model);
    json.attribute("cpu", info.cpu);
    json.attribute("pipeline", info.pipeline);
    json.attributeArray("kernels", [&] {
      for (const Kernel &kernel : report.kernels)
        json.object([&] {
          json.attribute("name", kernel.name);
          json.attribute("op", kernel.op);
          json.attribute("kind", kernel.kind);
          json.attribute("flops", kernel.flops);
          json.attribute("bytes", kernel.bytes);
        });
    });
    json.attributeObject("memory", [&] { writeMemory(json, report); });
  });
  os << "\n";
}

void cinch::writeTextReport(ModuleOp module, const ReportInfo &info,
                            llvm::raw_ostream &os) {
  Report report(module);
  os << "model " << info.model << ", cpu " << info.cpu << ", pipeline "
     << info.pipeline << "\n\nMemory\n  weights      " << report.weightBytes
     << " bytes\n";
  if (report.plan) {
    int64_t peak = getNumber(report.plan, "peak");
    int64_t bound = getNumber(report.plan, "lower_bound");
    os << "  arena        " << peak << " bytes\n  lower bound  " << bound
       << " bytes";
    if (bound > 0)
      os << " (plan is "
         << llvm::format("%.3f", static_cast<double>(peak) / bound) << "x)";
    os << "\n  method       " << getText(report.plan, "method")
       << "\n\nAlive at the peak (step " << report.peakStep << ")\n";
    for (const Slot *slot : report.aliveAtPeak)
      os << llvm::format("  %14lld  ",
                         static_cast<long long>(slot->maximum.value_or(0)))
         << slot->name << "\n";
    os << "\nTimeline (step: live bytes)\n";
    for (const Moment &moment : report.timeline)
      os << "  " << moment.step << ": " << moment.bytes << "\n";
  } else {
    os << "  arena        planned when a size arrives: the sizes have no upper "
          "bound\n\nSlots (bytes, steps)\n";
    for (const Slot &slot : report.slots)
      os << "  " << slot.name << ": " << slot.bytes << ", " << slot.first
         << " to " << slot.last << "\n";
  }
  os << "\nKernels (" << report.kernels.size()
     << "): name, operators, kind, FLOPs, bytes\n";
  for (const Kernel &kernel : report.kernels)
    os << "  " << kernel.name << ", " << kernel.op << ", " << kernel.kind
       << ", " << kernel.flops << ", " << kernel.bytes << "\n";
}
