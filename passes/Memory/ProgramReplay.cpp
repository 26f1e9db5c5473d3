//===- ProgramReplay.cpp - runs a program on simulated memory -------------===//
#include "passes/Memory/ProgramReplay.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::memory;

std::optional<int64_t> memory::evaluate(const Expr &expr, const Sizes &sizes) {
  return expr.evaluate([&](std::string_view name) {
    auto found = sizes.find(StringRef(name.data(), name.size()));
    return found == sizes.end() ? std::nullopt
                                : std::optional<int64_t>(found->second);
  });
}

LogicalResult ProgramReplay::loadPlan() {
  auto records = module->getAttrOfType<ArrayAttr>("exec.slots");
  if (!records)
    return module.emitError(
        "verify-plan: expected exec.slots, which plan-memory writes");
  auto stored = module->getAttrOfType<DictionaryAttr>("exec.plan");
  for (auto record : records.getAsRange<DictionaryAttr>()) {
    StringRef text = record.getAs<StringAttr>("bytes").getValue();
    std::optional<Expr> expr = Expr::parse(std::string_view(text));
    if (!expr)
      return module.emitError()
             << "verify-plan: expected an expression in exec.slots, but got "
             << record;
    int64_t bytes = evaluate(*expr);
    if (stored) // one plan, made at the bounds, for all sizes
      bytes = expr->bounds([&](std::string_view name) {
                    return program.getRange(name);
                  })
                  .high.value_or(bytes);
    slots.push_back({record.getAs<IntegerAttr>("first").getInt(),
                     record.getAs<IntegerAttr>("last").getInt(),
                     std::max<int64_t>(bytes, 0)});
  }
  if (!stored) {
    plan = plan::makePlan(slots);
    return success();
  }
  ArrayRef<int64_t> offsets =
      stored.getAs<DenseI64ArrayAttr>("offsets").asArrayRef();
  plan.offsets.assign(offsets.begin(), offsets.end());
  plan.peak = stored.getAs<IntegerAttr>("peak").getInt();
  plan.lowerBound = stored.getAs<IntegerAttr>("lower_bound").getInt();
  std::string error = plan.offsets.size() == slots.size()
                          ? plan::checkPlan(slots, plan)
                          : "wrong number of offsets";
  if (!error.empty())
    return module.emitError() << "verify-plan: exec.plan: " << error;
  return success();
}

/// The bytes of `value` at the place `slot`, which must have room for it.
FailureOr<ByteRange> ProgramReplay::locate(Value value, Attribute attribute) {
  Operation *op = value.getDefiningOp() ? value.getDefiningOp()
                                        : value.getParentBlock()->getParentOp();
  auto slot = dyn_cast_or_null<exec::SlotAttr>(attribute);
  std::optional<Expr> offset;
  if (slot)
    offset = Expr::parse(std::string_view(slot.getOffset()));
  if (!offset)
    return op->emitError() << "verify-plan: expected a slot for '"
                           << program.getName(value) << "'";
  ByteRange range{0, evaluate(*offset), evaluate(program.getBytes(value))};
  int64_t number = slot.getNumber(), room = INT64_MAX;
  if (slot.getSpace() == exec::Space::arena) {
    if (number < 0 || number >= static_cast<int64_t>(slots.size()))
      return op->emitError()
             << "verify-plan: slot " << number << " does not exist";
    room = slots[number].bytes;
    if (range.begin < 0 || range.bytes < 0 || range.begin + range.bytes > room)
      return op->emitError()
             << "verify-plan: '" << program.getName(value) << "' has "
             << range.bytes << " bytes at byte " << range.begin << " of slot "
             << number << ", which has " << room;
    range.begin += plan.offsets[number];
    if (range.bytes > 0 && range.begin + range.bytes > plan.peak)
      return op->emitError() << "verify-plan: '" << program.getName(value)
                             << "' ends above the peak";
    return range;
  }
  range.space = 1 + 2 * number + (slot.getSpace() == exec::Space::weight);
  return range;
}

LogicalResult ProgramReplay::define(Value value, Attribute slot) {
  if (!isa<RankedTensorType>(value.getType()))
    return success();
  FailureOr<ByteRange> range = locate(value, slot);
  if (failed(range))
    return failure();
  ranges[value] = *range;
  return success();
}

/// Finds the places of the results and block arguments of `op`.
LogicalResult ProgramReplay::declare(Operation &op) {
  bool hasRegions = op.getNumRegions() != 0;
  auto slots = op.getAttrOfType<ArrayAttr>(hasRegions ? "exec.slots" : "slots");
  for (OpResult result : op.getResults()) {
    Attribute slot;
    if (slots && result.getResultNumber() < slots.size())
      slot = slots[result.getResultNumber()];
    if (failed(define(result, slot)))
      return failure();
  }
  auto regions = op.getAttrOfType<ArrayAttr>("exec.arg_slots");
  for (Region &region : op.getRegions()) {
    auto arguments =
        regions ? dyn_cast<ArrayAttr>(regions[region.getRegionNumber()])
                : ArrayAttr();
    for (BlockArgument argument : region.getArguments())
      if (failed(define(argument, arguments ? arguments[argument.getArgNumber()]
                                            : Attribute())))
        return failure();
  }
  return success();
}

Content ProgramReplay::makeContent(const ByteRange &range) {
  return {{numData++, 0, range.bytes}};
}

LogicalResult ProgramReplay::read(Operation *op, Value value) {
  if (!isa<RankedTensorType>(value.getType()) ||
      memory.holds(ranges[value], contents[value]))
    return success();
  return op->emitOpError() << "verify-plan: reads '" << program.getName(value)
                           << "', but its place holds something else by then";
}

LogicalResult ProgramReplay::visitKernel(exec::KernelOp kernel) {
  for (Value input : kernel.getInputs())
    if (failed(read(kernel, input)))
      return failure();
  for (OpResult result : kernel.getResults()) {
    const ByteRange &range = ranges[result];
    for (OpResult other : kernel.getResults())
      if (other != result && range.overlaps(ranges[other]))
        return kernel.emitOpError("verify-plan: two results overlap");
    for (auto [index, input] : llvm::enumerate(kernel.getInputs())) {
      bool isAllowed =
          llvm::any_of(kernel.getInPlace().getAsRange<DenseI64ArrayAttr>(),
                       [&, index = index](DenseI64ArrayAttr pair) {
                         return pair[0] == static_cast<int64_t>(index) &&
                                pair[1] == result.getResultNumber();
                       });
      if (range.overlaps(ranges[input]) &&
          !(isAllowed && range == ranges[input]))
        return kernel.emitOpError()
               << "verify-plan: result '" << program.getName(result)
               << "' overlaps operand '" << program.getName(input) << "'";
    }
  }
  for (auto pair : kernel.getUpdates().getAsRange<DenseI64ArrayAttr>())
    if (Value result = kernel.getResults()[pair[1]];
        !(ranges[result] == ranges[kernel.getInputs()[pair[0]]]))
      return kernel.emitOpError()
             << "verify-plan: result '" << program.getName(result)
             << "' lies elsewhere than the operand that it updates";
  renew(kernel.getResults());
  return success();
}

/// Writes new data to the places of `values`.
void ProgramReplay::renew(ValueRange values) {
  for (Value value : values)
    if (isa<RankedTensorType>(value.getType())) {
      contents[value] = makeContent(ranges[value]);
      memory.write(ranges[value], contents[value]);
    }
}

LogicalResult ProgramReplay::visitView(exec::ViewOp view) {
  Type element = view.getResult().getType().getElementType();
  std::optional<Expr> offset = Expr::parse(std::string_view(view.getOffset()));
  int64_t shift = evaluate(getTensorBytes(element, *offset));
  const ByteRange &from = ranges[view.getInput()],
                  &to = ranges[view.getResult()];
  if (shift < 0 || shift + to.bytes > from.bytes)
    return view.emitOpError() << "verify-plan: reads bytes " << shift << " to "
                              << shift + to.bytes << " of " << from.bytes;
  if (to.bytes > 0 &&
      (from.space != to.space || from.begin + shift != to.begin))
    return view.emitOpError("verify-plan: lies elsewhere than its input");
  contents[view.getResult()] =
      slice(contents[view.getInput()], shift, to.bytes);
  return success();
}

LogicalResult ProgramReplay::visitAssemble(exec::AssembleOp assemble) {
  const ByteRange to = ranges[assemble.getResult()];
  Content content;
  int64_t at = 0;
  for (Value input : assemble.getInputs()) {
    const ByteRange &from = ranges[input];
    ByteRange part{to.space, to.begin + at, from.bytes};
    if (failed(read(assemble, input)))
      return failure();
    if (!(part == from)) {
      if (part.overlaps(from))
        return assemble.emitOpError()
               << "verify-plan: copies '" << program.getName(input)
               << "' onto itself";
      memory.write(part, contents[input]);
    }
    content.append(contents[input]);
    at += from.bytes;
  }
  contents[assemble.getResult()] = content;
  if (at != to.bytes)
    return assemble.emitOpError() << "verify-plan: operands have " << at
                                  << " bytes, the result " << to.bytes;
  return read(assemble, assemble.getResult());
}

/// Passes `from` into the places of `to`, which must be their own; there they
/// are new data, as different values arrive on different ways.
LogicalResult ProgramReplay::carry(Operation *op, ValueRange from,
                                   ValueRange to) {
  for (auto [source, target] : llvm::zip(from, to)) {
    if (!isa<RankedTensorType>(target.getType()))
      continue;
    if (failed(read(op, source)))
      return failure();
    if (ranges[target].bytes != 0 && !(ranges[source] == ranges[target]))
      return op->emitOpError()
             << "verify-plan: carries '" << program.getName(source)
             << "' on, but it lies elsewhere than its successor";
  }
  renew(to);
  return success();
}

LogicalResult ProgramReplay::visitIf(scf::IfOp branch) {
  SimulatedMemory before = memory, afterThen;
  if (failed(visit(*branch.thenBlock())) ||
      failed(carry(branch.thenYield(), branch.thenYield().getOperands(),
                   branch.getResults())))
    return failure();
  afterThen = memory;
  memory = before;
  if (Block *block = branch.elseBlock())
    if (failed(visit(*block)) ||
        failed(carry(branch.elseYield(), branch.elseYield().getOperands(),
                     branch.getResults())))
      return failure();
  memory.intersect(afterThen);
  renew(branch.getResults());
  return success();
}

LogicalResult ProgramReplay::visitFor(scf::ForOp loop) {
  ValueRange arguments = loop.getRegionIterArgs();
  if (failed(carry(loop, loop.getInitArgs(), arguments)))
    return failure();
  Operation *yield = loop.getBody()->getTerminator();
  for (int iteration = 0; iteration < 2; ++iteration)
    if (failed(visit(*loop.getBody())) ||
        failed(carry(yield, yield->getOperands(), arguments)))
      return failure();
  return carry(loop, arguments, loop.getResults());
}

LogicalResult ProgramReplay::visitWhile(scf::WhileOp loop) {
  ValueRange before = loop.getBeforeArguments(),
             after = loop.getAfterArguments();
  if (failed(carry(loop, loop.getInits(), before)))
    return failure();
  for (int iteration = 0; iteration < 2; ++iteration) {
    Operation *condition = loop.getConditionOp(), *yield = loop.getYieldOp();
    if (failed(visit(*loop.getBeforeBody())) ||
        failed(carry(condition, loop.getConditionOp().getArgs(), after)) ||
        failed(visit(*loop.getAfterBody())) ||
        failed(carry(yield, yield->getOperands(), before)))
      return failure();
  }
  if (failed(visit(*loop.getBeforeBody())))
    return failure();
  return carry(loop, loop.getConditionOp().getArgs(), loop.getResults());
}

LogicalResult ProgramReplay::visit(Operation &op) {
  if (failed(declare(op)))
    return failure();
  if (auto kernel = dyn_cast<exec::KernelOp>(op))
    return visitKernel(kernel);
  if (auto view = dyn_cast<exec::ViewOp>(op))
    return visitView(view);
  if (auto assemble = dyn_cast<exec::AssembleOp>(op))
    return visitAssemble(assemble);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return visitIf(branch);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return visitFor(loop);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return visitWhile(loop);
  if (op.hasTrait<OpTrait::IsTerminator>())
    return success();
  for (Value operand : op.getOperands())
    if (failed(read(&op, operand)))
      return failure();
  if (auto copy = dyn_cast<exec::CopyOp>(op)) {
    if (ranges[copy.getInput()].overlaps(ranges[copy.getResult()]))
      return copy.emitOpError("verify-plan: copies a value onto itself");
    contents[copy.getResult()] = contents[copy.getInput()];
    memory.write(ranges[copy.getResult()], contents[copy.getInput()]);
    return success();
  }
  renew(op.getResults());
  return success();
}

LogicalResult ProgramReplay::visit(Block &block) {
  for (Operation &op : block)
    if (failed(visit(op)))
      return failure();
  return success();
}

LogicalResult ProgramReplay::run() {
  func::FuncOp entry = program.getEntry();
  if (failed(loadPlan()))
    return failure();
  for (BlockArgument argument : entry.getArguments())
    if (failed(define(argument,
                      entry.getArgAttr(argument.getArgNumber(), "exec.slot"))))
      return failure();
  renew(entry.getArguments());
  if (failed(visit(entry.front())))
    return failure();
  Operation *end = entry.front().getTerminator();
  for (OpOperand &output : end->getOpOperands()) {
    int64_t number = entry.getNumArguments() + output.getOperandNumber();
    const ByteRange &range = ranges[output.get()];
    if (range.space != 1 + 2 * number || range.begin != 0)
      return end->emitOpError()
             << "verify-plan: output " << output.getOperandNumber()
             << " does not lie in the caller's buffer";
    if (failed(read(end, output.get())))
      return failure();
  }
  return success();
}
