//===- ElementEmitter.cpp - elements of the tensors of a kernel body
//---------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace cinch;

ElementEmitter::ElementEmitter(OpBuilder &builder, KernelFrame frame, bool fast)
    : builder(builder), frame(std::move(frame)), loc(this->frame.body.getLoc()),
      fast(fast) {
  MLIRContext *context = builder.getContext();
  accessGroups = ArrayAttr::get(context, {LLVM::AccessGroupAttr::get(context)});
}

//===----------------------------------------------------------------------===//
// Placement
//===----------------------------------------------------------------------===//

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

static std::optional<int64_t> getConstant(Value value) {
  return getConstantIntValue(value);
}

static constexpr auto nsw = arith::IntegerOverflowFlags::nsw;

Value ElementEmitter::add(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y)
    return constant(*x + *y);
  if (x == 0)
    return b;
  if (y == 0)
    return a;
  return make<arith::AddIOp>({a, b}, a, b, nsw);
}

Value ElementEmitter::sub(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y)
    return constant(*x - *y);
  if (y == 0)
    return a;
  return make<arith::SubIOp>({a, b}, a, b, nsw);
}

Value ElementEmitter::mul(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
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
  auto x = getConstant(a), y = getConstant(b);
  if (x && y && *y != 0)
    return constant(*x / *y);
  if (y == 1)
    return a;
  // Not speculated: the divisor of a dead division may be 0.
  return arith::DivUIOp::create(builder, loc, a, b);
}

Value ElementEmitter::rem(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y && *y != 0)
    return constant(*x % *y);
  if (y == 1)
    return constant(0);
  return arith::RemUIOp::create(builder, loc, a, b);
}

Value ElementEmitter::ceilDiv(Value a, Value b) {
  return floorDiv(add(a, sub(b, constant(1))), b);
}

Value ElementEmitter::min(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
  if (x && y)
    return constant(std::min(*x, *y));
  return make<arith::MinSIOp>({a, b}, a, b);
}

Value ElementEmitter::max(Value a, Value b) {
  auto x = getConstant(a), y = getConstant(b);
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

void ElementEmitter::markParallel(scf::ForOp loop) {
  MLIRContext *context = builder.getContext();
  auto group = cast<LLVM::AccessGroupAttr>(accessGroups[0]);
  loop->setAttr("loop_annotation",
                LLVM::LoopAnnotationAttr::get(
                    context, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
                    {}, ArrayRef<LLVM::AccessGroupAttr>{group}));
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

static Value elementAddress(OpBuilder &builder, Location loc, Type type,
                            Value base, Value offset) {
  Value word =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), offset);
  return LLVM::GEPOp::create(
      builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
      getMemoryType(type), base, ArrayRef<LLVM::GEPArg>{word},
      LLVM::GEPNoWrapFlags::inbounds);
}

Value ElementEmitter::load(Type type, Value base, Value offset) {
  OpBuilder::InsertionGuard guard(builder);
  Value at = elementAddress(builder, loc, type, base, offset);
  auto op = LLVM::LoadOp::create(builder, loc, getMemoryType(type), at);
  op.setAccessGroupsAttr(accessGroups);
  if (type.isInteger(1)) {
    Value zero = arith::ConstantIntOp::create(builder, loc, 0, 8);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, op,
                                 zero);
  }
  if (type.isIndex())
    return arith::IndexCastOp::create(builder, loc, type, op);
  return op;
}

void ElementEmitter::store(Value value, Value base, Value offset) {
  Type type = value.getType(), memory = getMemoryType(type);
  Value at = elementAddress(builder, loc, type, base, offset);
  if (type.isInteger(1))
    value = arith::ExtUIOp::create(builder, loc, memory, value);
  if (type.isIndex())
    value = arith::IndexCastOp::create(builder, loc, memory, value);
  auto op = LLVM::StoreOp::create(builder, loc, value, at);
  op.setAccessGroupsAttr(accessGroups);
}

/// The linear offset of `indices` in argument number `argument`.
static Value linearize(ElementEmitter &emitter, TensorArgument &tensor,
                       ArrayRef<Value> indices) {
  size_t rank = tensor.sizes.size();
  if (tensor.strides.size() != rank) {
    tensor.strides.assign(rank, emitter.constant(1));
    // Sizes are known from the start; a branch may be the first to ask.
    OpBuilder::InsertionGuard guard(emitter.builder);
    while (
        !isa<func::FuncOp>(emitter.builder.getInsertionBlock()->getParentOp()))
      emitter.builder.setInsertionPoint(
          emitter.builder.getInsertionBlock()->getParentOp());
    for (size_t axis = rank; axis-- > 1;)
      tensor.strides[axis - 1] =
          emitter.mul(tensor.strides[axis], tensor.sizes[axis]);
  }
  Value offset = emitter.constant(0);
  for (auto [index, stride] : llvm::zip(indices, tensor.strides))
    offset = emitter.add(offset, emitter.mul(index, stride));
  return offset;
}

Value ElementEmitter::address(unsigned argument, ArrayRef<Value> indices) {
  Type type = cast<RankedTensorType>(frame.body.getArgumentTypes()[argument])
                  .getElementType();
  Value offset = linearize(*this, frame.tensors[argument], indices);
  return elementAddress(builder, loc, type, frame.tensors[argument].address,
                        offset);
}

void ElementEmitter::store(Value value, unsigned argument,
                           ArrayRef<Value> indices) {
  Value offset = linearize(*this, frame.tensors[argument], indices);
  store(value, frame.tensors[argument].address, offset);
}

//===----------------------------------------------------------------------===//
// Sizes and scalars
//===----------------------------------------------------------------------===//

Value ElementEmitter::size(Value tensor, int64_t axis) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(axis))
    return constant(type.getDimSize(axis));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return frame.tensors[argument.getArgNumber()].sizes[axis];
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return scalar(empty.getDynamicSize(axis));
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return size(
        linalgOp.getDpsInits()[cast<OpResult>(tensor).getResultNumber()], axis);
  op->emitOpError("is not part of the grammar of kernel bodies");
  return nullptr;
}

Value ElementEmitter::scalar(Value value) {
  auto known = scalarCache.find(value);
  if (known != scalarCache.end())
    return known->second;
  Value result;
  OpBuilder::InsertionGuard guard(builder);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    result = frame.scalars[argument.getArgNumber()];
  } else if (auto number = getConstant(value);
             number && value.getType().isIndex()) {
    return constant(*number);
  } else if (auto dim = value.getDefiningOp<tensor::DimOp>()) {
    auto axis = dim.getConstantIndex();
    if (!axis) {
      dim.emitOpError("expected a constant axis in a kernel body");
      return nullptr;
    }
    result = size(dim.getSource(), *axis);
  } else if (auto extract = value.getDefiningOp<tensor::ExtractOp>()) {
    SmallVector<Value> indices;
    for (Value index : extract.getIndices())
      indices.push_back(scalar(index));
    if (llvm::is_contained(indices, Value()))
      return nullptr;
    hoist(indices);
    result = element(extract.getTensor(), indices);
  } else {
    Operation *op = value.getDefiningOp();
    if (op->getNumRegions() != 0 ||
        llvm::any_of(op->getOperandTypes(),
                     [](Type type) { return isa<ShapedType>(type); }) ||
        llvm::any_of(op->getResultTypes(),
                     [](Type type) { return isa<ShapedType>(type); })) {
      op->emitOpError("is not part of the grammar of kernel bodies");
      return nullptr;
    }
    IRMapping mapping;
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(scalar(operand));
      if (!operands.back())
        return nullptr;
      mapping.map(operand, operands.back());
    }
    hoist(operands);
    result = builder.clone(*op, mapping)
                 ->getResult(cast<OpResult>(value).getResultNumber());
  }
  // Scalars of the top level depend on no loop, so they are visible everywhere
  // unless a region of the body holds them.
  if (result && barriers.empty())
    scalarCache[value] = result;
  return result;
}

SmallVector<Value> ElementEmitter::loopSizes(linalg::LinalgOp op) {
  SmallVector<Value> sizes(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    for (auto [axis, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      Value &known = sizes[dim.getPosition()];
      bool isStatic =
          !cast<RankedTensorType>(operand.get().getType()).isDynamicDim(axis);
      if (!known || (isStatic && !getConstant(known)))
        known = size(operand.get(), axis);
    }
  }
  for (Value size : sizes)
    if (!size) {
      op.emitOpError("has a loop that no operand gives a size");
      return {};
    }
  return sizes;
}

SmallVector<Value> ElementEmitter::apply(AffineMap map,
                                         ArrayRef<Value> indices) {
  std::function<Value(AffineExpr)> emit = [&](AffineExpr expr) -> Value {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return indices[dim.getPosition()];
    if (auto number = dyn_cast<AffineConstantExpr>(expr))
      return constant(number.getValue());
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Value lhs = emit(binary.getLHS()), rhs = emit(binary.getRHS());
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      return add(lhs, rhs);
    case AffineExprKind::Mul:
      return mul(lhs, rhs);
    case AffineExprKind::Mod:
      return rem(lhs, rhs);
    case AffineExprKind::FloorDiv:
      return floorDiv(lhs, rhs);
    default:
      return ceilDiv(lhs, rhs);
    }
  };
  SmallVector<Value> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(emit(expr));
  return results;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// True if `value` may be used where the builder of an emitter stands.
static bool isVisible(Value value, Block *from) {
  Block *home = value.getParentBlock();
  for (Block *block = from; block;) {
    if (block == home)
      return true;
    Operation *parent = block->getParentOp();
    block = parent && !isa<func::FuncOp>(parent) ? parent->getBlock() : nullptr;
  }
  return false;
}

Value ElementEmitter::lookUp(Value tensor, ArrayRef<Value> indices) {
  auto known = cache.find(tensor);
  if (known == cache.end())
    return nullptr;
  for (Entry &entry : llvm::reverse(known->second))
    if (ArrayRef<Value>(entry.indices) == indices &&
        isVisible(entry.value, builder.getInsertionBlock()))
      return entry.value;
  return nullptr;
}

void ElementEmitter::redirect(Value tensor, Source source) {
  sources[tensor] = std::move(source);
}
void ElementEmitter::endRedirect(Value tensor) { sources.erase(tensor); }

Value ElementEmitter::element(Value tensor, ArrayRef<Value> indices) {
  if (auto source = sources.find(tensor); source != sources.end())
    return source->second(indices);
  if (Value known = lookUp(tensor, indices))
    return known;
  OpBuilder::InsertionGuard guard(builder);
  Value value;
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    TensorArgument &memory = frame.tensors[argument.getArgNumber()];
    Value offset = linearize(*this, memory, indices);
    hoist(offset);
    value = load(cast<RankedTensorType>(tensor.getType()).getElementType(),
                 memory.address, offset);
  } else {
    Operation *op = tensor.getDefiningOp();
    unsigned number = cast<OpResult>(tensor).getResultNumber();
    DenseElementsAttr splat;
    if (auto fill = dyn_cast<linalg::FillOp>(op))
      return scalar(fill.value());
    if (matchPattern(op, m_Constant(&splat)) && splat.isSplat()) {
      hoist({});
      return arith::ConstantOp::create(builder, loc,
                                       splat.getSplatValue<TypedAttr>());
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      op->emitOpError("is not part of the grammar of kernel bodies");
      return nullptr;
    }
    hoist(indices);
    if (generic.getNumReductionLoops() != 0)
      return reduction(generic, number, indices);
    AffineMap map = generic.getIndexingMapMatchingResult(op->getResult(number));
    SmallVector<Value> loops(generic.getNumLoops(), constant(0));
    for (auto [expr, index] : llvm::zip(map.getResults(), indices))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        loops[dim.getPosition()] = index;
    SmallVector<Value> old;
    for (auto [number, init] : llvm::enumerate(generic.getDpsInits())) {
      bool used = !generic.getRegionOutputArgs()[number].use_empty();
      AffineMap initMap =
          generic.getIndexingMapMatchingResult(op->getResult(number));
      old.push_back(used ? element(init, apply(initMap, loops)) : Value());
      if (used && !old.back())
        return nullptr;
    }
    SmallVector<Value> results = inlineBody(generic, loops, old);
    if (results.empty())
      return nullptr;
    value = results[number];
    for (unsigned other = 0; other < results.size(); ++other)
      if (other != number &&
          generic.getIndexingMapMatchingResult(op->getResult(other)) == map)
        cache[op->getResult(other)].push_back(
            {SmallVector<Value>(indices), results[other]});
  }
  if (value)
    cache[tensor].push_back({SmallVector<Value>(indices), value});
  return value;
}

Value ElementEmitter::reduction(linalg::GenericOp op, unsigned result,
                                ArrayRef<Value> indices) {
  SmallVector<Value> sizes = loopSizes(op);
  if (sizes.empty())
    return nullptr;
  SmallVector<Value> loops(op.getNumLoops());
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(result));
  for (auto [expr, index] : llvm::zip(map.getResults(), indices))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] = index;
  SmallVector<unsigned> reductionDims;
  op.getReductionDims(reductionDims);
  for (unsigned dim = 0; dim < loops.size(); ++dim)
    if (!loops[dim] && !llvm::is_contained(reductionDims, dim))
      loops[dim] = constant(0);

  SmallVector<Value> values;
  for (Value init : op.getDpsInits()) {
    SmallVector<Value> at = llvm::to_vector(indices);
    values.push_back(element(init, at));
    if (!values.back())
      return nullptr;
  }
  Value zero = constant(0), one = constant(1);
  SmallVector<scf::ForOp> nest;
  for (unsigned dim : reductionDims) {
    loops[dim] = zero;
    if (getConstant(sizes[dim]) == 1)
      continue;
    nest.push_back(makeLoop(zero, sizes[dim], one, values));
    loops[dim] = nest.back().getInductionVar();
    values = llvm::to_vector(llvm::map_range(
        nest.back().getRegionIterArgs(),
        [](BlockArgument argument) -> Value { return argument; }));
  }
  values = inlineBody(op, loops, values);
  if (values.empty())
    return nullptr;
  for (scf::ForOp loop : llvm::reverse(nest)) {
    builder.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(builder, loc, values);
    values.assign(loop.result_begin(), loop.result_end());
    builder.setInsertionPointAfter(loop);
  }
  for (auto [number, value] : llvm::enumerate(values))
    if (op.getIndexingMapMatchingResult(op->getResult(number)) == map)
      cache[op->getResult(number)].push_back(
          {SmallVector<Value>(indices), value});
  return values[result];
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

SmallVector<Value> ElementEmitter::inlineBody(linalg::GenericOp op,
                                              ArrayRef<Value> indices,
                                              ValueRange accumulators) {
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (argument.use_empty())
      continue;
    Value value;
    if (isa<RankedTensorType>(input->get().getType()))
      value = element(input->get(),
                      apply(op.getMatchingIndexingMap(input), indices));
    else
      value = scalar(input->get());
    if (!value)
      return {};
    mapping.map(argument, value);
  }
  for (auto [argument, value] :
       llvm::zip(op.getRegionOutputArgs(), accumulators))
    if (value)
      mapping.map(argument, value);
  SmallVector<Value> yielded;
  if (failed(cloneBlock(*op.getBlock(), mapping, op, indices, &yielded)))
    return {};
  return yielded;
}

LogicalResult ElementEmitter::cloneRegions(Operation &op, IRMapping &mapping,
                                           linalg::GenericOp generic,
                                           ArrayRef<Value> indices) {
  Operation *copy = op.cloneWithoutRegions(mapping);
  builder.insert(copy);
  for (auto [from, to] : llvm::zip(op.getRegions(), copy->getRegions()))
    for (Block &block : from) {
      OpBuilder::InsertionGuard guard(builder);
      SmallVector<Location> locs(block.getNumArguments(), loc);
      Block *body =
          builder.createBlock(&to, to.end(), block.getArgumentTypes(), locs);
      mapping.map(block.getArguments(), body->getArguments());
      barriers.push_back(body);
      LogicalResult result =
          cloneBlock(block, mapping, generic, indices, nullptr);
      barriers.pop_back();
      if (failed(result))
        return failure();
    }
  mapping.map(op.getResults(), copy->getResults());
  return success();
}

/// True if `condition` is a conjunction with `0 <= index < size` as one of its
/// terms, written as an unsigned comparison.
static bool guards(Value condition, Value index) {
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return guards(both.getLhs(), index) || guards(both.getRhs(), index);
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  return compare && compare.getPredicate() == arith::CmpIPredicate::ult &&
         compare.getLhs() == index;
}

/// What `index` was before it was clamped into the tensor; null if it was not.
static Value beforeClamp(Value index) {
  if (auto max = index.getDefiningOp<arith::MaxSIOp>())
    if (auto min = max.getLhs().getDefiningOp<arith::MinSIOp>())
      return min.getLhs();
  return nullptr;
}

/// The extract that `op` selects where its indices are inside the tensor, if
/// `op` is select(inside, extract(clamped indices), other): the clamps are not
/// needed when the load is guarded by `inside`, and addresses become affine, so
/// that LLVM makes masked loads of it.
static tensor::ExtractOp findGuarded(Operation &op) {
  auto select = dyn_cast<arith::SelectOp>(op);
  auto extract = select
                     ? select.getTrueValue().getDefiningOp<tensor::ExtractOp>()
                     : nullptr;
  if (!extract || !extract->hasOneUse() || extract->getBlock() != op.getBlock())
    return nullptr;
  for (Value index : extract.getIndices()) {
    Value inner = beforeClamp(index);
    if (inner && guards(select.getCondition(), inner))
      return extract;
  }
  return nullptr;
}

LogicalResult ElementEmitter::emitGuarded(Operation &op, IRMapping &mapping) {
  auto select = cast<arith::SelectOp>(op);
  tensor::ExtractOp extract = findGuarded(op);
  SmallVector<Value> at;
  for (Value index : extract.getIndices()) {
    Value inner = beforeClamp(index);
    bool free = inner && guards(select.getCondition(), inner);
    at.push_back(mapping.lookup(free ? inner : index));
  }
  auto branch = scf::IfOp::create(builder, loc, select.getType(),
                                  mapping.lookup(select.getCondition()),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  barriers.push_back(branch.thenBlock());
  Value value = element(extract.getTensor(), at);
  barriers.pop_back();
  if (!value)
    return failure();
  scf::YieldOp::create(builder, loc, value);
  builder.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(builder, loc, mapping.lookup(select.getFalseValue()));
  mapping.map(select.getResult(), branch.getResult(0));
  return success();
}

LogicalResult ElementEmitter::cloneBlock(Block &block, IRMapping &mapping,
                                         linalg::GenericOp op,
                                         ArrayRef<Value> indices,
                                         SmallVectorImpl<Value> *yielded) {
  // Values from outside the region come from the top level of the body.
  auto capture = [&](Value operand) -> LogicalResult {
    if (mapping.contains(operand) || isa<RankedTensorType>(operand.getType()))
      return success();
    Value value = scalar(operand);
    if (!value)
      return failure();
    mapping.map(operand, value);
    return success();
  };
  for (Operation &inner : block) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      mapping.map(index.getResult(), indices[index.getDim()]);
      continue;
    }
    bool isGuarded = fast && findGuarded(inner);
    for (auto [number, operand] : llvm::enumerate(inner.getOperands()))
      if ((!isGuarded || number != 1) && failed(capture(operand)))
        return failure();
    if (isGuarded) {
      if (failed(emitGuarded(inner, mapping)))
        return failure();
      continue;
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      if (fast && extract->hasOneUse() &&
          findGuarded(**extract->user_begin()) == extract)
        continue;
      SmallVector<Value> at;
      for (Value operand : extract.getIndices())
        at.push_back(mapping.lookup(operand));
      Value value = element(extract.getTensor(), at);
      if (!value)
        return failure();
      mapping.map(extract.getResult(), value);
      continue;
    }
    if (auto dim = dyn_cast<tensor::DimOp>(inner)) {
      auto axis = dim.getConstantIndex();
      Value value = axis ? size(dim.getSource(), *axis) : Value();
      if (!value)
        return dim.emitOpError("expected a constant axis of a known tensor");
      mapping.map(dim.getResult(), value);
      continue;
    }
    if (yielded && inner.hasTrait<OpTrait::IsTerminator>()) {
      for (Value operand : inner.getOperands())
        yielded->push_back(mapping.lookup(operand));
      continue;
    }
    if (inner.getNumRegions() != 0) {
      if (failed(cloneRegions(inner, mapping, op, indices)))
        return failure();
      continue;
    }
    OpBuilder::InsertionGuard guard(builder);
    bool isTerminator = inner.hasTrait<OpTrait::IsTerminator>();
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(mapping.lookup(operand));
    if (!isTerminator && isPure(&inner))
      hoist(operands);
    Operation *copy = builder.clone(inner, mapping);
    auto arithmetic = dyn_cast<arith::ArithFastMathInterface>(copy);
    bool combines = llvm::any_of(inner.getOperands(), [&](Value operand) {
      auto argument = dyn_cast<BlockArgument>(operand);
      return argument && argument.getOwner() == op.getBlock() &&
             argument.getArgNumber() >= op.getNumDpsInputs();
    });
    // The multiplication that feeds a sum may become one FMA.
    if (fast && arithmetic && op.getNumReductionLoops() != 0 &&
        isa<arith::AddFOp, arith::MulFOp>(copy)) {
      auto flags = arith::FastMathFlags::contract;
      if (combines)
        flags = flags | arith::FastMathFlags::reassoc;
      copy->setAttr(arithmetic.getFastMathAttrName(),
                    arith::FastMathFlagsAttr::get(builder.getContext(), flags));
    }
  }
  return success();
}
