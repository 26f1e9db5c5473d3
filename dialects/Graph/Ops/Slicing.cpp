//===- Slicing.cpp - shape rules of slices, pads and resampling -----------===//
#include "dialects/Graph/Constants.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;
using plan::Interval;

//===----------------------------------------------------------------------===//
// slice
//===----------------------------------------------------------------------===//

/// The larger element, without `max` where bounds decide.
static Expr getMax(const Expr &a, const Expr &b, ShapeContext &context) {
  if (isNonNegative(a - b, context))
    return a;
  return isNonNegative(b - a, context) ? b : Expr::max(a, b);
}

static Expr getMin(const Expr &a, const Expr &b, ShapeContext &context) {
  if (isNonNegative(b - a, context))
    return a;
  return isNonNegative(a - b, context) ? b : Expr::min(a, b);
}

/// A position of ONNX Slice: counted from the end if negative, then clamped
/// into [low, high]; nullopt if its sign is not known.
static std::optional<Expr> clampPosition(Expr position, const Expr &dim,
                                         const Expr &low, const Expr &high,
                                         ShapeContext &context) {
  // Exporters write the largest int32 or int64 for "to the end".
  if (auto constant = position.asConstant()) {
    if (*constant >= INT32_MAX)
      return high;
    if (*constant <= INT32_MIN)
      return low;
  }
  Interval interval = position.bounds(context.bounds);
  if (interval.high && *interval.high < 0)
    position = position + dim;
  else if (!interval.low || *interval.low < 0)
    return std::nullopt;
  return getMax(getMin(position, high, context), low, context);
}

LogicalResult SliceOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  size_t count = getAxes().size();
  SmallVector<int64_t> sorted(getAxes());
  llvm::sort(sorted);
  if (failed(checkSize(context, "steps", getSteps(), count)) ||
      failed(checkAxes(context, sorted, dims.size()))) // C1
    return failure();
  for (unsigned operand : {1, 2}) {
    const ValueShape &list = context.operands[operand];
    if (list.dims.size() != 1 ||
        !requireEqual(list.dims[0], static_cast<int64_t>(count), context,
                      "starts and ends have one entry per axis")) // C1
      return context.emitError()
             << "expected " << count << " starts and ends, but got shape "
             << toString(list.dims);
    if (list.contents && list.contents->size() != count)
      return failure();
  }
  if (llvm::is_contained(getSteps(), 0) ||
      llvm::is_contained(getSteps(), INT64_MIN)) // C2
    return context.emitError()
           << "expected steps other than 0, but got [" << getSteps() << "]";
  const Contents *starts = getList(context, 1, count),
                 *ends = getList(context, 2, count);
  if (!starts || !ends)
    return useDeclaredDims(context, starts ? 2 : 1);
  SmallVector<Expr, 4> origins(dims.size(), 0);
  SmallVector<int64_t, 4> steps(dims.size(), 1);
  for (size_t i = 0; i < count; ++i) {
    int64_t axis = getAxes()[i], step = getSteps()[i];
    const Expr dim = dims[axis];
    Expr low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
    // A start of a negative step is within the dimension; -1 only if that is
    // empty.
    Expr startLow = step > 0 || dim.asConstant() == 0 ? low : Expr(0);
    auto start = clampPosition((*starts)[i], dim, startLow, high, context);
    auto end = clampPosition((*ends)[i], dim, low, high, context);
    if (!start || !end)
      return context.emitUnsupported()
             << "expected a position whose sign is known, but got "
             << (start ? (*ends)[i] : (*starts)[i]).str() << " for axis "
             << axis << " of " << toString(context.operands[0].dims);
    Expr distance =
        getMax(step > 0 ? *end - *start : *start - *end, 0, context);
    dims[axis] = Expr::ceilDiv(distance, std::abs(step));
    origins[axis] = *start;
    steps[axis] = step;
  }
  (void)setDims(context, std::move(dims));
  auto shape = getStaticDims(context.operands[0].dims);
  if (!shape || !context.operands[0].contents)
    return success();
  auto strides = graph::getStrides(*shape);
  bool known = llvm::all_of(origins, [](const Expr &origin) {
    return origin.asConstant().has_value();
  });
  if (known)
    setContents(context, moveContents(context, [&](ArrayRef<int64_t> index) {
                  int64_t source = 0;
                  for (size_t i = 0; i < index.size(); ++i)
                    source += (*origins[i].asConstant() + index[i] * steps[i]) *
                              strides[i];
                  return source;
                }));
  return success();
}

LogicalResult StepGetOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  if (failed(checkAxis(context, getAxis(), dims.size()))) // C1
    return failure();
  dims.erase(dims.begin() + getAxis());
  return setDims(context, std::move(dims));
}

LogicalResult StepSetOp::inferShapes(ShapeContext &context) {
  const Dims &value = context.operands[0].dims,
             &into = context.operands[1].dims;
  int64_t axis = getAxis();
  if (axis < 0 || axis >= static_cast<int64_t>(into.size())) // C1
    return context.emitError()
           << "expected an axis from 0 to "
           << static_cast<int64_t>(into.size()) - 1 << " of shape "
           << toString(into) << ", but got " << axis;
  Dims rest = into;
  rest.erase(rest.begin() + axis);
  bool fits = value.size() == rest.size();
  for (size_t i = 0; fits && i < rest.size(); ++i)
    fits = requireEqual(value[i], rest[i], context,
                        "a step has the shape of the others");
  if (!fits)
    return context.emitError() << "expected a value of shape " << toString(rest)
                               << ", but got " << toString(value); // C2
  return copyDims(context, 1);
}

//===----------------------------------------------------------------------===//
// pad
//===----------------------------------------------------------------------===//

LogicalResult PadOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  size_t count = getAxes().size();
  SmallVector<int64_t> sorted(getAxes());
  llvm::sort(sorted);
  if (failed(checkAxes(context, sorted, dims.size())))
    return failure();
  if (Value value = getValue();
      value && cast<TensorType>(value.getType()).getElementType() !=
                   cast<TensorType>(getInput().getType()).getElementType())
    return context.emitError()
           << "expected a value of the element type of " << getInput().getType()
           << ", but got " << value.getType();
  const ValueShape &list = context.operands[1];
  if (list.dims.size() != 1 ||
      !requireEqual(list.dims[0], static_cast<int64_t>(2 * count), context,
                    "pads have two entries per axis")) // C1
    return context.emitError()
           << "expected " << 2 * count << " pads, but got shape "
           << toString(list.dims);
  const Contents *pads = getList(context, 1, 2 * count);
  if (!pads)
    return useDeclaredDims(context, 1);
  for (size_t i = 0; i < count; ++i) {
    int64_t axis = getAxes()[i];
    const Expr dim = dims[axis];
    for (const Expr &pad : {(*pads)[i], (*pads)[count + i]}) {
      if (getMode() == PadMode::constant || pad.asConstant().value_or(1) <= 0)
        continue;
      // What is copied into the pad must be there: reflect leaves the edge out.
      Expr available = getMode() == PadMode::reflect ? dim - 1 - pad
                       : getMode() == PadMode::wrap  ? dim - pad
                                                     : dim - 1;
      if (available.asConstant().value_or(0) < 0)
        return context.emitError()
               << "expected pads of mode " << stringifyPadMode(getMode())
               << " that fit " << toString(context.operands[0].dims)
               << ", but got " << toString(*pads);
      if (!isNonNegative(available, context))
        context.requireZero(Expr::min(available, 0),
                            "the dimension has what a pad copies");
    }
    dims[axis] = dim + (*pads)[i] + (*pads)[count + i];
  }
  return setDims(context, std::move(dims));
}

//===----------------------------------------------------------------------===//
// resize
//===----------------------------------------------------------------------===//

/// floor(dim * scale), computed in float for a constant as implementations do;
/// exactly for a symbolic dimension. nullopt if `scale` is not a small fraction
/// of a power of two then.
static std::optional<Expr> scaleDim(const Expr &dim, double scale) {
  if (auto constant = dim.asConstant()) {
    double scaled =
        std::floor(static_cast<float>(*constant) * static_cast<float>(scale));
    return scaled < 0x1p62 ? std::optional<Expr>(static_cast<int64_t>(scaled))
                           : std::nullopt;
  }
  for (int64_t divisor = 1; divisor <= 1024; divisor *= 2)
    if (double dividend = scale * divisor;
        dividend == std::floor(dividend) && dividend < 0x1p31)
      return Expr::floorDiv(dim * static_cast<int64_t>(dividend), divisor);
  return std::nullopt;
}

LogicalResult ResizeOp::inferShapes(ShapeContext &context) {
  Dims dims = context.operands[0].dims;
  size_t count = getAxes().size();
  SmallVector<int64_t> sorted(getAxes());
  llvm::sort(sorted);
  if (failed(checkAxes(context, sorted, dims.size())))
    return failure();
  if (context.operands.size() != 2) // C1
    return context.emitError() << "expected either sizes or scales";
  if (auto roi = getRoi(); roi && roi->size() != 2 * count)
    return context.emitError() << "expected " << 2 * count
                               << " entries of roi, but got " << roi->size();
  const ValueShape &list = context.operands[1];
  if (list.dims.size() != 1 ||
      !requireEqual(list.dims[0], static_cast<int64_t>(count), context,
                    "there is one size per axis")) // C1
    return context.emitError()
           << "expected " << count << " sizes or scales, but got shape "
           << toString(list.dims);
  if (getSizes()) {
    const Contents *sizes = getList(context, 1, count);
    if (!sizes)
      return useDeclaredDims(context, 1);
    for (size_t i = 0; i < count; ++i)
      dims[getAxes()[i]] = (*sizes)[i];
    return setDims(context, std::move(dims));
  }
  TypedAttr constant = getConstantValue(getScales());
  if (constant && context.verifying && !isa<DenseElementsAttr>(constant))
    return useDeclaredDims(context, 1);
  auto scales = getFloats(constant);
  if (!scales || scales->size() != count)
    return useDeclaredDims(context, 1);
  for (size_t i = 0; i < count; ++i) {
    Expr &dim = dims[getAxes()[i]];
    auto scaled = (*scales)[i] > 0 ? scaleDim(dim, (*scales)[i]) : std::nullopt;
    if (!scaled)
      return ((*scales)[i] > 0 ? context.emitUnsupported()
                               : context.emitError())
             << "expected a positive scale, a fraction of a power of two up to "
                "1024 for a symbolic "
                "dimension, but got "
             << std::to_string((*scales)[i]) << " for axis " << getAxes()[i]
             << " of " << toString(context.operands[0].dims);
    dim = *scaled;
  }
  return setDims(context, std::move(dims));
}

//===----------------------------------------------------------------------===//
// range, depth_to_space, space_to_depth
//===----------------------------------------------------------------------===//

LogicalResult RangeOp::inferShapes(ShapeContext &context) {
  Type type = cast<TensorType>(getStart().getType()).getElementType();
  for (unsigned i = 0; i < 3; ++i) {
    if (cast<TensorType>(getOperand(i).getType()).getElementType() != type)
      return context.emitError()
             << "expected operands of one element type, but got " << type
             << " and " << getOperand(i).getType();
    // One element, whatever the rank.
    if (!requireEqual(countElements(context.operands[i].dims), 1, context,
                      "range has scalar operands"))
      return context.emitError() << "expected scalars, but got "
                                 << toString(context.operands[i].dims);
  }
  const Contents *start = getList(context, 0, 1),
                 *limit = getList(context, 1, 1),
                 *delta = getList(context, 2, 1);
  if (isa<FloatType>(type) && !(start && limit && delta)) {
    auto first = getFloats(getConstantValue(getStart())),
         last = getFloats(getConstantValue(getLimit())),
         step = getFloats(getConstantValue(getDelta()));
    if (!first || !last || !step || first->size() != 1 || last->size() != 1 ||
        step->size() != 1)
      return useDeclaredDims(context, !first ? 0 : !last ? 1 : 2);
    double count = std::ceil((last->front() - first->front()) / step->front());
    if (step->front() == 0 || !std::isfinite(count) || count > 0x1p62)
      return context.emitError()
             << "expected a step that leads to the limit, but got "
             << step->front();
    return setDims(context, {static_cast<int64_t>(std::max(count, 0.0))});
  }
  auto step = delta ? delta->front().asConstant() : std::nullopt;
  if (!start || !limit || !step)
    return useDeclaredDims(context, !start ? 0 : !limit ? 1 : 2);
  if (*step == 0 || *step == INT64_MIN)
    return context.emitError()
           << "expected a step that leads to the limit, but got " << *step;
  Expr distance = *step > 0 ? limit->front() - start->front()
                            : start->front() - limit->front();
  Expr count = Expr::ceilDiv(getMax(distance, 0, context), std::abs(*step));
  (void)setDims(context, {count});
  auto constant = count.asConstant();
  if (!constant || *constant > maxTrackedElements)
    return success();
  Contents contents;
  for (int64_t i = 0; i < *constant; ++i)
    contents.push_back(start->front() + Expr(*step) * i);
  setContents(context, std::move(contents));
  return success();
}

/// The rule of both directions: [N, C, H, W] with blocks.
static LogicalResult checkBlocks(ShapeContext &context, int64_t block,
                                 ArrayRef<Expr> multiples, int64_t divisor) {
  bool fits = llvm::all_of(multiples, [&](const Expr &dim) {
    return requireEqual(Expr::mod(dim, divisor), 0, context,
                        "dimensions are multiples of the block");
  });
  if (fits)
    return success();
  return context.emitError()
         << "expected dimensions that are multiples of block " << block
         << ", but got " << toString(context.operands[0].dims); // C1
}

LogicalResult DepthToSpaceOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  int64_t block = getBlock();
  if (input.size() != 4 || block < 1 || block > 1 << 20)
    return context.emitError()
           << "expected four axes and a positive block, but got "
           << toString(input) << " and " << block;
  if (failed(checkBlocks(context, block, input[1], block * block)))
    return failure();
  return setDims(context, {input[0], Expr::floorDiv(input[1], block * block),
                           input[2] * block, input[3] * block});
}

LogicalResult SpaceToDepthOp::inferShapes(ShapeContext &context) {
  const Dims &input = context.operands[0].dims;
  int64_t block = getBlock();
  if (input.size() != 4 || block < 1 || block > 1 << 20)
    return context.emitError()
           << "expected four axes and a positive block, but got "
           << toString(input) << " and " << block;
  if (failed(checkBlocks(context, block, {input[2], input[3]}, block)))
    return failure();
  return setDims(context, {input[0], input[1] * (block * block),
                           Expr::floorDiv(input[2], block),
                           Expr::floorDiv(input[3], block)});
}
