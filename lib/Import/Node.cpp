//===- Node.cpp - what an import rule works with --------------------------===//
#include "lib/Import/Node.h"
#include "lib/Import/Importer.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::import;

Node::Node(Importer &importer, const onnx::NodeProto &proto,
           const Schema *schema, int64_t opset)
    : importer(importer), proto(proto), schema(schema), opset(opset) {}

bool Node::wants(int index) const {
  return index < proto.output_size() && !proto.output(index).empty();
}

OpBuilder &Node::builder() { return importer.builder; }
MLIRContext *Node::context() { return importer.getContext(); }
Location Node::location() {
  return NameLoc::get(StringAttr::get(context(), importer.nodeName));
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const onnx::AttributeProto *Node::attribute(StringRef name) const {
  for (const onnx::AttributeProto &attribute : proto.attribute()) {
    if (attribute.name() != name)
      continue;
    if (attribute.ref_attr_name().empty())
      return &attribute;
    const auto *given = importer.scope->attributes;
    return given ? given->lookup(attribute.ref_attr_name()) : nullptr;
  }
  return nullptr;
}

int64_t Node::getInt(StringRef name, int64_t otherwise) const {
  const onnx::AttributeProto *found = attribute(name);
  return found ? found->i() : otherwise;
}

double Node::getFloat(StringRef name, double otherwise) const {
  const onnx::AttributeProto *found = attribute(name);
  return found ? found->f() : otherwise;
}

StringRef Node::getString(StringRef name, StringRef otherwise) const {
  const onnx::AttributeProto *found = attribute(name);
  return found ? StringRef(found->s()) : otherwise;
}

std::optional<Ints> Node::getInts(StringRef name) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return std::nullopt;
  return Ints(found->ints().begin(), found->ints().end());
}

Ints Node::getInts(StringRef name, size_t count, int64_t otherwise) const {
  if (std::optional<Ints> found = getInts(name); found && !found->empty())
    return *found;
  return Ints(count, otherwise);
}

//===----------------------------------------------------------------------===//
// Types, shapes, contents
//===----------------------------------------------------------------------===//

RankedTensorType Node::type(Value value) const {
  return mlir::cast<RankedTensorType>(value.getType());
}

const graph::ValueShape *Node::shape(Value value) const {
  return importer.inference.get(value);
}

std::optional<int64_t> Node::dim(Value value, int64_t axis) const {
  RankedTensorType tensor = type(value);
  if (axis < 0 || axis >= tensor.getRank() || tensor.isDynamicDim(axis))
    return std::nullopt;
  return tensor.getDimSize(axis);
}

std::optional<Ints> Node::constantInts(Value value) const {
  if (!value)
    return std::nullopt;
  if (type(value).hasStaticShape() && type(value).getNumElements() == 0)
    return Ints();
  if (const graph::ValueShape *shape = importer.inference.get(value);
      shape && shape->contents) {
    Ints result;
    for (const plan::Expr &element : *shape->contents) {
      std::optional<int64_t> constant = element.asConstant();
      if (!constant)
        return std::nullopt;
      result.push_back(*constant);
    }
    return result;
  }
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue())
                        : DenseIntElementsAttr();
  if (!dense)
    return std::nullopt;
  Ints result;
  for (const APInt &element : dense)
    result.push_back(element.getBitWidth() == 1 || isUnsigned(value)
                         ? element.getZExtValue()
                         : element.getSExtValue());
  return result;
}

std::optional<SmallVector<double>> Node::constantFloats(Value value) const {
  auto constant =
      value ? value.getDefiningOp<graph::ConstantOp>() : graph::ConstantOp();
  auto dense = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue())
                        : DenseFPElementsAttr();
  if (!dense)
    return std::nullopt;
  SmallVector<double> result;
  for (APFloat element : dense) {
    bool lost;
    element.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    result.push_back(element.convertToDouble());
  }
  return result;
}

bool Node::isKnown(Value value) const {
  const graph::ValueShape *known = shape(value);
  return (known && known->contents) || constantInts(value);
}

std::optional<Ints> Node::requireInts(size_t index, StringRef what) {
  std::optional<Ints> found = constantInts(in(index));
  if (!found)
    (void)unsupported("input " + Twine(index) + " ('" + proto.input(index) +
                      "', " + what +
                      ") is not known when compiling (make it a constant)");
  return found;
}

bool Node::normalizeAxis(int64_t &axis, int64_t rank) {
  if (axis < -rank || axis >= rank) {
    (void)invalid("axis " + Twine(axis) + " is out of range for " +
                  Twine(rank) + " axes");
    return false;
  }
  if (axis < 0)
    axis += rank;
  return true;
}

bool Node::normalizeAxes(Ints &axes, int64_t rank) {
  for (int64_t &axis : axes)
    if (!normalizeAxis(axis, rank))
      return false;
  llvm::sort(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) == axes.end())
    return true;
  (void)invalid("an axis is given twice");
  return false;
}

std::optional<Ints> Node::axes(size_t index, int64_t inputSince, bool &ok) {
  ok = true;
  if (opset < inputSince)
    return getInts("axes");
  if (!has(index))
    return std::nullopt;
  std::optional<Ints> found = requireInts(index, "axes");
  ok = found.has_value();
  return found;
}

std::optional<Ints> Node::declaredDims(int index) const {
  if (!wants(index))
    return std::nullopt;
  const onnx::TypeProto *declared =
      importer.scope->declared.lookup(proto.output(index));
  if (!declared || !declared->has_tensor_type() ||
      !declared->tensor_type().has_shape())
    return std::nullopt;
  Ints result;
  for (const auto &dim : declared->tensor_type().shape().dim()) {
    if (!dim.has_dim_value() || dim.dim_value() < 0)
      return std::nullopt;
    result.push_back(dim.dim_value());
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Builders
//===----------------------------------------------------------------------===//

Value Node::fallback(Type element) {
  for (Value input : inputs)
    if (input)
      return input;
  auto type = RankedTensorType::get({}, element);
  return graph::ConstantOp::create(
      builder(), location(), type,
      mlir::cast<TypedAttr>(builder().getZeroAttr(type)));
}

SmallVector<Value> Node::finish(Operation *op) {
  StringRef kind = op->getName().stripDialect();
  SmallVector<std::string> names;
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    names.push_back(importer.makeUnique(importer.nodeName + "/" + kind.str()));
  importer.setNames(op, names);
  // A rule need not check again what the operation itself does.
  bool fits = succeeded(importer.inference.infer(op)) &&
              succeeded(mlir::verify(op, /*verifyRecursively=*/false));
  for (Type result : op->getResultTypes()) {
    auto ranked = dyn_cast<RankedTensorType>(result);
    if (!fits || !ranked || !ranked.hasStaticShape() ||
        import::countElements(ranked.getShape()))
      continue;
    op->emitOpError("has too many elements: ") << result;
    fits = false;
  }
  if (fits) {
    created.insert(op->result_begin(), op->result_end());
    return SmallVector<Value>(op->getResults());
  }
  failed = true;
  SmallVector<Value> results;
  for (Value result : op->getResults())
    results.push_back(
        fallback(mlir::cast<TensorType>(result.getType()).getElementType()));
  return results;
}

Value Node::constant(TypedAttr value) {
  auto tensor = mlir::cast<RankedTensorType>(value.getType());
  if (failed)
    return fallback(tensor.getElementType());
  return finish(
      graph::ConstantOp::create(builder(), location(), tensor, value))[0];
}

Value Node::scalar(Type element, double value) {
  auto tensor = RankedTensorType::get({}, element);
  if (auto floating = dyn_cast<FloatType>(element))
    return constant(DenseElementsAttr::get(
        tensor, builder().getFloatAttr(floating, value).getValue()));
  unsigned width = element.getIntOrFloatBitWidth();
  return constant(DenseElementsAttr::get(
      tensor, APInt(width, static_cast<uint64_t>(static_cast<int64_t>(value)),
                    false, /*implicitTrunc=*/true)));
}

Value Node::integer(int64_t value) {
  return constant(DenseElementsAttr::get(
      RankedTensorType::get({}, builder().getI64Type()), value));
}

Value Node::ints(ArrayRef<int64_t> values) {
  int64_t size = values.size();
  return constant(DenseElementsAttr::get(
      RankedTensorType::get({size}, builder().getI64Type()), values));
}

Value Node::compare(graph::Predicate predicate, Value a, Value b) {
  return make<graph::CompareOp>(builder().getI1Type(), predicate, a, b);
}

Value Node::select(Value condition, Value a, Value b) {
  return make<graph::SelectOp>(elem(a), condition, a, b);
}

Value Node::cast(Value input, Type element) {
  return elem(input) == element ? input : make<graph::CastOp>(element, input);
}

Value Node::shapeOf(Value input, int64_t start, int64_t end) {
  return make<graph::ShapeOp>(builder().getI64Type(), input, start, end);
}

Value Node::reshape(Value input, Value shape) {
  return make<graph::ReshapeOp>(elem(input), input, shape,
                                /*allow_zero=*/false);
}

Value Node::squeeze(Value input, ArrayRef<int64_t> axes) {
  return axes.empty() ? input
                      : make<graph::SqueezeOp>(elem(input), input, axes);
}

Value Node::unsqueeze(Value input, ArrayRef<int64_t> axes) {
  return axes.empty() ? input
                      : make<graph::UnsqueezeOp>(elem(input), input, axes);
}

Value Node::transpose(Value input, ArrayRef<int64_t> permutation) {
  return llvm::is_sorted(permutation)
             ? input
             : make<graph::TransposeOp>(elem(input), input, permutation);
}

Value Node::broadcast(Value input, Value shape) {
  return make<graph::BroadcastOp>(elem(input), input, shape);
}

Value Node::concat(ArrayRef<Value> values, int64_t axis) {
  return values.size() == 1
             ? values[0]
             : make<graph::ConcatOp>(elem(values[0]), ValueRange(values), axis);
}

Value Node::slice(Value input, int64_t axis, int64_t start, int64_t end) {
  return make<graph::SliceOp>(elem(input), input, ints({start}), ints({end}),
                              ArrayRef<int64_t>{axis}, ArrayRef<int64_t>{1});
}

Value Node::matmul(Value lhs, Value rhs, bool transposeLhs, bool transposeRhs) {
  Type element = isFloat(lhs) ? elem(lhs) : builder().getI32Type();
  return make<graph::MatmulOp>(element, lhs, rhs, transposeLhs, transposeRhs);
}

Value Node::count(Value input, ArrayRef<int64_t> axes, Type element) {
  int64_t known = 1;
  Value product;
  for (int64_t axis : axes) {
    if (std::optional<int64_t> size = dim(input, axis)) {
      known *= *size;
      continue;
    }
    Value size = squeeze(shapeOf(input, axis, axis + 1), {0});
    product = product ? mul(product, size) : size;
  }
  if (!product)
    return scalar(element, static_cast<double>(known));
  return cast(known == 1 ? product : mul(product, integer(known)), element);
}

Value Node::alignChannel(Value input, int64_t rank, int64_t axis) {
  Ints added;
  for (int64_t i = 1; i < rank - axis; ++i)
    added.push_back(i);
  return unsqueeze(input, added);
}

//===----------------------------------------------------------------------===//
// End of a rule
//===----------------------------------------------------------------------===//

LogicalResult Node::result(ArrayRef<Value> values) {
  outputs.assign(values.begin(), values.end());
  return success(!failed);
}

LogicalResult Node::unsupported(const Twine &message) {
  failed = true;
  importer.report(Problem::notSupported(message), this);
  return failure();
}

LogicalResult Node::invalid(const Twine &message) {
  failed = true;
  importer.report(Problem::invalid(message), this);
  return failure();
}

const RuleTable &import::getRules() {
  static const RuleTable table = [] {
    RuleTable rules;
    addActivationRules(rules);
    addAttentionRules(rules);
    addContractionRules(rules);
    addControlFlowRules(rules);
    addElementwiseRules(rules);
    addIndexingRules(rules);
    addLossRules(rules);
    addMovementRules(rules);
    addNormalizationRules(rules);
    addPackedWeightRules(rules);
    addPoolingRules(rules);
    addQuantizationRules(rules);
    addRecurrenceRules(rules);
    addReductionRules(rules);
    addResizeRules(rules);
    addSlicingRules(rules);
    return rules;
  }();
  return table;
}
