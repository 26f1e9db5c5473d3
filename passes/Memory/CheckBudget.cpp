//===- CheckBudget.cpp - holds a plan against a budget
//-------------------------===//
#include "passes/Memory/Passes.h"
#include "passes/Memory/Program.h"

namespace cinch::memory {
#define GEN_PASS_DEF_CHECKBUDGETPASS
#include "passes/Memory/Passes.h.inc"
} // namespace cinch::memory

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

namespace {

/// A slot of the plan, at the sizes of the bounds.
struct SizedSlot {
  StringRef name;
  int64_t bytes, first, last;
};

struct CheckBudgetPass
    : public cinch::memory::impl::CheckBudgetPassBase<CheckBudgetPass> {
  using CheckBudgetPassBase::CheckBudgetPassBase;
  void runOnOperation() override;

private:
  LogicalResult checkBounded(const Program &program);
  SmallVector<SizedSlot> getSlots(const Program &program);
};

} // namespace

static int64_t getNumber(DictionaryAttr record, StringRef key) {
  return record.getAs<IntegerAttr>(key).getInt();
}

/// Refuses a program without a plan, naming what has no bound.
LogicalResult CheckBudgetPass::checkBounded(const Program &program) {
  if (getOperation()->hasAttr("exec.plan"))
    return success();
  std::string names;
  for (const Symbol &symbol : program.getSymbols())
    if (!symbol.max)
      names += (names.empty() ? "'" : ", '") + symbol.name + "'";
  InFlightDiagnostic error =
      emitError(getOperation().getLoc())
      << "check-budget: a budget holds for bounded sizes only, but " << names
      << (names.empty() ? "a size of the program" : "")
      << " has no upper bound";
  for (const Symbol &symbol : program.getSymbols())
    if (!symbol.max)
      error.attachNote() << "bound it with --dim " << symbol.name
                         << "=lo..hi, or pin it with --dim " << symbol.name
                         << "=value";
  return error;
}

SmallVector<SizedSlot> CheckBudgetPass::getSlots(const Program &program) {
  SmallVector<SizedSlot> slots;
  auto records = getOperation()->getAttrOfType<ArrayAttr>("exec.slots");
  for (auto record : records.getAsRange<DictionaryAttr>()) {
    std::optional<Expr> bytes = Expr::parse(
        std::string_view(record.getAs<StringAttr>("bytes").getValue()));
    plan::Interval range = bytes->bounds(
        [&](std::string_view name) { return program.getRange(name); });
    slots.push_back({record.getAs<StringAttr>("name").getValue(),
                     std::max<int64_t>(range.high.value_or(0), 0),
                     getNumber(record, "first"), getNumber(record, "last")});
  }
  return slots;
}

void CheckBudgetPass::runOnOperation() {
  ModuleOp module = getOperation();
  if (budgetBytes < 0) {
    emitError(module.getLoc())
        << "check-budget: expected budget-bytes >= 0, but got " << budgetBytes;
    return signalPassFailure();
  }
  if (budgetBytes == 0)
    return;
  FailureOr<func::FuncOp> entry = memory::getEntry(module);
  if (failed(entry))
    return signalPassFailure();
  if (!module->hasAttr("exec.slots")) {
    emitError(module.getLoc(),
              "check-budget: expected exec.slots, which plan-memory writes");
    return signalPassFailure();
  }
  FailureOr<Program> program = Program::analyze(*entry);
  if (failed(program) || failed(checkBounded(*program)))
    return signalPassFailure();
  auto plan = module->getAttrOfType<DictionaryAttr>("exec.plan");
  int64_t peak = getNumber(plan, "peak"),
          bound = getNumber(plan, "lower_bound");
  int64_t weights =
      module->getAttrOfType<IntegerAttr>("exec.weight_bytes").getInt();
  if (peak + weights <= budgetBytes)
    return;

  SmallVector<SizedSlot> slots = getSlots(*program);
  int64_t worstStep = 0, worstBytes = -1;
  for (const SizedSlot &at :
       slots) { // live bytes rise only where a slot begins
    int64_t live = 0;
    for (const SizedSlot &slot : slots)
      if (slot.first <= at.first && at.first <= slot.last)
        live += slot.bytes;
    if (live > worstBytes)
      worstStep = at.first, worstBytes = live;
  }
  InFlightDiagnostic error = emitError(module.getLoc())
                             << "check-budget: the program needs "
                             << peak + weights << " bytes (arena " << peak
                             << ", weights " << weights << "), the budget is "
                             << int64_t(budgetBytes);
  error.attachNote() << "smallest budget that works: " << peak + weights
                     << " bytes; proven lower bound: " << bound + weights
                     << " bytes";
  llvm::stable_sort(slots, [](const SizedSlot &a, const SizedSlot &b) {
    return a.bytes > b.bytes;
  });
  for (const SizedSlot &slot : slots)
    if (slot.first <= worstStep && worstStep <= slot.last && slot.bytes > 0)
      error.attachNote() << "alive at the peak: '" << slot.name << "', "
                         << slot.bytes << " bytes";
  signalPassFailure();
}
