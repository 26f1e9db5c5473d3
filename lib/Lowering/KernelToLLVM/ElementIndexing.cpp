//===- ElementIndexing.cpp - indices and memory of kernels ----------------===//
//
// Operations are placed outside the loops that they do not depend on.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;

void ElementEmitter::hoist(ValueRange operands) {
  Block *block = builder.getInsertionBlock();
  Block::iterator point = builder.getInsertionPoint();
  while (true) {
    bool defined = llvm::any_of(operands, [&](Value operand) {
      return operand.getParentBlock() == block;
    });
    Operation *parent = block->getParentOp();
    if (defined || llvm::is_contained(barriers, block) ||
        !isa<scf::ForOp>(parent))
      break;
    point = Block::iterator(parent);
    block = parent->getBlock();
  }
  builder.setInsertionPoint(block, point);
}

template <typename Op, typename... Args>
Value ElementEmitter::make(ValueRange operands, Args &&...args) {
  OpBuilder::InsertionGuard guard(builder);
  hoist(operands);
  return Op::create(builder, loc, std::forward<Args>(args)...).getResult();
}

Value ElementEmitter::constant(int64_t value) {
  Value &known = constants[value];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.getInsertionBlock();
  while (!isa<func::FuncOp>(block->getParentOp()))
    block = block->getParentOp()->getBlock();
  builder.setInsertionPointToStart(block);
  return known = arith::ConstantIndexOp::create(builder, loc, value);
}

static constexpr auto nsw = arith::IntegerOverflowFlags::nsw;

Value ElementEmitter::add(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(*x + *y);
  if (x == 0)
    return b;
  if (y == 0)
    return a;
  return make<arith::AddIOp>({a, b}, a, b, nsw);
}

Value ElementEmitter::sub(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(*x - *y);
  if (y == 0)
    return a;
  return make<arith::SubIOp>({a, b}, a, b, nsw);
}

Value ElementEmitter::mul(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(*x * *y);
  if (x == 0 || y == 0)
    return constant(0);
  if (x == 1)
    return b;
  if (y == 1)
    return a;
  return make<arith::MulIOp>({a, b}, a, b, nsw);
}

Value ElementEmitter::floorDiv(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y && *y != 0)
    return constant(*x / *y);
  if (y == 1)
    return a;
  // Not speculated: the divisor of a dead division may be 0.
  return arith::DivUIOp::create(builder, loc, a, b);
}

Value ElementEmitter::rem(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y && *y != 0)
    return constant(*x % *y);
  if (y == 1)
    return constant(0);
  return arith::RemUIOp::create(builder, loc, a, b);
}

SmallVector<Value> ElementEmitter::delinearize(Value linear,
                                               ArrayRef<Value> sizes) {
  SmallVector<Value> indices(sizes.size());
  for (size_t dim = sizes.size(); dim-- > 1;) {
    indices[dim] = rem(linear, sizes[dim]);
    linear = floorDiv(linear, sizes[dim]);
  }
  if (!sizes.empty())
    indices.front() = linear;
  return indices;
}

Value ElementEmitter::ceilDiv(Value a, Value b) {
  return floorDiv(add(a, sub(b, constant(1))), b);
}

Value ElementEmitter::min(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(std::min(*x, *y));
  return make<arith::MinSIOp>({a, b}, a, b);
}

Value ElementEmitter::max(Value a, Value b) {
  auto x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(std::max(*x, *y));
  return make<arith::MaxSIOp>({a, b}, a, b);
}

scf::ForOp ElementEmitter::makeLoop(Value begin, Value end, Value step,
                                    ValueRange init) {
  auto loop = scf::ForOp::create(builder, loc, begin, end, step, init);
  if (init.empty())
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder.setInsertionPointToStart(loop.getBody());
  return loop;
}

LogicalResult
ElementEmitter::forRange(Value count, bool isParallel,
                         function_ref<LogicalResult(Value)> body) {
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop = makeLoop(constant(0), count, constant(1));
  if (isParallel)
    markParallel(loop);
  return body(loop.getInductionVar());
}

void ElementEmitter::markParallel(scf::ForOp loop, bool staysLoop) {
  MLIRContext *context = builder.getContext();
  auto group = cast<LLVM::AccessGroupAttr>(accessGroups[0]);
  LLVM::LoopUnrollAttr unroll;
  if (staysLoop)
    unroll = LLVM::LoopUnrollAttr::get(context, builder.getBoolAttr(true), {},
                                       {}, {}, {}, {}, {});
  loop->setAttr("loop_annotation",
                LLVM::LoopAnnotationAttr::get(
                    context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {},
                    {}, {}, ArrayRef<LLVM::AccessGroupAttr>{group}));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value ElementEmitter::allocateStack(Type element, int64_t count,
                                    unsigned alignment) {
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.getInsertionBlock();
  while (!isa<func::FuncOp>(block->getParentOp()))
    block = block->getParentOp()->getBlock();
  builder.setInsertionPointToStart(block);
  Value size = LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                        builder.getI64IntegerAttr(count));
  return LLVM::AllocaOp::create(
      builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
      getMemoryType(element), size, alignment);
}

Value ElementEmitter::getAddress(Type element, Value base, Value offset) {
  Value word =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), offset);
  return LLVM::GEPOp::create(
      builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
      getMemoryType(element), base, ArrayRef<LLVM::GEPArg>{word},
      LLVM::GEPNoWrapFlags::inbounds);
}

Value ElementEmitter::fromMemory(Value value, Type type) {
  if (type.isInteger(1)) {
    Value zero = arith::ConstantIntOp::create(builder, loc, 0, 8);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value,
                                 zero);
  }
  if (type.isIndex())
    return arith::IndexCastOp::create(builder, loc, type, value);
  if (type != value.getType())
    return arith::TruncIOp::create(builder, loc, type, value);
  return value;
}

Value ElementEmitter::toMemory(Value value) {
  Type type = value.getType(), memory = getMemoryType(type);
  if (type.isIndex())
    return arith::IndexCastOp::create(builder, loc, memory, value);
  if (type != memory)
    return arith::ExtUIOp::create(builder, loc, memory, value);
  return value;
}

Value ElementEmitter::load(Type type, Value base, Value offset) {
  OpBuilder::InsertionGuard guard(builder);
  Value at = getAddress(type, base, offset);
  auto op = LLVM::LoadOp::create(builder, loc, getMemoryType(type), at);
  op.setAccessGroupsAttr(accessGroups);
  return fromMemory(op, type);
}

void ElementEmitter::store(Value value, Value base, Value offset) {
  Value at = getAddress(value.getType(), base, offset);
  auto op = LLVM::StoreOp::create(builder, loc, toMemory(value), at);
  op.setAccessGroupsAttr(accessGroups);
}

void ElementEmitter::fillZeros(Value base, Value begin, Value end) {
  OpBuilder::InsertionGuard guard(builder);
  scf::ForOp loop = makeLoop(begin, end, constant(1));
  markParallel(loop);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  store(zero, base, loop.getInductionVar());
}

Value ElementEmitter::joinChannel(Value outer, Value inner, int64_t block) {
  Value channel = add(mul(outer, constant(block)), inner);
  channelParts[channel] = {block, outer, inner};
  return channel;
}

std::pair<Value, Value> ElementEmitter::splitChannel(Value channel,
                                                     int64_t block) {
  auto known = channelParts.find(channel);
  if (known != channelParts.end() && known->second.block == block)
    return {known->second.outer, known->second.inner};
  return {floorDiv(channel, constant(block)), rem(channel, constant(block))};
}

/// See Exec_FilterBlocksAttr.
Value ElementEmitter::linearizeFilter(exec::FilterBlocksAttr blocks,
                                      RankedTensorType type,
                                      ArrayRef<Value> indices) {
  int64_t filters = type.getDimSize(0), channels = type.getDimSize(1);
  Value block = constant(blocks.getFilters()),
        part = constant(blocks.getChannels());
  Value first = mul(floorDiv(indices[0], block), block);
  Value width = filters % blocks.getFilters() == 0
                    ? block
                    : min(block, sub(constant(filters), first));
  Value tap = constant(0);
  int64_t numTaps = 1;
  for (auto [index, size] :
       llvm::zip(indices.drop_front(2), type.getShape().drop_front(2))) {
    tap = add(mul(tap, constant(size)), index);
    numTaps *= size;
  }
  Value line = add(mul(floorDiv(indices[1], part), constant(numTaps)), tap);
  Value row = add(mul(line, part), rem(indices[1], part));
  return add(mul(first, constant(channels * numTaps)),
             add(mul(row, width), rem(indices[0], block)));
}

Value ElementEmitter::linearize(unsigned argument, ArrayRef<Value> indices) {
  TensorArgument &tensor = frame.tensors[argument];
  auto type = cast<RankedTensorType>(frame.body.getArgumentTypes()[argument]);
  if (auto blocks =
          dyn_cast_or_null<exec::FilterBlocksAttr>(type.getEncoding()))
    return linearizeFilter(blocks, type, indices);
  auto blocks = dyn_cast_or_null<exec::ChannelBlocksAttr>(type.getEncoding());
  size_t rank = tensor.sizes.size();
  if (tensor.strides.size() != rank) {
    tensor.strides.assign(rank, constant(blocks ? blocks.getSize() : 1));
    // Sizes are known from the start; a branch may be the first to ask.
    OpBuilder::InsertionGuard guard(builder);
    while (!isa<func::FuncOp>(builder.getInsertionBlock()->getParentOp()))
      builder.setInsertionPoint(builder.getInsertionBlock()->getParentOp());
    for (size_t axis = rank; axis-- > 1;) {
      Value size = tensor.extents[axis];
      if (blocks && axis == 1) // the stride of a block counts its channels
        size = constant(type.getDimSize(1) / blocks.getSize());
      tensor.strides[axis - 1] = mul(tensor.strides[axis], size);
    }
  }
  SmallVector<Value> places(indices);
  Value offset = constant(0), inner = constant(0);
  if (blocks && blocks.getSize() == type.getDimSize(1))
    std::swap(places[1], inner);
  else if (blocks)
    std::tie(places[1], inner) = splitChannel(places[1], blocks.getSize());
  for (auto [index, stride] : llvm::zip(places, tensor.strides))
    offset = add(offset, mul(index, stride));
  return add(offset, inner);
}

Value ElementEmitter::address(unsigned argument, ArrayRef<Value> indices) {
  Type type = cast<RankedTensorType>(frame.body.getArgumentTypes()[argument])
                  .getElementType();
  Value offset = linearize(argument, indices);
  return getAddress(type, frame.tensors[argument].address, offset);
}

Value ElementEmitter::addressOf(linalg::GenericOp op, OpOperand *operand,
                                ArrayRef<Value> loops) {
  return address(cast<BlockArgument>(operand->get()).getArgNumber(),
                 apply(op.getMatchingIndexingMap(operand), loops));
}

Value ElementEmitter::read(linalg::GenericOp op, OpOperand *operand,
                           ArrayRef<Value> loops) {
  Value value =
      element(operand->get(), apply(op.getMatchingIndexingMap(operand), loops));
  if (!value || !isa<FloatType>(value.getType()) ||
      value.getType().getIntOrFloatBitWidth() >= 32)
    return value;
  return make<arith::ExtFOp>({value}, builder.getF32Type(), value);
}

void ElementEmitter::store(Value value, unsigned argument,
                           ArrayRef<Value> indices) {
  Value offset = linearize(argument, indices);
  store(value, frame.tensors[argument].address, offset);
}
