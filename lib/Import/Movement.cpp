//===- Movement.cpp - rules: constants, shapes, data movement -------------===//
#include "lib/Import/Expectations.h"
#include "lib/Import/Importer.h"
#include "lib/Import/Node.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

static LogicalResult reportProblem(Node &node, const Problem &problem) {
  return problem.unsupported ? node.unsupported(problem.message)
                             : node.invalid(problem.message);
}

static LogicalResult importConstant(Node &node) {
  if (const onnx::AttributeProto *value = node.attribute("value")) {
    Problem problem;
    TypedAttr attribute = node.importer.tensors.read(value->t(), problem);
    return attribute ? node.result(node.constant(attribute))
                     : reportProblem(node, problem);
  }
  if (const onnx::AttributeProto *value = node.attribute("value_int"))
    return node.result(node.integer(value->i()));
  if (const onnx::AttributeProto *value = node.attribute("value_float"))
    return node.result(node.scalar(node.builder().getF32Type(), value->f()));
  if (std::optional<Ints> values = node.getInts("value_ints"))
    return node.result(node.ints(*values));
  if (const onnx::AttributeProto *value = node.attribute("value_floats")) {
    SmallVector<float> floats(value->floats().begin(), value->floats().end());
    auto type = RankedTensorType::get({static_cast<int64_t>(floats.size())},
                                      node.builder().getF32Type());
    return node.result(
        node.constant(DenseElementsAttr::get(type, ArrayRef<float>(floats))));
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
  Value shape = takeDeclaredShape(node, node.in(0));
  if (std::optional<Ints> dims = node.constantInts(shape)) {
    if (!import::countElements(*dims))
      return node.invalid(
          "shape has a negative dimension or too many elements");
    auto type = RankedTensorType::get(*dims, element);
    if (!dense)
      return node.result(node.constant(DenseElementsAttr::get(
          type, node.builder().getF32FloatAttr(0).getValue())));
    if (isa<FloatType>(element))
      return node.result(node.constant(
          DenseElementsAttr::get(type, *dense.value_begin<APFloat>())));
    return node.result(node.constant(
        DenseElementsAttr::get(type, *dense.value_begin<APInt>())));
  }
  Value scalar =
      dense
          ? node.constant(cast<TypedAttr>(Attribute(dense.reshape(scalarType))))
          : node.scalar(element, 0);
  return node.result(node.broadcast(scalar, shape));
}

static LogicalResult importShape(Node &node) {
  int64_t rank = node.rank(node.in(0));
  int64_t start = node.getInt("start", 0), end = node.getInt("end", rank);
  auto clamp = [&](int64_t position) {
    return std::clamp<int64_t>(position < 0 ? position + rank : position, 0,
                               rank);
  };
  start = clamp(start);
  return node.result(
      node.shapeOf(node.in(0), start, std::max(start, clamp(end))));
}

static LogicalResult importSize(Node &node) {
  return node.result(
      node.make<graph::SizeOp>(node.builder().getI64Type(), node.in(0)));
}

static LogicalResult importReshape(Node &node) {
  Value input = node.in(0);
  bool allowZero = node.getInt("allowzero", 0);
  Value shape = takeDeclaredReshape(node, input, node.in(1), allowZero);
  return node.result(
      node.make<graph::ReshapeOp>(node.elem(input), input, shape, allowZero));
}

static LogicalResult importFlatten(Node &node) {
  Value input = node.in(0);
  int64_t rank = node.rank(input), axis = node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return node.invalid("axis " + Twine(axis) + " is out of range for " +
                        Twine(rank) + " axes");
  return node.result(node.make<graph::FlattenOp>(
      node.elem(input), input, axis < 0 ? axis + rank : axis));
}

/// Axes given as an input that is not known, to a declared static shape.
static std::optional<Value> reshapeToDeclared(Node &node, bool inserts) {
  std::optional<Ints> declared = node.declaredDims(0);
  if (node.opset < 13 || !node.has(1) || node.constantInts(node.in(1)) ||
      !declared || !node.type(node.in(0)).hasStaticShape())
    return std::nullopt;
  ArrayRef<int64_t> own = node.type(node.in(0)).getShape();
  if (inserts)
    node.expectSqueezed(*declared, node.in(1), own, *declared);
  else
    node.expectSqueezed(own, node.in(1), *declared, *declared);
  return node.reshape(node.in(0), *declared);
}

static LogicalResult importSqueeze(Node &node) {
  Value input = node.in(0);
  if (std::optional<Value> reshaped =
          reshapeToDeclared(node, /*inserts=*/false))
    return node.result(*reshaped);
  bool ok;
  std::optional<Ints> axes = node.axes(1, 13, ok);
  if (!ok)
    return failure();
  if (!axes) {
    axes.emplace();
    for (int64_t i = 0; i < node.rank(input); ++i) {
      if (!node.dim(input, i))
        return node.unsupported("without axes, which axes go depends on a "
                                "dynamic dimension (state axes)");
      if (node.dim(input, i) == 1)
        axes->push_back(i);
    }
  }
  if (!node.normalizeAxes(*axes, node.rank(input)))
    return failure();
  return node.result(node.squeeze(input, *axes));
}

static LogicalResult importUnsqueeze(Node &node) {
  if (std::optional<Value> reshaped = reshapeToDeclared(node, /*inserts=*/true))
    return node.result(*reshaped);
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
      return node.invalid("attribute perm must be a permutation of " +
                          Twine(rank) + " axes");
  return node.result(node.transpose(node.in(0), permutation));
}

static LogicalResult importExpand(Node &node) {
  Value shape = takeDeclaredExpand(node, node.in(0), node.in(1));
  return node.result(node.broadcast(node.in(0), shape));
}

static LogicalResult importTile(Node &node) {
  Value input = node.in(0), repeats = node.in(1);
  std::optional<Ints> declared = node.declaredDims(0);
  if (!node.constantInts(repeats) && declared &&
      node.type(input).hasStaticShape() &&
      static_cast<int64_t>(declared->size()) == node.rank(input)) {
    Ints known;
    for (auto [out, in] : llvm::zip(*declared, node.type(input).getShape()))
      known.push_back(in == 0 ? 1 : out / in);
    Value sizes = node.ints(node.type(input).getShape());
    node.expect(node.mul(repeats, sizes), *declared, "the repeated shape");
    repeats = node.ints(known);
  }
  return node.result(
      node.make<graph::TileOp>(node.elem(input), input, repeats));
}

static LogicalResult importConcat(Node &node) {
  int64_t axis = node.getInt("axis", 1);
  if (!node.normalizeAxis(axis, node.rank(node.in(0))))
    return failure();
  return node.result(node.concat(node.inputs, axis));
}

static Value countUp(Node &node, Value size) {
  return node.make<graph::RangeOp>(node.builder().getI64Type(), node.integer(0),
                                   size, node.integer(1));
}

static LogicalResult importRange(Node &node) {
  // Bounds that are known only while running, but a declared length.
  std::optional<Ints> declared = node.declaredDims(0);
  auto isKnown = [&](Value value) {
    return node.isKnown(value) || node.constantFloats(value);
  };
  if (declared && declared->size() == 1 &&
      !(isKnown(node.in(0)) && isKnown(node.in(1)) && isKnown(node.in(2)))) {
    // ceil((limit - start) / delta), at least 0
    Type f64 = node.builder().getF64Type();
    Value distance = node.cast(node.sub(node.in(1), node.in(0)), f64);
    Value count = node.unary<graph::CeilOp>(
        node.div(distance, node.cast(node.in(2), f64)));
    node.expect(node.max(count, node.scalar(f64, 0)), *declared, "the length");
    Value steps = node.cast(countUp(node, node.integer(declared->front())),
                            node.elem(node.in(0)));
    return node.result(node.add(node.mul(steps, node.in(2)), node.in(0)));
  }
  return node.result(node.make<graph::RangeOp>(
      node.elem(node.in(0)), node.in(0), node.in(1), node.in(2)));
}

static LogicalResult importEyeLike(Node &node) {
  Type element = node.elem(node.in(0));
  if (node.attribute("dtype")) {
    Problem problem;
    element = getElementType(static_cast<int32_t>(node.getInt("dtype", 1)),
                             node.context(), problem);
    if (!element)
      return reportProblem(node, problem);
  }
  return node.result(
      node.make<graph::EyeOp>(element, node.in(0), node.getInt("k", 0)));
}

/// Trilu with a diagonal that is known only while running.
static Value selectTriangle(Node &node, Value input, Value diagonal,
                            bool upper) {
  int64_t rank = node.rank(input);
  if (rank < 2) {
    (void)node.invalid("input must have at least two axes");
    return input;
  }
  if (node.rank(diagonal) == 1)
    diagonal = node.squeeze(diagonal, {0});
  Value rows =
      countUp(node, node.squeeze(node.shapeOf(input, rank - 2, rank - 1), {0}));
  Value columns =
      countUp(node, node.squeeze(node.shapeOf(input, rank - 1, rank), {0}));
  Value offset = node.sub(columns, node.unsqueeze(rows, {1}));
  Value kept = node.compare(upper ? graph::Predicate::ge : graph::Predicate::le,
                            offset, diagonal);
  return node.select(kept, input, node.like(input, 0));
}

static LogicalResult importTrilu(Node &node) {
  int64_t diagonal = 0;
  bool upper = node.getInt("upper", 1);
  if (node.has(1)) {
    std::optional<Ints> given = node.constantInts(node.in(1));
    if (!given)
      return node.result(selectTriangle(node, node.in(0), node.in(1), upper));
    if (given->size() != 1)
      return node.invalid("k must have one element");
    diagonal = given->front();
  }
  return node.result(node.make<graph::TriluOp>(node.elem(node.in(0)),
                                               node.in(0), diagonal, upper));
}

static LogicalResult importDepthToSpace(Node &node) {
  StringRef mode = node.getString("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return node.invalid("attribute mode is '" + mode +
                        "', expected DCR or CRD");
  return node.result(node.make<graph::DepthToSpaceOp>(
      node.elem(node.in(0)), node.in(0), node.getInt("blocksize", 0),
      mode == "CRD"));
}

static LogicalResult importSpaceToDepth(Node &node) {
  StringRef mode = node.getString("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return node.invalid("attribute mode is '" + mode +
                        "', expected DCR or CRD");
  Value x = node.in(0);
  int64_t block = node.getInt("blocksize", 0);
  Value result = node.make<graph::SpaceToDepthOp>(node.elem(x), x, block);
  if (mode == "DCR" || node.failed)
    return node.result(result);
  // Channels [block * block, C] become [C, block * block].
  std::optional<int64_t> channels = node.dim(x, 1);
  if (!channels)
    return node.unsupported(
        "mode CRD with a dynamic number of channels (pin the dimension)");
  Value shape = node.shapeOf(result, 2, 4);
  Value split = node.reshape(
      result, node.concat({node.shapeOf(x, 0, 1),
                           node.ints({block * block, *channels}), shape},
                          0));
  Value swapped = node.transpose(split, {0, 2, 1, 3, 4});
  return node.result(node.reshape(swapped, node.shapeOf(result, 0, 4)));
}

static LogicalResult importReverseSequence(Node &node) {
  int64_t batch = node.getInt("batch_axis", 1),
          time = node.getInt("time_axis", 0);
  return node.result(node.make<graph::ReverseSequenceOp>(
      node.elem(node.in(0)), node.in(0), node.in(1), batch, time));
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
  rules["Range"] = importRange;
  rules["EyeLike"] = importEyeLike;
  rules["Trilu"] = importTrilu;
  rules["DepthToSpace"] = importDepthToSpace;
  rules["SpaceToDepth"] = importSpaceToDepth;
  rules["ReverseSequence"] = importReverseSequence;
}
