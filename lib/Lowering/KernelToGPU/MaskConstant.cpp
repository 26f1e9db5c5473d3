//===- MaskConstant.cpp - elements of constant masks and positions --------===//
#include "lib/Lowering/KernelToGPU/MaskElement.h"

#include "dialects/Graph/Graph.h"

using namespace mlir;
using namespace cinch;
using cinch::plan::Expr;

/// The bytes of `value`, an element after the other, or of the only one of a
/// splat; empty if they are not there.
static SmallVector<char> getBytes(TypedAttr value) {
  if (auto weight = dyn_cast<graph::WeightAttr>(value)) {
    auto *dialect = value.getContext()->getLoadedDialect<graph::GraphDialect>();
    llvm::Expected<ArrayRef<char>> bytes =
        dialect->getWeightFiles().getBytes(weight);
    if (bytes)
      return llvm::to_vector(*bytes);
    llvm::consumeError(bytes.takeError());
    return {};
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return {};
  if (!dense.getElementType().isInteger(1))
    return llvm::to_vector(dense.getRawData());
  SmallVector<char> bytes;
  for (bool element : dense.getValues<bool>())
    bytes.push_back(element);
  return bytes;
}

namespace {
/// A constant of known bytes.
struct Constant {
  SmallVector<char> bytes;
  Type element;
  int64_t size = 0; ///< of an element, in bytes

  uint64_t at(int64_t number) const {
    uint64_t bits = 0; // the bytes of a number start with the lowest
    int64_t begin = bytes.size() == size_t(size) ? 0 : number * size;
    memcpy(&bits, bytes.data() + begin, size);
    return bits;
  }
  /// Minus infinity, or false.
  bool isHidden(int64_t number) const {
    if (element.isInteger(1))
      return at(number) == 0;
    llvm::APFloat value(cast<FloatType>(element).getFloatSemantics(),
                        llvm::APInt(8 * size, at(number)));
    return value.isInfinity() && value.isNegative();
  }
};
} // namespace

/// The element of integers that are consecutive along the only axis of more
/// than one element.
static MaskElement getPosition(const Constant &constant, int64_t count,
                               const MaskElement &index) {
  auto value = [&](int64_t number) {
    return llvm::SignExtend64(constant.at(number), 8 * constant.size);
  };
  if (index.kind != MaskElement::Number)
    return {};
  for (int64_t number = 1; number < count; ++number)
    if (value(number) != value(0) + number)
      return {};
  return MaskElement::number(index.value + Expr(value(0)), index.of);
}

MaskElement cinch::getConstantElement(TypedAttr value,
                                      ArrayRef<MaskElement> indices) {
  auto type = cast<RankedTensorType>(value.getType());
  Constant constant;
  constant.element = type.getElementType();
  bool isNumber = constant.element.isSignlessInteger(64) ||
                  constant.element.isSignlessInteger(32);
  if (!isNumber && !isa<FloatType>(constant.element) &&
      !constant.element.isInteger(1))
    return {};
  constant.size = llvm::divideCeil(constant.element.getIntOrFloatBitWidth(), 8);
  constant.bytes = getBytes(value);
  int64_t count = type.getNumElements();
  if (count == 0 || constant.bytes.empty() ||
      (int64_t(constant.bytes.size()) != count * constant.size &&
       int64_t(constant.bytes.size()) != constant.size))
    return {};
  SmallVector<unsigned> axes; // of more than one element
  for (auto [axis, size] : llvm::enumerate(type.getShape()))
    if (size != 1)
      axes.push_back(axis);
  if (isNumber)
    return axes.size() > 1 ? MaskElement()
                           : getPosition(constant, count,
                                         axes.empty() ? MaskElement::number(0)
                                                      : indices[axes[0]]);
  auto isPlain = [&](unsigned axis, MaskElement::Of of) {
    const MaskElement &index = indices[axis];
    return index.kind == MaskElement::Number && index.of == of &&
           index.value == Expr(0);
  };
  if (axes.size() != 2 || !isPlain(axes[0], MaskElement::Query) ||
      !isPlain(axes[1], MaskElement::Key))
    return {};
  int64_t rows = type.getDimSize(axes[0]), columns = type.getDimSize(axes[1]);
  int64_t threshold = -rows;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t shown = columns; // keys up to the last one that is not hidden
    while (shown > 0 && constant.isHidden(row * columns + shown - 1))
      --shown;
    if (shown > 0)
      threshold = std::max(threshold, shown - 1 - row);
  }
  return threshold < columns - 1
             ? MaskElement{MaskElement::Hidden, MaskElement::Nothing, threshold}
             : MaskElement();
}
