//===- FloatConstants.cpp - constants of floats, read and made ------------===//
#include "passes/Quantize/FloatConstants.h"
#include "dialects/Graph/Constants.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;

llvm::Expected<std::vector<float>> quantize::readFloats(TypedAttr constant) {
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes = getConstantBytes(constant, storage);
  if (!bytes)
    return bytes.takeError();
  std::vector<float> numbers(bytes->size() / sizeof(float));
  memcpy(numbers.data(), bytes->data(), numbers.size() * sizeof(float));
  return numbers;
}

APFloat quantize::convertFloat(double number, Type element) {
  APFloat result(number);
  bool losesInfo;
  result.convert(cast<FloatType>(element).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &losesInfo);
  return result;
}

llvm::Expected<TypedAttr> quantize::makeFloats(RankedTensorType type,
                                               ArrayRef<double> numbers,
                                               bool isSmall) {
  Type element = type.getElementType();
  if (isSmall) {
    SmallVector<APFloat> elements;
    for (double number : numbers)
      elements.push_back(convertFloat(number, element));
    return TypedAttr(DenseElementsAttr::get(type, elements));
  }
  return makeTemporaryConstant(type, [&](MutableArrayRef<char> bytes) {
    size_t width = bytes.size() / numbers.size();
    for (auto [i, number] : llvm::enumerate(numbers)) {
      uint64_t bits =
          convertFloat(number, element).bitcastToAPInt().getZExtValue();
      memcpy(bytes.data() + i * width, &bits, width);
    }
  });
}

llvm::Expected<TypedAttr> quantize::makeFloats(RankedTensorType type,
                                               ArrayRef<float> numbers,
                                               bool isSmall) {
  if (isSmall)
    return TypedAttr(DenseElementsAttr::get(type, numbers));
  return makeTemporaryConstant(type, [&](MutableArrayRef<char> bytes) {
    memcpy(bytes.data(), numbers.data(), bytes.size());
  });
}
