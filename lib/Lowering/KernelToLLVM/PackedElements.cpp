//===- PackedElements.cpp - elements that share bytes ---------------------===//
//
// An element of 2 or 4 bits is read by loading its byte, moving it down and
// dropping the rest; a byte is written as a whole, so that no two threads write
// one. Where the loop over the last dimension takes all elements of a byte at
// once (joinUnit), the distance to move is a constant and bytes are neighbours.
//
//===----------------------------------------------------------------------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "dialects/Graph/ElementTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

Value ElementEmitter::joinUnit(Value unit, int64_t number, int64_t count) {
  Value index = add(mul(unit, constant(count)), constant(number));
  unitParts[index] = {unit, number, count};
  return index;
}

static int64_t getPerByte(KernelFrame &frame, unsigned argument) {
  return graph::getElementsPerByte(
      getElementTypeOrSelf(frame.body.getArgumentTypes()[argument]));
}

Value ElementEmitter::findByte(unsigned argument, ArrayRef<Value> indices,
                               Value unitByte) {
  int64_t perByte = getPerByte(frame, argument);
  auto type = cast<RankedTensorType>(frame.body.getArgumentTypes()[argument]);
  Value byte = unitByte;
  // Of a stride, the product of the static sizes and that of the others.
  int64_t known = 1;
  Value others = constant(1);
  for (size_t axis = indices.size() - 1; axis-- > 0;) {
    int64_t size = type.getDimSize(axis + 1);
    if (ShapedType::isDynamic(size))
      others = mul(others, frame.tensors[argument].extents[axis + 1]);
    else
      known *= size;
    if (getConstantIntValue(indices[axis]) == 0)
      continue;
    if (known % perByte != 0)
      return nullptr;
    byte =
        add(byte, mul(indices[axis], mul(others, constant(known / perByte))));
  }
  return byte;
}

std::pair<Value, Value> ElementEmitter::locatePacked(unsigned argument,
                                                     ArrayRef<Value> indices) {
  int64_t perByte = getPerByte(frame, argument);
  auto parts =
      indices.empty() ? unitParts.end() : unitParts.find(indices.back());
  if (parts != unitParts.end() && parts->second.count % perByte == 0) {
    const UnitParts &part = parts->second;
    Value inner = add(mul(part.unit, constant(part.count / perByte)),
                      constant(part.number / perByte));
    if (Value byte = findByte(argument, indices, inner))
      return {byte, constant(part.number % perByte)};
  }
  Value offset = linearize(argument, indices);
  if (auto number = getConstantIntValue(offset))
    return {constant(*number / perByte), constant(*number % perByte)};
  hoist(offset);
  return {floorDiv(offset, constant(perByte)), rem(offset, constant(perByte))};
}

Value ElementEmitter::loadPacked(unsigned argument, ArrayRef<Value> indices) {
  auto [byte, number] = locatePacked(argument, indices);
  hoist({byte, number});
  Type type = getElementTypeOrSelf(frame.body.getArgumentTypes()[argument]);
  Type i8 = builder.getI8Type();
  Value word = load(i8, frame.tensors[argument].address, byte);
  int64_t bits = graph::getStorageBits(type);
  if (getConstantIntValue(number) != 0) {
    Value distance = mul(number, constant(bits));
    word = arith::ShRUIOp::create(
        builder, loc, word,
        arith::IndexCastOp::create(builder, loc, i8, distance));
  }
  return arith::TruncIOp::create(builder, loc, type, word);
}

void ElementEmitter::storeByte(ArrayRef<Value> values, unsigned argument,
                               ArrayRef<Value> first) {
  storeByte(values, argument, locatePacked(argument, first).first);
}

void ElementEmitter::storeByte(ArrayRef<Value> values, unsigned argument,
                               Value byte) {
  Type i8 = builder.getI8Type();
  Value word;
  for (auto [number, value] : llvm::enumerate(values)) {
    unsigned bits = graph::getStorageBits(value.getType());
    Value part = arith::ExtUIOp::create(builder, loc, i8, value);
    if (number > 0) {
      Value distance =
          arith::ConstantIntOp::create(builder, loc, number * bits, 8);
      part = arith::ShLIOp::create(builder, loc, part, distance);
    }
    word = word ? arith::OrIOp::create(builder, loc, word, part).getResult()
                : part;
  }
  store(word, frame.tensors[argument].address, byte);
}
