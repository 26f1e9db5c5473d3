//===- LowerExec.cpp - the entry program as a function --------------------===//
//
// Only obeys: every place, every copy and the order are in the program already.
// Tensors become addresses where they are used, so nothing but scalars crosses
// control flow, and upstream lowers that.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/ExecToLLVM/EntryLowering.h"
#include "lib/Lowering/ExecToLLVM/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Pass/PassManager.h"

namespace cinch {
#define GEN_PASS_DEF_LOWEREXECPASS
#include "lib/Lowering/ExecToLLVM/Passes.h.inc"
} // namespace cinch

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

/// Statuses that a failed exec.check and a failed assertion of a kernel return;
/// include/cinch/runtime.h, CINCH_ERROR_SHAPE and CINCH_ERROR_RUN.
static constexpr int32_t shapeStatus = 8, runStatus = 11;
/// The fault word of a run that has not failed.
static constexpr int32_t noFault = -1;

static void addSlots(llvm::DenseMap<Value, exec::SlotAttr> &slots,
                     ValueRange values, ArrayAttr attributes) {
  if (attributes)
    for (auto [value, attr] : llvm::zip(values, attributes))
      if (auto slot = dyn_cast<exec::SlotAttr>(attr))
        slots[value] = slot;
}

void EntryLowering::collectSlots(Operation &op) {
  bool hasRegions = op.getNumRegions() != 0;
  addSlots(slots, op.getResults(),
           op.getAttrOfType<ArrayAttr>(hasRegions ? "exec.slots" : "slots"));
  if (auto regions = op.getAttrOfType<ArrayAttr>("exec.arg_slots"))
    for (auto [region, attr] : llvm::zip(op.getRegions(), regions))
      addSlots(slots, region.getArguments(), cast<ArrayAttr>(attr));
}

void EntryLowering::collectDeviceFunctions() {
  auto module = target->getParentOfType<ModuleOp>();
  auto list = module->getAttrOfType<ArrayAttr>(exec::deviceFunctionsAttrName);
  if (!list)
    return;
  isDevice = true;
  for (auto [number, function] :
       llvm::enumerate(list.getAsRange<DictionaryAttr>()))
    deviceFunctions[function.getAs<StringAttr>("name").getValue()] = number;
}

/// The number of calls that are launched with `kernel`; 0: it is with another.
static int64_t getLaunchCalls(exec::KernelOp kernel) {
  auto calls = kernel->getAttrOfType<IntegerAttr>(exec::launchCallsAttrName);
  return calls ? calls.getInt() : 1;
}

/// One buffer, reused by every call, for the words of the largest kernel; the
/// fault word, if a kernel may fail.
void EntryLowering::createArgs() {
  int64_t words = 1;
  bool canFail = false;
  func::FuncOp entry = program.getEntry();
  entry.walk([&](exec::KernelOp kernel) {
    canFail |= !kernel.getFaults().empty();
    int64_t count = kernel.getScalars().size() + 3;
    auto add = [&](Value value) { // an address, dimensions, rows of a state
      count += 2 + cast<RankedTensorType>(value.getType()).getNumDynamicDims();
    };
    llvm::for_each(kernel.getInputs(), add);
    llvm::for_each(kernel.getResults(), add);
    words = std::max(words, count * getLaunchCalls(kernel));
  });
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  args = LLVM::AllocaOp::create(builder, target.getLoc(), pointer,
                                builder.getI64Type(), code.constant(words));
  if (!canFail)
    return;
  if (isDevice) { // the runtime's, set before the run
    fault = code.fault();
    return;
  }
  fault = LLVM::AllocaOp::create(builder, target.getLoc(), pointer,
                                 builder.getI32Type(), code.constant(1));
  code.store(LLVM::ConstantOp::create(builder, target.getLoc(),
                                      builder.getI32Type(),
                                      builder.getI32IntegerAttr(noFault)),
             fault);
}

Value EntryLowering::hasNoFault() {
  if (!fault)
    return {};
  Type i32 = builder.getI32Type();
  Value none = LLVM::ConstantOp::create(builder, target.getLoc(), i32,
                                        builder.getI32IntegerAttr(noFault));
  return LLVM::ICmpOp::create(builder, target.getLoc(), LLVM::ICmpPredicate::eq,
                              loadTensor(i32, fault), none);
}

/// Ends the program: 0, or the failure whose number is in the fault word.
void EntryLowering::returnStatus() {
  Location loc = target.getLoc();
  code.setLoc(loc);
  Block *done = new Block;
  Value isDone = hasNoFault();
  SmallVector<Block *> failures;
  for (StringRef message : faults) {
    OpBuilder::InsertionGuard guard(builder);
    target.getBody().push_back(failures.emplace_back(new Block));
    builder.setInsertionPointToStart(failures.back());
    Value status = code.fail(runStatus, getMessage(message));
    func::ReturnOp::create(builder, loc, status);
  }
  target.getBody().push_back(done);
  if (!isDone) {
    cf::BranchOp::create(builder, loc, done);
  } else {
    SmallVector<int32_t> numbers =
        llvm::to_vector(llvm::seq<int32_t>(0, faults.size()));
    SmallVector<ValueRange> noOperands(faults.size(), ValueRange());
    cf::SwitchOp::create(builder, loc, loadTensor(builder.getI32Type(), fault),
                         done, ValueRange(), numbers, failures, noOperands);
  }
  builder.setInsertionPointToStart(done);
  Value zero = LLVM::ConstantOp::create(builder, loc, builder.getI32Type(),
                                        builder.getI32IntegerAttr(0));
  func::ReturnOp::create(builder, loc, zero);
}

Value EntryLowering::getMessage(StringRef text) {
  std::string name = "cinch_message";
  for (int index = 0; symbols.lookup(name); ++index)
    name = "cinch_message_" + std::to_string(index);
  std::string bytes = text.str() + '\0';
  auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
  OpBuilder atModule(target);
  auto global = LLVM::GlobalOp::create(
      atModule, target.getLoc(), type, /*isConstant=*/true,
      LLVM::Linkage::Internal, name, builder.getStringAttr(bytes));
  symbols.insert(global);
  return LLVM::AddressOfOp::create(builder, target.getLoc(), global);
}

/// All checks, before anything is written.
void EntryLowering::lowerChecks() {
  func::FuncOp entry = program.getEntry();
  entry.walk([&](exec::CheckOp check) {
    code.setLoc(check.getLoc());
    Value value =
        code.evaluate(*Expr::parse(std::string_view(check.getZero())));
    Value isZero =
        LLVM::ICmpOp::create(builder, check.getLoc(), LLVM::ICmpPredicate::eq,
                             value, code.constant(0));
    Block *next = new Block, *bad = new Block;
    target.getBody().push_back(bad);
    target.getBody().push_back(next);
    cf::CondBranchOp::create(builder, check.getLoc(), isZero, next, bad);
    builder.setInsertionPointToStart(bad);
    Value status = code.fail(shapeStatus, getMessage(check.getMessage()));
    func::ReturnOp::create(builder, check.getLoc(), status);
    builder.setInsertionPointToStart(next);
  });
}

SmallVector<Value> EntryLowering::getScalars(ValueRange values) {
  SmallVector<Value> result;
  for (Value value : values)
    if (!isTensor(value))
      result.push_back(scalars.lookup(value));
  return result;
}

void EntryLowering::mapScalars(ValueRange from, ValueRange to) {
  unsigned next = 0;
  for (Value value : from)
    if (!isTensor(value))
      scalars.map(value, to[next++]);
}

void EntryLowering::pushWords(exec::KernelOp kernel, LLVM::LLVMFuncOp callee,
                              int64_t &word) {
  auto push = [&](Value value) {
    code.store(value, code.advance(args, code.constant(8 * word++)));
  };
  auto axes = callee->getAttrOfType<DenseI64ArrayAttr>(exec::rowsAttrName);
  unsigned argument = 0;
  auto pushTensor = [&](Value value) {
    push(address(value));
    auto type = cast<RankedTensorType>(value.getType());
    for (auto [axis, dim] : llvm::enumerate(program.getDims(value)))
      if (type.isDynamicDim(axis))
        push(code.evaluate(dim));
    int64_t axis = axes ? axes[argument] : -1;
    ++argument;
    if (axis < 0)
      return;
    auto found = rows.find(value);
    push(found != rows.end() ? code.rows(found->second)
                             : code.evaluate(program.getDims(value)[axis]));
  };
  llvm::for_each(kernel.getInputs(), pushTensor);
  argument += kernel.getScalars().size();
  for (auto scalar : kernel.getScalars().getAsValueRange<StringAttr>())
    push(code.evaluate(*Expr::parse(std::string_view(scalar))));
  llvm::for_each(kernel.getResults(), pushTensor);
  if (auto past = callee->getAttrOfType<IntegerAttr>(exec::appendAttrName))
    push(getFirstRow(kernel, past.getInt(), axes[past.getInt()]));
  if (!kernel.getFaults().empty()) {
    push(fault);
    push(code.constant(faults.size()));
    llvm::append_range(faults,
                       kernel.getFaults().getAsValueRange<StringAttr>());
  }
}

LogicalResult EntryLowering::lowerKernel(exec::KernelOp kernel) {
  auto callee = symbols.lookup<LLVM::LLVMFuncOp>(kernel.getCallee());
  auto tiles =
      symbols.lookup<LLVM::LLVMFuncOp>((kernel.getCallee() + ".tiles").str());
  auto number = kernel->getAttrOfType<IntegerAttr>("exec.number");
  if (!callee || !tiles)
    return kernel.emitOpError(
        "lower-exec: expected a kernel that lower-kernels has lowered");
  if (!number)
    return kernel.emitOpError(
        "lower-exec: expected exec.number, which describe-program writes");
  int64_t calls = getLaunchCalls(kernel), word = 0;
  if (calls == 0)
    return success();
  pushWords(kernel, callee, word);
  Operation *next = kernel;
  for (int64_t call = 1; call < calls; ++call) {
    do
      next = next->getNextNode();
    while (!isa<exec::KernelOp>(next));
    collectSlots(*next);
    pushWords(cast<exec::KernelOp>(next), callee, word);
  }
  Value count =
      LLVM::CallOp::create(builder, kernel.getLoc(), tiles, ValueRange{args})
          .getResult();
  if (isDevice) {
    std::string name = kernel.getCallee().str();
    if (calls > 1)
      name = exec::getGroupName(name, calls);
    code.launch(number.getInt(), deviceFunctions.lookup(name), args, count);
    return success();
  }
  Value function = LLVM::AddressOfOp::create(builder, kernel.getLoc(), callee);
  code.parallelFor(number.getInt(), function, args, count,
                   getGrain(kernel, callee, count));
  return success();
}

/// Copies the operands that do not lie in the result.
void EntryLowering::lowerAssemble(exec::AssembleOp assemble) {
  exec::SlotAttr to = slots.lookup(assemble.getResult());
  Expr start = *Expr::parse(std::string_view(to.getOffset())), offset(0);
  for (Value input : assemble.getInputs()) {
    exec::SlotAttr from = slots.lookup(input);
    Expr bytes = program.getBytes(input);
    bool isThere =
        from.getSpace() == to.getSpace() &&
        from.getNumber() == to.getNumber() &&
        *Expr::parse(std::string_view(from.getOffset())) == start + offset;
    if (!isThere)
      code.copy(code.advance(code.address(to), code.evaluate(offset)),
                code.address(from), code.evaluate(bytes));
    offset = offset + bytes;
  }
}

LogicalResult EntryLowering::lower(Operation &op) {
  collectSlots(op);
  code.setLoc(op.getLoc());
  if (auto kernel = dyn_cast<exec::KernelOp>(op))
    return lowerKernel(kernel);
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return lowerDim(dim);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return lowerIf(branch);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return lowerFor(loop);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return lowerWhile(loop);
  if (auto assemble = dyn_cast<exec::AssembleOp>(op))
    lowerAssemble(assemble);
  else if (auto shape = dyn_cast<exec::ShapeOp>(op))
    lowerShape(shape);
  else if (auto read = dyn_cast<exec::ReadOp>(op))
    lowerRead(read);
  else if (auto write = dyn_cast<exec::WriteOp>(op))
    lowerWrite(write);
  else if (auto copy = dyn_cast<exec::CopyOp>(op))
    code.copy(address(copy.getResult()), address(copy.getInput()),
              code.evaluate(program.getBytes(copy.getInput())));
  else if (!isa<exec::WeightOp, exec::ViewOp, exec::CheckOp>(op))
    builder.clone(op, scalars);
  return success();
}

LogicalResult EntryLowering::run() {
  func::FuncOp entry = program.getEntry();
  for (BlockArgument argument : entry.getArguments())
    if (auto slot = entry.getArgAttrOfType<exec::SlotAttr>(
            argument.getArgNumber(), "exec.slot"))
      slots[argument] = slot;
  builder.setInsertionPointToEnd(&target.front());
  collectStates();
  createArgs();
  lowerChecks();
  if (failed(lower(entry.front())))
    return failure();
  returnStatus();
  return success();
}

/// Erases what only the calls referred to: kernels of a device.
static void eraseDeclarations(ModuleOp module) {
  for (auto function :
       llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>()))
    if (function.isExternal() && function->hasAttr(exec::signatureAttrName))
      function.erase();
}

namespace {

struct LowerExecPass : public cinch::impl::LowerExecPassBase<LowerExecPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<func::FuncOp> entry = memory::getEntry(module);
    if (failed(entry))
      return signalPassFailure();
    FailureOr<memory::Program> program = memory::Program::analyze(*entry);
    if (failed(program))
      return signalPassFailure();
    if (!module->hasAttr("exec.slots") || !module->hasAttr("exec.kernels")) {
      emitError(module.getLoc(), "lower-exec: expected the attributes of "
                                 "plan-memory and describe-program");
      return signalPassFailure();
    }
    OpBuilder builder(&getContext());
    builder.setInsertionPoint(*entry);
    auto type = builder.getFunctionType(
        LLVM::LLVMPointerType::get(&getContext()), builder.getI32Type());
    auto target =
        func::FuncOp::create(builder, entry->getLoc(), entryName, type);
    target.addEntryBlock();
    SymbolTable symbols(module);
    if (failed(EntryLowering(*program, target, builder, symbols).run()))
      return signalPassFailure();
    entry->erase();
    eraseDeclarations(module);
    OpPassManager pipeline(ModuleOp::getOperationName());
    pipeline.addPass(createSCFToControlFlowPass());
    pipeline.addPass(createConvertControlFlowToLLVMPass());
    pipeline.addPass(createArithToLLVMConversionPass());
    pipeline.addPass(createConvertFuncToLLVMPass());
    pipeline.addPass(createReconcileUnrealizedCastsPass());
    if (failed(runPipeline(pipeline, module)))
      signalPassFailure();
  }
};

} // namespace
