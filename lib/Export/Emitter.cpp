//===- Emitter.cpp - builds ONNX graphs from graph operations -------------===//
#include "lib/Export/Emitter.h"
#include "dialects/Graph/Constants.h"
#include "lib/Export/Rules.h"
#include "llvm/Support/Endian.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

/// Protobuf cannot write a message of 2 GiB; the rest of the model needs room
/// too.
static constexpr uint64_t maxWeightBytes =
    (uint64_t(1) << 31) - (uint64_t(1) << 24);

int onnx_export::getElementTypeNumber(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return onnx::TensorProto::BOOL;
    case 2:
      return isUnsigned ? onnx::TensorProto::UINT2 : onnx::TensorProto::INT2;
    case 4:
      return isUnsigned ? onnx::TensorProto::UINT4 : onnx::TensorProto::INT4;
    case 8:
      return isUnsigned ? onnx::TensorProto::UINT8 : onnx::TensorProto::INT8;
    case 16:
      return isUnsigned ? onnx::TensorProto::UINT16 : onnx::TensorProto::INT16;
    case 32:
      return isUnsigned ? onnx::TensorProto::UINT32 : onnx::TensorProto::INT32;
    case 64:
      return isUnsigned ? onnx::TensorProto::UINT64 : onnx::TensorProto::INT64;
    default:
      return 0;
    }
  }
  return llvm::TypeSwitch<Type, int>(type)
      .Case<Float32Type>([](auto) { return onnx::TensorProto::FLOAT; })
      .Case<Float64Type>([](auto) { return onnx::TensorProto::DOUBLE; })
      .Case<Float16Type>([](auto) { return onnx::TensorProto::FLOAT16; })
      .Case<BFloat16Type>([](auto) { return onnx::TensorProto::BFLOAT16; })
      .Case<Float8E4M3FNType>(
          [](auto) { return onnx::TensorProto::FLOAT8E4M3FN; })
      .Case<Float8E5M2Type>([](auto) { return onnx::TensorProto::FLOAT8E5M2; })
      .Case<Float8E4M3FNUZType>(
          [](auto) { return onnx::TensorProto::FLOAT8E4M3FNUZ; })
      .Case<Float8E5M2FNUZType>(
          [](auto) { return onnx::TensorProto::FLOAT8E5M2FNUZ; })
      .Case<Float8E8M0FNUType>(
          [](auto) { return onnx::TensorProto::FLOAT8E8M0; })
      .Case<Float4E2M1FNType>(
          [](auto) { return onnx::TensorProto::FLOAT4E2M1; })
      .Default([](auto) { return 0; });
}

LogicalResult Emitter::emitBlock(Block &block) {
  bool failedAny = false;
  for (Operation &op : block.without_terminator()) {
    const Rule *rule = RuleTable::get().find(&op);
    if (!rule) {
      markUnsupported(op.emitOpError("has no ONNX form"));
      failedAny = true;
      continue;
    }
    failedAny |= failed((*rule)(&op, *this));
  }
  return failure(failedAny);
}

const std::string *Emitter::findName(Value value) const {
  auto it = names.find(value);
  if (it != names.end())
    return &it->second;
  return parent ? parent->findName(value) : nullptr;
}

std::string Emitter::getName(Value value) {
  if (const std::string *name = findName(value))
    return *name;
  std::string hint = "value";
  if (auto result = dyn_cast<OpResult>(value))
    if (auto list = result.getOwner()->getAttrOfType<ArrayAttr>("names"))
      if (result.getResultNumber() < list.size())
        if (auto text = dyn_cast<StringAttr>(list[result.getResultNumber()]))
          hint = text.str();
  return names[value] = makeName(hint);
}

void Emitter::setName(Value value, StringRef name) {
  root.used.insert(name);
  names[value] = name.str();
}

std::string Emitter::makeName(StringRef hint) {
  if (root.used.insert(hint).second)
    return hint.str();
  while (true) {
    std::string name = (hint + "_" + Twine(++root.counters[hint])).str();
    if (root.used.insert(name).second)
      return name;
  }
}

SmallVector<std::string> Emitter::getInputs(Operation *op) {
  return llvm::map_to_vector(op->getOperands(),
                             [&](Value value) { return getName(value); });
}

static void addInputs(onnx::NodeProto &node, ArrayRef<std::string> inputs) {
  for (const std::string &input : inputs)
    node.add_input(input);
}

onnx::NodeProto &Emitter::addNode(StringRef type, Operation *op,
                                  ArrayRef<std::string> inputs) {
  onnx::NodeProto &node = *graph.add_node();
  node.set_op_type(type.str());
  addInputs(node, inputs);
  for (Value result : op->getResults())
    node.add_output(getName(result));
  if (node.output_size())
    node.set_name(node.output(0));
  return node;
}

std::string
Emitter::addHelper(StringRef type, ArrayRef<std::string> inputs, StringRef hint,
                   llvm::function_ref<void(onnx::NodeProto &)> attributes) {
  onnx::NodeProto &node = *graph.add_node();
  node.set_op_type(type.str());
  addInputs(node, inputs);
  std::string output = makeName((hint + "/" + type.lower()).str());
  node.add_output(output);
  node.set_name(output);
  if (attributes)
    attributes(node);
  return output;
}

std::string Emitter::addConstant(ArrayRef<int64_t> elements, bool scalar) {
  onnx::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(makeName("constant"));
  tensor.set_data_type(onnx::TensorProto::INT64);
  if (!scalar)
    tensor.add_dims(elements.size());
  for (int64_t element : elements)
    tensor.add_int64_data(element);
  return tensor.name();
}

std::string Emitter::addScalar(double value, Type type) {
  onnx::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(makeName("scalar"));
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_float_data(static_cast<float>(value));
  if (type.isF32())
    return tensor.name();
  return addHelper(
      "Cast", {tensor.name()}, tensor.name(), [&](onnx::NodeProto &node) {
        setAttribute(node, "to",
                     static_cast<int64_t>(getElementTypeNumber(type)));
      });
}

LogicalResult Emitter::addInitializer(Operation *op, Attribute value,
                                      StringRef name) {
  auto type = cast<RankedTensorType>(cast<TypedAttr>(value).getType());
  int number = getElementTypeNumber(type.getElementType());
  if (!number)
    return markUnsupported(op->emitOpError())
           << "has no ONNX form: element type " << type.getElementType();
  root.weightBytes += *graph::getStorageBytes(type);
  if (root.weightBytes > maxWeightBytes)
    return op->emitOpError("cannot be exported: the weights pass the 2 GiB "
                           "that one ONNX file holds");
  onnx::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(name.str());
  tensor.set_data_type(number);
  for (int64_t dim : type.getShape())
    tensor.add_dims(dim);
  if (!isa<DenseElementsAttr, graph::WeightAttr>(value))
    return markUnsupported(op->emitOpError())
           << "has no ONNX form: value " << value;
  SmallVector<char> storage;
  auto data = graph::getConstantBytes(cast<TypedAttr>(value), storage);
  if (!data)
    return op->emitOpError()
           << "cannot read its weight: " << llvm::toString(data.takeError());
  tensor.set_raw_data(data->data(), data->size());
  return success();
}

LogicalResult Emitter::describe(onnx::ValueInfoProto &info, Value value,
                                StringRef name, ArrayAttr dims) {
  auto type = cast<RankedTensorType>(value.getType());
  int number = getElementTypeNumber(type.getElementType());
  if (!number)
    return emitError(value.getLoc())
           << "value '" << name << "' has no ONNX element type: " << type;
  info.set_name(name.str());
  onnx::TypeProto::Tensor &tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(number);
  onnx::TensorShapeProto &shape = *tensor.mutable_shape();
  for (auto [axis, size] : llvm::enumerate(type.getShape())) {
    onnx::TensorShapeProto::Dimension &dim = *shape.add_dim();
    if (!ShapedType::isDynamic(size)) {
      dim.set_dim_value(size);
    } else if (dims && axis < dims.size()) {
      if (auto text = dyn_cast<StringAttr>(dims[axis]))
        dim.set_dim_param(text.str());
    }
  }
  return success();
}

static onnx::AttributeProto &
addAttribute(onnx::NodeProto &node, StringRef name,
             onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto &attribute = *node.add_attribute();
  attribute.set_name(name.str());
  attribute.set_type(type);
  return attribute;
}

void onnx_export::setAttribute(onnx::NodeProto &node, StringRef name,
                               int64_t value) {
  addAttribute(node, name, onnx::AttributeProto::INT).set_i(value);
}
void onnx_export::setAttribute(onnx::NodeProto &node, StringRef name,
                               float value) {
  addAttribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}
void onnx_export::setAttribute(onnx::NodeProto &node, StringRef name,
                               StringRef value) {
  addAttribute(node, name, onnx::AttributeProto::STRING).set_s(value.str());
}
void onnx_export::setAttribute(onnx::NodeProto &node, StringRef name,
                               ArrayRef<int64_t> values) {
  onnx::AttributeProto &attribute =
      addAttribute(node, name, onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute.add_ints(value);
}
void onnx_export::setAttribute(onnx::NodeProto &node, StringRef name,
                               ArrayRef<float> values) {
  onnx::AttributeProto &attribute =
      addAttribute(node, name, onnx::AttributeProto::FLOATS);
  for (float value : values)
    attribute.add_floats(value);
}
void onnx_export::setAttribute(onnx::NodeProto &node, StringRef name,
                               ArrayRef<StringRef> values) {
  onnx::AttributeProto &attribute =
      addAttribute(node, name, onnx::AttributeProto::STRINGS);
  for (StringRef value : values)
    attribute.add_strings(value.str());
}
onnx::GraphProto &onnx_export::addGraphAttribute(onnx::NodeProto &node,
                                                 StringRef name) {
  return *addAttribute(node, name, onnx::AttributeProto::GRAPH).mutable_g();
}
