//===- WeightMatrix.cpp - constants as matrices ---------------------------===//
#include "passes/Quantize/WeightMatrix.h"
#include "dialects/Graph/Constants.h"
#include "passes/Quantize/FloatConstants.h"
#include "passes/Quantize/Products.h"

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;
using algebra::Matrix;

llvm::Expected<Matrix> quantize::readWeight(const LinearOp &linear) {
  Matrix weight(linear.numIn, linear.numOut);
  if (!linear.forEachElement([&](float element, int64_t in, int64_t out) {
        weight(in, out) = element;
      }))
    return llvm::createStringError("cannot be read");
  if (!weight.isFinite())
    return llvm::createStringError("has a weight that is not finite");
  return weight;
}

/// Numbers of a row-major tensor, transposed if `isTransposed`.
static Matrix makeMatrix(RankedTensorType type, ArrayRef<float> numbers,
                         bool isTransposed) {
  Matrix matrix(type.getDimSize(0), type.getDimSize(1), numbers);
  return isTransposed ? matrix.transpose() : matrix;
}

llvm::Expected<Matrix> quantize::readMatrix(TypedAttr constant,
                                            bool isTransposed) {
  auto type = cast<RankedTensorType>(constant.getType());
  llvm::Expected<std::vector<float>> numbers = readFloats(constant);
  if (!numbers)
    return numbers.takeError();
  Matrix matrix = makeMatrix(type, *numbers, isTransposed);
  if (!matrix.isFinite())
    return llvm::createStringError("has a weight that is not finite");
  return matrix;
}

llvm::Expected<Matrix> quantize::readDequantized(DequantizeOp weight,
                                                 bool isTransposed) {
  auto type = cast<RankedTensorType>(weight.getInput().getType());
  std::string element;
  llvm::raw_string_ostream(element) << type.getElementType();
  const Format *format = Format::find(element);
  TypedAttr codes = getConstantValue(weight.getInput()),
            scales = getConstantValue(weight.getScale());
  if (!format || !codes || !scales || weight.getZeroPoint() ||
      !getElementTypeOrSelf(scales.getType()).isF32())
    return llvm::createStringError(
        "is dequantized in another way than quantize-weights does");
  llvm::Expected<std::vector<float>> factors = readFloats(scales);
  if (!factors)
    return factors.takeError();
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes = getConstantBytes(codes, storage);
  if (!bytes)
    return bytes.takeError();
  Granularity granularity =
      weight.getGroupSize() > 0 ? Granularity::Group
      : cast<RankedTensorType>(scales.getType()).getRank() == 0
          ? Granularity::Tensor
          : Granularity::Channel;
  Sharing sharing =
      getSharing(type, weight.getAxis(), granularity, weight.getGroupSize());
  if (sharing.getNumScales() != static_cast<int64_t>(factors->size()))
    return llvm::createStringError(
        "has scales of another shape than quantize-weights makes");
  std::vector<float> numbers(type.getNumElements());
  for (int64_t number = 0; number < sharing.getNumScales(); ++number)
    sharing.forEach(number, [&](int64_t i) {
      double code = format->decode(unpackCode(*bytes, format->bits, i));
      numbers[i] = static_cast<float>(code) * (*factors)[number];
    });
  return makeMatrix(type, numbers, isTransposed);
}
