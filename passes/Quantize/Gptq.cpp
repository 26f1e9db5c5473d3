//===- Gptq.cpp - rounding that makes up for earlier errors ---------------===//
#include "passes/Quantize/Gptq.h"
#include "passes/Algebra/Decompositions.h"
#include "passes/Quantize/RoundMatrix.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

using namespace cinch;
using namespace cinch::quantize;
using algebra::Matrix;

/// Inputs whose errors are spread over the rest in one product.
static constexpr int64_t blockSize = 128;

namespace {

class Rounder {
public:
  Rounder(llvm::ArrayRef<float> weights, const Matrix &gram,
          const Sharing &sharing, const Format &format,
          const GptqOptions &options)
      : gram(gram), sharing(sharing), format(format), options(options),
        numInputs(gram.getNumRows()),
        numOutputs(static_cast<int64_t>(weights.size()) / numInputs),
        original(numInputs, numOutputs, weights) {}
  std::optional<GptqWeights> round(llvm::ArrayRef<float> weights);

private:
  /// The order in which inputs are rounded.
  std::vector<int64_t> getOrder() const;
  /// Upper triangular U with U^T U = the inverse of the damped second moment of
  /// the inputs in `order`.
  std::optional<Matrix>
  computeInverseFactor(llvm::ArrayRef<int64_t> order) const;
  int64_t getScaleNumber(int64_t input, int64_t output) const;
  /// Sets the scales of the group that starts at `input` by the weights as they
  /// are.
  void setGroupScales(const Matrix &group, int64_t input);
  void roundInOrder(llvm::ArrayRef<int64_t> order, const Matrix &factor);
  /// Takes the columns of `nearest` that err no more.
  void keepNearest(const RoundedWeights &nearest);

  const Matrix &gram;
  const Sharing &sharing;
  const Format &format;
  const GptqOptions &options;
  int64_t numInputs, numOutputs;
  Matrix original;
  Matrix stored; ///< what `result` stands for
  GptqWeights result;
};

} // namespace

std::vector<int64_t> Rounder::getOrder() const {
  std::vector<int64_t> order(numInputs);
  std::iota(order.begin(), order.end(), 0);
  if (options.ordersByActivation)
    llvm::stable_sort(
        order, [&](int64_t a, int64_t b) { return gram(a, a) > gram(b, b); });
  return order;
}

std::optional<Matrix>
Rounder::computeInverseFactor(llvm::ArrayRef<int64_t> order) const {
  double mean = 0;
  for (int64_t i = 0; i < numInputs; ++i)
    mean += gram(i, i) / static_cast<double>(numInputs);
  // The Cholesky factor L of the matrix in reverse order gives an upper
  // triangular R with R R^T = the matrix in order, whose inverse is U.
  for (double damping = options.damping; damping < 1; damping *= 10) {
    Matrix reversed(numInputs, numInputs);
    for (int64_t i = 0; i < numInputs; ++i)
      for (int64_t j = 0; j < numInputs; ++j)
        reversed(i, j) =
            gram(order[numInputs - 1 - i], order[numInputs - 1 - j]);
    for (int64_t i = 0; i < numInputs; ++i) {
      double &element = reversed(i, i);
      element = element > 0 ? element + damping * mean : 1;
    }
    std::optional<Matrix> lower = algebra::computeCholesky(reversed);
    if (!lower)
      continue; // rounding made it indefinite
    Matrix inverse = algebra::invertLower(*lower), factor(numInputs, numInputs);
    for (int64_t i = 0; i < numInputs; ++i)
      for (int64_t j = i; j < numInputs; ++j)
        factor(i, j) = inverse(numInputs - 1 - i, numInputs - 1 - j);
    return factor;
  }
  return std::nullopt;
}

int64_t Rounder::getScaleNumber(int64_t input, int64_t output) const {
  switch (sharing.kind) {
  case Sharing::Tensor:
    return 0;
  case Sharing::Channel:
    return output;
  case Sharing::Group:
    return input / sharing.group * numOutputs + output;
  }
  return 0;
}

void Rounder::setGroupScales(const Matrix &group, int64_t input) {
  Sharing shared = sharing;
  shared.extent = group.getNumRows();
  std::vector<float> scales =
      roundWeights(group.toFloats(), shared, format, options.search).scales;
  llvm::copy(scales, result.rounded.scales.begin() + getScaleNumber(input, 0));
}

void Rounder::roundInOrder(llvm::ArrayRef<int64_t> order,
                           const Matrix &factor) {
  Matrix current(numInputs, numOutputs); // in order
  for (int64_t i = 0; i < numInputs; ++i)
    llvm::copy(original.getRow(order[i]), current.getRow(i).begin());
  bool hasMovingScales =
      sharing.kind == Sharing::Group && !options.ordersByActivation;
  for (int64_t first = 0; first < numInputs; first += blockSize) {
    int64_t count = std::min(blockSize, numInputs - first), end = first + count;
    Matrix errors(count, numOutputs);
    for (int64_t i = first; i < end; ++i) {
      int64_t input = order[i];
      if (hasMovingScales && input % sharing.group == 0) {
        int64_t extent = std::min(sharing.group, numInputs - input);
        Matrix group = current.getRows(input, extent);
        // What is beyond the block is not yet updated.
        if (input + extent > end) {
          Matrix update =
              multiplyTransposed(factor.getRows(first, count)
                                     .getColumns(end, input + extent - end),
                                 errors);
          for (int64_t j = 0; j < update.getNumRows(); ++j)
            for (int64_t n = 0; n < numOutputs; ++n)
              group(end - input + j, n) -= update(j, n);
        }
        setGroupScales(group, input);
      }
      llvm::MutableArrayRef<double> error = errors.getRow(i - first);
      for (int64_t n = 0; n < numOutputs; ++n) {
        auto weight = static_cast<float>(current(i, n));
        float scale = result.rounded.scales[getScaleNumber(input, n)];
        double number = format.round(weight / scale);
        result.rounded.codes[input * numOutputs + n] = format.encode(number);
        stored(input, n) = static_cast<float>(number) * scale;
        error[n] = (current(i, n) - stored(input, n)) / factor(i, i);
      }
      for (int64_t j = i + 1; j < end; ++j) {
        double part = factor(i, j);
        llvm::MutableArrayRef<double> row = current.getRow(j);
        for (int64_t n = 0; n < numOutputs; ++n)
          row[n] -= part * error[n];
      }
    }
    if (end == numInputs)
      break;
    Matrix update = multiplyTransposed(
        factor.getRows(first, count).getColumns(end, numInputs - end), errors);
    for (int64_t j = end; j < numInputs; ++j)
      for (int64_t n = 0; n < numOutputs; ++n)
        current(j, n) -= update(j - end, n);
  }
}

void Rounder::keepNearest(const RoundedWeights &nearest) {
  Matrix nearestErrors =
      original - roundMatrix(original, sharing, format, options.search);
  Matrix errors = original - stored;
  std::vector<double> after = getGramNorms(gram, errors),
                      before = getGramNorms(gram, nearestErrors);
  result.rounded.squaredError = 0;
  for (int64_t n = 0; n < numOutputs; ++n) {
    result.nearestError += before[n];
    bool isNearest = before[n] <= after[n];
    result.nearestColumns += isNearest;
    result.error += isNearest ? before[n] : after[n];
    for (int64_t k = 0; k < numInputs; ++k) {
      double error = isNearest ? nearestErrors(k, n) : errors(k, n);
      result.rounded.squaredError += error * error;
      if (!isNearest)
        continue;
      result.rounded.codes[k * numOutputs + n] =
          nearest.codes[k * numOutputs + n];
      int64_t scale = getScaleNumber(k, n);
      result.rounded.scales[scale] = nearest.scales[scale];
    }
  }
}

std::optional<GptqWeights> Rounder::round(llvm::ArrayRef<float> weights) {
  std::vector<int64_t> order = getOrder();
  if (!gram.isFinite())
    return std::nullopt;
  std::optional<Matrix> factor = computeInverseFactor(order);
  if (!factor)
    return std::nullopt;
  RoundedWeights nearest =
      roundWeights(weights, sharing, format, options.search);
  result.rounded = nearest;
  stored = Matrix(numInputs, numOutputs);
  roundInOrder(order, *factor);
  keepNearest(nearest);
  return std::move(result);
}

std::optional<GptqWeights>
cinch::quantize::roundByGptq(llvm::ArrayRef<float> weights, const Matrix &gram,
                             const Sharing &sharing, const Format &format,
                             const GptqOptions &options) {
  assert(gram.getNumRows() == gram.getNumColumns() && gram.getNumRows() > 0);
  assert(static_cast<int64_t>(weights.size()) % gram.getNumRows() == 0);
  return Rounder(weights, gram, sharing, format, options).round(weights);
}
