//===- ElementEmitter.cpp - elements of the tensors of a kernel body ------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "dialects/Graph/ElementTypes.h"

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
  auto argument = dyn_cast<BlockArgument>(tensor);
  if (argument && graph::isPacked(getElementTypeOrSelf(tensor.getType()))) {
    value = loadPacked(argument.getArgNumber(), indices);
  } else if (argument) {
    ArrayRef<Value> joined = getJoined(argument.getArgNumber(), indices);
    if (!joined.empty())
      return loadJoined(argument.getArgNumber(), indices, joined);
    Value offset = linearize(argument.getArgNumber(), indices);
    hoist(offset);
    value = load(cast<RankedTensorType>(tensor.getType()).getElementType(),
                 frame.tensors[argument.getArgNumber()].address, offset);
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
    if (getConstantIntValue(sizes[dim]) == 1)
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
