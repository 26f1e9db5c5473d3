//===- LowerParts.cpp - long programs as several functions ----------------===//
//
// The time that LLVM takes for a function grows faster than its size
// (MemorySSA, instruction selection), and a program has ten stores and a call
// for each kernel. So a long run of calls becomes several functions.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/ExecToLLVM/EntryLowering.h"
#include "lib/Lowering/ExecToLLVM/Passes.h"

using namespace mlir;
using namespace cinch;

/// Operations in one function at most, beside those around them.
static constexpr size_t maxPartSize = 128;

/// Lowers operations that exchange no scalars with others into a function, and
/// calls it.
LogicalResult EntryLowering::lowerPart(ArrayRef<Operation *> ops) {
  Location loc = ops.front()->getLoc();
  Value frame = code.getFrame(), outerArgs = args, outerFault = fault;
  SmallVector<Value> operands = {frame, args};
  if (fault)
    operands.push_back(fault);
  OpBuilder atModule(target);
  auto part = func::FuncOp::create(
      atModule, loc, partName,
      builder.getFunctionType(ValueRange(operands).getTypes(), {}));
  part.setPrivate();
  // As the entry: no floats. Inlined, it would grow the entry again.
  part->setAttr("passthrough",
                builder.getStrArrayAttr({"noinline", "noimplicitfloat"}));
  symbols.insert(part); // makes the name unique
  Block *body = part.addEntryBlock();
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(body);
    code.setFrame(body->getArgument(0));
    args = body->getArgument(1);
    fault = fault ? body->getArgument(2) : Value();
    for (Operation *op : ops)
      if (failed(lower(*op)))
        return failure();
    func::ReturnOp::create(builder, loc);
  }
  code.setFrame(frame);
  args = outerArgs;
  fault = outerFault;
  func::CallOp::create(builder, loc, part, operands);
  return success();
}

/// Whether `op` is code that reads and makes tensors only, which have places.
static bool hasNoScalars(Operation &op) {
  return isa<exec::KernelOp, exec::AssembleOp, exec::ShapeOp, exec::CopyOp>(op);
}

LogicalResult EntryLowering::lower(Block &block) {
  SmallVector<Operation *> run;
  auto flush = [&]() -> LogicalResult {
    ArrayRef<Operation *> rest = run;
    while (rest.size() > maxPartSize) {
      if (failed(lowerPart(rest.take_front(maxPartSize))))
        return failure();
      rest = rest.drop_front(maxPartSize);
    }
    for (Operation *op : rest)
      if (failed(lower(*op)))
        return failure();
    run.clear();
    return success();
  };
  for (Operation &op : block.without_terminator()) {
    if (hasNoScalars(op)) {
      run.push_back(&op);
      continue;
    }
    if (isa<exec::WeightOp, exec::ViewOp>(op)) // places without code
      collectSlots(op);
    else if (failed(flush()) || failed(lower(op)))
      return failure();
  }
  return flush();
}
