//===- ElementVectors.cpp - neighbouring elements of arguments ------------===//
#include "lib/Lowering/KernelToLLVM/ElementEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace cinch;

/// The most bytes that a thread of a GPU loads at once.
static constexpr int64_t maxBytes = 16;

void ElementEmitter::joinItems(ArrayRef<Value> items) {
  if (items.size() < 2)
    return;
  for (auto [number, item] : llvm::enumerate(items))
    itemPlaces[item] = {static_cast<unsigned>(itemRuns.size()),
                        static_cast<unsigned>(number)};
  itemRuns.push_back(llvm::to_vector(items));
}

/// The bytes of an element of `type` in memory; 0 if it has no whole number.
static int64_t getBytes(Type type) {
  Type memory = getMemoryType(type);
  unsigned bits = memory.isIntOrFloat() ? memory.getIntOrFloatBitWidth() : 0;
  return bits % 8 == 0 ? bits / 8 : 0;
}

ArrayRef<Value> ElementEmitter::getJoined(unsigned argument,
                                          ArrayRef<Value> indices) {
  auto place =
      indices.empty() ? itemPlaces.end() : itemPlaces.find(indices.back());
  auto type = cast<RankedTensorType>(frame.body.getArgumentTypes()[argument]);
  int64_t bytes = getBytes(type.getElementType());
  if (place == itemPlaces.end() || type.getEncoding() || bytes == 0)
    return {};
  ArrayRef<Value> run = itemRuns[place->second.run];
  const TensorArgument &tensor = frame.tensors[argument];
  int64_t count = std::min<int64_t>(
      run.size(), std::min(maxBytes, tensor.alignment) / bytes);
  // A row consists of whole vectors, or all is one row: then every element of
  // the run is read, unless by a branch.
  auto isFirst = [](Value index) { return getConstantIntValue(index) == 0; };
  if (!llvm::all_of(indices.drop_back(), isFirst) || !barriers.empty()) {
    int64_t length = getConstantIntValue(tensor.extents.back()).value_or(1);
    while (count > 1 && length % count != 0)
      count /= 2;
  }
  if (count <= 1)
    return {};
  return run.slice(place->second.number / count * count, count);
}

Value ElementEmitter::loadJoined(unsigned argument, ArrayRef<Value> indices,
                                 ArrayRef<Value> joined) {
  Value tensor = frame.body.getArgument(argument);
  Type type = cast<RankedTensorType>(tensor.getType()).getElementType(),
       memory = getMemoryType(type);
  SmallVector<Value> at(indices);
  at.back() = joined.front();
  OpBuilder::InsertionGuard guard(builder);
  Value offset = linearize(argument, at);
  hoist(offset);
  int64_t count = joined.size();
  auto vector = LLVM::LoadOp::create(
      builder, loc, VectorType::get({count}, memory),
      getAddress(type, frame.tensors[argument].address, offset),
      count * getBytes(type));
  vector.setAccessGroupsAttr(accessGroups);
  Value result;
  for (auto [number, item] : llvm::enumerate(joined)) {
    Value place = LLVM::ConstantOp::create(builder, loc,
                                           builder.getI32IntegerAttr(number));
    Value value = fromMemory(
        LLVM::ExtractElementOp::create(builder, loc, vector, place), type);
    at.back() = item;
    cache[tensor].push_back({at, value});
    if (item == indices.back())
      result = value;
  }
  return result;
}

void ElementEmitter::storeJoined(ValueRange values, unsigned argument,
                                 ArrayRef<Value> indices) {
  Type type = values.front().getType();
  int64_t count = values.size();
  Value at = getAddress(type, frame.tensors[argument].address,
                        linearize(argument, indices));
  Value vector = LLVM::PoisonOp::create(
      builder, loc, VectorType::get({count}, getMemoryType(type)));
  for (auto [number, value] : llvm::enumerate(values)) {
    Value place = LLVM::ConstantOp::create(builder, loc,
                                           builder.getI32IntegerAttr(number));
    vector = LLVM::InsertElementOp::create(builder, loc, vector,
                                           toMemory(value), place);
  }
  auto op =
      LLVM::StoreOp::create(builder, loc, vector, at, count * getBytes(type));
  op.setAccessGroupsAttr(accessGroups);
}
