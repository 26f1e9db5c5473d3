//===- ReportData.cpp - what the report says ------------------------------===//
#include "lib/Pipeline/Report.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/Plan/Expr.h"
#include "runtime/Plan/Planner.h"
#include <map>

using namespace mlir;
using namespace cinch;
using plan::Expr;

/// Size of a symbol that has no bound, where none is given.
static constexpr int64_t nominalSize = 128;

static StringRef getText(DictionaryAttr record, StringRef key) {
  auto text = record.getAs<StringAttr>(key);
  return text ? text.getValue() : "";
}

static int64_t getNumber(DictionaryAttr record, StringRef key) {
  auto number = record.getAs<IntegerAttr>(key);
  return number ? number.getInt() : 0;
}

static ArrayAttr getRecords(ModuleOp module, StringRef name) {
  auto records = module->getAttrOfType<ArrayAttr>(name);
  return records ? records : ArrayAttr::get(module.getContext(), {});
}

/// The symbols of a described program, or those of an entry function.
static ArrayAttr getSymbols(ModuleOp module) {
  if (auto symbols = module->getAttrOfType<ArrayAttr>("exec.symbols"))
    return symbols;
  for (auto function : module.getOps<func::FuncOp>())
    if (auto symbols = function->getAttrOfType<ArrayAttr>("graph.symbols");
        symbols && function->hasAttr("graph.entry"))
      return symbols;
  return ArrayAttr::get(module.getContext(), {});
}

/// Largest value at the sizes of the report; nullopt if there is none.
std::optional<int64_t> Report::evaluate(StringRef text) const {
  std::optional<Expr> expr = Expr::parse(std::string_view(text));
  if (!expr)
    return std::nullopt;
  auto getRange = [&](std::string_view name) {
    plan::Interval range;
    for (const Size &size : sizes)
      if (size.name == StringRef(name)) {
        // A smaller size than the bound may need more of something.
        range.low = size.isBound ? size.min : size.value;
        range.high = size.value;
      }
    return range;
  };
  return expr->bounds(getRange).high;
}

llvm::Error Report::addSizes(ModuleOp module) {
  auto fail = [](const llvm::Twine &message) {
    return llvm::createStringError("report: " + message);
  };
  std::map<StringRef, int64_t> given;
  for (const auto &[name, value] : info.sizes)
    if (!given.insert({name, value}).second)
      return fail("dimension '" + name + "' is given twice");
  isBounded = true;
  for (auto symbol : getSymbols(module).getAsRange<DictionaryAttr>()) {
    StringRef name = getText(symbol, "name");
    int64_t min = getNumber(symbol, "min");
    auto size = given.find(name);
    if (symbol.get("max")) {
      if (size != given.end())
        return fail("dimension '" + name +
                    "' has a bound, at which it is reported");
      sizes.push_back({name, getNumber(symbol, "max"), min, true});
      continue;
    }
    isBounded = false;
    sizes.push_back({name, std::max(min, nominalSize), min, false});
    if (size == given.end())
      continue;
    if (size->second < min)
      return fail("expected dimension '" + name + "' to be at least " +
                  llvm::Twine(min) + ", but got " + llvm::Twine(size->second));
    sizes.back().value = size->second;
    given.erase(size);
  }
  if (!given.empty())
    return fail("the program has no dimension '" + given.begin()->first + "'");
  return llvm::Error::success();
}

/// Adds what `kernel` was lowered to.
void Report::addCode(ModuleOp module, Kernel &kernel) const {
  for (const DeviceFunction &function : functions)
    if (function.name == kernel.function)
      kernel.device = &function;
  Operation *code = module.lookupSymbol(kernel.function);
  if (auto grain =
          code ? code->getAttrOfType<IntegerAttr>("exec.grain") : nullptr)
    kernel.grain = grain.getInt();
}

void Report::addKernels(ModuleOp module) {
  functions = collectDeviceFunctions(module, info.chip, info.resources);
  auto none = ArrayAttr::get(module.getContext(), {});
  for (auto record :
       getRecords(module, "exec.kernels").getAsRange<DictionaryAttr>()) {
    auto getList = [&](StringRef key) {
      auto list = record.getAs<ArrayAttr>(key);
      return list ? list : none;
    };
    StringRef flops = getText(record, "flops"),
              bytes = getText(record, "bytes");
    kernels.push_back({getText(record, "name"), getText(record, "op"),
                       getText(record, "kind"), flops, bytes, evaluate(flops),
                       evaluate(bytes), getNumber(record, "step"),
                       getList("inputs"), getList("values"),
                       getText(record, "function")});
    addCode(module, kernels.back());
    numSteps = std::max(numSteps, kernels.back().step + 1);
  }
}

void Report::addSlots(ModuleOp module) {
  for (auto record :
       getRecords(module, "exec.slots").getAsRange<DictionaryAttr>()) {
    Slot slot{getText(record, "name"), getText(record, "bytes"),
              evaluate(getText(record, "bytes")), getNumber(record, "first"),
              getNumber(record, "last")};
    if (slot.bytesAtSizes)
      slot.bytesAtSizes = std::max<int64_t>(*slot.bytesAtSizes, 0);
    slots.push_back(slot);
    numSteps = std::max(numSteps, slot.last + 1);
  }
}

/// Takes the compiler's plan, or plans as the runtime will at these sizes.
void Report::addPlan(ModuleOp module) {
  if (!module->hasAttr("exec.slots"))
    return;
  if (auto plan = module->getAttrOfType<DictionaryAttr>("exec.plan")) {
    auto offsets = plan.getAs<DenseI64ArrayAttr>("offsets").asArrayRef();
    for (auto [slot, offset] : llvm::zip(slots, offsets))
      slot.offset = offset;
    arenaBytes = getNumber(plan, "peak");
    lowerBoundBytes = getNumber(plan, "lower_bound");
    method = getText(plan, "method").str();
    isBounded = true; // symbols without a bound are in no slot
    return addTimeline();
  }
  isBounded = false;
  std::vector<plan::Buffer> buffers;
  for (const Slot &slot : slots) {
    if (!slot.bytesAtSizes)
      return;
    buffers.push_back({slot.first, slot.last, *slot.bytesAtSizes});
  }
  plan::Plan plan = plan::makePlan(buffers);
  if (plan.offsets.size() != slots.size())
    return; // more than 63 bits of bytes
  for (auto [slot, offset] : llvm::zip(slots, plan.offsets))
    slot.offset = offset;
  arenaBytes = plan.peak;
  lowerBoundBytes = plan.lowerBound;
  method = plan.method;
  addTimeline();
}

void Report::addTimeline() {
  std::map<int64_t, int64_t> changes; // of live bytes, by step
  for (const Slot &slot : slots) {
    changes[slot.first] += slot.bytesAtSizes.value_or(0);
    changes[slot.last + 1] -= slot.bytesAtSizes.value_or(0);
  }
  int64_t live = 0, worst = -1;
  for (const auto &[step, change] : changes) {
    live += change;
    timeline.push_back({step, live});
    if (live > worst)
      worst = live, peakStep = step;
  }
  for (const Slot &slot : slots)
    if (slot.first <= peakStep && peakStep <= slot.last)
      aliveAtPeak.push_back(&slot);
  llvm::stable_sort(aliveAtPeak, [](const Slot *a, const Slot *b) {
    return a->bytesAtSizes.value_or(0) > b->bytesAtSizes.value_or(0);
  });
}

llvm::Expected<Report> Report::collect(ModuleOp module, ReportInfo info) {
  Report report;
  report.info = std::move(info);
  if (llvm::Error error = report.addSizes(module))
    return error;
  report.addKernels(module);
  report.addSlots(module);
  report.counts = module->getAttrOfType<DictionaryAttr>("exec.plan_report");
  if (auto bytes = module->getAttrOfType<IntegerAttr>("exec.weight_bytes"))
    report.weightBytes = bytes.getInt();
  report.firstStep = report.numSteps;
  for (const Kernel &kernel : report.kernels)
    report.firstStep = std::min(report.firstStep, kernel.step);
  for (const Slot &slot : report.slots)
    report.firstStep = std::min(report.firstStep, slot.first);
  report.addPlan(module);
  return report;
}
