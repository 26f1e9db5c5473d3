//===- Indexing.cpp - rules: gather, scatter, one-hot, sampling -----------===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

template <typename Op> static LogicalResult importGather(Node &node) {
  int64_t axis = node.getInt("axis", 0);
  if (!node.normalizeAxis(axis, node.rank(node.in(0))))
    return failure();
  return node.result(
      node.make<Op>(node.elem(node.in(0)), node.in(0), node.in(1), axis));
}

static LogicalResult importGatherND(Node &node) {
  int64_t batch = node.getInt("batch_dims", 0);
  return node.result(node.make<graph::GatherNDOp>(
      node.elem(node.in(0)), node.in(0), node.in(1), batch));
}

static std::optional<graph::ScatterMode> readMode(Node &node) {
  StringRef name = node.getString("reduction", "none");
  std::optional<graph::ScatterMode> mode = graph::symbolizeScatterMode(name);
  if (!mode)
    (void)node.invalid("attribute reduction is '" + name + "'");
  return mode;
}

static LogicalResult importScatterElements(Node &node) {
  Value input = node.in(0);
  int64_t axis = node.getInt("axis", 0);
  std::optional<graph::ScatterMode> mode = readMode(node);
  if (!mode || !node.normalizeAxis(axis, node.rank(input)))
    return failure();
  return node.result(node.make<graph::ScatterElementsOp>(
      node.elem(input), input, node.in(1), node.in(2), axis, *mode));
}

static LogicalResult importScatterND(Node &node) {
  std::optional<graph::ScatterMode> mode = readMode(node);
  if (!mode)
    return failure();
  return node.result(node.make<graph::ScatterNDOp>(
      node.elem(node.in(0)), node.in(0), node.in(1), node.in(2), *mode));
}

static LogicalResult importOneHot(Node &node) {
  Value indices = node.in(0), depth = node.in(1), values = node.in(2);
  int64_t axis = node.getInt("axis", -1);
  if (!node.normalizeAxis(axis, node.rank(indices) + 1))
    return failure();
  if (node.isFloat(indices))
    indices = node.cast(indices, node.builder().getI64Type());
  std::optional<Ints> declared = node.declaredDims(0);
  std::optional<SmallVector<double>> known = node.constantFloats(depth);
  if (known && known->size() == 1)
    depth = node.integer(static_cast<int64_t>(known->front()));
  else if (!node.constantInts(depth) && declared &&
           axis < static_cast<int64_t>(declared->size())) {
    node.expect(depth, (*declared)[axis], "depth");
    depth = node.integer((*declared)[axis]);
  }
  return node.result(node.make<graph::OneHotOp>(node.elem(values), indices,
                                                depth, values, axis));
}

/// Elements of `input` along `axis` where the constant `condition` holds.
static LogicalResult importCompress(Node &node) {
  Value input = node.in(0);
  std::optional<Ints> condition = node.constantInts(node.in(1));
  if (!condition)
    return node.unsupported("the condition is not known when compiling, so the "
                            "size of the output is not either");
  int64_t axis = node.getInt("axis", 0);
  if (!node.attribute("axis")) {
    input = node.reshape(input, {-1});
    axis = 0;
  }
  if (!node.normalizeAxis(axis, node.rank(input)))
    return failure();
  Ints kept;
  for (auto [index, holds] : llvm::enumerate(*condition))
    if (holds)
      kept.push_back(index);
  return node.result(node.make<graph::GatherOp>(node.elem(input), input,
                                                node.ints(kept), axis));
}

static LogicalResult importGridSample(Node &node) {
  StringRef mode =
      node.getString("mode", node.opset < 20 ? "bilinear" : "linear");
  StringRef padding = node.getString("padding_mode", "zeros");
  if (mode == "bilinear" || mode == "bicubic")
    mode = mode.drop_front(2);
  std::optional<graph::ResizeMode> resize = graph::symbolizeResizeMode(mode);
  std::optional<graph::PadMode> pad;
  if (padding == "zeros")
    pad = graph::PadMode::constant;
  if (padding == "border")
    pad = graph::PadMode::edge;
  if (padding == "reflection")
    pad = graph::PadMode::reflect;
  if (!resize || !pad)
    return node.invalid("attributes mode '" + mode + "' and padding_mode '" +
                        padding + "' do not exist");
  return node.result(node.make<graph::GridSampleOp>(
      node.elem(node.in(0)), node.in(0), node.in(1), *resize, *pad,
      node.getInt("align_corners", 0) != 0));
}

/// Writes `update` into a cache along an axis at per-batch positions (opset
/// 24).
static LogicalResult importTensorScatter(Node &node) {
  Value past = node.in(0), update = node.in(1);
  int64_t rank = node.rank(past), axis = node.getInt("axis", -2);
  if (!node.normalizeAxis(axis, rank))
    return failure();
  if (axis == 0)
    return node.invalid("axis 0 is the batch");
  StringRef mode = node.getString("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return node.invalid("attribute mode is '" + mode +
                        "', expected linear or circular");
  Type i64 = node.builder().getI64Type();
  auto sizeOf = [&](Value value, int64_t which) {
    return node.squeeze(node.shapeOf(value, which, which + 1), {0});
  };
  // Positions [B, 1..., T, 1...] = write_indices[b] + t, spread over the
  // update.
  Value steps = node.make<graph::RangeOp>(
      i64, node.integer(0), sizeOf(update, axis), node.integer(1));
  Value positions = node.alignChannel(steps, rank, axis);
  if (node.has(2))
    positions = node.add(node.alignChannel(node.in(2), rank, 0), positions);
  if (mode == "circular")
    positions = node.binary<graph::FloorModOp>(positions, sizeOf(past, axis));
  positions = node.broadcast(positions, node.shapeOf(update, 0, rank));
  return node.result(node.make<graph::ScatterElementsOp>(
      node.elem(past), past, positions, update, axis,
      graph::ScatterMode::none));
}

void import::addIndexingRules(RuleTable &rules) {
  rules["Gather"] = importGather<graph::GatherOp>;
  rules["GatherElements"] = importGather<graph::GatherElementsOp>;
  rules["GatherND"] = importGatherND;
  rules["Scatter"] = importScatterElements;
  rules["ScatterElements"] = importScatterElements;
  rules["ScatterND"] = importScatterND;
  rules["OneHot"] = importOneHot;
  rules["Compress"] = importCompress;
  rules["GridSample"] = importGridSample;
  rules["TensorScatter"] = importTensorScatter;
}
