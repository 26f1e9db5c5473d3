//===- PlanMemory.cpp - gives every value its place -----------------------===//
//
// First who shares bytes (Sharing.h), then where the shared buffers lie
// (runtime/Plan). Operands of an assembled value become parts of it only if
// that does not raise the peak: writing them early keeps the whole result
// alive. Costs a few analyses of the program and one or two plans.
//
//===----------------------------------------------------------------------===//
#include "passes/Common/Report.h"
#include "passes/Memory/Passes.h"
#include "passes/Memory/Sharing.h"
#include "runtime/Plan/Planner.h"

namespace cinch::memory {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/Memory/Passes.h.inc"
} // namespace cinch::memory

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

namespace {

/// Size at which unbounded programs are compared, a plan for no one.
constexpr int64_t nominalSize = 128;
/// A plan for fixed sizes is made once: more trials than where a run plans.
const plan::PlanOptions planOptions = [] {
  plan::PlanOptions options;
  options.searchTrials = 4;
  return options;
}();

struct PlanMemoryPass
    : public cinch::memory::impl::PlanMemoryPassBase<PlanMemoryPass> {
  void runOnOperation() override;

private:
  LogicalResult insertCopy(OpOperand &operand, const Program &program);
  LogicalResult resolveCopies(func::FuncOp entry);
  void write(const Program &program, const Sharing &sharing);
  void writeSlots(const Program &program, const Sharing &sharing,
                  ArrayRef<unsigned> slots);
  void writeWeights(const Program &program);

  int64_t numCopies = 0;
  llvm::DenseMap<std::pair<Operation *, unsigned>, int64_t> copiesAt;
  llvm::DenseMap<int64_t, std::string> weightOffsets;
};

} // namespace

/// Largest number of bytes; nullopt if it has no bound.
static std::optional<int64_t> getMaximum(const Program &program,
                                         const Expr &bytes) {
  std::optional<int64_t> high =
      bytes
          .bounds([&](std::string_view name) { return program.getRange(name); })
          .high;
  if (high && *high < 0)
    return 0;
  return high;
}

/// Whether the value of `operand` was there before the block of its owner ran.
static bool isFromBefore(OpOperand &operand) {
  Value value = operand.get();
  while (auto view = value.getDefiningOp<exec::ViewOp>())
    value = view.getInput();
  return isa<RankedTensorType>(value.getType()) &&
         (isa<BlockArgument>(value) ||
          value.getParentBlock() != operand.getOwner()->getBlock());
}

/// Copies the value of `operand` right before its owner reads it. Where that is
/// not enough, values trade places: all of them are copied out first.
LogicalResult PlanMemoryPass::insertCopy(OpOperand &operand,
                                         const Program &program) {
  Operation *owner = operand.getOwner();
  OpBuilder builder(owner);
  auto copy = [&](OpOperand &from, Value source) {
    auto dims = builder.getArrayAttr(
        getDimsAttr(builder.getContext(), program.getDims(source)));
    auto op = exec::CopyOp::create(builder, owner->getLoc(), source.getType(),
                                   from.get(), dims);
    std::string name =
        program.getName(source) + "/copy" + std::to_string(numCopies++);
    op->setAttr("names", builder.getStrArrayAttr({name}));
    from.set(op);
  };
  int64_t numBefore = copiesAt[{owner, operand.getOperandNumber()}]++;
  // The result of a branch may lie where a loop carries a value that the other
  // branch still reads: then it is the result that has to move.
  if (auto branch = dyn_cast<scf::IfOp>(owner->getParentOp());
      branch && numBefore > 0) {
    Value result = branch.getResult(operand.getOperandNumber());
    for (OpOperand &use : result.getUses())
      if (use.getOwner()->hasTrait<OpTrait::IsTerminator>())
        return insertCopy(use, program);
  }
  if (numBefore > 1)
    return owner->emitOpError() << "plan-memory: found no place for operand "
                                << operand.getOperandNumber() << " of type "
                                << operand.get().getType();
  if (numBefore == 1)
    for (OpOperand &other : owner->getOpOperands())
      if (&other != &operand && isFromBefore(other))
        copy(other, other.get());
  copy(operand, operand.get());
  return success();
}

/// Inserts copies until every value that has to be in a certain place can be.
LogicalResult PlanMemoryPass::resolveCopies(func::FuncOp entry) {
  while (true) {
    FailureOr<Program> program = Program::analyze(entry);
    if (failed(program))
      return failure();
    Sharing sharing(*program);
    OpOperand *conflict = sharing.run(/*aliasAssembled=*/false);
    if (!conflict)
      return success();
    if (failed(insertCopy(*conflict, *program)))
      return failure();
  }
}

/// The buffers that are slots of the arena, by first step.
static SmallVector<unsigned> getArenaBuffers(const Sharing &sharing) {
  SmallVector<unsigned> slots;
  for (auto [index, buffer] : llvm::enumerate(sharing.getBuffers()))
    if (!buffer.members.empty() && buffer.space == exec::Space::arena)
      slots.push_back(index);
  llvm::stable_sort(slots, [&](unsigned a, unsigned b) {
    return sharing.getBuffers()[a].first < sharing.getBuffers()[b].first;
  });
  return slots;
}

/// Bytes at the bounds, or at nominal sizes where there are none.
static int64_t getNominalBytes(const Program &program, const Buffer &buffer) {
  if (std::optional<int64_t> bytes = getMaximum(program, buffer.bytes))
    return *bytes;
  return buffer.bytes
      .evaluate([&](std::string_view name) {
        plan::Interval range = program.getRange(name);
        return std::optional<int64_t>(
            range.high.value_or(std::max(range.low.value_or(0), nominalSize)));
      })
      .value_or(0);
}

/// Peak of what `getNominalBytes` returns.
static int64_t getPeak(const Program &program, const Sharing &sharing) {
  std::vector<plan::Buffer> buffers;
  for (unsigned index : getArenaBuffers(sharing)) {
    const Buffer &buffer = sharing.getBuffers()[index];
    buffers.push_back(
        {buffer.first, buffer.last, getNominalBytes(program, buffer)});
  }
  return plan::makePlan(buffers, planOptions).peak;
}

void PlanMemoryPass::writeWeights(const Program &program) {
  Builder builder(&getContext());
  llvm::DenseMap<Attribute, int64_t> seen;
  SmallVector<Attribute> records;
  int64_t offset = 0;
  for (Value value : program.getTensors()) {
    auto weight = value.getDefiningOp<exec::WeightOp>();
    if (!weight || !seen.try_emplace(weight.getValue(), seen.size()).second)
      continue;
    int64_t bytes = *program.getBytes(value).asConstant();
    weightOffsets[seen.size() - 1] = std::to_string(offset);
    SmallVector<NamedAttribute> fields = {
        builder.getNamedAttr("bytes", builder.getI64IntegerAttr(bytes)),
        builder.getNamedAttr("name",
                             builder.getStringAttr(program.getName(value))),
        builder.getNamedAttr("offset", builder.getI64IntegerAttr(offset)),
        builder.getNamedAttr("value", weight.getValue())};
    // `layout`, `unpacked_shape`: of weights that were packed into panels.
    for (StringRef field : {"layout", "unpacked_shape", "element_type"})
      if (Attribute attr = weight->getAttr(("exec." + field).str()))
        fields.push_back(builder.getNamedAttr(field, attr));
    records.push_back(builder.getDictionaryAttr(fields));
    offset = llvm::alignTo(offset + bytes, 64);
  }
  getOperation()->setAttr("exec.weights", builder.getArrayAttr(records));
  getOperation()->setAttr("exec.weight_bytes",
                          builder.getI64IntegerAttr(offset));
}

/// Writes the place of every tensor onto the operation that defines it.
void PlanMemoryPass::writeSlots(const Program &program, const Sharing &sharing,
                                ArrayRef<unsigned> slots) {
  Builder builder(&getContext());
  llvm::DenseMap<unsigned, int64_t> slotNumbers;
  for (auto [number, index] : llvm::enumerate(slots))
    slotNumbers[index] = number;
  auto getSlot = [&](Value value) -> Attribute {
    if (!isa<RankedTensorType>(value.getType()))
      return builder.getUnitAttr();
    const Place &place = sharing.getPlace(value);
    const Buffer &buffer = sharing.getBuffers()[place.buffer];
    std::string offset = place.offset.str();
    int64_t number = buffer.number;
    if (buffer.space == exec::Space::arena)
      number = slotNumbers.lookup(place.buffer);
    if (buffer.space == exec::Space::weight) {
      Expr base(std::stoll(weightOffsets.lookup(buffer.number)));
      offset = (place.offset + base).str();
      number = 0;
    }
    return exec::SlotAttr::get(&getContext(), buffer.space, number, offset);
  };
  auto getSlots = [&](ValueRange values) {
    return builder.getArrayAttr(
        llvm::map_to_vector(values, [&](Value v) { return getSlot(v); }));
  };
  func::FuncOp entry = program.getEntry();
  for (BlockArgument argument : entry.getArguments())
    entry.setArgAttr(argument.getArgNumber(), "exec.slot", getSlot(argument));
  entry.walk([&](Operation *op) {
    if (isa<scf::ForOp, scf::WhileOp, scf::IfOp>(op)) {
      op->setAttr("exec.slots", getSlots(op->getResults()));
      SmallVector<Attribute> regions;
      for (Region &region : op->getRegions())
        regions.push_back(getSlots(region.getArguments()));
      op->setAttr("exec.arg_slots", builder.getArrayAttr(regions));
    } else if (op->getDialect() && isa<exec::ExecDialect>(op->getDialect()) &&
               op->getNumResults() && !isa<exec::ReadOp>(op)) {
      op->setAttr("slots", getSlots(op->getResults()));
    }
  });
}

void PlanMemoryPass::write(const Program &program, const Sharing &sharing) {
  Builder builder(&getContext());
  ModuleOp module = getOperation();
  writeWeights(program);
  SmallVector<unsigned> slots = getArenaBuffers(sharing);
  writeSlots(program, sharing, slots);
  auto number = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  SmallVector<Attribute> records;
  std::vector<plan::Buffer> buffers;
  bool isBounded = true;
  int64_t numShared = 0;
  for (unsigned index : slots) {
    const Buffer &buffer = sharing.getBuffers()[index];
    numShared += buffer.members.size() - 1;
    std::string name = program.getName(buffer.members.front());
    records.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("bytes",
                              builder.getStringAttr(buffer.bytes.str())),
         builder.getNamedAttr("first", number(buffer.first)),
         builder.getNamedAttr("last", number(buffer.last)),
         builder.getNamedAttr("name", builder.getStringAttr(name))}));
    std::optional<int64_t> bytes = getMaximum(program, buffer.bytes);
    isBounded &= bytes.has_value();
    buffers.push_back({buffer.first, buffer.last, bytes.value_or(0)});
  }
  module->setAttr("exec.slots", builder.getArrayAttr(records));
  module->removeAttr("exec.plan");
  if (isBounded) {
    plan::Plan plan = plan::makePlan(buffers, planOptions);
    assert(plan::checkPlan(buffers, plan).empty());
    module->setAttr(
        "exec.plan",
        builder.getDictionaryAttr(
            {builder.getNamedAttr("lower_bound", number(plan.lowerBound)),
             builder.getNamedAttr("method", builder.getStringAttr(plan.method)),
             builder.getNamedAttr("offsets",
                                  builder.getDenseI64ArrayAttr(plan.offsets)),
             builder.getNamedAttr("peak", number(plan.peak))}));
  }
  const SharingCounts &counts = sharing.getCounts();
  module->setAttr("exec.plan_report",
                  getNumbersAttr(&getContext(),
                                 {{"assembled", counts.assembled},
                                  {"assembled_by_copy", counts.assembledByCopy},
                                  {"copies", numCopies},
                                  {"in_outputs", counts.inOutputs},
                                  {"in_place", counts.inPlace},
                                  {"in_place_refused", counts.inPlaceRefused},
                                  {"shared", numShared},
                                  {"slots", slots.size()}}));
}

void PlanMemoryPass::runOnOperation() {
  FailureOr<func::FuncOp> entry = memory::getEntry(getOperation());
  if (failed(entry) || failed(resolveCopies(*entry)))
    return signalPassFailure();
  FailureOr<Program> program = Program::analyze(*entry);
  if (failed(program))
    return signalPassFailure();
  Sharing parts(*program);
  bool isPlaced = !parts.run(/*aliasAssembled=*/true);
  assert(isPlaced && "copies are resolved");
  auto finish = [&](Sharing &sharing) {
    sharing.shareOutputs([&](const Buffer &buffer) {
      return getNominalBytes(*program, buffer);
    });
    write(*program, sharing);
  };
  if (parts.getCounts().assembled == 0)
    return finish(parts);
  Sharing late(*program), copies(*program);
  isPlaced = !late.run(/*aliasAssembled=*/true,
                       /*overwritesIntoParts=*/false) &&
             !copies.run(/*aliasAssembled=*/false);
  assert(isPlaced && "copies are resolved");
  (void)isPlaced;
  Sharing *best = &parts;
  int64_t peak = getPeak(*program, parts);
  for (Sharing *other : {&late, &copies})
    if (int64_t bytes = getPeak(*program, *other); bytes < peak) {
      best = other;
      peak = bytes;
    }
  finish(*best);
}
