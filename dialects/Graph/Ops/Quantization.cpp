//===- Quantization.cpp - shape rules of quantization ---------------------===//
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/ShapeHelpers.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using plan::Expr;

/// The rule of both directions; `quantized` is the type that a zero point has.
static LogicalResult inferQuantization(ShapeContext &context, int64_t axis,
                                       int64_t groupSize, Type quantized) {
  const Dims &input = context.operands[0].dims,
             &scale = context.operands[1].dims;
  if (groupSize < 0)
    return context.emitError()
           << "expected group_size of at least 0, but got " << groupSize;
  bool isScalar = scale.empty() ||
                  (scale.size() == 1 && scale[0] == Expr(1) && groupSize == 0);
  if (!isScalar) {
    if (failed(checkAxis(context, axis, input.size()))) // C2
      return failure();
    bool fits = scale.size() == (groupSize > 0 ? input.size() : 1);
    if (groupSize == 0)
      fits = fits && requireEqual(scale[0], input[axis], context,
                                  "scales are as many as channels");
    for (size_t i = 0; fits && groupSize > 0 && i < input.size(); ++i) {
      bool isGrouped = static_cast<int64_t>(i) == axis;
      fits = (!isGrouped && scale[i] == Expr(1)) ||
             requireEqual(scale[i],
                          isGrouped ? Expr::ceilDiv(input[i], groupSize)
                                    : input[i],
                          context, "scales are as many as groups");
    }
    if (!fits)
      return context.emitError()
             << "expected scales per tensor, per channel or per group of axis "
             << axis << " of " << toString(input) << ", but got "
             << toString(scale);
  } else if (axis < 0 || axis > static_cast<int64_t>(input.size())) {
    return checkAxis(context, axis, input.size()); // C2
  }
  if (context.operands.size() == 3) { // C1
    const Dims &zero = context.operands[2].dims;
    auto type = cast<TensorType>(context.op->getOperand(2).getType());
    bool fits =
        zero.size() == scale.size() && type.getElementType() == quantized;
    for (size_t i = 0; fits && i < zero.size(); ++i)
      fits = requireEqual(zero[i], scale[i], context,
                          "zero points are as many as scales");
    if (!fits)
      return context.emitError()
             << "expected zero_point " << toString(scale) << " of " << quantized
             << ", but got " << toString(zero) << " of "
             << type.getElementType();
  }
  return copyDims(context);
}

LogicalResult QuantizeOp::inferShapes(ShapeContext &context) {
  return inferQuantization(
      context, getAxis(), getGroupSize(),
      cast<TensorType>(getOperation()->getResult(0).getType())
          .getElementType());
}

LogicalResult DequantizeOp::inferShapes(ShapeContext &context) {
  if (std::optional<ArrayRef<float>> levels = getLevels()) { // C3
    constexpr unsigned maxBits = 4;
    Type element = cast<TensorType>(getInput().getType()).getElementType();
    unsigned bits = element.getIntOrFloatBitWidth();
    bool fits = element.isUnsignedInteger() && bits <= maxBits &&
                levels->size() == size_t(1) << bits && !getZeroPoint();
    if (!fits)
      return context.emitError()
             << "expected a level for each code of unsigned integers of at "
                "most "
             << maxBits << " bits, and no zero point, but got "
             << levels->size() << " for " << element;
  }
  return inferQuantization(
      context, getAxis(), getGroupSize(),
      cast<TensorType>(getInput().getType()).getElementType());
}

LogicalResult UnpackOp::inferShapes(ShapeContext &context) {
  constexpr int64_t byte = 8;
  int64_t bits = getBits(), size = getSize();
  Dims dims = context.operands[0].dims;
  bool fits = bits >= 2 && bits < byte && size >= 0 && !dims.empty(); // C1
  if (!fits || !requireEqual(dims.back(), Expr((size * bits + byte - 1) / byte),
                             context, "rows of bytes hold all integers"))
    return context.emitError()
           << "expected rows of " << (size * bits + byte - 1) / byte
           << " bytes for " << size << " integers of 2 to 7 bits, but got "
           << toString(dims) << " for " << bits;
  dims.back() = Expr(size);
  return setDims(context, std::move(dims));
}
