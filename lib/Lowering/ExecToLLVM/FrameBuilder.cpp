//===- FrameBuilder.cpp - code that reads the frame of a run --------------===//
#include "lib/Lowering/ExecToLLVM/FrameBuilder.h"
#include "lib/Lowering/ExecToLLVM/ExprEmitter.h"
#include "runtime/ModuleAbi.h"

using namespace mlir;
using namespace cinch;

// Fields of cinch_frame_v1 and cinch_host_v1, all eight bytes wide.
enum FrameField {
  Host,
  Bases,
  Offsets,
  Symbols,
  Caller,
  Microkernels,
  Run,
  Rows,
  Fault
};
enum HostField { Size, ParallelFor, Fail, Copy, Launch, Read, Write };
static_assert(offsetof(cinch_frame_v1, caller) == 8 * Caller &&
              offsetof(cinch_frame_v1, fault) == 8 * Fault &&
              offsetof(cinch_host_v1, copy) == 8 * Copy &&
              offsetof(cinch_host_v1, write) == 8 * Write);

FrameBuilder::FrameBuilder(OpBuilder &builder, Location loc, Value frame,
                           ArrayRef<memory::Symbol> symbols)
    : builder(builder), loc(loc), frame(frame), symbols(symbols),
      pointer(LLVM::LLVMPointerType::get(builder.getContext())),
      i64(builder.getI64Type()) {}

Value FrameBuilder::constant(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, i64,
                                  builder.getI64IntegerAttr(value));
}

Value FrameBuilder::advance(Value from, Value offset) {
  return LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), from,
                             LLVM::GEPArg(offset));
}

Value FrameBuilder::load(Type type, Value from) {
  return LLVM::LoadOp::create(builder, loc, type, from);
}

void FrameBuilder::store(Value value, Value to) {
  LLVM::StoreOp::create(builder, loc, value, to);
}

Value FrameBuilder::loadElement(Value array, int64_t index, Type type) {
  return load(type, advance(array, constant(8 * index)));
}

Value FrameBuilder::loadField(Value structure, int64_t field) {
  return loadElement(structure, field, pointer);
}

Value FrameBuilder::evaluate(const plan::Expr &expr) {
  return emitExpr(builder, loc, expr, [&](StringRef name) {
    for (auto [index, symbol] : llvm::enumerate(symbols))
      if (symbol.name == name)
        return loadElement(loadField(frame, Symbols), index, i64);
    llvm_unreachable("expressions are over the symbols of the program");
  });
}

Value FrameBuilder::rows(int64_t number) {
  return loadElement(loadField(frame, Rows), number, i64);
}

Value FrameBuilder::address(exec::SlotAttr slot) {
  Value offset =
      evaluate(*plan::Expr::parse(std::string_view(slot.getOffset())));
  int64_t number = slot.getNumber();
  switch (slot.getSpace()) {
  case exec::Space::arena: {
    Value base =
        loadElement(loadField(frame, Bases), CINCH_SPACE_ARENA, pointer);
    Value start = loadElement(loadField(frame, Offsets), number, i64);
    return advance(advance(base, start), offset);
  }
  case exec::Space::weight:
    return advance(
        loadElement(loadField(frame, Bases), CINCH_SPACE_WEIGHTS, pointer),
        offset);
  case exec::Space::state:
    return advance(
        loadElement(loadField(frame, Bases), CINCH_SPACE_STATE, pointer),
        offset);
  case exec::Space::caller:
    return advance(loadElement(loadField(frame, Caller), number, pointer),
                   offset);
  }
  llvm_unreachable("all spaces are listed");
}

Value FrameBuilder::callHost(int64_t field, Type result, ValueRange operands) {
  Value function = loadField(loadField(frame, Host), field);
  SmallVector<Type> types(operands.getTypes());
  auto type = LLVM::LLVMFunctionType::get(
      result ? result : LLVM::LLVMVoidType::get(builder.getContext()), types);
  SmallVector<Value> all = {function};
  llvm::append_range(all, operands);
  auto call = LLVM::CallOp::create(builder, loc, type, all);
  return result ? call.getResult() : Value();
}

void FrameBuilder::parallelFor(int64_t kernel, Value function, Value args,
                               Value tiles, Value grain) {
  callHost(ParallelFor, Type(),
           {frame, constant(kernel), function, args, tiles, grain});
}

void FrameBuilder::copy(Value to, Value from, Value bytes) {
  callHost(Copy, Type(), {frame, to, from, bytes});
}

void FrameBuilder::launch(int64_t kernel, int64_t function, Value args,
                          Value blocks) {
  callHost(Launch, Type(),
           {frame, constant(kernel), constant(function), args, blocks});
}

Value FrameBuilder::fault() { return loadField(frame, Fault); }

/// A place on the stack for a value that the host service copies.
Value FrameBuilder::getCell() {
  if (!cell) {
    OpBuilder::InsertionGuard guard(builder);
    Operation *function = builder.getInsertionBlock()->getParentOp();
    while (!isa<func::FuncOp>(function))
      function = function->getParentOp();
    builder.setInsertionPointToStart(&function->getRegion(0).front());
    cell = LLVM::AllocaOp::create(builder, loc, pointer, i64, constant(1));
  }
  return cell;
}

Value FrameBuilder::read(Type type, Value from) {
  Value to = getCell();
  callHost(Read, Type(),
           {frame, to, from, constant(type.getIntOrFloatBitWidth() / 8)});
  return load(type, to);
}

void FrameBuilder::write(Value value, Value to) {
  Value from = getCell();
  store(value, from);
  callHost(
      Write, Type(),
      {frame, to, from, constant(value.getType().getIntOrFloatBitWidth() / 8)});
}

Value FrameBuilder::fail(int32_t status, Value message) {
  Type i32 = builder.getI32Type();
  Value code = LLVM::ConstantOp::create(builder, loc, i32,
                                        builder.getI32IntegerAttr(status));
  return callHost(Fail, i32, {frame, code, message});
}
