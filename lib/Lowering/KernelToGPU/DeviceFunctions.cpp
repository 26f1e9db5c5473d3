//===- DeviceFunctions.cpp - the functions of a kernel on a GPU -----------===//
#include "lib/Lowering/KernelToGPU/DeviceFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace cinch;

DeviceFunctions::DeviceFunctions(OpBuilder &builder, ModuleOp device,
                                 const DeviceBody &body)
    : builder(builder), device(device), body(body),
      host(builder, body.body, body.shared) {}

KernelFrame DeviceFunctions::beginBody() {
  hostPoint = builder.saveInsertionPoint();
  func::FuncOp source = body.body;
  Location loc = source.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  SmallVector<Type> types;
  forEachWord(source, [&](bool isAddress) {
    types.push_back(isAddress ? pointer : builder.getI64Type());
  });
  builder.setInsertionPointToEnd(device.getBody());
  auto function = func::FuncOp::create(builder, loc, source.getName(),
                                       builder.getFunctionType(types, {}));
  describeAddresses(function, source, body.shared, body.alignments);
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  SmallVector<Value> words;
  for (Value argument : entry->getArguments())
    words.push_back(isa<LLVM::LLVMPointerType>(argument.getType())
                        ? argument
                        : arith::IndexCastOp::create(
                              builder, loc, builder.getIndexType(), argument));
  KernelFrame frame = makeFrame(builder, loc, source, words);
  for (auto [tensor, alignment] : llvm::zip(frame.tensors, body.alignments))
    tensor.alignment = alignment;
  builder.setInsertionPoint(func::ReturnOp::create(builder, loc));
  return frame;
}

KernelFrame DeviceFunctions::beginTiles() {
  builder.restoreInsertionPoint(hostPoint);
  return host.beginTiles();
}

template <typename Op>
static Value readRegister(ElementEmitter &emitter, int64_t limit) {
  OpBuilder &builder = emitter.builder;
  auto range = LLVM::ConstantRangeAttr::get(
      builder.getContext(), llvm::APInt(32, 0), llvm::APInt(32, limit));
  Value number = Op::create(builder, emitter.loc, builder.getI32Type(), range);
  return arith::IndexCastUIOp::create(builder, emitter.loc,
                                      builder.getIndexType(), number);
}

Value cinch::getBlockNumber(ElementEmitter &emitter) {
  return readRegister<NVVM::BlockIdXOp>(emitter, INT32_MAX);
}

Value cinch::getThreadNumber(ElementEmitter &emitter, int64_t threads) {
  return readRegister<NVVM::ThreadIdXOp>(emitter, threads);
}

Value cinch::getLaneNumber(ElementEmitter &emitter) {
  return readRegister<NVVM::LaneIdOp>(emitter, 32);
}
