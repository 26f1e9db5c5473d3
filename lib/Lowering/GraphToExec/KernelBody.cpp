//===- KernelBody.cpp - building the function of a kernel -----------------===//
#include "lib/Lowering/GraphToExec/KernelBody.h"
#include "dialects/Exec/Exec.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::form;

/// A position of a loop arrives as a tensor of one element.
static Type getInputType(Value input) {
  if (input.getType().isIndex())
    return RankedTensorType::get({}, IntegerType::get(input.getContext(), 64));
  return dropSign(input.getType());
}

KernelBody::KernelBody(Location loc, const ShapeTable &shapes,
                       ArrayRef<Value> inputs, ArrayRef<Value> results)
    : builder(loc.getContext()), loc(loc), shapes(shapes), inputs(inputs),
      results(results) {
  SmallVector<Type> inputTypes, resultTypes;
  for (Value input : inputs)
    inputTypes.push_back(getInputType(input));
  for (Value result : results)
    resultTypes.push_back(dropSign(result.getType()));
  llvm::append_range(inputTypes, resultTypes);
  function = func::FuncOp::create(
      loc, "kernel", builder.getFunctionType(inputTypes, resultTypes));
  function.setPrivate();
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToEnd(entry);
  for (auto [value, argument] : llvm::zip(inputs, entry->getArguments()))
    define(value, argument);
  for (auto [value, argument] :
       llvm::zip(results, entry->getArguments().drop_front(inputs.size())))
    destinations[value] = argument;
}

KernelBody::~KernelBody() {
  if (function)
    function.erase();
}

func::FuncOp KernelBody::finish() {
  SmallVector<Value> returned;
  for (Value result : results)
    returned.push_back(tensors.lookup(result).value);
  func::ReturnOp::create(builder, loc, returned);
  Block &entry = function.getBody().front();
  function.setFunctionType(builder.getFunctionType(entry.getArgumentTypes(),
                                                   function.getResultTypes()));
  return std::exchange(function, {});
}

unsigned KernelBody::addFault(std::string message) {
  faults.push_back(std::move(message));
  return faults.size() - 1;
}

void KernelBody::assertThat(Scalars &s, Value holds, unsigned fault) {
  // The message is with the call, so that equal bodies stay equal.
  auto op = cf::AssertOp::create(s.b, s.loc, holds, "holds while running");
  op->setAttr(exec::faultAttrName, s.b.getI64IntegerAttr(fault));
}

Tensor KernelBody::tensor(Value graphValue) const {
  auto found = tensors.find(graphValue);
  if (found != tensors.end())
    return found->second;
  const graph::ValueShape &shape = shapes.get(graphValue);
  Tensor constant{{},
                  ShapeTable::splat(graphValue),
                  shape.dims,
                  getElementTypeOrSelf(graphValue.getType())};
  assert(constant.splat && "neither an input nor defined before nor a number");
  return constant;
}

Value KernelBody::destination(Value graphValue) {
  if (Value found = destinations.lookup(graphValue))
    return found;
  return empty(dims(graphValue), getElementTypeOrSelf(graphValue.getType()))
      .value;
}

void KernelBody::define(Value graphValue, Value tensor) {
  if (graphValue.getType().isIndex()) {
    tensors[graphValue] = {tensor, {}, {}, builder.getI64Type()};
    return;
  }
  tensors[graphValue] = {tensor,
                         {},
                         shapes.get(graphValue).dims,
                         getElementTypeOrSelf(graphValue.getType())};
}

Value KernelBody::size(const Expr &expression) {
  if (auto constant = expression.asConstant()) {
    OpBuilder::InsertionGuard guard(builder);
    return arith::ConstantIndexOp::create(builder, loc, *constant);
  }
  for (auto &[known, value] : sizes)
    if (known == expression)
      return value;
  // Sizes live at the top of the function, so that every later place can use
  // them.
  Block &entry = function.getBody().front();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&entry);
  Value found;
  auto findIn = [&](ArrayRef<Value> values, size_t firstArgument) {
    for (auto [number, value] : llvm::enumerate(values)) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type)
        continue;
      for (auto [axis, dim] : llvm::enumerate(dims(value)))
        if (!found && type.isDynamicDim(axis) && dim == expression)
          found = tensor::DimOp::create(
              builder, loc, entry.getArgument(firstArgument + number), axis);
    }
  };
  findIn(inputs, 0);
  findIn(results, inputs.size() + scalars.size());
  if (!found) {
    found = entry.insertArgument(inputs.size() + scalars.size(),
                                 builder.getIndexType(), loc);
    scalars.push_back(expression);
  }
  sizes.push_back({expression, found});
  return found;
}

Tensor KernelBody::empty(ArrayRef<Expr> dims, Type element) {
  auto type =
      cast<RankedTensorType>(dropSign(graph::getTensorType(dims, element)));
  SmallVector<Value> sizes;
  for (auto [axis, dim] : llvm::enumerate(dims))
    if (type.isDynamicDim(axis))
      sizes.push_back(size(dim));
  Value value = tensor::EmptyOp::create(builder, loc, type, sizes);
  return {value, {}, Dims(dims), element};
}

Value KernelBody::fill(Value out, TypedAttr value) {
  Value scalar = arith::ConstantOp::create(builder, loc, value);
  return linalg::FillOp::create(builder, loc, scalar, out).getResult(0);
}

KernelBody::Results KernelBody::generic(ArrayRef<Operand> ins, ValueRange outs,
                                        ArrayRef<AffineMap> outMaps,
                                        ArrayRef<utils::IteratorType> iterators,
                                        GenericFn fn) {
  SmallVector<Value> inputValues;
  SmallVector<AffineMap> maps;
  for (const Operand &in : ins)
    if (in.tensor.value) {
      inputValues.push_back(in.tensor.value);
      maps.push_back(in.map);
    }
  llvm::append_range(maps, outMaps);
  auto op = linalg::GenericOp::create(
      builder, loc, outs.getTypes(), inputValues, outs, maps, iterators,
      [&](OpBuilder &b, Location bodyLoc, ValueRange arguments) {
        Scalars s(b, bodyLoc, roundsAtStore);
        SmallVector<Value> scalars;
        size_t next = 0;
        for (const Operand &in : ins)
          scalars.push_back(in.tensor.value ? arguments[next++]
                                            : s.constant(in.tensor.splat));
        Results yielded = fn(s, scalars, arguments.drop_front(next));
        linalg::YieldOp::create(b, bodyLoc, yielded);
      });
  return Results(op.getResults());
}

std::optional<AffineMap> KernelBody::broadcastMap(ArrayRef<Expr> dims,
                                                  ArrayRef<Expr> resultDims) {
  assert(dims.size() <= resultDims.size());
  size_t skip = resultDims.size() - dims.size();
  SmallVector<AffineExpr> positions;
  for (auto [axis, dim] : llvm::enumerate(dims)) {
    if (dim == resultDims[skip + axis])
      positions.push_back(builder.getAffineDimExpr(skip + axis));
    else if (dim == Expr(1))
      positions.push_back(builder.getAffineConstantExpr(0));
    else
      return std::nullopt;
  }
  return AffineMap::get(resultDims.size(), 0, positions, getContext());
}

Value KernelBody::elementwise(ArrayRef<Tensor> ins, ArrayRef<Expr> resultDims,
                              Value out, ElementFn fn) {
  SmallVector<Operand> operands;
  SmallVector<bool> isDirect;
  for (const Tensor &in : ins) {
    auto map = broadcastMap(in.dims, resultDims);
    isDirect.push_back(in.splat || map);
    if (isDirect.back())
      operands.push_back({in, map.value_or(AffineMap())});
    else // A size that may be 1 only at run time is read at a computed place.
      for (auto [axis, dim] : llvm::enumerate(in.dims))
        size(dim);
  }
  size_t rank = resultDims.size();
  return generic(
      operands, out, builder.getMultiDimIdentityMap(rank),
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange direct, ValueRange) -> Results {
        SmallVector<Value> scalars, indices;
        if (llvm::is_contained(isDirect, false))
          for (size_t axis = 0; axis < rank; ++axis)
            indices.push_back(s.make<linalg::IndexOp>(axis));
        for (auto [number, in] : llvm::enumerate(ins)) {
          scalars.push_back(isDirect[number]
                                ? direct.front()
                                : readBroadcast(s, in, resultDims, indices));
          if (isDirect[number])
            direct = direct.drop_front();
        }
        return {fn(s, scalars)};
      })[0];
}

Value KernelBody::indexed(size_t rank, Value out, IndexedFn fn) {
  return generic(
      {}, out, builder.getMultiDimIdentityMap(rank),
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
      [&](Scalars &s, ValueRange, ValueRange) -> Results {
        SmallVector<Value> indices;
        for (size_t axis = 0; axis < rank; ++axis)
          indices.push_back(s.make<linalg::IndexOp>(axis));
        return {fn(s, indices)};
      })[0];
}

Value KernelBody::read(Scalars &s, const Tensor &tensor,
                       ValueRange indices) const {
  if (tensor.splat)
    return s.constant(tensor.splat);
  return s.make<tensor::ExtractOp>(tensor.value, indices);
}

Value KernelBody::readBroadcast(Scalars &s, const Tensor &tensor,
                                ArrayRef<Expr> resultDims, ValueRange indices) {
  if (tensor.splat)
    return s.constant(tensor.splat);
  size_t skip = indices.size() - tensor.rank();
  SmallVector<Value> position;
  for (auto [axis, dim] : llvm::enumerate(tensor.dims)) {
    Value index = indices[skip + axis];
    if (dim == Expr(1))
      index = s.index(0);
    else if (dim != resultDims[skip + axis])
      index = s.select(s.eq(size(dim), s.index(1)), s.index(0), index);
    position.push_back(index);
  }
  return read(s, tensor, position);
}
