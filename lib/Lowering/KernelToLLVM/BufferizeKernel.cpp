//===- BufferizeKernel.cpp - imperative kernel bodies ---------------------===//
//
// Bodies of kind "loops" write into their destinations with scf loops and
// tensor.insert. One-shot bufferization in place turns them into loops over
// memory; small static temporaries go on the stack, anything else is refused.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/KernelToLoops.h"

#include "lib/Lowering/KernelToLLVM/KernelFrame.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Bufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace cinch;

/// Largest temporary that is put on the stack, in bytes.
static constexpr int64_t maxStackBytes = 32 * 1024;

/// A memref of `tensor` over the memory of `argument`.
static Value makeMemRef(OpBuilder &builder, Location loc,
                        RankedTensorType tensor, TensorArgument &argument) {
  MLIRContext *context = builder.getContext();
  auto pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = builder.getI64Type();
  int64_t rank = tensor.getRank();
  SmallVector<Type> fields = {pointer, pointer, i64};
  if (rank > 0)
    fields.append(2, LLVM::LLVMArrayType::get(i64, rank));
  auto structType = LLVM::LLVMStructType::getLiteral(context, fields);
  Value descriptor = LLVM::PoisonOp::create(builder, loc, structType);
  auto set = [&](Value value, ArrayRef<int64_t> position) {
    descriptor =
        LLVM::InsertValueOp::create(builder, loc, descriptor, value, position);
  };
  Value zero =
      LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(0));
  set(argument.address, {0});
  set(argument.address, {1});
  set(zero, {2});
  Value stride =
      LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(1));
  for (int64_t axis = rank; axis-- > 0;) {
    Value size =
        arith::IndexCastOp::create(builder, loc, i64, argument.sizes[axis]);
    set(size, {3, axis});
    set(stride, {4, axis});
    stride = LLVM::MulOp::create(builder, loc, stride, size);
  }
  auto type = MemRefType::get(tensor.getShape(), tensor.getElementType());
  return UnrealizedConversionCastOp::create(builder, loc, type, descriptor)
      .getResult(0);
}

/// memref.alloc of a small static buffer -> memref.alloca at the function
/// entry.
static LogicalResult placeTemporaries(func::FuncOp function,
                                      func::FuncOp body) {
  Block &entry = function.front();
  LogicalResult result = success();
  function.walk([&](memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    int64_t bits =
        type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
    if (!type.hasStaticShape() ||
        type.getNumElements() * std::max<int64_t>(bits / 8, 1) >
            maxStackBytes) {
      body.emitOpError(
          "cannot be lowered in place: it needs a temporary buffer "
          "of type ")
          << type;
      result = failure();
      return;
    }
    OpBuilder builder(&entry, entry.begin());
    Value buffer = memref::AllocaOp::create(builder, alloc.getLoc(), type,
                                            builder.getI64IntegerAttr(64));
    alloc.replaceAllUsesWith(buffer);
    alloc.erase();
  });
  return result;
}

/// memref.copy -> a loop nest.
static LogicalResult expandCopies(func::FuncOp function) {
  SmallVector<memref::CopyOp> copies;
  function.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies) {
    OpBuilder builder(copy);
    if (copy.getSource() != copy.getTarget())
      linalg::CopyOp::create(builder, copy.getLoc(), copy.getSource(),
                             copy.getTarget());
    copy.erase();
  }
  SmallVector<linalg::LinalgOp> ops;
  function.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  IRRewriter rewriter(function.getContext());
  for (linalg::LinalgOp op : ops) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::linalgOpToLoops(rewriter, op)))
      return op.emitOpError("cannot be lowered to loops");
    rewriter.eraseOp(op);
  }
  return success();
}

LogicalResult cinch::emitBufferizedBody(OpBuilder &builder,
                                        KernelFrame &frame) {
  func::FuncOp body = frame.body;
  Location loc = body.getLoc();
  Operation *parent = builder.getInsertionBlock()->getParentOp();
  while (!isa<func::FuncOp>(parent))
    parent = parent->getParentOp();
  auto function = cast<func::FuncOp>(parent);
  auto yield = cast<func::ReturnOp>(body.front().getTerminator());
  unsigned firstDestination = body.getNumArguments() - yield.getNumOperands();
  IRMapping mapping;
  SmallVector<Value> memory;
  for (BlockArgument argument : body.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    if (!tensor) {
      mapping.map(argument, frame.scalars[number]);
      memory.push_back(Value());
      continue;
    }
    memory.push_back(makeMemRef(builder, loc, tensor, frame.tensors[number]));
    mapping.map(argument, bufferization::ToTensorOp::create(
                              builder, loc, tensor, memory.back(),
                              /*restrict=*/true,
                              /*writable=*/number >= firstDestination)
                              .getResult());
  }
  for (Operation &op : body.front().without_terminator())
    builder.clone(op, mapping);
  for (auto [number, value] : llvm::enumerate(yield.getOperands()))
    bufferization::MaterializeInDestinationOp::create(
        builder, loc, Type(), mapping.lookup(value),
        memory[firstDestination + number], /*restrict=*/true,
        /*writable=*/true);

  bufferization::OneShotBufferizationOptions options;
  options.allowUnknownOps = true;
  options.bufferAlignment = 64;
  options.setFunctionBoundaryTypeConversion(
      bufferization::LayoutMapOption::IdentityLayoutMap);
  IRRewriter rewriter(builder.getContext());
  bufferization::OneShotAnalysisState analysis(function, options);
  if (failed(bufferization::analyzeOp(function, analysis)) ||
      failed(
          bufferization::eliminateEmptyTensors(rewriter, function, analysis)))
    return body.emitOpError("cannot be bufferized");
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotBufferize(function, options, state)) ||
      failed(placeTemporaries(function, body)) ||
      failed(expandCopies(function)))
    return failure();
  return lowerAssertions(function, frame);
}

FailureOr<int64_t> cinch::emitBufferizedKernel(OpBuilder &builder,
                                               func::FuncOp body,
                                               ArrayRef<bool> shared) {
  OpBuilder::InsertionGuard guard(builder);
  KernelFunctions functions(builder, body, shared);
  OpBuilder::InsertPoint point = builder.saveInsertionPoint();
  Location loc = body.getLoc();
  KernelFrame frame = functions.beginBody();

  // The one tile: nothing runs for an empty range.
  Value runs = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                     frame.begin, frame.end);
  auto guardOp = scf::IfOp::create(builder, loc, runs, /*withElse=*/false);
  builder.setInsertionPointToStart(guardOp.thenBlock());
  if (failed(emitBufferizedBody(builder, frame)))
    return failure();

  builder.restoreInsertionPoint(point);
  functions.beginTiles();
  functions.endTiles(arith::ConstantIndexOp::create(builder, loc, 1));
  return 1;
}
