//===- ExpandConvTranspose.cpp - transposed convolutions as convolutions --===//
//
// With stride s, the outputs at positions s*q + i for one phase i < s are a
// convolution of the input with every s-th tap of the kernel. So all s*s phases
// are one convolution with s*s times the filters and ceil(kernel / s) taps, and
// the outputs are its channels moved into space (Shi et al., "Is the
// deconvolution layer the same as a convolutional layer?", 2016).
//
//===----------------------------------------------------------------------===//
#include "dialects/Graph/Constants.h"
#include "passes/Common/SymbolicShape.h"
#include "passes/Graph/NamedBuilder.h"
#include "passes/Graph/Passes.h"

namespace cinch::graph {
#define GEN_PASS_DEF_EXPANDCONVTRANSPOSEPASS
#include "passes/Graph/Passes.h.inc"
} // namespace cinch::graph

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;

/// Bounds the time and memory of rearranging a filter.
static constexpr int64_t maxFilterElements = int64_t(1) << 26;

namespace {

/// One spatial axis: `taps` kernel positions per phase; `tail` positions of the
/// phases put together lie behind the output.
struct Axis {
  int64_t kernel, taps, begin, tail;
};

class Expansion {
public:
  Expansion(ConvTransposeOp op, ShapeInference &inference)
      : op(op), b(op, getName(op), inference) {}

  /// Whether the operation has this form.
  bool isPossible();
  LogicalResult run();

private:
  static std::string getName(Operation *op) {
    auto names = op->getAttrOfType<ArrayAttr>("names");
    return names && !names.empty() ? cast<StringAttr>(names[0]).str() : "conv";
  }
  FailureOr<TypedAttr> rearrangeFilter();

  ConvTransposeOp op;
  NamedBuilder b;
  int64_t stride = 0, channels = 0, filters = 0;
  SmallVector<Axis> axes;
};

} // namespace

bool Expansion::isPossible() {
  auto type = dyn_cast<RankedTensorType>(op.getFilter().getType());
  if (!type || !type.hasStaticShape() || type.getRank() != 4 ||
      !type.getElementType().isF32() || op.getGroup() != 1 ||
      type.getNumElements() == 0 || type.getNumElements() > maxFilterElements ||
      !getConstantValue(op.getFilter()) ||
      op.getStrides()[0] != op.getStrides()[1] || op.getStrides()[0] < 2 ||
      llvm::any_of(op.getDilations(), [](int64_t d) { return d != 1; }))
    return false;
  stride = op.getStrides()[0];
  channels = type.getDimSize(0);
  filters = type.getDimSize(1);
  for (unsigned at : {0, 1}) {
    Axis axis;
    axis.kernel = type.getDimSize(2 + at);
    axis.taps = llvm::divideCeil(axis.kernel, stride);
    axis.begin = op.getPads()[at];
    axis.tail = axis.taps * stride - axis.kernel - op.getOutputPadding()[at] +
                op.getPads()[2 + at];
    axes.push_back(axis);
  }
  return llvm::all_of(axes, [](const Axis &axis) { return axis.tail >= 0; });
}

/// filter [C, F, kh, kw] -> [F * s * s, C, taps, taps]: filter f of phase (i,
/// j) has at tap t of each axis what lies at i + s * (taps - 1 - t), 0 beyond
/// the kernel.
FailureOr<TypedAttr> Expansion::rearrangeFilter() {
  auto source = getFloats(getConstantValue(op.getFilter()), maxFilterElements);
  if (!source)
    return op.emitOpError("cannot read the bytes of the filter");
  const Axis &y = axes[0], &x = axes[1];
  auto type = RankedTensorType::get(
      {filters * stride * stride, channels, y.taps, x.taps},
      b.builder.getF32Type());
  size_t numBytes = type.getNumElements() * sizeof(float);
  auto buffer = llvm::WritableMemoryBuffer::getNewMemBuffer(numBytes);
  if (!buffer)
    return op.emitOpError() << "no memory for " << numBytes << " bytes";
  auto *target = reinterpret_cast<float *>(buffer->getBufferStart());
  for (int64_t f = 0; f < filters; ++f)
    for (int64_t phase = 0; phase < stride * stride; ++phase)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t ty = y.taps - 1; ty >= 0; --ty)
          for (int64_t tx = x.taps - 1; tx >= 0; --tx, ++target) {
            int64_t ky = phase / stride + stride * ty,
                    kx = phase % stride + stride * tx;
            if (ky < y.kernel && kx < x.kernel)
              *target = static_cast<float>(
                  (*source)[((c * filters + f) * y.kernel + ky) * x.kernel +
                            kx]);
          }
  auto &files =
      op.getContext()->getOrLoadDialect<GraphDialect>()->getWeightFiles();
  return TypedAttr(
      WeightAttr::get(op.getContext(), files.addBuffer(std::move(buffer)),
                      /*offset=*/0, numBytes, /*checksum=*/0, type));
}

LogicalResult Expansion::run() {
  FailureOr<TypedAttr> filter = rearrangeFilter();
  if (failed(filter))
    return failure();
  Type f32 = b.builder.getF32Type();
  int64_t padY = axes[0].taps - 1, padX = axes[1].taps - 1;
  Value phases = b.make<ConvOp>(
      "phases", f32, op.getInput(), b.constant("filter", *filter),
      ArrayRef<int64_t>{1, 1}, ArrayRef<int64_t>{padY, padX, padY, padX},
      ArrayRef<int64_t>{1, 1}, /*group=*/1);
  Value result = b.make<DepthToSpaceOp>("space", f32, phases, stride,
                                        /*column_row=*/true);
  for (auto [number, axis] : llvm::enumerate(axes))
    if (axis.begin != 0 || axis.tail != 0)
      result = b.slice("cut", result, number + 2, axis.begin,
                       axis.tail ? -axis.tail : INT64_MAX);
  if (b.hasFailed())
    return failure();
  result.getDefiningOp()->setAttr("names", op->getAttr("names"));
  result.setType(op.getType());
  op.replaceAllUsesWith(result);
  op.erase();
  return success();
}

namespace {
struct ExpandConvTranspose
    : public graph::impl::ExpandConvTransposePassBase<ExpandConvTranspose> {
  void runOnOperation() override {
    SmallVector<ConvTransposeOp> ops;
    getOperation().walk([&](ConvTransposeOp op) { ops.push_back(op); });
    for (ConvTransposeOp op : ops) {
      // Again for each: an operand may be the result of the one before.
      auto analysis = SymbolicShapeAnalysis::compute(getOperation());
      if (failed(analysis))
        return signalPassFailure();
      ShapeInference inference;
      for (Value operand : op->getOperands())
        inference.set(operand, *analysis->get(operand));
      Expansion expansion(op, inference);
      if (expansion.isPossible() && failed(expansion.run()))
        return signalPassFailure();
    }
  }
};
} // namespace
