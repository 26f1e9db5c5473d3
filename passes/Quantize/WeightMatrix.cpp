//===- WeightMatrix.cpp - constants as matrices ---------------------------===//
#include "passes/Quantize/WeightMatrix.h"
#include "dialects/Graph/Constants.h"
#include "passes/Quantize/Codes.h"
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
  RankedTensorType type = weight.getType();
  const Format *format = findFormat(weight);
  TypedAttr scales = getConstantValue(weight.getScale());
  auto scaleFormat =
      scales ? findScaleFormat(getElementTypeOrSelf(scales.getType()))
             : std::nullopt;
  if (!format || !findCodes(weight) || !scaleFormat || weight.getZeroPoint())
    return llvm::createStringError(
        "is dequantized in another way than quantize-weights does");
  SmallVector<char> storage;
  llvm::Expected<ArrayRef<char>> bytes = getConstantBytes(scales, storage);
  if (!bytes)
    return bytes.takeError();
  std::vector<float> factors = decodeScales(*bytes, *scaleFormat);
  llvm::Expected<std::vector<float>> numbers = readCodes(weight, *format);
  if (!numbers)
    return numbers.takeError();
  ValuePlan plan;
  plan.group = weight.getGroupSize();
  plan.granularity = plan.group > 0 ? Granularity::Group
                     : cast<RankedTensorType>(scales.getType()).getRank() == 0
                         ? Granularity::Tensor
                         : Granularity::Channel;
  Sharing sharing = getSharing(type, weight.getAxis(), plan);
  if (sharing.getNumScales() != static_cast<int64_t>(factors.size()))
    return llvm::createStringError(
        "has scales of another shape than quantize-weights makes");
  for (int64_t number = 0; number < sharing.getNumScales(); ++number)
    sharing.forEach(number,
                    [&](int64_t i) { (*numbers)[i] *= factors[number]; });
  return makeMatrix(type, *numbers, isTransposed);
}
