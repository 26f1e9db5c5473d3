//===- ChannelAffine.cpp - a scale and a shift for every channel ----------===//
#include "passes/Graph/ChannelAffine.h"
#include "dialects/Graph/Constants.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

/// Channels of a constant that are looked at.
static constexpr int64_t maxChannels = int64_t(1) << 20;

ChannelAffine ChannelAffine::get(int64_t numChannels) {
  return {SmallVector<double>(numChannels, 1.0),
          SmallVector<double>(numChannels, 0.0)};
}

ChannelAffine ChannelAffine::after(const ChannelAffine &inner) const {
  ChannelAffine result = *this;
  for (size_t c = 0; c < scale.size(); ++c) {
    result.scale[c] = scale[c] * inner.scale[c];
    result.shift[c] = scale[c] * inner.shift[c] + shift[c];
  }
  return result;
}

bool ChannelAffine::hasScale() const {
  return llvm::any_of(scale, [](double value) { return value != 1; });
}

bool ChannelAffine::hasShift() const {
  return llvm::any_of(shift, [](double value) { return value != 0; });
}

bool ChannelAffine::isFinite() const {
  auto finite = [](double value) { return std::isfinite(value); };
  return llvm::all_of(scale, finite) && llvm::all_of(shift, finite);
}

static std::optional<SmallVector<double>> getElements(Value value) {
  return getFloats(getConstantValue(value), maxChannels);
}

/// The element of a constant for every channel of what it broadcasts to;
/// nullopt if it differs along another axis or adds axes.
static std::optional<SmallVector<double>>
getChannelConstant(Value value, int64_t rank, unsigned axis,
                   int64_t numChannels) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || type.getRank() > rank)
    return std::nullopt;
  for (auto [number, dim] : llvm::enumerate(type.getShape())) {
    unsigned place = number + rank - type.getRank();
    if (dim != 1 && (place != axis || dim != numChannels))
      return std::nullopt;
  }
  auto elements = getElements(value);
  if (elements && elements->size() == 1)
    elements->assign(numChannels, elements->front());
  return elements;
}

static std::optional<ChannelAffine> getOfBatchNorm(BatchNormOp op) {
  auto scale = getElements(op.getScale()), bias = getElements(op.getBias());
  auto mean = getElements(op.getMean()),
       variance = getElements(op.getVariance());
  if (!scale || !bias || !mean || !variance)
    return std::nullopt;
  double epsilon = op.getEpsilon().convertToDouble();
  ChannelAffine result = ChannelAffine::get(scale->size());
  for (size_t c = 0; c < scale->size(); ++c) {
    result.scale[c] = (*scale)[c] / std::sqrt((*variance)[c] + epsilon);
    result.shift[c] = (*bias)[c] - (*mean)[c] * result.scale[c];
  }
  return result;
}

std::optional<ChannelAffine> graph::getChannelAffine(Operation *op, Value input,
                                                     unsigned axis,
                                                     int64_t numChannels) {
  if (auto norm = dyn_cast<BatchNormOp>(op)) {
    if (norm.getInput() != input || axis != 1)
      return std::nullopt;
    auto result = getOfBatchNorm(norm);
    return result && int64_t(result->scale.size()) == numChannels
               ? result
               : std::nullopt;
  }
  if (!isa<AddOp, SubOp, MulOp, DivOp>(op))
    return std::nullopt;
  bool isRight = op->getOperand(0) != input; // input is the right operand
  auto constant = getChannelConstant(
      op->getOperand(isRight ? 0 : 1),
      cast<RankedTensorType>(input.getType()).getRank(), axis, numChannels);
  if (!constant || (isRight && isa<DivOp>(op)))
    return std::nullopt;
  ChannelAffine result = ChannelAffine::get(numChannels);
  for (auto [c, value] : llvm::enumerate(*constant)) {
    if (isa<MulOp>(op))
      result.scale[c] = value;
    else if (isa<DivOp>(op))
      result.scale[c] = 1 / value;
    else
      result.shift[c] = isa<SubOp>(op) && !isRight ? -value : value;
    if (isa<SubOp>(op) && isRight)
      result.scale[c] = -1;
  }
  return result;
}
