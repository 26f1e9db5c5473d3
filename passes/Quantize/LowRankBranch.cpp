//===- LowRankBranch.cpp - what few bits lose, in two thin matrices -------===//
#include "passes/Quantize/LowRankBranch.h"
#include <cassert>
#include <cmath>

using namespace cinch;
using namespace cinch::quantize;
using algebra::Matrix;

std::optional<LowRankBranch> quantize::computeLowRankBranch(
    const Matrix &weights, const BranchOptions &options,
    llvm::function_ref<Matrix(const Matrix &)> round,
    llvm::function_ref<Matrix(Matrix)> store,
    llvm::function_ref<double(const Matrix &)> getError) {
  assert(options.rank >= 0 && options.maxRounds >= 1);
  if (!weights.isFinite())
    return std::nullopt;
  LowRankBranch best;
  best.residual = weights;
  best.left = Matrix(weights.getNumRows(), 0);
  best.right = Matrix(0, weights.getNumColumns());
  best.errorWithout = best.error = getError(weights - round(weights));
  if (options.rank == 0)
    return best;
  double previous = INFINITY;
  int64_t done = 0;
  for (Matrix target = weights; done < options.maxRounds;) {
    std::optional<algebra::LowRank> product = algebra::computeLowRank(
        target, options.rank,
        options.isRandomized ? &options.randomized : nullptr);
    if (!product)
      return std::nullopt;
    ++done;
    algebra::balance(*product);
    Matrix left = store(std::move(product->left)),
           right = store(std::move(product->right));
    Matrix residual = weights - multiply(left, right);
    if (!residual.isFinite())
      return std::nullopt;
    Matrix rounded = round(residual);
    double error = getError(residual - rounded);
    if (error < best.error) {
      best.left = std::move(left);
      best.right = std::move(right);
      best.residual = std::move(residual);
      best.error = error;
    }
    if (!(error < previous))
      break;
    previous = error;
    target = weights - rounded;
  }
  best.rounds = done;
  return best;
}
