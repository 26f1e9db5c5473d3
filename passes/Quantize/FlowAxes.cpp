//===- FlowAxes.cpp - an axis through an operation ------------------------===//
#include "passes/Quantize/FlowAxes.h"
#include "dialects/Graph/Constants.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

int64_t quantize::getRank(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

int64_t quantize::getExtent(Value value, unsigned axis) {
  return cast<RankedTensorType>(value.getType()).getDimSize(axis);
}

/// Whether `axis` of `value` is made of whole blocks.
static bool hasBlocks(Value value, unsigned axis, int64_t block) {
  int64_t extent = getExtent(value, axis);
  return !ShapedType::isDynamic(extent) && extent % block == 0;
}

static OperandAxis makeChannels(std::optional<unsigned> axis) {
  return axis ? OperandAxis{OperandAxis::Channels, *axis} : OperandAxis();
}

/// Elements of one position of `axis`; dynamic if they cannot be counted.
static int64_t countBehind(Value value, unsigned axis) {
  int64_t count = 1;
  for (int64_t dim = axis + 1; dim < getRank(value); ++dim) {
    if (ShapedType::isDynamic(getExtent(value, dim)))
      return ShapedType::kDynamic;
    count *= getExtent(value, dim);
  }
  return count;
}

/// The axis of `to` with as many elements behind it as behind `axis` of `from`:
/// there a reshape puts the channels, if both have whole blocks.
static std::optional<unsigned> getReshapedAxis(Value from, Value to,
                                               unsigned axis, int64_t block) {
  int64_t behind = countBehind(from, axis);
  if (ShapedType::isDynamic(behind) || !hasBlocks(from, axis, block))
    return std::nullopt;
  for (int64_t dim = getRank(to) - 1; dim >= 0; --dim)
    if (getExtent(to, dim) != 1 && countBehind(to, dim) == behind)
      return hasBlocks(to, dim, block) ? std::optional<unsigned>(dim)
                                       : std::nullopt;
  return std::nullopt;
}

/// `axis` of what has axes inserted at `axes`, without these; nullopt for one
/// of them.
static std::optional<unsigned> dropInserted(ArrayRef<int64_t> axes,
                                            int64_t axis) {
  if (llvm::is_contained(axes, axis))
    return std::nullopt;
  return axis -
         llvm::count_if(axes, [&](int64_t other) { return other < axis; });
}

/// The reverse of `dropInserted`.
static unsigned addInserted(ArrayRef<int64_t> axes, int64_t axis) {
  SmallVector<int64_t> sorted(axes);
  llvm::sort(sorted);
  for (int64_t inserted : sorted)
    axis += inserted <= axis;
  return axis;
}

/// Whether a slice takes whole blocks along `axis`, in order.
static bool takesBlocks(SliceOp slice, unsigned axis, int64_t block) {
  ArrayRef<int64_t> axes = slice.getAxes();
  const int64_t *found = llvm::find(axes, int64_t(axis));
  if (found == axes.end())
    return true;
  size_t number = found - axes.begin();
  auto starts = getIntegers(getConstantValue(slice.getStarts()));
  return starts && slice.getSteps()[number] == 1 &&
         (*starts)[number] % block == 0 &&
         hasBlocks(slice.getInput(), axis, block) &&
         hasBlocks(slice.getResult(), axis, block);
}

/// The axis of operand `number` that is broadcast to `axis`; nullopt if it has
/// none, or one element there instead of the channels.
static std::optional<unsigned> getBroadcastAxis(Operation *op, unsigned number,
                                                unsigned axis) {
  Value operand = op->getOperand(number), result = op->getResult(0);
  int64_t own = int64_t(axis) - (getRank(result) - getRank(operand));
  if (own < 0 || getExtent(operand, own) != getExtent(result, axis))
    return std::nullopt;
  return own;
}

static OperandAxis getElementwiseAxis(Operation *op, unsigned number,
                                      unsigned axis) {
  auto own = getBroadcastAxis(op, number, axis);
  if (isa<AddOp, SubOp>(op))
    return own ? makeChannels(own) : OperandAxis{OperandAxis::Repeated, 0};
  // One side has the channels, of a quotient the left one.
  auto other = getBroadcastAxis(op, 1 - number, axis);
  if (own.has_value() == other.has_value() ||
      (isa<DivOp>(op) && own.has_value() != (number == 0)))
    return {};
  return own ? makeChannels(own) : OperandAxis{OperandAxis::Free, 0};
}

/// Of a sum or average over other axes.
template <typename OpTy>
static OperandAxis getReducedAxis(OpTy op, unsigned axis) {
  if (!op.getKeepDims())
    return makeChannels(addInserted(op.getAxes(), axis));
  if (llvm::is_contained(op.getAxes(), int64_t(axis)))
    return {};
  return makeChannels(axis);
}

static OperandAxis getGatheredAxis(GatherOp gather, int64_t axis) {
  int64_t numIndices = getRank(gather.getIndices());
  if (axis < static_cast<int64_t>(gather.getAxis()))
    return makeChannels(axis);
  if (axis < static_cast<int64_t>(gather.getAxis()) + numIndices)
    return {};
  return makeChannels(axis - numIndices + 1);
}

OperandAxis quantize::getOperandAxis(Operation *op, unsigned number,
                                     unsigned axis, int64_t block) {
  // Shapes, bounds and indices are behind the data.
  if (number > 0 && isa<ReshapeOp, BroadcastOp, SliceOp, GatherOp>(op))
    return {OperandAxis::Free, 0};
  return TypeSwitch<Operation *, OperandAxis>(op)
      .Case<AddOp, SubOp, MulOp, DivOp>(
          [&](auto) { return getElementwiseAxis(op, number, axis); })
      .Case<NegOp>([&](auto) { return makeChannels(axis); })
      .Case<ReshapeOp, FlattenOp>([&](auto) {
        return makeChannels(
            getReshapedAxis(op->getResult(0), op->getOperand(0), axis, block));
      })
      .Case<SqueezeOp>([&](SqueezeOp squeeze) {
        return makeChannels(addInserted(squeeze.getAxes(), axis));
      })
      .Case<UnsqueezeOp>([&](UnsqueezeOp unsqueeze) {
        return makeChannels(dropInserted(unsqueeze.getAxes(), axis));
      })
      .Case<TransposeOp>([&](TransposeOp transpose) {
        return makeChannels(transpose.getPermutation()[axis]);
      })
      .Case<BroadcastOp>(
          [&](auto) { return makeChannels(getBroadcastAxis(op, 0, axis)); })
      .Case<SliceOp>([&](SliceOp slice) {
        return takesBlocks(slice, axis, block) ? makeChannels(axis)
                                               : OperandAxis();
      })
      .Case<ConcatOp>([&](ConcatOp concat) {
        bool isWhole = concat.getAxis() != axis ||
                       llvm::all_of(concat.getInputs(), [&](Value input) {
                         return hasBlocks(input, axis, block);
                       });
        return isWhole ? makeChannels(axis) : OperandAxis();
      })
      .Case<GatherOp>(
          [&](GatherOp gather) { return getGatheredAxis(gather, axis); })
      .Case<ReduceSumOp, ReduceMeanOp>(
          [&](auto reduce) { return getReducedAxis(reduce, axis); })
      .Default([](Operation *) { return OperandAxis(); });
}

std::optional<unsigned> quantize::getResultAxis(Operation *op, unsigned number,
                                                unsigned axis, int64_t block) {
  if (op->getNumResults() != 1 ||
      !isa<RankedTensorType>(op->getResult(0).getType()))
    return std::nullopt;
  for (int64_t candidate = 0; candidate < getRank(op->getResult(0));
       ++candidate) {
    OperandAxis found = getOperandAxis(op, number, candidate, block);
    if (found.kind == OperandAxis::Channels && found.axis == axis)
      return candidate;
  }
  return std::nullopt;
}
