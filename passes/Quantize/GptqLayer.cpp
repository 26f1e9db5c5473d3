//===- GptqLayer.cpp - rounding the weights of a product by GPTQ ----------===//
#include "passes/Quantize/GptqLayer.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace cinch;
using namespace cinch::graph;
using namespace cinch::quantize;
using algebra::Matrix;

llvm::Expected<Matrix> quantize::findSecondMoment(ArrayRef<LinearOp> readers,
                                                  const Calibration &known) {
  llvm::SetVector<Value> inputs;
  for (const LinearOp &reader : readers) {
    if (!isa<MatmulOp>(reader.op))
      return Matrix();
    inputs.insert(reader.op->getOperand(0));
  }
  int64_t size = readers.front().numIn;
  Matrix sum(size, size);
  for (Value input : inputs) {
    std::vector<double> moment = known.findSecondMoment(getValueName(input));
    if (moment.empty())
      return Matrix();
    if (static_cast<int64_t>(moment.size()) != size * size)
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          "is multiplied by '" + getValueName(input) + "', which has " +
              llvm::Twine(size) + " channels, but " +
              llvm::Twine(std::llround(std::sqrt(moment.size()))) +
              " in the statistics");
    sum += Matrix(size, size, ArrayRef<double>(moment));
  }
  return sum;
}

Sharing quantize::getMatrixSharing(int64_t numInputs, int64_t numOutputs,
                                   const ValuePlan &plan) {
  Sharing sharing;
  sharing.outer = 1;
  sharing.extent = numInputs;
  sharing.inner = numOutputs;
  sharing.group = plan.group;
  sharing.scales = plan.scales;
  if (plan.granularity == Granularity::Group) {
    sharing.kind = Sharing::Group;
  } else if (plan.granularity == Granularity::Channel) {
    sharing.kind = Sharing::Channel;
    sharing.outer = numInputs;
    sharing.extent = numOutputs;
    sharing.inner = 1;
  }
  return sharing;
}

/// The transpose of numbers [numRows, numColumns].
template <typename T>
static std::vector<T> transpose(ArrayRef<T> numbers, int64_t numRows,
                                int64_t numColumns) {
  std::vector<T> result;
  result.reserve(numbers.size());
  for (int64_t column = 0; column < numColumns; ++column)
    for (int64_t row = 0; row < numRows; ++row)
      result.push_back(numbers[row * numColumns + column]);
  return result;
}

std::optional<GptqWeights>
quantize::roundLayerByGptq(const LinearOp &linear, ArrayRef<float> weights,
                           const Matrix &gram, const ValuePlan &plan,
                           const GptqOptions &options) {
  int64_t numIn = linear.numIn, numOut = linear.numOut;
  Sharing sharing = getMatrixSharing(numIn, numOut, plan);
  if (linear.rowsAreIn)
    return roundByGptq(weights, gram, sharing, *plan.format, options);
  std::optional<GptqWeights> result = roundByGptq(
      transpose(weights, numOut, numIn), gram, sharing, *plan.format, options);
  if (!result)
    return std::nullopt;
  RoundedWeights &rounded = result->rounded;
  rounded.codes = transpose<uint8_t>(rounded.codes, numIn, numOut);
  if (sharing.kind == Sharing::Group)
    rounded.scales = transpose<float>(
        rounded.scales, llvm::divideCeil(numIn, sharing.group), numOut);
  return result;
}
