//===- LowRank.cpp - products of two thin matrices ------------------------===//
#include "passes/Algebra/LowRank.h"
#include <algorithm>
#include <cassert>
#include <cmath>

using namespace cinch::algebra;

/// The first `rank` of `svd` of a matrix of norm `norm`: the values go to the
/// left.
static LowRank truncate(const SingularValues &svd, int64_t rank, double norm) {
  rank = std::min<int64_t>(rank, static_cast<int64_t>(svd.values.size()));
  LowRank result{svd.left.getColumns(0, rank), svd.right.getRows(0, rank), 0};
  for (int64_t i = 0; i < result.left.getNumRows(); ++i)
    for (int64_t j = 0; j < rank; ++j)
      result.left(i, j) *= svd.values[j];
  double kept = 0, dropped = 0;
  for (size_t j = 0; j < svd.values.size(); ++j)
    (static_cast<int64_t>(j) < rank ? kept : dropped) +=
        svd.values[j] * svd.values[j];
  // Of all singular values the sum is exact; else what is not kept.
  bool isComplete = static_cast<int64_t>(svd.values.size()) ==
                    std::min(svd.left.getNumRows(), svd.right.getNumColumns());
  result.error =
      std::sqrt(isComplete ? dropped : std::max(norm * norm - kept, 0.0));
  return result;
}

std::optional<LowRank>
cinch::algebra::computeLowRank(const Matrix &weights, int64_t rank,
                               const RandomizedSvd *randomized) {
  assert(rank >= 0);
  std::optional<SingularValues> svd =
      randomized ? computeRandomizedSvd(weights, rank, *randomized)
                 : computeSvd(weights);
  if (!svd)
    return std::nullopt;
  return truncate(*svd, rank, weights.getNorm());
}

std::optional<LowRank> cinch::algebra::computeScaledLowRank(
    const Matrix &weights, llvm::ArrayRef<double> factors, int64_t rank) {
  Matrix scaled = weights;
  std::optional<LowRank> result =
      computeLowRank(scaled.scaleRows(factors), rank);
  if (!result)
    return std::nullopt;
  std::vector<double> inverse;
  for (double factor : factors)
    inverse.push_back(1 / factor);
  result->left.scaleRows(inverse);
  return result;
}

std::optional<LowRank>
cinch::algebra::computeWhitenedLowRank(const Matrix &weights,
                                       const GramRoot &gram, int64_t rank,
                                       const RandomizedSvd *randomized) {
  std::optional<LowRank> result =
      computeLowRank(multiplyTransposed(gram.root, weights), rank, randomized);
  if (result)
    result->left = multiplyTransposed(gram.inverse, result->left);
  return result;
}

void cinch::algebra::balance(LowRank &product) {
  for (int64_t r = 0; r < product.getRank(); ++r) {
    double left = product.left.getColumns(r, 1).getNorm(),
           right = product.right.getRows(r, 1).getNorm();
    if (left <= 0 || right <= 0)
      continue;
    double factor = std::sqrt(right / left);
    for (int64_t i = 0; i < product.left.getNumRows(); ++i)
      product.left(i, r) *= factor;
    for (double &element : product.right.getRow(r))
      element /= factor;
  }
}
