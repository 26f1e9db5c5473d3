//===- QuantizationRules.cpp - quantization in ONNX -----------------------===//
//
// What ONNX has no operator for (codebooks, integers of 3 bits) becomes the
// arithmetic that decodes it.
//
//===----------------------------------------------------------------------===//
#include "lib/Export/Rules.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::onnx_export;

/// The type of the real numbers of a (de)quantization.
static Type getRealType(Operation *op) {
  return getElementTypeOrSelf(isa<graph::QuantizeOp>(op)
                                  ? op->getOperand(0).getType()
                                  : op->getResult(0).getType());
}

bool onnx_export::hasWidenedScale(Operation *op) {
  return isa<graph::QuantizeOp, graph::DequantizeOp>(op) &&
         getRealType(op).isF32() &&
         getElementTypeOrSelf(op->getOperand(1).getType())
                 .getIntOrFloatBitWidth() < 32;
}

/// `name` in another element type.
static std::string addCast(Emitter &emitter, const std::string &name,
                           Type element) {
  return emitter.addHelper(
      "Cast", {name}, name + "/cast", [&](onnx::NodeProto &node) {
        setAttribute(node, "to",
                     static_cast<int64_t>(getElementTypeNumber(element)));
      });
}

/// The operands of a (de)quantization. Scales of f32 numbers that are stored in
/// fewer bits are widened, which is exact, and which all runtimes can.
static SmallVector<std::string> getOperands(Operation *op, Emitter &emitter) {
  SmallVector<std::string> inputs = emitter.getInputs(op);
  if (hasWidenedScale(op))
    inputs[1] = addCast(emitter, inputs[1], getRealType(op));
  return inputs;
}

/// `name` gathered along `axis` at `indices`.
static std::string addGather(Emitter &emitter, const std::string &name,
                             const std::string &indices, int64_t axis) {
  return emitter.addHelper(
      "Gather", {name, indices}, name + "/gathered",
      [&](onnx::NodeProto &node) { setAttribute(node, "axis", axis); });
}

/// The scale `name` of `op` in a shape that broadcasts to its result.
static FailureOr<std::string>
alignScale(graph::DequantizeOp op, const std::string &name, Emitter &emitter) {
  auto type = op.getType();
  int64_t axis = op.getAxis(), group = op.getGroupSize();
  int64_t rank = cast<RankedTensorType>(op.getScale().getType()).getRank();
  if (rank == 0)
    return name;
  if (group == 0) {
    SmallVector<int64_t> shape(type.getRank(), 1);
    shape[axis] = -1;
    return emitter.addHelper("Reshape", {name, emitter.addConstant(shape)},
                             name + "/aligned");
  }
  if (type.isDynamicDim(axis))
    return markUnsupported(
        op.emitOpError("has no ONNX form: groups of a size that is not known"));
  SmallVector<int64_t> numbers;
  for (int64_t i = 0; i < type.getDimSize(axis); ++i)
    numbers.push_back(i / group);
  return addGather(emitter, name, emitter.addConstant(numbers), axis);
}

/// levels[q] * scale.
static LogicalResult emitLevels(graph::DequantizeOp op, Emitter &emitter) {
  Type element = op.getType().getElementType();
  if (!element.isF32())
    return markUnsupported(
        op.emitOpError("has no ONNX form: levels of numbers other than f32"));
  SmallVector<std::string> inputs = getOperands(op, emitter);
  FailureOr<std::string> scale = alignScale(op, inputs[1], emitter);
  if (failed(scale))
    return failure();
  std::string levels = emitter.makeName("levels");
  ArrayRef<float> numbers = *op.getLevels();
  auto type =
      RankedTensorType::get({static_cast<int64_t>(numbers.size())}, element);
  if (failed(emitter.addInitializer(op, DenseElementsAttr::get(type, numbers),
                                    levels)))
    return failure();
  std::string codes =
      addCast(emitter, inputs[0], IntegerType::get(op.getContext(), 32));
  emitter.addNode("Mul", op, {addGather(emitter, levels, codes, 0), *scale});
  return success();
}

static LogicalResult emitDequantize(graph::DequantizeOp op, Emitter &emitter) {
  if (op.getLevels())
    return emitLevels(op, emitter);
  onnx::NodeProto &node =
      emitter.addNode("DequantizeLinear", op, getOperands(op, emitter));
  setAttribute(node, "axis", static_cast<int64_t>(op.getAxis()));
  setAttribute(node, "block_size", static_cast<int64_t>(op.getGroupSize()));
  Type element = getRealType(op);
  if (!hasWidenedScale(op) &&
      element != getElementTypeOrSelf(op.getScale().getType()))
    setAttribute(node, "output_dtype",
                 static_cast<int64_t>(getElementTypeNumber(element)));
  return success();
}

/// Without a zero point the result type of QuantizeLinear is an attribute.
static LogicalResult emitQuantize(graph::QuantizeOp op, Emitter &emitter) {
  onnx::NodeProto &node =
      emitter.addNode("QuantizeLinear", op, getOperands(op, emitter));
  setAttribute(node, "axis", static_cast<int64_t>(op.getAxis()));
  setAttribute(node, "block_size", static_cast<int64_t>(op.getGroupSize()));
  if (!op.getSaturate())
    setAttribute(node, "saturate", int64_t(0));
  if (!op.getZeroPoint())
    setAttribute(node, "output_dtype",
                 static_cast<int64_t>(getElementTypeNumber(
                     op.getResult().getType().getElementType())));
  return success();
}

/// The bytes that hold an integer as one number, divided by the power of two of
/// its place; what is above its bits is dropped, and half of its range moves
/// below 0.
static LogicalResult emitUnpack(graph::UnpackOp op, Emitter &emitter) {
  MLIRContext *context = op.getContext();
  constexpr int64_t byte = 8;
  int64_t bits = op.getBits(), size = op.getSize();
  int64_t last = (size * bits + byte - 1) / byte - 1;
  int64_t axis = op.getType().getRank() - 1;
  SmallVector<int64_t> first, second, places;
  for (int64_t i = 0; i < size; ++i) {
    first.push_back(i * bits / byte);
    second.push_back(std::min(i * bits / byte + 1, last));
    places.push_back(int64_t(1) << i * bits % byte);
  }
  auto make = [&](StringRef type, ArrayRef<std::string> inputs) {
    return emitter.addHelper(type, inputs, "unpacked");
  };
  auto scalar = [&](int64_t number) {
    return emitter.addConstant(number, /*scalar=*/true);
  };
  std::string bytes = addCast(emitter, emitter.getName(op.getInput()),
                              IntegerType::get(context, 64));
  std::string low = addGather(emitter, bytes, emitter.addConstant(first), axis);
  std::string high =
      addGather(emitter, bytes, emitter.addConstant(second), axis);
  std::string word = make("Add", {low, make("Mul", {high, scalar(1 << byte)})});
  std::string moved = make("Div", {word, emitter.addConstant(places)});
  int64_t half = int64_t(1) << (bits - 1);
  std::string code =
      make("Mod", {make("Add", {moved, scalar(half)}), scalar(2 * half)});
  std::string number = make("Sub", {code, scalar(half)});
  setAttribute(emitter.addNode("Cast", op, {number}), "to",
               static_cast<int64_t>(
                   getElementTypeNumber(op.getType().getElementType())));
  return success();
}

void onnx_export::addQuantizationRules(RuleTable &table) {
  table.add<graph::QuantizeOp>(emitQuantize);
  table.add<graph::DequantizeOp>(emitDequantize);
  table.add<graph::UnpackOp>(emitUnpack);
}
