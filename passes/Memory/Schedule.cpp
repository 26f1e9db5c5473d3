//===- Schedule.cpp - orders the entry program for the lowest peak --------===//
//
// The importer's order is one of many; a better one can halve the arena of a
// model with branches, for nothing at run time. The search is
// runtime/Plan/Order.h; here operations become its steps and the buffers they
// will share its values.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/Report.h"
#include "passes/Memory/Passes.h"
#include "passes/Memory/Program.h"
#include "runtime/Plan/Order.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace cinch::memory {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "passes/Memory/Passes.h.inc"
} // namespace cinch::memory

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

/// Size of a symbol without a bound.
static constexpr int64_t nominalSize = 128;

namespace {

struct SchedulePass
    : public cinch::memory::impl::SchedulePassBase<SchedulePass> {
  void runOnOperation() override;
};

/// The block of the entry as steps and values.
class Steps {
public:
  explicit Steps(const Program &program) : program(program) {}
  void build();
  void apply(const plan::Order &order);

  std::vector<plan::OrderStep> steps;
  std::vector<plan::OrderValue> values;

private:
  int64_t getSize(Value value) const;
  bool isStored(Value value) const;
  void addStep(Operation &op);
  void shareBuffers();
  void addValues();

  const Program &program;
  SmallVector<Operation *> ops;
  llvm::DenseMap<Operation *, int32_t> numbers;
  /// Roots (what is no view) that will share a buffer.
  llvm::EquivalenceClasses<void *> classes;
};

} // namespace

static Value getRoot(Value value) {
  while (auto view = value.getDefiningOp<exec::ViewOp>())
    value = view.getInput();
  return value;
}

/// Operations that cost nothing and depend on nothing.
static bool isConstant(Operation &op) {
  return isa<exec::WeightOp>(op) || op.hasTrait<OpTrait::ConstantLike>();
}

int64_t Steps::getSize(Value value) const {
  Expr bytes = program.getBytes(value);
  plan::Interval range = bytes.bounds(
      [&](std::string_view name) { return program.getRange(name); });
  if (range.high)
    return std::max<int64_t>(*range.high, 0);
  std::optional<int64_t> size = bytes.evaluate([&](std::string_view name) {
    plan::Interval range = program.getRange(name);
    return std::optional<int64_t>(
        range.high.value_or(std::max(range.low.value_or(0), nominalSize)));
  });
  return std::max<int64_t>(size.value_or(0), 0);
}

/// Whether `value` is a root that takes room in the arena.
bool Steps::isStored(Value value) const {
  Operation *op = value.getDefiningOp();
  return op && isa<RankedTensorType>(value.getType()) &&
         !isa<exec::WeightOp, exec::ViewOp>(op);
}

/// Adds a step that runs after everything it uses, inside its regions as well.
void Steps::addStep(Operation &op) {
  int32_t number = ops.size();
  numbers[&op] = number;
  ops.push_back(&op);
  plan::OrderStep step;
  llvm::SetVector<int32_t> before;
  Block *block = op.getBlock();
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (producer && producer->getBlock() == block && numbers.count(producer))
        before.insert(numbers[producer]);
    }
    if (inner != &op)
      for (Value result : inner->getResults())
        if (isStored(result))
          step.scratchBytes += getSize(result);
  });
  step.predecessors.assign(before.begin(), before.end());
  steps.push_back(std::move(step));
}

/// Whether `value` is nothing but a part of an assembled value, which is alive
/// later than what its kernel reads.
static bool isPart(Value value) {
  return value.hasOneUse() && isa<exec::AssembleOp>(*value.user_begin());
}

/// Whether `op` is the only reader of `value` and of its views.
static bool isOnlyReader(Operation *op, Value value) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    return user == op ||
           (isa<exec::ViewOp>(user) && isOnlyReader(op, user->getResult(0)));
  });
}

void Steps::shareBuffers() {
  for (Operation *op : ops) {
    for (Value result : op->getResults())
      if (isStored(result))
        classes.insert(result.getAsOpaquePointer());
    auto unite = [&](Value operand, Value result) {
      Value root = getRoot(operand);
      if (isStored(root) && root.getParentBlock() == op->getBlock() &&
          isOnlyReader(op, root))
        classes.unionSets(root.getAsOpaquePointer(),
                          result.getAsOpaquePointer());
    };
    if (auto kernel = dyn_cast<exec::KernelOp>(op))
      for (auto pair : kernel.getInPlace().getAsRange<DenseI64ArrayAttr>())
        if (Value result = kernel.getResults()[pair[1]]; !isPart(result))
          unite(kernel.getInputs()[pair[0]], result);
    if (auto assemble = dyn_cast<exec::AssembleOp>(op))
      for (Value input : assemble.getInputs())
        unite(input, assemble.getResult());
    if (auto loop = dyn_cast<scf::ForOp>(op))
      for (auto [init, result] :
           llvm::zip(loop.getInitArgs(), loop.getResults()))
        if (isStored(result))
          unite(init, result);
  }
}

void Steps::addValues() {
  struct Class {
    int64_t bytes = 0;
    llvm::SetVector<int32_t> writers, readers;
    bool isReturned = false;
  };
  llvm::MapVector<void *, Class> found;
  auto find = [&](Value root) -> Class & {
    return found[classes.getLeaderValue(root.getAsOpaquePointer())];
  };
  for (Operation *op : ops) {
    int32_t number = numbers[op];
    for (Value result : op->getResults())
      if (isStored(result)) {
        Class &cls = find(result);
        cls.bytes = std::max(cls.bytes, getSize(result));
        cls.writers.insert(number);
      }
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Value root = getRoot(operand);
        if (isStored(root) && root.getParentBlock() == op->getBlock())
          find(root).readers.insert(number);
      }
    });
  }
  for (Value operand :
       program.getEntry().getBody().front().getTerminator()->getOperands())
    if (Value root = getRoot(operand); isStored(root))
      find(root).isReturned = true;
  for (auto &[leader, cls] : found) {
    plan::OrderValue value;
    value.bytes = cls.isReturned ? 0 : cls.bytes; // the caller's memory
    value.writers.assign(cls.writers.begin(), cls.writers.end());
    value.readers.assign(cls.readers.begin(), cls.readers.end());
    values.push_back(std::move(value));
  }
}

void Steps::build() {
  for (Operation &op :
       program.getEntry().getBody().front().without_terminator())
    if (!isConstant(op))
      addStep(op);
  shareBuffers();
  addValues();
}

void Steps::apply(const plan::Order &order) {
  Block &block = program.getEntry().getBody().front();
  SmallVector<Operation *> constants;
  for (Operation &op : block.without_terminator())
    if (isConstant(op))
      constants.push_back(&op);
  for (Operation *op : constants)
    op->moveBefore(block.getTerminator());
  for (int32_t step : order.steps)
    ops[step]->moveBefore(block.getTerminator());
}

void SchedulePass::runOnOperation() {
  FailureOr<func::FuncOp> entry = memory::getEntry(getOperation());
  if (failed(entry))
    return signalPassFailure();
  FailureOr<Program> program = Program::analyze(*entry);
  if (failed(program))
    return signalPassFailure();
  Steps steps(*program);
  steps.build();
  plan::Order order = plan::orderSteps(steps.steps, steps.values);
  steps.apply(order);
  getOperation()->setAttr(
      "exec.schedule",
      getNumbersAttr(&getContext(), {{"given_peak", order.givenPeak},
                                     {"lower_bound", order.lowerBound},
                                     {"peak", order.peak},
                                     {"steps", order.steps.size()}}));
}
