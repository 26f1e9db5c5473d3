//===- IntegerOperand.cpp - operands of products as 8-bit integers --------===//
#include "passes/Quantize/IntegerOperand.h"
#include "dialects/Graph/Constants.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

/// Zero points that are looked at, one per channel at most.
static constexpr int64_t maxZeros = int64_t(1) << 20;

bool quantize::hasOneElement(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() && type.getNumElements() == 1;
}

static bool isByte(Value value) {
  return cast<TensorType>(value.getType()).getElementType().isInteger(8);
}

/// Sets the elements of `operand` to those of `value`, of 8 bits.
static void setIntegers(IntegerOperand &operand, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  operand.integers = value;
  operand.shape.assign(type.getShape().begin(), type.getShape().end());
  operand.isSigned = !type.getElementType().isUnsignedInteger();
  TypedAttr constant = getConstantValue(value);
  SmallVector<char> storage;
  if (!constant)
    return;
  auto bytes = getConstantBytes(constant, storage);
  if (!bytes)
    return llvm::consumeError(bytes.takeError());
  operand.constant.emplace(bytes->begin(), bytes->end());
}

/// Sets the elements to those of a constant of i32, if all are signed or all
/// unsigned 8-bit integers.
static bool setNarrowed(IntegerOperand &operand, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  auto elements = getIntegers(getConstantValue(value), INT64_MAX);
  if (!elements)
    return false;
  auto fits = [&](int64_t low, int64_t high) {
    return llvm::all_of(*elements, [&](int64_t element) {
      return element >= low && element <= high;
    });
  };
  operand.isSigned = fits(-128, 127);
  if (!operand.isSigned && !fits(0, 255))
    return false;
  operand.shape.assign(type.getShape().begin(), type.getShape().end());
  operand.constant.emplace(elements->begin(), elements->end());
  return true;
}

static void setZero(IntegerOperand &operand, Value zero) {
  if (TypedAttr constant = zero ? getConstantValue(zero) : TypedAttr())
    operand.zeros = getIntegers(constant, maxZeros);
  if (operand.zeros && llvm::all_equal(*operand.zeros))
    operand.zeros->truncate(1);
  if (!operand.zeros)
    operand.zero = zero;
  else if (llvm::all_of(*operand.zeros, [](int64_t zero) { return zero == 0; }))
    operand.zeros.reset();
}

/// The value of 8 bits that `value` is cast from; null if it is none.
static Value getCastSource(Value value) {
  auto cast = value.getDefiningOp<CastOp>();
  return cast && isByte(cast.getInput()) ? cast.getInput() : Value();
}

/// Matches a value of i32.
static bool matchInteger(IntegerOperand &operand, Value value) {
  if (getConstantValue(value))
    return setNarrowed(operand, value);
  if (Value source = getCastSource(value)) {
    setIntegers(operand, source);
    return true;
  }
  auto difference = value.getDefiningOp<SubOp>();
  Value source = difference ? getCastSource(difference.getLhs()) : Value();
  if (!source || cast<RankedTensorType>(source.getType()).getRank() !=
                     cast<RankedTensorType>(value.getType()).getRank())
    return false;
  setIntegers(operand, source);
  Value zero = difference.getRhs(), narrow = getCastSource(zero);
  // One zero point for each position of one axis, or for all.
  auto type = cast<RankedTensorType>(zero.getType());
  for (auto [number, dim] : llvm::enumerate(type.getShape()))
    if (dim != 1)
      operand.axis = number + operand.getRank() - type.getRank();
  if (!hasOneElement(zero) &&
      (!type.hasStaticShape() ||
       type.getNumElements() != operand.shape[operand.axis]))
    return false;
  setZero(operand, narrow ? narrow : zero);
  return true;
}

std::optional<IntegerOperand> IntegerOperand::match(Value value) {
  IntegerOperand operand;
  Type element = getElementTypeOrSelf(value.getType());
  if (auto dequantize = value.getDefiningOp<DequantizeOp>()) {
    if (!isByte(dequantize.getInput()) || !element.isF32())
      return std::nullopt;
    setIntegers(operand, dequantize.getInput());
    operand.scale = dequantize.getScale();
    operand.axis = dequantize.getAxis();
    operand.groupSize = dequantize.getGroupSize();
    setZero(operand, dequantize.getZeroPoint());
    return operand;
  }
  if (!element.isSignlessInteger(32) || !matchInteger(operand, value))
    return std::nullopt;
  return operand;
}

bool IntegerOperand::hasOneZero() const {
  return zeros ? zeros->size() == 1 : !zero || hasOneElement(zero);
}

int64_t IntegerOperand::getMaxMagnitude() const {
  return hasZero() || !isSigned ? 255 : 128;
}

void IntegerOperand::absorbZero() {
  if (!constant || zero || (zeros && groupSize != 0) || (isSigned && !zeros))
    return;
  int64_t inner = 1; // elements between neighbours along the axis
  for (int64_t dim : ArrayRef(shape).drop_front(shape.empty() ? 0 : axis + 1))
    inner *= dim;
  auto get = [&](size_t number) {
    int8_t byte = (*constant)[number];
    return isSigned ? int64_t(byte) : int64_t(static_cast<uint8_t>(byte));
  };
  auto getZero = [&](size_t number) -> int64_t {
    if (!zeros)
      return 0;
    return zeros->size() == 1 ? zeros->front()
                              : (*zeros)[number / inner % shape[axis]];
  };
  bool fits = true;
  for (size_t number = 0; number < constant->size(); ++number) {
    int64_t difference = get(number) - getZero(number);
    fits &= difference >= -128 && difference <= 127;
  }
  // Else unsigned ones move by 128, and their zero point with them.
  if (!fits && (isSigned || (zeros && zeros->size() != 1)))
    return;
  for (size_t number = 0; number < constant->size(); ++number)
    (*constant)[number] =
        static_cast<int8_t>(get(number) - (fits ? getZero(number) : 128));
  integers = nullptr;
  SmallVector<int64_t> rest = {(zeros ? zeros->front() : 0) - 128};
  zeros.reset();
  if (!fits && rest.front() != 0)
    zeros = rest;
  isSigned = true;
}
