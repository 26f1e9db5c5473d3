//===- MicrokernelCalls.cpp - calls of microkernels -----------------------===//
#include "lib/Lowering/KernelToLLVM/MicrokernelCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

/// Calls the microkernel at `position` of the table.
static void call(ElementEmitter &emitter, Value position,
                 ArrayRef<Value> arguments) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value entry = LLVM::GEPOp::create(builder, loc, pointer, builder.getI64Type(),
                                    emitter.frame.microkernels,
                                    ArrayRef<LLVM::GEPArg>{position});
  Value function = LLVM::LoadOp::create(builder, loc, pointer, entry);
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  SmallVector<Type>(arguments.size(), pointer));
  SmallVector<Value> operands = {function};
  llvm::append_range(operands, arguments);
  LLVM::CallOp::create(builder, loc, type, operands);
}

void cinch::callMicrokernel(ElementEmitter &emitter, Value position, Value a,
                            Value b, Value c) {
  call(emitter, position, {a, b, c});
}

void cinch::callSumMicrokernel(ElementEmitter &emitter, Value position, Value a,
                               Value b, Value c, Value count, Value aOffsets,
                               Value bOffsets) {
  call(emitter, position, {a, b, c, count, aOffsets, bOffsets});
}

Value cinch::advance(ElementEmitter &emitter, Value base, Value count,
                     int64_t stride) {
  OpBuilder &builder = emitter.builder;
  Value offset =
      arith::IndexCastOp::create(builder, emitter.loc, builder.getI64Type(),
                                 emitter.mul(count, emitter.constant(stride)));
  return LLVM::GEPOp::create(
      builder, emitter.loc, LLVM::LLVMPointerType::get(builder.getContext()),
      builder.getF32Type(), base, ArrayRef<LLVM::GEPArg>{offset});
}

void cinch::forDigits(ElementEmitter &emitter, Value count, int64_t largest,
                      function_ref<void(int64_t, Value)> emit) {
  OpBuilder &builder = emitter.builder;
  Location loc = emitter.loc;
  for (int64_t size = largest; size > 0; size /= 2) {
    Value digit =
        arith::AndIOp::create(builder, loc, count, emitter.constant(size));
    Value isSet = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                        digit, emitter.constant(0));
    Value done =
        arith::AndIOp::create(builder, loc, count, emitter.constant(-2 * size));
    auto choice = scf::IfOp::create(builder, loc, isSet, /*withElse=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.thenBlock());
    emit(size, done);
  }
}
