//===- KernelFrame.cpp - the arguments of a kernel inside emitted code ----===//
//
// The words of runtime/ModuleAbi.h become SSA values: one address per tensor,
// followed by its dynamic dimensions and the rows that a state has room for,
// one word per index scalar, the first row to write for a kernel that continues
// a state, and two words for a kernel that may fail.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/KernelFrame.h"

#include "dialects/Exec/Exec.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace cinch;

Type cinch::getMemoryType(Type type) {
  if (type.isInteger() && type.getIntOrFloatBitWidth() < 8)
    return IntegerType::get(type.getContext(), 8);
  if (type.isIndex())
    return IntegerType::get(type.getContext(), 64);
  return type;
}

int64_t cinch::getRowAxis(func::FuncOp body, unsigned argument) {
  auto axes = body->getAttrOfType<DenseI64ArrayAttr>(exec::rowsAttrName);
  return axes ? axes[argument] : -1;
}

LogicalResult cinch::checkKernelBody(func::FuncOp body) {
  if (!llvm::is_contained({"generic", "contraction", "attention", "loops"},
                          exec::getKernelKind(body)))
    return body.emitOpError("expected exec.kind of \"generic\", "
                            "\"contraction\", \"attention\" or \"loops\"");
  if (!body.getBody().hasOneBlock())
    return body.emitOpError("expected one block in a kernel body");
  return success();
}

bool cinch::mayFail(func::FuncOp body) {
  return body.walk([](cf::AssertOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

SmallVector<bool> cinch::getSharedArguments(func::FuncOp body,
                                            ArrayRef<exec::KernelOp> users) {
  SmallVector<bool> shared(body.getNumArguments(), false);
  unsigned firstDestination = body.getNumArguments() - body.getNumResults();
  for (exec::KernelOp user : users)
    for (auto pair : user.getInPlace().getAsRange<DenseI64ArrayAttr>()) {
      shared[pair[0]] = true;
      shared[firstDestination + pair[1]] = true;
    }
  if (auto past = body->getAttrOfType<IntegerAttr>(exec::appendAttrName))
    shared[past.getInt()] = shared[firstDestination] = true;
  return shared;
}

LogicalResult cinch::lowerAssertions(func::FuncOp function,
                                     const KernelFrame &frame) {
  SmallVector<cf::AssertOp> assertions;
  function.walk([&](cf::AssertOp op) { assertions.push_back(op); });
  for (cf::AssertOp op : assertions) {
    auto number = op->getAttrOfType<IntegerAttr>(exec::faultAttrName);
    if (!number)
      return op.emitOpError("expected exec.fault, the number of its message");
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Type i32 = builder.getI32Type();
    Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
    Value isWrong = arith::XOrIOp::create(builder, loc, op.getArg(), yes);
    auto branch =
        scf::IfOp::create(builder, loc, isWrong, /*withElseRegion=*/false);
    builder.setInsertionPointToStart(branch.thenBlock());
    Value first =
        arith::IndexCastOp::create(builder, loc, i32, frame.firstFault);
    Value own = arith::ConstantIntOp::create(builder, loc, number.getInt(), 32);
    Value fault = arith::AddIOp::create(builder, loc, first, own);
    LLVM::AtomicRMWOp::create(builder, loc, LLVM::AtomicBinOp::umin,
                              frame.fault, fault,
                              LLVM::AtomicOrdering::monotonic);
    op.erase();
  }
  return success();
}

/// Word number `number` of the array at `args`, as an i64.
static Value loadWord(OpBuilder &builder, Location loc, Value args,
                      int64_t number) {
  Type i64 = builder.getI64Type();
  Value address = LLVM::GEPOp::create(
      builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), i64, args,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number)},
      LLVM::GEPNoWrapFlags::inbounds);
  return LLVM::LoadOp::create(builder, loc, i64, address);
}

void cinch::forEachWord(func::FuncOp body,
                        function_ref<void(bool isAddress)> word) {
  for (auto [number, type] : llvm::enumerate(body.getArgumentTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    word(/*isAddress=*/tensor != nullptr);
    if (!tensor)
      continue;
    for (size_t i = 0, e = tensor.getNumDynamicDims(); i < e; ++i)
      word(/*isAddress=*/false);
    if (getRowAxis(body, number) >= 0)
      word(/*isAddress=*/false);
  }
  if (body->hasAttr(exec::appendAttrName))
    word(/*isAddress=*/false);
  if (mayFail(body)) {
    word(/*isAddress=*/true);
    word(/*isAddress=*/false);
  }
}

void cinch::describeAddresses(func::FuncOp function, func::FuncOp body,
                              ArrayRef<bool> shared,
                              ArrayRef<int64_t> alignments) {
  Builder builder(body.getContext());
  unsigned word = 0;
  for (auto [number, type] : llvm::enumerate(body.getArgumentTypes())) {
    if (auto tensor = dyn_cast<RankedTensorType>(type)) {
      if (!shared[number])
        function.setArgAttr(word, LLVM::LLVMDialect::getNoAliasAttrName(),
                            builder.getUnitAttr());
      if (!alignments.empty())
        function.setArgAttr(word, LLVM::LLVMDialect::getAlignAttrName(),
                            builder.getI64IntegerAttr(alignments[number]));
      word += tensor.getNumDynamicDims() + (getRowAxis(body, number) >= 0);
    }
    ++word;
  }
}

KernelFrame cinch::makeFrame(OpBuilder &builder, Location loc,
                             func::FuncOp body, ValueRange words) {
  KernelFrame frame;
  frame.body = body;
  size_t next = 0;
  for (auto [number, type] : llvm::enumerate(body.getArgumentTypes())) {
    TensorArgument argument;
    Value scalar;
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor) {
      scalar = words[next++];
    } else {
      argument.address = words[next++];
      for (int64_t size : tensor.getShape())
        argument.sizes.push_back(
            ShapedType::isDynamic(size)
                ? words[next++]
                : arith::ConstantIndexOp::create(builder, loc, size));
      argument.extents = argument.sizes;
      int64_t axis = getRowAxis(body, number);
      if (axis >= 0)
        argument.extents[axis] = words[next++];
    }
    frame.tensors.push_back(argument);
    frame.scalars.push_back(scalar);
  }
  if (body->hasAttr(exec::appendAttrName)) {
    frame.firstRow = words[next++];
    frame.rowAxis = getRowAxis(body, body.getNumArguments() - 1);
  }
  if (next < words.size()) {
    frame.fault = words[next];
    frame.firstFault = words[next + 1];
  }
  return frame;
}

/// The words of `body` loaded from `args`: pointers for addresses, index else.
static SmallVector<Value> loadWords(OpBuilder &builder, Location loc,
                                    func::FuncOp body, Value args) {
  SmallVector<Value> words;
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  forEachWord(body, [&](bool isAddress) {
    Value word = loadWord(builder, loc, args, words.size());
    words.push_back(
        isAddress
            ? LLVM::IntToPtrOp::create(builder, loc, pointer, word).getResult()
            : arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                         word)
                  .getResult());
  });
  return words;
}

KernelFunctions::KernelFunctions(OpBuilder &builder, func::FuncOp body,
                                 ArrayRef<bool> shared)
    : builder(builder), body(body), shared(shared), loc(body.getLoc()) {}

KernelFrame KernelFunctions::beginBody() {
  MLIRContext *context = builder.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type index = builder.getIndexType(), i64 = builder.getI64Type();

  SmallVector<Type> types;
  forEachWord(body, [&](bool isAddress) {
    types.push_back(isAddress ? pointer : index);
  });
  types.append({pointer, index, index});
  auto inner =
      func::FuncOp::create(builder, loc, (body.getName() + ".body").str(),
                           builder.getFunctionType(types, {}));
  inner->setAttr("llvm.linkage",
                 LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal));
  describeAddresses(inner, body, shared);

  auto outer = func::FuncOp::create(
      builder, loc, body.getName(),
      builder.getFunctionType({pointer, pointer, i64, i64}, {}));
  {
    OpBuilder::InsertionGuard guard(builder);
    Block *entry = outer.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    SmallVector<Value> operands =
        loadWords(builder, loc, body, entry->getArgument(0));
    operands.push_back(entry->getArgument(1));
    for (unsigned i : {2, 3})
      operands.push_back(arith::IndexCastOp::create(builder, loc, index,
                                                    entry->getArgument(i)));
    func::CallOp::create(builder, loc, inner, operands);
    func::ReturnOp::create(builder, loc);
  }

  Block *entry = inner.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  KernelFrame frame =
      makeFrame(builder, loc, body, entry->getArguments().drop_back(3));
  unsigned numArguments = entry->getNumArguments();
  frame.microkernels = entry->getArgument(numArguments - 3);
  frame.begin = entry->getArgument(numArguments - 2);
  frame.end = entry->getArgument(numArguments - 1);
  auto terminator = func::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(terminator);
  return frame;
}

KernelFrame KernelFunctions::beginTiles() {
  Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  tiles = func::FuncOp::create(
      builder, loc, (body.getName() + ".tiles").str(),
      builder.getFunctionType({pointer}, {builder.getI64Type()}));
  Block *entry = tiles.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  return makeFrame(builder, loc, body,
                   loadWords(builder, loc, body, entry->getArgument(0)));
}

void KernelFunctions::endTiles(Value numTiles) {
  Value result =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), numTiles);
  func::ReturnOp::create(builder, loc, result);
}
