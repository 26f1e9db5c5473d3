//===- LinearOp.cpp - convolutions and products with constant weights -----===//
#include "passes/Graph/LinearOp.h"
#include "dialects/Graph/Constants.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

/// A filter [groups * M, C, taps] (or, transposed, [groups * C, M, taps]).
static LinearOp getConvolution(Operation *op, RankedTensorType filter,
                               int64_t group, bool isTransposed,
                               ArrayRef<int64_t> pads) {
  LinearOp linear;
  linear.op = op;
  linear.inAxis = linear.outAxis = 1;
  linear.blocks = group;
  linear.rows = filter.getDimSize(0) / group;
  linear.columns = filter.getDimSize(1);
  for (int64_t extent : filter.getShape().drop_front(2))
    linear.taps *= extent;
  linear.rowsAreIn = isTransposed;
  linear.numIn = group * (isTransposed ? linear.rows : linear.columns);
  linear.numOut = group * (isTransposed ? linear.columns : linear.rows);
  linear.allowsShift =
      !isTransposed && llvm::all_of(pads, [](int64_t pad) { return pad == 0; });
  return linear;
}

std::optional<LinearOp> LinearOp::match(Operation *op) {
  if (!isa<ConvOp, ConvTransposeOp, MatmulOp>(op) ||
      !getElementTypeOrSelf(op->getOperand(0).getType()).isF32())
    return std::nullopt;
  auto type = cast<RankedTensorType>(op->getOperand(1).getType());
  if (!getConstantValue(op->getOperand(1)) || !type.hasStaticShape() ||
      type.getNumElements() == 0)
    return std::nullopt;
  if (auto conv = dyn_cast<ConvOp>(op))
    return getConvolution(op, type, conv.getGroup(), false, conv.getPads());
  if (auto conv = dyn_cast<ConvTransposeOp>(op))
    return getConvolution(op, type, conv.getGroup(), true, {});
  auto matmul = cast<MatmulOp>(op);
  int64_t inRank = cast<RankedTensorType>(matmul.getLhs().getType()).getRank();
  int64_t outRank = cast<RankedTensorType>(matmul.getType()).getRank();
  if (type.getRank() != 2 || inRank < 2 || matmul.getTransposeLhs())
    return std::nullopt;
  LinearOp linear;
  linear.op = op;
  linear.inAxis = inRank - 1;
  linear.outAxis = outRank - 1;
  linear.allowsShift = true;
  linear.rows = type.getDimSize(0);
  linear.columns = type.getDimSize(1);
  linear.rowsAreIn = !matmul.getTransposeRhs();
  linear.numIn = linear.rowsAreIn ? linear.rows : linear.columns;
  linear.numOut = linear.rowsAreIn ? linear.columns : linear.rows;
  return linear;
}

bool LinearOp::forEachElement(
    llvm::function_ref<void(float, int64_t, int64_t)> visit) const {
  SmallVector<char> storage;
  auto bytes = getConstantBytes(getConstantValue(op->getOperand(1)), storage);
  if (!bytes) {
    llvm::consumeError(bytes.takeError());
    return false;
  }
  const char *source = bytes->data();
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        int64_t in = getIn(block, row, column);
        int64_t out = getOut(block, row, column);
        for (int64_t tap = 0; tap < taps; ++tap) {
          float element;
          memcpy(&element, source, sizeof(float));
          source += sizeof(float);
          visit(element, in, out);
        }
      }
  return true;
}

TypedAttr LinearOp::scaleFilter(const ChannelAffine &in,
                                const ChannelAffine &out) const {
  auto type = cast<RankedTensorType>(op->getOperand(1).getType());
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
      type.getNumElements() * sizeof(float));
  if (!buffer)
    return {};
  char *target = buffer->getBufferStart();
  bool isFinite = true;
  auto scale = [&](float element, int64_t inChannel, int64_t outChannel) {
    double factor = in.scale[inChannel] * out.scale[outChannel];
    element = static_cast<float>(element * factor);
    isFinite &= std::isfinite(element);
    memcpy(target, &element, sizeof(float));
    target += sizeof(float);
  };
  if (!forEachElement(scale) || !isFinite)
    return {};
  return makeConstant(type, std::move(buffer));
}

std::optional<SmallVector<float>>
LinearOp::getShift(const ChannelAffine &in, const ChannelAffine &out) const {
  SmallVector<double> sums(numOut, 0.0);
  auto add = [&](float element, int64_t inChannel, int64_t outChannel) {
    sums[outChannel] += element * in.shift[inChannel];
  };
  if (in.hasShift() && !forEachElement(add))
    return std::nullopt;
  SmallVector<float> result;
  for (auto [c, sum] : llvm::enumerate(sums)) {
    result.push_back(static_cast<float>(out.scale[c] * sum + out.shift[c]));
    if (!std::isfinite(result.back()))
      return std::nullopt;
  }
  return result;
}
