//===- Movement.cpp - rules: constants, shapes, data movement -----------------===//
#include "lib/Import/Importer.h"
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

static LogicalResult reportProblem(Node &node, const Problem &problem) {
  return problem.unsupported ? node.unsupported(problem.message) : node.invalid(problem.message);
}

static LogicalResult importConstant(Node &node) {
  if (const onnx::AttributeProto *value = node.attribute("value")) {
    Problem problem;
    TypedAttr attribute = node.importer.tensors.read(value->t(), problem);
    return attribute ? node.result(node.constant(attribute)) : reportProblem(node, problem);
  }
  if (const onnx::AttributeProto *value = node.attribute("value_int"))
    return node.result(node.integer(value->i()));
  if (const onnx::AttributeProto *value = node.attribute("value_float"))
    return node.result(node.scalar(node.builder().getF32Type(), value->f()));
  if (std::optional<Ints> values = node.getInts("value_ints"))
    return node.result(node.ints(*values));
  if (const onnx::AttributeProto *value = node.attribute("value_floats")) {
    SmallVector<float> floats(value->floats().begin(), value->floats().end());
    auto type = RankedTensorType::get({static_cast<int64_t>(floats.size())}, node.builder().getF32Type());
    return node.result(node.constant(DenseElementsAttr::get(type, ArrayRef<float>(floats))));
  }
  if (node.attribute("sparse_value"))
    return node.unsupported("attribute sparse_value (store the tensor dense)");
  if (node.attribute("value_string") || node.attribute("value_strings"))
    return node.unsupported("strings (numbers and bool are supported)");
  return node.invalid("has no value");
}

static LogicalResult importConstantOfShape(Node &node) {
  TypedAttr value;
  if (const onnx::AttributeProto *given = node.attribute("value")) {
    Problem problem;
    value = node.importer.tensors.read(given->t(), problem);
    if (!value)
      return reportProblem(node, problem);
  }
  auto dense = dyn_cast_or_null<DenseElementsAttr>(value);
  if (value && (!dense || dense.getNumElements() != 1))
    return node.invalid("attribute value must have one element");
  Type element = dense ? dense.getElementType() : node.builder().getF32Type();
  auto scalarType = RankedTensorType::get({}, element);
  Value shape = node.refineShape(node.in(0));
  if (std::optional<Ints> dims = node.constantInts(shape)) {
    if (!import::countElements(*dims))
      return node.invalid("shape has a negative dimension or too many elements");
    auto type = RankedTensorType::get(*dims, element);
    if (!dense)
      return node.result(node.constant(DenseElementsAttr::get(type, node.builder().getF32FloatAttr(0).getValue())));
    if (isa<FloatType>(element))
      return node.result(node.constant(DenseElementsAttr::get(type, *dense.value_begin<APFloat>())));
    return node.result(node.constant(DenseElementsAttr::get(type, *dense.value_begin<APInt>())));
  }
  Value scalar = dense ? node.constant(cast<TypedAttr>(Attribute(dense.reshape(scalarType)))) : node.scalar(element, 0);
  return node.result(node.broadcast(scalar, shape));
}

static LogicalResult importShape(Node &node) {
  int64_t rank = node.rank(node.in(0));
  int64_t start = node.getInt("start", 0), end = node.getInt("end", rank);
  auto clamp = [&](int64_t position) {
    return std::clamp<int64_t>(position < 0 ? position + rank : position, 0, rank);
  };
  start = clamp(start);
  return node.result(node.shapeOf(node.in(0), start, std::max(start, clamp(end))));
}

static LogicalResult importSize(Node &node) {
  return node.result(node.make<graph::SizeOp>(node.builder().getI64Type(), node.in(0)));
}

static LogicalResult importReshape(Node &node) {
  Value input = node.in(0), shape = node.refineShape(node.in(1));
  bool allowZero = node.getInt("allowzero", 0);
  return node.result(node.make<graph::ReshapeOp>(node.elem(input), input, shape, allowZero));
}

static LogicalResult importFlatten(Node &node) {
  Value input = node.in(0);
  int64_t rank = node.rank(input), axis = node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return node.invalid("axis " + Twine(axis) + " is out of range for " + Twine(rank) + " axes");
  return node.result(node.make<graph::FlattenOp>(node.elem(input), input, axis < 0 ? axis + rank : axis));
}

static LogicalResult importSqueeze(Node &node) {
  Value input = node.in(0);
  bool ok;
  std::optional<Ints> axes = node.axes(1, 13, ok);
  if (!ok)
    return failure();
  if (!axes) {
    axes.emplace();
    for (int64_t i = 0; i < node.rank(input); ++i) {
      if (!node.dim(input, i))
        return node.unsupported("without axes, which axes go depends on a dynamic dimension (state axes)");
      if (node.dim(input, i) == 1)
        axes->push_back(i);
    }
  }
  if (!node.normalizeAxes(*axes, node.rank(input)))
    return failure();
  return node.result(node.squeeze(input, *axes));
}

static LogicalResult importUnsqueeze(Node &node) {
  bool ok;
  std::optional<Ints> axes = node.axes(1, 13, ok);
  if (!ok)
    return failure();
  if (!axes)
    return node.invalid("has no axes");
  if (!node.normalizeAxes(*axes, node.rank(node.in(0)) + axes->size()))
    return failure();
  return node.result(node.unsqueeze(node.in(0), *axes));
}

static LogicalResult importTranspose(Node &node) {
  int64_t rank = node.rank(node.in(0));
  Ints permutation;
  for (int64_t i = rank; i-- > 0;)
    permutation.push_back(i);
  if (std::optional<Ints> given = node.getInts("perm"))
    permutation = *given;
  Ints sorted = permutation;
  llvm::sort(sorted);
  for (int64_t i = 0; i < rank; ++i)
    if (static_cast<int64_t>(sorted.size()) != rank || sorted[i] != i)
      return node.invalid("attribute perm must be a permutation of " + Twine(rank) + " axes");
  return node.result(node.transpose(node.in(0), permutation));
}

static LogicalResult importExpand(Node &node) {
  return node.result(node.broadcast(node.in(0), node.refineShape(node.in(1))));
}

static LogicalResult importTile(Node &node) {
  Value input = node.in(0), repeats = node.in(1);
  std::optional<Ints> declared = node.declaredDims(0);
  if (!node.constantInts(repeats) && declared && node.type(input).hasStaticShape() &&
      static_cast<int64_t>(declared->size()) == node.rank(input)) {
    Ints known;
    for (auto [out, in] : llvm::zip(*declared, node.type(input).getShape()))
      known.push_back(in == 0 ? 1 : out / in);
    repeats = node.ints(known);
  }
  return node.result(node.make<graph::TileOp>(node.elem(input), input, repeats));
}

static LogicalResult importConcat(Node &node) {
  int64_t axis = node.getInt("axis", 1);
  if (!node.normalizeAxis(axis, node.rank(node.in(0))))
    return failure();
  return node.result(node.concat(node.inputs, axis));
}

static LogicalResult importSlice(Node &node) {
  Value input = node.in(0), starts, ends;
  int64_t rank = node.rank(input);
  Ints axes, steps;
  std::optional<Ints> given;
  if (node.opset < 10) {
    std::optional<Ints> first = node.getInts("starts"), last = node.getInts("ends");
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
  if (static_cast<int64_t>(axes.size()) != *count || steps.size() != axes.size())
    return node.invalid("starts, ends, axes and steps must have one length");
  Ints sorted = axes;
  if (!node.normalizeAxes(sorted, rank))
    return failure();
  for (int64_t &axis : axes)
    axis += axis < 0 ? rank : 0;
  for (int64_t &step : steps) // beyond any dimension all steps do the same
    step = std::clamp<int64_t>(step, -import::maxElements, import::maxElements);
  return node.result(node.make<graph::SliceOp>(node.elem(input), input, starts, ends, axes, steps));
}

static LogicalResult importSplit(Node &node) {
  Value input = node.in(0);
  int64_t axis = node.getInt("axis", 0), numOutputs = node.proto.output_size();
  if (!node.normalizeAxis(axis, node.rank(input)))
    return failure();
  std::optional<int64_t> extent = node.dim(input, axis);
  Ints sizes;
  if (node.opset >= 13 && node.has(1)) {
    std::optional<Ints> given = node.requireInts(1, "split");
    if (!given)
      return failure();
    sizes = *given;
  } else if (std::optional<Ints> given = node.opset < 13 ? node.getInts("split") : std::nullopt) {
    sizes = *given;
  } else if (extent) {
    int64_t parts = node.opset >= 18 ? node.getInt("num_outputs", numOutputs) : numOutputs;
    if (parts != numOutputs)
      return node.invalid("attribute num_outputs is " + Twine(parts) + ", but there are " + Twine(numOutputs));
    int64_t size = (*extent + parts - 1) / parts;
    if (node.opset < 18 && size * parts != *extent)
      return node.invalid("dimension " + Twine(*extent) + " is not a multiple of " + Twine(parts));
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::clamp<int64_t>(*extent - i * size, 0, size));
  } else {
    return node.unsupported("equal split of a dynamic dimension (state split, or pin the dimension)");
  }
  if (static_cast<int64_t>(sizes.size()) != numOutputs)
    return node.invalid("has " + Twine(numOutputs) + " outputs, but split has " + Twine(sizes.size()) + " entries");
  int64_t sum = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > import::maxElements)
      return node.invalid("split has entry " + Twine(size));
    sum += size;
  }
  if (extent && sum != *extent)
    return node.invalid("split adds up to " + Twine(sum) + ", but the dimension is " + Twine(*extent));
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
  if (value && *padMode == graph::PadMode::constant && node.rank(value) == 1 && node.dim(value, 0) == 1)
    value = node.squeeze(value, {0});
  if (*padMode != graph::PadMode::constant)
    value = {};
  std::optional<Ints> known = node.constantInts(pads);
  std::optional<Ints> declared = node.declaredDims(0);
  if (known && llvm::all_of(*known, [](int64_t pad) { return pad == 0; }) && known->size() == 2 * axes.size())
    return node.result(input);
  return node.result(node.make<graph::PadOp>(node.elem(input), input, pads, value, axes, *padMode));
}

static LogicalResult importRange(Node &node) {
  return node.result(node.make<graph::RangeOp>(node.elem(node.in(0)), node.in(0), node.in(1), node.in(2)));
}

static LogicalResult importEyeLike(Node &node) {
  Type element = node.elem(node.in(0));
  if (node.attribute("dtype")) {
    Problem problem;
    element = getElementType(static_cast<int32_t>(node.getInt("dtype", 1)), node.context(), problem);
    if (!element)
      return reportProblem(node, problem);
  }
  return node.result(node.make<graph::EyeOp>(element, node.in(0), node.getInt("k", 0)));
}

static LogicalResult importTrilu(Node &node) {
  int64_t diagonal = 0;
  if (node.has(1)) {
    std::optional<Ints> given = node.requireInts(1, "k");
    if (!given)
      return failure();
    if (given->size() != 1)
      return node.invalid("k must have one element");
    diagonal = given->front();
  }
  bool upper = node.getInt("upper", 1);
  return node.result(node.make<graph::TriluOp>(node.elem(node.in(0)), node.in(0), diagonal, upper));
}

static LogicalResult importDepthToSpace(Node &node) {
  StringRef mode = node.getString("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return node.invalid("attribute mode is '" + mode + "', expected DCR or CRD");
  return node.result(node.make<graph::DepthToSpaceOp>(node.elem(node.in(0)), node.in(0), node.getInt("blocksize", 0),
                                                      mode == "CRD"));
}

static LogicalResult importSpaceToDepth(Node &node) {
  return node.result(
      node.make<graph::SpaceToDepthOp>(node.elem(node.in(0)), node.in(0), node.getInt("blocksize", 0)));
}

static LogicalResult importReverseSequence(Node &node) {
  int64_t batch = node.getInt("batch_axis", 1), time = node.getInt("time_axis", 0);
  return node.result(
      node.make<graph::ReverseSequenceOp>(node.elem(node.in(0)), node.in(0), node.in(1), batch, time));
}

void import::addMovementRules(RuleTable &rules) {
  rules["Constant"] = importConstant;
  rules["ConstantOfShape"] = importConstantOfShape;
  rules["Shape"] = importShape;
  rules["Size"] = importSize;
  rules["Reshape"] = importReshape;
  rules["Flatten"] = importFlatten;
  rules["Squeeze"] = importSqueeze;
  rules["Unsqueeze"] = importUnsqueeze;
  rules["Transpose"] = importTranspose;
  rules["Expand"] = importExpand;
  rules["Tile"] = importTile;
  rules["Concat"] = importConcat;
  rules["Slice"] = importSlice;
  rules["Split"] = importSplit;
  rules["Pad"] = importPad;
  rules["Range"] = importRange;
  rules["EyeLike"] = importEyeLike;
  rules["Trilu"] = importTrilu;
  rules["DepthToSpace"] = importDepthToSpace;
  rules["SpaceToDepth"] = importSpaceToDepth;
  rules["ReverseSequence"] = importReverseSequence;
}
