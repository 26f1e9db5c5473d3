//===- ShapeHelpers.cpp - shared by the shape rules of the operations -----===//
#include "dialects/Graph/Ops/ShapeHelpers.h"
#include "dialects/Graph/Graph.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

LogicalResult graph::setDims(ShapeContext &context, Dims dims) {
  context.results[0].dims = std::move(dims);
  return success();
}

LogicalResult graph::copyDims(ShapeContext &context, unsigned operand) {
  return setDims(context, context.operands[operand].dims);
}

void graph::setContents(ShapeContext &context,
                        std::optional<Contents> contents) {
  auto shape = getStaticDims(context.results[0].dims);
  if (!contents || !shape)
    return;
  int64_t count = 1;
  for (int64_t dim : *shape)
    if (llvm::MulOverflow(count, dim, count))
      return;
  if (count > maxTrackedElements ||
      count != static_cast<int64_t>(contents->size()))
    return;
  auto type = dyn_cast<IntegerType>(
      cast<TensorType>(context.op->getResult(0).getType()).getElementType());
  if (!type || type.getWidth() > 64)
    return;
  bool isUnsigned = type.isUnsigned() || type.getWidth() == 1;
  for (const Expr &element : *contents) {
    if (isUndefined(element))
      return;
    auto constant = element.asConstant();
    if (!constant)
      continue;
    APInt value(64, static_cast<uint64_t>(*constant), /*isSigned=*/true);
    if (isUnsigned ? *constant < 0 || !value.isIntN(type.getWidth())
                   : !value.isSignedIntN(type.getWidth()))
      return;
  }
  context.results[0].contents = std::move(contents);
}

LogicalResult graph::checkAxis(ShapeContext &context, int64_t axis,
                               int64_t rank) {
  if (axis >= 0 && axis < rank)
    return success();
  return context.emitError()
         << "expected an axis from 0 to " << rank - 1 << " of shape "
         << toString(context.operands[0].dims) << ", but got " << axis;
}

LogicalResult graph::checkAxes(ShapeContext &context, ArrayRef<int64_t> axes,
                               int64_t rank) {
  int64_t previous = -1;
  for (int64_t axis : axes) {
    if (axis <= previous || axis >= rank)
      return context.emitError() << "expected sorted, distinct axes from 0 to "
                                 << rank - 1 << ", but got [" << axes << "]";
    previous = axis;
  }
  return success();
}

LogicalResult graph::checkSize(ShapeContext &context, StringRef what,
                               ArrayRef<int64_t> values, size_t size) {
  if (values.size() == size)
    return success();
  return context.emitError() << "expected " << size << " " << what
                             << ", but got [" << values << "]";
}

LogicalResult graph::checkAtLeast(ShapeContext &context, StringRef what,
                                  ArrayRef<int64_t> values, int64_t low) {
  for (int64_t value : values)
    if (value < low)
      return context.emitError() << "expected " << what << " of at least "
                                 << low << ", but got [" << values << "]";
  return success();
}

LogicalResult graph::useDeclaredDims(ShapeContext &context, unsigned operand) {
  for (auto [result, shape] :
       llvm::zip(context.op->getResults(), context.results)) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type || !context.verifying) {
      Value source = context.op->getOperand(operand);
      std::string name = getValueName(source);
      auto diagnostic =
          context.emitUnsupported()
          << "has a shape that depends on the value of "
          << (isa<BlockArgument>(source) && !name.empty() ? "input " : "");
      if (name.empty())
        return diagnostic << "operand #" << operand;
      return diagnostic << "'" << name << "'";
    }
    shape.dims.clear();
    for (int64_t dim : type.getShape())
      shape.dims.push_back(ShapedType::isDynamic(dim) ? context.freshSymbol("")
                                                      : Expr(dim));
  }
  return success();
}

const Contents *graph::getList(ShapeContext &context, unsigned operand,
                               size_t size) {
  const auto &contents = context.operands[operand].contents;
  return contents && contents->size() == size ? &*contents : nullptr;
}

bool graph::forEachIndex(ArrayRef<int64_t> shape,
                         llvm::function_ref<void(ArrayRef<int64_t>)> visit) {
  int64_t count = 1;
  for (int64_t dim : shape)
    if (llvm::MulOverflow(count, dim, count))
      return false;
  if (count > maxTrackedElements)
    return false;
  SmallVector<int64_t, 4> index(shape.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    visit(index);
    for (size_t axis = shape.size();
         axis-- > 0 && ++index[axis] == shape[axis];)
      index[axis] = 0;
  }
  return true;
}

int64_t graph::getBroadcastOffset(ArrayRef<int64_t> index,
                                  ArrayRef<int64_t> shape) {
  int64_t offset = 0;
  size_t skipped = index.size() - shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    offset =
        offset * shape[axis] + (shape[axis] == 1 ? 0 : index[skipped + axis]);
  return offset;
}

std::optional<Contents> graph::mapContents(
    ShapeContext &context,
    llvm::function_ref<std::optional<Expr>(ArrayRef<Expr>)> compute) {
  auto shape = getStaticDims(context.results[0].dims);
  if (!shape)
    return std::nullopt;
  SmallVector<SmallVector<int64_t, 4>> shapes;
  for (const ValueShape &operand : context.operands) {
    auto operandShape = getStaticDims(operand.dims);
    if (!operandShape || !operand.contents)
      return std::nullopt;
    shapes.push_back(std::move(*operandShape));
  }
  Contents contents;
  bool known = true;
  bool few = forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
    SmallVector<Expr, 3> elements;
    for (auto [operand, operandShape] : llvm::zip(context.operands, shapes))
      elements.push_back(
          (*operand.contents)[getBroadcastOffset(index, operandShape)]);
    std::optional<Expr> element = known ? compute(elements) : std::nullopt;
    known = element.has_value();
    if (known)
      contents.push_back(*element);
  });
  if (!few || !known)
    return std::nullopt;
  return contents;
}

std::optional<Contents> graph::moveContents(
    ShapeContext &context,
    llvm::function_ref<int64_t(ArrayRef<int64_t> index)> source) {
  auto shape = getStaticDims(context.results[0].dims);
  const auto &input = context.operands[0].contents;
  if (!shape || !input)
    return std::nullopt;
  Contents contents;
  if (!forEachIndex(*shape, [&](ArrayRef<int64_t> index) {
        contents.push_back((*input)[source(index)]);
      }))
    return std::nullopt;
  return contents;
}

SmallVector<int64_t, 4> graph::getStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t, 4> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}
