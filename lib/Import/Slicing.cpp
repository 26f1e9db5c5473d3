//===- Slicing.cpp - rules: Slice, Split, Pad -----------------------------===//
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

static LogicalResult importSlice(Node &node) {
  Value input = node.in(0), starts, ends;
  int64_t rank = node.rank(input);
  Ints axes, steps;
  std::optional<Ints> given;
  if (node.opset < 10) {
    std::optional<Ints> first = node.getInts("starts"),
                        last = node.getInts("ends");
    given = node.getInts("axes");
    if (!first || !last || first->size() != last->size())
      return node.invalid("attributes starts and ends must have one length");
    starts = node.ints(*first);
    ends = node.ints(*last);
  } else {
    starts = node.in(1);
    ends = node.in(2);
    if (node.has(3) && !(given = node.requireInts(3, "axes")))
      return failure();
    if (node.has(4)) {
      std::optional<Ints> stated = node.requireInts(4, "steps");
      if (!stated)
        return failure();
      steps = *stated;
    }
    starts = node.cast(starts, node.builder().getI64Type());
    ends = node.cast(ends, node.builder().getI64Type());
  }
  std::optional<int64_t> count = node.dim(starts, 0);
  if (!count)
    return node.unsupported("number of starts is not known when compiling");
  axes = given ? *given : makeRange(0, std::min(*count, rank));
  if (steps.empty())
    steps.assign(axes.size(), 1);
  if (static_cast<int64_t>(axes.size()) != *count ||
      steps.size() != axes.size())
    return node.invalid("starts, ends, axes and steps must have one length");
  Ints sorted = axes;
  if (!node.normalizeAxes(sorted, rank))
    return failure();
  for (int64_t &axis : axes)
    axis += axis < 0 ? rank : 0;
  for (int64_t &step : steps) // beyond any dimension all steps do the same
    step = std::clamp<int64_t>(step, -import::maxElements, import::maxElements);
  return node.result(node.make<graph::SliceOp>(node.elem(input), input, starts,
                                               ends, axes, steps));
}

static LogicalResult importSplit(Node &node) {
  Value input = node.in(0);
  int64_t axis = node.getInt("axis", 0), numOutputs = node.proto.output_size();
  if (!node.normalizeAxis(axis, node.rank(input)))
    return failure();
  std::optional<int64_t> extent = node.dim(input, axis);
  Ints sizes;
  if (node.opset >= 13 && node.has(1)) {
    std::optional<Ints> given = node.constantInts(node.in(1));
    if (!given) { // the declared outputs tell it
      for (int i = 0; i < numOutputs; ++i)
        if (std::optional<Ints> dims = node.declaredDims(i);
            dims && axis < static_cast<int64_t>(dims->size()))
          sizes.push_back((*dims)[axis]);
      if (static_cast<int64_t>(sizes.size()) != numOutputs &&
          !node.requireInts(1, "split"))
        return failure();
      node.expect(node.in(1), sizes, "split");
    } else {
      sizes = *given;
    }
  } else if (std::optional<Ints> given =
                 node.opset < 13 ? node.getInts("split") : std::nullopt) {
    sizes = *given;
  } else if (extent) {
    int64_t parts =
        node.opset >= 18 ? node.getInt("num_outputs", numOutputs) : numOutputs;
    if (parts != numOutputs)
      return node.invalid("attribute num_outputs is " + Twine(parts) +
                          ", but there are " + Twine(numOutputs));
    int64_t size = (*extent + parts - 1) / parts;
    if (node.opset < 18 && size * parts != *extent)
      return node.invalid("dimension " + Twine(*extent) +
                          " is not a multiple of " + Twine(parts));
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::clamp<int64_t>(*extent - i * size, 0, size));
  } else {
    return node.unsupported("equal split of a dynamic dimension (state split, "
                            "or pin the dimension)");
  }
  if (static_cast<int64_t>(sizes.size()) != numOutputs)
    return node.invalid("has " + Twine(numOutputs) +
                        " outputs, but split has " + Twine(sizes.size()) +
                        " entries");
  int64_t sum = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > import::maxElements)
      return node.invalid("split has entry " + Twine(size));
    sum += size;
  }
  if (extent && sum != *extent)
    return node.invalid("split adds up to " + Twine(sum) +
                        ", but the dimension is " + Twine(*extent));
  SmallVector<Value> parts;
  int64_t start = 0;
  for (int64_t size : sizes) {
    parts.push_back(node.slice(input, axis, start, start + size));
    start += size;
  }
  return node.result(parts);
}

static LogicalResult importPad(Node &node) {
  Value input = node.in(0), value = node.in(2), pads;
  int64_t rank = node.rank(input);
  StringRef mode = node.getString("mode", "constant");
  std::optional<graph::PadMode> padMode = graph::symbolizePadMode(mode);
  if (!padMode)
    return node.invalid("attribute mode is '" + mode + "'");
  Ints axes = makeRange(0, rank);
  if (node.opset < 11) {
    std::optional<Ints> given = node.getInts("pads");
    if (!given)
      return node.invalid("has no pads");
    pads = node.ints(*given);
    if (double filler = node.getFloat("value", 0))
      value = node.like(input, filler);
  } else {
    pads = node.in(1);
    if (node.has(3)) {
      std::optional<Ints> given = node.requireInts(3, "axes");
      if (!given)
        return failure();
      axes = *given;
      Ints sorted = axes;
      if (!node.normalizeAxes(sorted, rank))
        return failure();
      for (int64_t &axis : axes)
        axis += axis < 0 ? rank : 0;
    }
  }
  if (value && *padMode == graph::PadMode::constant && node.rank(value) == 1 &&
      node.dim(value, 0) == 1)
    value = node.squeeze(value, {0});
  if (*padMode != graph::PadMode::constant)
    value = {};
  std::optional<Ints> known = node.constantInts(pads);
  if (known && llvm::all_of(*known, [](int64_t pad) { return pad == 0; }) &&
      known->size() == 2 * axes.size())
    return node.result(input);
  return node.result(node.make<graph::PadOp>(node.elem(input), input, pads,
                                             value, axes, *padMode));
}

/// Crops or pads axes to given sizes, evenly on both sides.
static LogicalResult importCenterCropPad(Node &node) {
  Value value = node.in(0);
  int64_t rank = node.rank(value);
  Ints axes = node.getInts("axes").value_or(makeRange(0, rank));
  Ints sorted = axes;
  if (!node.normalizeAxes(sorted, rank))
    return failure();
  std::optional<Ints> sizes = node.constantInts(node.in(1));
  std::optional<Ints> declared = node.declaredDims(0);
  if (!sizes && declared && static_cast<int64_t>(declared->size()) == rank) {
    sizes.emplace();
    for (int64_t axis : axes)
      sizes->push_back((*declared)[axis < 0 ? axis + rank : axis]);
    node.expect(node.in(1), *sizes, "shape");
  }
  if (!sizes && !(sizes = node.requireInts(1, "shape")))
    return failure();
  if (sizes->size() != axes.size())
    return node.invalid("shape must have one entry per axis");
  for (auto [axis, size] : llvm::zip(axes, *sizes)) {
    axis += axis < 0 ? rank : 0;
    std::optional<int64_t> extent = node.dim(value, axis);
    if (!extent)
      return node.unsupported("dynamic dimension (pin it)");
    if (size < 0 || size > import::maxElements)
      return node.invalid("shape has entry " + Twine(size));
    int64_t begin = std::abs(*extent - size) / 2;
    if (size < *extent)
      value = node.slice(value, axis, begin, begin + size);
    if (size > *extent)
      value = node.make<graph::PadOp>(
          node.elem(value), value, node.ints({begin, size - *extent - begin}),
          Value(), Ints{axis}, graph::PadMode::constant);
  }
  return node.result(value);
}

void import::addSlicingRules(RuleTable &rules) {
  rules["Slice"] = importSlice;
  rules["Split"] = importSplit;
  rules["Pad"] = importPad;
  rules["CenterCropPad"] = importCenterCropPad;
}
