//===- Movement.cpp - shape rules of constants and data movement ----------===//
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

//===----------------------------------------------------------------------===//
// Constants and shapes
//===----------------------------------------------------------------------===//

LogicalResult ConstantOp::inferShapes(ShapeContext &context) {
  auto type = dyn_cast<RankedTensorType>(getValue().getType());
  if (!type || !type.hasStaticShape() || !getNumElements(type))
    return context.emitError() << "expected a tensor of static shape, but got "
                               << getValue().getType();
  (void)setDims(context, Dims(type.getShape().begin(), type.getShape().end()));
  // A verifier opens no file.
  if (context.verifying && !isa<DenseElementsAttr>(getValue()))
    return success();
  if (auto elements = getIntegers(getValue()))
    setContents(context, Contents(elements->begin(), elements->end()));
  return success();
}

LogicalResult ShapeOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  int64_t start = getStart(), end = getEnd();
  if (start < 0 || start > end ||
      end > static_cast<int64_t>(input.size())) // C1
    return context.emitError()
           << "expected 0 <= start <= end <= " << input.size() << ", but got "
           << start << " and " << end;
  (void)setDims(context, {end - start});
  setContents(context, Contents(input.begin() + start, input.begin() + end));
  return success();
}

LogicalResult ExpectOp::inferShapes(ShapeContext &context) {
  const ValueShape &input = context.operands[0];
  int64_t count = getExpected().size();
  if (input.dims.size() != 1 || input.dims[0].asConstant() != count) // C1
    return context.emitError()
           << "expected a list of " << count << " elements, but got shape "
           << toString(input.dims);
  (void)setDims(context, input.dims);
  setContents(context, Contents(getExpected().begin(), getExpected().end()));
  return success();
}

LogicalResult SizeOp::inferShapes(ShapeContext &context) {
  setContents(context, Contents{countElements(context.operands[0].dims)});
  return success();
}

//===----------------------------------------------------------------------===//
// Same elements, same order
//===----------------------------------------------------------------------===//

/// Sets dims of a result that has the elements of operand 0 in order.
static LogicalResult setReshaped(ShapeContext &context, Dims dims) {
  (void)setDims(context, std::move(dims));
  setContents(context, context.operands[0].contents);
  return success();
}

LogicalResult ReshapeOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  const auto &shape = context.operands[1].contents;
  if (!shape)
    return useDeclaredDims(context, 1);
  Dims dims;
  std::optional<size_t> inferred;
  Expr known = 1;
  for (auto [i, entry] : llvm::enumerate(*shape)) {
    auto constant = entry.asConstant();
    if (constant == -1) {
      if (inferred)
        return context.emitError()
               << "expected at most one -1, but got " << toString(*shape); // C2
      inferred = i;
      dims.push_back(1);
      continue;
    }
    if (constant == 0 && !getAllowZero()) {
      if (i >= input.size())
        return context.emitError()
               << "expected a 0 to copy a dimension of " << toString(input)
               << ", but got " << toString(*shape);
      dims.push_back(input[i]);
    } else if (constant.value_or(0) < 0) {
      return context.emitError()
             << "expected dimensions of at least -1, but got "
             << toString(*shape);
    } else {
      dims.push_back(entry);
    }
    known = known * dims.back();
  }
  Expr total = countElements(input);
  bool fits = true;
  if (!inferred) {
    fits = requireEqual(total, known, context,
                        "reshape keeps the number of elements");
  } else if (known.asConstant() == 0) {
    fits = false;
  } else if (auto exact = total.exactDiv(known)) {
    dims[*inferred] = *exact;
  } else {
    dims[*inferred] = Expr::floorDiv(total, known);
    fits = requireEqual(total, known * dims[*inferred], context,
                        "reshape keeps the number of elements");
  }
  if (!fits)
    return context.emitError()
           << "expected a shape of as many elements as " << toString(input)
           << ", but got " << toString(*shape); // C1
  return setReshaped(context, std::move(dims));
}

LogicalResult SqueezeOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  if (failed(checkAxes(context, getAxes(), input.size()))) // C1
    return failure();
  Dims dims;
  for (size_t i = 0; i < input.size(); ++i) {
    if (!llvm::is_contained(getAxes(), i))
      dims.push_back(input[i]);
    else if (!requireEqual(input[i], 1, context, "a squeezed dimension is 1"))
      return context.emitError()
             << "expected axes of dimension 1, but got [" << getAxes()
             << "] of " << toString(input); // C1
  }
  return setReshaped(context, std::move(dims));
}

LogicalResult UnsqueezeOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  if (failed(
          checkAxes(context, getAxes(), dims.size() + getAxes().size()))) // C1
    return failure();
  for (int64_t axis : getAxes())
    dims.insert(dims.begin() + axis, 1);
  return setReshaped(context, std::move(dims));
}

LogicalResult FlattenOp::inferShapes(ShapeContext &context) {
  ArrayRef<Expr> input = context.operands[0].dims;
  if (failed(checkAxis(context, getAxis(), input.size() + 1))) // C1
    return failure();
  return setReshaped(context, {countElements(input.take_front(getAxis())),
                               countElements(input.drop_front(getAxis()))});
}

//===----------------------------------------------------------------------===//
// Other orders
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  ArrayRef<int64_t> permutation = getPermutation();
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int64_t>(i) || sorted.size() != input.size())
      return context.emitError()
             << "expected a permutation of the axes of " << toString(input)
             << ", but got [" << permutation << "]"; // C1
  if (sorted.size() != input.size())
    return context.emitError() << "expected a permutation of the axes of "
                               << toString(input) << ", but got []"; // C1
  Dims dims;
  for (int64_t axis : permutation)
    dims.push_back(input[axis]);
  (void)setDims(context, std::move(dims));
  if (auto shape = getStaticDims(input);
      shape && context.operands[0].contents) {
    auto strides = graph::getStrides(*shape);
    setContents(context, moveContents(context, [&](ArrayRef<int64_t> index) {
                  int64_t source = 0;
                  for (size_t i = 0; i < index.size(); ++i)
                    source += index[i] * strides[permutation[i]];
                  return source;
                }));
  }
  return success();
}

LogicalResult BroadcastOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  const auto &shape = context.operands[1].contents;
  if (!shape)
    return useDeclaredDims(context, 1);
  for (const Expr &entry : *shape)
    if (entry.asConstant().value_or(0) < 0)
      return context.emitError()
             << "expected dimensions of at least 0, but got "
             << toString(*shape);
  auto dims = broadcastDims(input, *shape, context);
  if (!dims)
    return context.emitError()
           << "expected shapes that broadcast, but got " << toString(input)
           << " and " << toString(*shape); // C1
  (void)setDims(context, std::move(*dims));
  if (auto inputShape = getStaticDims(input);
      inputShape && context.operands[0].contents)
    setContents(context, moveContents(context, [&](ArrayRef<int64_t> index) {
                  return getBroadcastOffset(index, *inputShape);
                }));
  return success();
}

LogicalResult TileOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  const auto &repeats = context.operands[1].contents;
  if (!repeats)
    return useDeclaredDims(context, 1);
  if (repeats->size() != input.size())
    return context.emitError()
           << "expected " << input.size() << " repeats, but got "
           << toString(*repeats); // C1
  Dims dims;
  for (auto [dim, repeat] : llvm::zip(input, *repeats)) {
    if (repeat.asConstant().value_or(0) < 0)
      return context.emitError() << "expected repeats of at least 0, but got "
                                 << toString(*repeats);
    dims.push_back(dim * repeat);
  }
  (void)setDims(context, std::move(dims));
  if (auto shape = getStaticDims(input);
      shape && context.operands[0].contents) {
    auto strides = graph::getStrides(*shape);
    setContents(context, moveContents(context, [&](ArrayRef<int64_t> index) {
                  int64_t source = 0;
                  for (size_t i = 0; i < index.size(); ++i)
                    source += index[i] % (*shape)[i] * strides[i];
                  return source;
                }));
  }
  return success();
}

LogicalResult ConcatOp::inferShapes(ShapeContext &context) {
  if (context.operands.empty()) // C1
    return context.emitError() << "expected at least one input";
  Dims dims = context.operands[0].dims;
  Type elementType =
      cast<TensorType>(getOperation()->getResult(0).getType()).getElementType();
  for (Value input : getInputs())
    if (Type other = cast<TensorType>(input.getType()).getElementType();
        other != elementType) // C1
      return context.emitError()
             << "expected inputs of " << elementType << ", but got " << other;
  if (failed(checkAxis(context, getAxis(), dims.size()))) // C1
    return failure();
  size_t axis = getAxis();
  for (const ValueShape &input : llvm::drop_begin(context.operands)) {
    bool fits = input.dims.size() == dims.size();
    for (size_t i = 0; fits && i < dims.size(); ++i)
      fits = i == axis || requireEqual(dims[i], input.dims[i], context,
                                       "dimensions of joined tensors agree");
    if (!fits) // C1, C2
      return context.emitError()
             << "expected inputs that agree in all axes but " << axis
             << ", but got " << toString(context.operands[0].dims) << " and "
             << toString(input.dims);
    for (size_t i = 0; i < dims.size(); ++i)
      if (i != axis && !dims[i].asConstant() && input.dims[i].asConstant())
        dims[i] = input.dims[i];
    dims[axis] = dims[axis] + input.dims[axis];
  }
  (void)setDims(context, dims);
  auto shape = getStaticDims(dims);
  if (!shape)
    return success();
  int64_t outer = 1;
  for (size_t i = 0; i < axis; ++i)
    outer *= std::min<int64_t>((*shape)[i], maxTrackedElements + 1);
  if (outer > maxTrackedElements)
    return success();
  Contents contents;
  for (int64_t row = 0; row < outer; ++row)
    for (const ValueShape &input : context.operands) {
      if (!input.contents)
        return success();
      int64_t length = input.contents->size() / outer;
      contents.append(input.contents->begin() + row * length,
                      input.contents->begin() + (row + 1) * length);
    }
  setContents(context, std::move(contents));
  return success();
}

LogicalResult EyeOp::inferShapes(ShapeContext &context) {
  if (context.operands[0].dims.size() != 2)
    return context.emitError() << "expected a matrix, but got "
                               << toString(context.operands[0].dims);
  return copyDims(context);
}

LogicalResult TriluOp::inferShapes(ShapeContext &context) {
  if (context.operands[0].dims.size() < 2)
    return context.emitError() << "expected at least two axes, but got "
                               << toString(context.operands[0].dims);
  return copyDims(context);
}

LogicalResult ReverseSequenceOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &lengths = context.operands[1].dims;
  int64_t batch = getBatchAxis(), time = getTimeAxis();
  if (input.size() < 2 || batch < 0 || batch > 1 || time != 1 - batch ||
      lengths.size() != 1 ||
      !requireEqual(input[batch], lengths[0], context,
                    "there is one length per batch row")) // C1
    return context.emitError()
           << "expected lengths of one of the axes 0 and 1 of "
           << toString(input) << ", but got " << toString(lengths)
           << " of axis " << batch;
  return copyDims(context);
}
