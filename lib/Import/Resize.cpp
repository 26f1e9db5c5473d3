//===- Resize.cpp - rules: Resize and Upsample ----------------------------===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

namespace {
struct Resampling {
  Value sizes, scales;
  Ints axes;
  graph::ResizeMode mode = graph::ResizeMode::nearest;
  graph::CoordinateMode coordinates = graph::CoordinateMode::half_pixel;
  graph::NearestMode nearest = graph::NearestMode::round_prefer_floor;
  std::optional<SmallVector<float>> roi;
};
} // namespace

static LogicalResult finish(Node &node, const Resampling &how) {
  OpBuilder &builder = node.builder();
  Value x = node.in(0);
  auto roi =
      how.roi ? builder.getDenseF32ArrayAttr(*how.roi) : DenseF32ArrayAttr();
  auto floatAttr = [&](StringRef name, double otherwise) {
    return builder.getF32FloatAttr(
        static_cast<float>(node.getFloat(name, otherwise)));
  };
  auto flag = [&](StringRef name) {
    return node.getInt(name, 0) ? builder.getUnitAttr() : UnitAttr();
  };
  return node.result(node.make<graph::ResizeOp>(
      node.elem(x), x, how.sizes, how.scales,
      builder.getDenseI64ArrayAttr(how.axes),
      graph::ResizeModeAttr::get(node.context(), how.mode),
      graph::CoordinateModeAttr::get(node.context(), how.coordinates),
      graph::NearestModeAttr::get(node.context(), how.nearest),
      floatAttr("cubic_coeff_a", -0.75), floatAttr("extrapolation_value", 0),
      flag("exclude_outside"), flag("antialias"), roi));
}

static bool readMode(Node &node, StringRef name, Resampling &how) {
  std::optional<graph::ResizeMode> mode =
      graph::symbolizeResizeMode(name == "bilinear" ? "linear" : name);
  if (!mode) {
    (void)node.invalid("attribute mode is '" + name + "'");
    return false;
  }
  how.mode = *mode;
  return true;
}

/// Upsample, and Resize of opset 10, which has its semantics.
static LogicalResult importUpsample(Node &node) {
  Resampling how;
  how.axes = makeRange(0, node.rank(node.in(0)));
  how.coordinates = graph::CoordinateMode::asymmetric;
  how.nearest = graph::NearestMode::floor;
  if (!readMode(node, node.getString("mode", "nearest"), how))
    return failure();
  how.scales = node.in(1);
  if (!how.scales) { // opset 7: an attribute
    const onnx::AttributeProto *scales = node.attribute("scales");
    if (!scales)
      return node.invalid("has no scales");
    SmallVector<float> values(scales->floats().begin(), scales->floats().end());
    auto type = RankedTensorType::get({static_cast<int64_t>(values.size())},
                                      node.builder().getF32Type());
    how.scales =
        node.constant(DenseElementsAttr::get(type, ArrayRef<float>(values)));
  }
  return finish(node, how);
}

/// keep_aspect_ratio_policy: sizes that keep the ratio, computed from static
/// dims.
static std::optional<Ints> keepRatio(Node &node, const Ints &sizes,
                                     const Ints &axes, bool smaller) {
  double best = 0;
  Ints result;
  for (auto [size, axis] : llvm::zip(sizes, axes)) {
    std::optional<int64_t> extent = node.dim(node.in(0), axis);
    if (!extent || *extent == 0)
      return std::nullopt;
    double scale = static_cast<double>(size) / static_cast<double>(*extent);
    if (result.empty() || (smaller ? scale < best : scale > best))
      best = scale;
    result.push_back(*extent);
  }
  for (int64_t &extent : result)
    extent = std::llround(static_cast<double>(extent) * best);
  return result;
}

static LogicalResult importResize(Node &node) {
  if (node.opset < 11)
    return importUpsample(node);
  Value x = node.in(0), roi = node.in(1);
  int64_t rank = node.rank(x);
  Resampling how;
  how.axes = node.getInts("axes").value_or(makeRange(0, rank));
  Ints sorted = how.axes;
  if (!node.normalizeAxes(sorted, rank))
    return failure();
  for (int64_t &axis : how.axes)
    axis += axis < 0 ? rank : 0;
  auto isEmpty = [&](size_t index) {
    return !node.has(index) || node.dim(node.in(index), 0) == 0;
  };
  how.scales = isEmpty(2) ? Value() : node.in(2);
  how.sizes = isEmpty(3) ? Value() : node.in(3);
  if (!how.scales == !how.sizes)
    return node.invalid("expected one of scales and sizes");
  if (!readMode(node, node.getString("mode", "nearest"), how))
    return failure();
  StringRef coordinates =
      node.getString("coordinate_transformation_mode", "half_pixel");
  StringRef nearest = node.getString("nearest_mode", "round_prefer_floor");
  std::optional<graph::CoordinateMode> coordinateMode =
      graph::symbolizeCoordinateMode(coordinates);
  std::optional<graph::NearestMode> nearestMode =
      graph::symbolizeNearestMode(nearest);
  if (!coordinateMode)
    return node.unsupported("attribute coordinate_transformation_mode is '" +
                            coordinates + "'");
  if (!nearestMode)
    return node.invalid("attribute nearest_mode is '" + nearest + "'");
  how.coordinates = *coordinateMode;
  how.nearest = *nearestMode;
  if (how.coordinates == graph::CoordinateMode::tf_crop_and_resize) {
    std::optional<SmallVector<double>> known = node.constantFloats(roi);
    if (!known)
      return node.unsupported(
          "roi is not known when compiling (make it a constant)");
    how.roi.emplace(known->begin(), known->end());
    if (how.roi->size() != 2 * how.axes.size())
      return node.invalid("roi must have two entries per axis");
  }
  StringRef policy = node.getString("keep_aspect_ratio_policy", "stretch");
  if (how.sizes && policy != "stretch") {
    std::optional<Ints> sizes = node.constantInts(how.sizes);
    std::optional<Ints> kept =
        sizes && sizes->size() == how.axes.size()
            ? keepRatio(node, *sizes, how.axes, policy == "not_larger")
            : std::nullopt;
    if (!kept)
      return node.unsupported("keep_aspect_ratio_policy of a dynamic size (pin "
                              "the dimensions, make sizes constant)");
    how.sizes = node.ints(*kept);
  } else if (how.sizes && !node.isKnown(how.sizes)) {
    if (std::optional<Ints> declared = node.declaredDims(0)) {
      Ints picked;
      for (int64_t axis : how.axes)
        if (axis < static_cast<int64_t>(declared->size()))
          picked.push_back((*declared)[axis]);
      node.expect(how.sizes, picked, "sizes");
      how.sizes = node.ints(picked);
    }
  }
  return finish(node, how);
}

void import::addResizeRules(RuleTable &rules) {
  rules["Resize"] = importResize;
  rules["Upsample"] = importUpsample;
}
