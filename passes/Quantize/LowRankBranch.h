//===- LowRankBranch.h - what few bits lose, in two thin matrices ---------===//
#ifndef CINCH_PASSES_QUANTIZE_LOWRANKBRANCH_H
#define CINCH_PASSES_QUANTIZE_LOWRANKBRANCH_H

#include "passes/Algebra/LowRank.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace cinch::quantize {

struct BranchOptions {
  int64_t rank = 32;
  /// Rounds at most, at least 1.
  int64_t maxRounds = 100;
  /// Whether singular values are approximated.
  bool isRandomized = true;
  algebra::RandomizedSvd randomized;
};

/// y = X W becomes y = X Q(residual) + (X left) right.
struct LowRankBranch {
  /// [inputs, rank] and [rank, outputs], numbers of the type they are stored
  /// in.
  algebra::Matrix left, right;
  algebra::Matrix residual; ///< W - left * right, to be rounded
  /// What `getError` says of the best round, and of no branch.
  double error = 0, errorWithout = 0;
  int64_t rounds = 0;
};

/// Splits `weights` W [inputs, outputs] so that the residual loses least by
/// rounding. The first branch has the largest singular values of W, each
/// further one those of W - Q(residual); ends when a round has a larger error
/// than the one before, and returns the best. `round` returns a matrix as it
/// will be stored in few bits, `store` a factor as it will be stored;
/// `getError` is the squared error of the outputs by an error of the weights.
/// To share `left` among products of one input, pass their weights side by
/// side. Rank 0, or no round that is better than none, gives an empty branch
/// with the residual W. nullopt if an element is not finite, or not as `store`
/// stores it. Source: Li et al., "SVDQuant", 2025, section 4.2, with the
/// iterations of its implementation.
std::optional<LowRankBranch> computeLowRankBranch(
    const algebra::Matrix &weights, const BranchOptions &options,
    llvm::function_ref<algebra::Matrix(const algebra::Matrix &)> round,
    llvm::function_ref<algebra::Matrix(algebra::Matrix)> store,
    llvm::function_ref<double(const algebra::Matrix &)> getError);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_LOWRANKBRANCH_H
