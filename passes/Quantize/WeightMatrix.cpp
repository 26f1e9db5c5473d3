//===- WeightMatrix.cpp - constants as matrices ---------------------------===//
#include "passes/Quantize/WeightMatrix.h"
#include "dialects/Graph/Constants.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;
using algebra::Matrix;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<Matrix> quantize::readWeight(const LinearOp &linear) {
  Matrix weight(linear.numIn, linear.numOut);
  if (!linear.forEachElement([&](float element, int64_t in, int64_t out) {
        weight(in, out) = element;
      }))
    return makeError("cannot be read");
  if (!weight.isFinite())
    return makeError("has a weight that is not finite");
  return weight;
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
