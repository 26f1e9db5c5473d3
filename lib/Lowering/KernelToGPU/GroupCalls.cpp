//===- GroupCalls.cpp - calls that are one launch -------------------------===//
//
// The projections of an attention layer, gates of a cell: the same kernel on
// other weights. One launch for all of them fills the device better, and there
// are fewer.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToGPU/GroupCalls.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "passes/Memory/Program.h"

using namespace mlir;
using namespace cinch;

/// Calls of a group at most: each has parameters of its own.
static constexpr size_t maxCalls = 4;

namespace {

/// Collects one group after the other.
class GroupFinder {
public:
  GroupFinder(const memory::Program &program, ArrayAttr slots)
      : program(program), slots(slots) {}
  void visit(Operation &op);
  void flush() {
    if (current.size() > 1)
      groups.push_back(current);
    current.clear();
  }
  SmallVector<CallGroup> groups;

private:
  bool isLike(exec::KernelOp first, exec::KernelOp next) const;
  bool isAlive(exec::KernelOp call, int64_t step) const;
  bool areApart(exec::KernelOp a, exec::KernelOp b) const;

  const memory::Program &program;
  ArrayAttr slots;
  CallGroup current;
};

} // namespace

/// Whether both have the same code, sizes and number of blocks.
bool GroupFinder::isLike(exec::KernelOp first, exec::KernelOp next) const {
  auto areEqual = [&](ValueRange a, ValueRange b) {
    return llvm::all_of(llvm::zip_equal(a, b), [&](auto pair) {
      return std::get<0>(pair).getType() == std::get<1>(pair).getType() &&
             program.getDims(std::get<0>(pair)) ==
                 program.getDims(std::get<1>(pair));
    });
  };
  return first.getCallee() == next.getCallee() &&
         first.getScalars() == next.getScalars() &&
         areEqual(first.getInputs(), next.getInputs()) &&
         areEqual(first.getResults(), next.getResults());
}

/// Whether everything of `call` is in memory until `step`, so that nothing of
/// the other calls lies there.
bool GroupFinder::isAlive(exec::KernelOp call, int64_t step) const {
  auto isKept = [&](Value value) {
    exec::SlotAttr slot = exec::getSlot(value);
    if (!slot || slot.getSpace() == exec::Space::state)
      return false;
    if (slot.getSpace() != exec::Space::arena)
      return true;
    auto record = cast<DictionaryAttr>(slots[slot.getNumber()]);
    return record.getAs<IntegerAttr>("last").getInt() >= step;
  };
  return llvm::all_of(call.getInputs(), isKept) &&
         llvm::all_of(call.getResults(), isKept);
}

/// Whether neither writes what the other reads or writes.
bool GroupFinder::areApart(exec::KernelOp a, exec::KernelOp b) const {
  auto isSame = [&](Value x, Value y) {
    exec::SlotAttr left = exec::getSlot(x), right = exec::getSlot(y);
    return left.getSpace() == right.getSpace() &&
           left.getNumber() == right.getNumber();
  };
  auto writes = [&](exec::KernelOp from, ValueRange values) {
    return llvm::any_of(from.getResults(), [&](Value result) {
      return llvm::any_of(values,
                          [&](Value value) { return isSame(result, value); });
    });
  };
  return !writes(a, b.getInputs()) && !writes(a, b.getResults()) &&
         !writes(b, a.getInputs());
}

void GroupFinder::visit(Operation &op) {
  if (isa<exec::ViewOp, exec::WeightOp>(op)) // places without code
    return;
  auto call = dyn_cast<exec::KernelOp>(op);
  if (!call)
    return flush();
  int64_t step = program.getStep(call);
  bool joins = !current.empty() && current.size() < maxCalls &&
               isLike(current.front(), call) && isAlive(call, step) &&
               llvm::all_of(
                   current,
                   [&](exec::KernelOp other) {
                     return isAlive(other, step) && areApart(other, call);
                   });
  if (!joins)
    flush();
  Operation *body =
      SymbolTable::lookupNearestSymbolFrom(call, call.getCalleeAttr());
  if (call.getFaults().empty() && call.getUpdates().empty() &&
      !body->hasAttr(exec::rowsAttrName))
    current.push_back(call);
}

FailureOr<SmallVector<CallGroup>> cinch::findCallGroups(ModuleOp module) {
  auto slots = module->getAttrOfType<ArrayAttr>("exec.slots");
  if (!slots) // without places nothing is known
    return SmallVector<CallGroup>();
  FailureOr<func::FuncOp> entry = memory::getEntry(module);
  if (failed(entry))
    return failure();
  FailureOr<memory::Program> program = memory::Program::analyze(*entry);
  if (failed(program))
    return failure();
  GroupFinder finder(*program, slots);
  entry->walk([&](Block *block) {
    for (Operation &op : *block)
      finder.visit(op);
    finder.flush();
  });
  return finder.groups;
}

LLVM::LLVMFuncOp cinch::makeGroupKernel(ModuleOp module, LLVM::LLVMFuncOp one,
                                        StringRef name, int64_t count) {
  OpBuilder builder(module.getBodyRegion());
  builder.setInsertionPointToEnd(module.getBody());
  Location loc = one.getLoc();
  // A copy that disappears into the kernel.
  std::string inner = (name + "_one").str();
  if (!module.lookupSymbol(inner)) {
    auto copy = cast<LLVM::LLVMFuncOp>(builder.clone(*one));
    copy.setName(inner);
    copy.setLinkage(LLVM::Linkage::Internal);
    copy.setAlwaysInline(true);
  }
  SmallVector<Type> types;
  unsigned words = one.getNumArguments();
  for (int64_t call = 0; call < count; ++call)
    llvm::append_range(types, one.getArgumentTypes());
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(module.getContext()), types);
  auto kernel = LLVM::LLVMFuncOp::create(builder, loc, name, type);
  StringRef align = LLVM::LLVMDialect::getAlignAttrName();
  for (unsigned word = 0; word < types.size(); ++word)
    if (Attribute attr = one.getArgAttr(word % words, align))
      kernel.setArgAttr(word, align, attr);
  builder.setInsertionPointToStart(kernel.addEntryBlock(builder));
  Type i32 = builder.getI32Type();
  Value row = NVVM::BlockIdYOp::create(builder, loc, i32);
  SmallVector<Value> operands(kernel.getArguments().take_front(words));
  for (int64_t call = 1; call < count; ++call) {
    Value number = LLVM::ConstantOp::create(builder, loc, i32,
                                            builder.getI32IntegerAttr(call));
    Value isThis = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq,
                                        row, number);
    for (unsigned word = 0; word < words; ++word)
      operands[word] = LLVM::SelectOp::create(
          builder, loc, isThis, kernel.getArgument(call * words + word),
          operands[word]);
  }
  LLVM::CallOp::create(builder, loc, TypeRange(), inner, operands);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return kernel;
}
