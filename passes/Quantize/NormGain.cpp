//===- NormGain.cpp - what a norm does to each channel --------------------===//
#include "passes/Quantize/NormGain.h"
#include "dialects/Graph/Constants.h"
#include "passes/Quantize/FlowAxes.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// Whether a norm over the last axis made `value`, perhaps with a gain already.
static bool isNormalized(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<LayerNormOp, RMSNormOp>(op))
    return true;
  if (!isa<MulOp, DivOp, AddOp>(op))
    return false;
  unsigned last = getRank(value) - 1;
  for (unsigned number : {0u, 1u}) {
    Value other = op->getOperand(1 - number);
    bool isRowFactor =
        getOperandAxis(op, 1 - number, last, 1).kind == OperandAxis::Free &&
        !getConstantValue(other) && getRank(other) > 0;
    if (isRowFactor && !isa<AddOp>(op))
      return true;
    if (getConstantValue(other) && isNormalized(op->getOperand(number)))
      return true;
  }
  return false;
}

/// The elements of a constant for each of `count` channels of the last axis.
static std::optional<SmallVector<double>> getChannels(Value value,
                                                      int64_t count) {
  auto elements = getFloats(getConstantValue(value), INT64_MAX);
  if (!elements || getRank(value) > 1)
    return std::nullopt;
  if (elements->size() == 1)
    elements->assign(count, elements->front());
  if (static_cast<int64_t>(elements->size()) != count)
    return std::nullopt;
  return elements;
}

static bool isIdentity(const ChannelAffine &affine) {
  return !affine.hasScale() && !affine.hasShift();
}

std::optional<NormGain> NormGain::match(Operation *op) {
  if (!isa<LayerNormOp, RMSNormOp, MulOp, AddOp>(op) ||
      !isNormalized(op->getResult(0)))
    return std::nullopt;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  int64_t last = type.getRank() - 1;
  if (type.isDynamicDim(last) || !type.getElementType().isF32())
    return std::nullopt;
  int64_t count = type.getDimSize(last);
  NormGain gain{op, {}, ChannelAffine::get(count)};
  if (isa<LayerNormOp, RMSNormOp>(op)) {
    auto norm = dyn_cast<LayerNormOp>(op);
    int64_t first = norm ? norm.getAxis() : cast<RMSNormOp>(op).getAxis();
    auto scale = getChannels(op->getOperand(1), count);
    auto shift = norm && norm.getBias() ? getChannels(norm.getBias(), count)
                                        : SmallVector<double>(count, 0.0);
    if (first != last || !scale || !shift)
      return std::nullopt;
    gain.affine.scale = *scale;
    gain.affine.shift = *shift;
  } else {
    for (Value input : op->getOperands())
      if (!gain.input && !getConstantValue(input) && isNormalized(input) &&
          input.getType() == type)
        if (auto affine = getChannelAffine(op, input, last, count)) {
          gain.input = input;
          gain.affine = *affine;
        }
    if (!gain.input)
      return std::nullopt;
  }
  if (isIdentity(gain.affine))
    return std::nullopt;
  return gain;
}

bool quantize::isReadByProductsOnly(Value value) {
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    auto product = dyn_cast<MatmulOp>(use.getOwner());
    return product && use.getOperandNumber() == 0 &&
           !product.getTransposeLhs() && getRank(value) >= 2 &&
           product->getBlock() == value.getParentBlock() &&
           getRank(product.getRhs()) == 2 && Weight::match(product.getRhs());
  });
}

llvm::Expected<SmallVector<double>>
quantize::multiplyShift(ArrayRef<double> shift, const Weight &weight,
                        unsigned axis) {
  auto elements = weight.read();
  if (!elements)
    return elements.takeError();
  auto count = static_cast<int64_t>(shift.size());
  int64_t numOut = static_cast<int64_t>(elements->size()) / count;
  SmallVector<double> sums(numOut, 0.0);
  for (int64_t in = 0; in < count; ++in)
    for (int64_t out = 0; out < numOut; ++out)
      sums[out] +=
          shift[in] * (*elements)[weight.getAxis(axis) == 0 ? in * numOut + out
                                                            : out * count + in];
  return sums;
}
