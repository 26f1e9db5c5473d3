//===- Indexing.cpp - shape rules of gather, scatter and sampling ---------===//
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

/// Compares the indices, operand 1, with the axes of operand 0 that they mean:
/// tuples of one index per axis of `axes`. An index that is known and out of
/// range is an error; others are checked by the run. There is something to
/// index if there are indices.
static LogicalResult checkIndices(ShapeContext &context,
                                  ArrayRef<int64_t> axes) {
  const Dims &input = context.operands[0].dims;
  const ValueShape &indices = context.operands[1];
  for (int64_t axis : axes) {
    Expr missing = isNonNegative(input[axis] - 1, context)
                       ? Expr(0)
                       : Expr::max(Expr(1) - input[axis], 0) *
                             Expr::min(countElements(indices.dims), 1);
    if (!requireEqual(missing, 0, context,
                      "an axis that is indexed is not empty"))
      return context.emitError()
             << "expected an axis to index, but axis " << axis << " of "
             << toString(input) << " is empty";
  }
  auto check = [&](size_t position, int64_t index) -> LogicalResult {
    int64_t axis = axes[position % axes.size()];
    int64_t size = input[axis].asConstant().value_or(INT64_MAX);
    if (index >= -size && index < size)
      return success();
    return context.emitError() << "expected indices from " << -size << " to "
                               << size - 1 << " of axis " << axis << " of "
                               << toString(input) << ", but got " << index;
  };
  TypedAttr constant = getConstantValue(context.op->getOperand(1));
  if (axes.empty())
    return success();
  if (constant && !(context.verifying && !isa<DenseElementsAttr>(constant))) {
    auto elements = getIntegers(constant, INT64_MAX);
    for (size_t i = 0; elements && i < elements->size(); ++i)
      if (failed(check(i, (*elements)[i])))
        return failure();
  } else if (indices.contents) {
    for (auto [i, element] : llvm::enumerate(*indices.contents))
      if (auto index = element.asConstant(); index && failed(check(i, *index)))
        return failure();
  }
  return success();
}

LogicalResult GatherOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &indices = context.operands[1].dims;
  size_t axis = getAxis();
  if (failed(checkAxis(context, getAxis(), input.size())) || // C1
      failed(checkIndices(context, static_cast<int64_t>(axis))))
    return failure();
  Dims dims(input.begin(), input.begin() + axis);
  dims.append(indices.begin(), indices.end());
  dims.append(input.begin() + axis + 1, input.end());
  (void)setDims(context, std::move(dims));

  const auto &positions = context.operands[1].contents;
  auto inputShape = getStaticDims(input), indexShape = getStaticDims(indices);
  if (!positions || !inputShape || !indexShape)
    return success();
  bool known = true;
  auto indexStrides = graph::getStrides(*indexShape),
       inputStrides = graph::getStrides(*inputShape);
  setContents(context, moveContents(context, [&](ArrayRef<int64_t> index) {
                int64_t flat = 0;
                for (size_t i = 0; i < indexShape->size(); ++i)
                  flat += index[axis + i] * indexStrides[i];
                int64_t extent = (*inputShape)[axis];
                int64_t position =
                    (*positions)[flat].asConstant().value_or(extent);
                if (position < 0)
                  position += extent;
                if (position < 0 || position >= extent) {
                  known = false;
                  position = 0;
                }
                int64_t source = position * inputStrides[axis];
                for (size_t i = 0; i < axis; ++i)
                  source += index[i] * inputStrides[i];
                for (size_t i = axis + 1; i < inputShape->size(); ++i)
                  source += index[i - 1 + indexShape->size()] * inputStrides[i];
                return source;
              }));
  if (!known)
    context.results[0].contents = std::nullopt;
  return success();
}

LogicalResult GatherElementsOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &indices = context.operands[1].dims;
  if (input.size() != indices.size()) // C1
    return context.emitError()
           << "expected input and indices of one rank, but got "
           << toString(input) << " and " << toString(indices);
  if (failed(checkAxis(context, getAxis(), input.size())) ||
      failed(checkIndices(context, static_cast<int64_t>(getAxis()))))
    return failure();
  return copyDims(context, 1);
}

/// The length of the index tuples: the last dimension of `indices`.
static std::optional<int64_t> getTupleLength(ShapeContext &context,
                                             size_t rankLeft) {
  const Dims &indices = context.operands[1].dims;
  auto length = indices.empty() ? std::nullopt : indices.back().asConstant();
  if (length && *length >= 0 && *length <= static_cast<int64_t>(rankLeft))
    return length;
  (void)(context.emitError()
         << "expected index tuples of static length up to " << rankLeft
         << ", but got " << toString(context.operands[0].dims) << " at "
         << toString(indices));
  return std::nullopt;
}

static SmallVector<int64_t> getRange(int64_t begin, int64_t end) {
  return llvm::to_vector(llvm::seq<int64_t>(begin, end));
}

LogicalResult GatherNDOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &indices = context.operands[1].dims;
  size_t batch = getBatchDims();
  if (batch >= input.size() || batch >= indices.size())
    return context.emitError()
           << "expected batch_dims below the ranks, but got "
           << static_cast<int64_t>(batch) << " for " << toString(input)
           << " at " << toString(indices);
  for (size_t i = 0; i < batch; ++i)
    if (!requireEqual(input[i], indices[i], context, "batch dimensions agree"))
      return context.emitError()
             << "expected batch dimensions that agree, but got "
             << toString(input) << " at " << toString(indices); // C1
  auto length = getTupleLength(context, input.size() - batch);
  if (!length ||
      failed(checkIndices(context, getRange(batch, batch + *length))))
    return failure();
  Dims dims(indices.begin(), indices.end() - 1);
  dims.append(input.begin() + batch + *length, input.end());
  return setDims(context, std::move(dims));
}

/// True if two shapes can be equal; records the requirements.
static bool requireSameDims(ArrayRef<Expr> a, ArrayRef<Expr> b,
                            ShapeContext &context, StringRef message) {
  if (a.size() != b.size())
    return false;
  return llvm::all_of(llvm::zip(a, b), [&](auto pair) {
    return requireEqual(std::get<0>(pair), std::get<1>(pair), context, message);
  });
}

LogicalResult ScatterElementsOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &indices = context.operands[1].dims,
             &updates = context.operands[2].dims;
  if (input.size() != indices.size() ||
      !requireSameDims(indices, updates, context,
                       "indices and updates have one shape"))
    return context.emitError() << "expected indices and updates of one shape, "
                                  "of the rank of the input, but got "
                               << toString(input) << ", " << toString(indices)
                               << " and " << toString(updates); // C1
  if (failed(checkAxis(context, getAxis(), input.size())) ||
      failed(checkIndices(context, static_cast<int64_t>(getAxis()))))
    return failure();
  return copyDims(context);
}

LogicalResult ScatterNDOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &indices = context.operands[1].dims,
             &updates = context.operands[2].dims;
  auto length = getTupleLength(context, input.size());
  if (!length || failed(checkIndices(context, getRange(0, *length))))
    return failure();
  Dims expected(indices.begin(), indices.end() - 1);
  expected.append(input.begin() + *length, input.end());
  if (!requireSameDims(expected, updates, context,
                       "updates have the shape that the indices imply"))
    return context.emitError()
           << "expected updates of shape " << toString(expected) << ", but got "
           << toString(updates); // C1
  return copyDims(context);
}

LogicalResult OneHotOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  if (failed(checkAxis(context, getAxis(), dims.size() + 1))) // C1
    return failure();
  const Contents *depth = getList(context, 1, 1);
  if (!depth)
    return useDeclaredDims(context, 1);
  dims.insert(dims.begin() + getAxis(), depth->front());
  return setDims(context, std::move(dims));
}

LogicalResult GridSampleOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims,
             &grid = context.operands[1].dims;
  int64_t rank = static_cast<int64_t>(input.size()) - 2;
  if (rank < 1 || grid.size() != input.size() ||
      !requireEqual(input[0], grid[0], context,
                    "batches of input and grid agree") ||
      !requireEqual(grid.back(), rank, context,
                    "points of the grid have one entry per spatial axis"))
    return context.emitError()
           << "expected a grid [N, spatial..., " << rank << "], but got "
           << toString(input) << " at " << toString(grid);
  Dims dims = {input[0], input[1]};
  dims.append(grid.begin() + 1, grid.end() - 1);
  return setDims(context, std::move(dims));
}
