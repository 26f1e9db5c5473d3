//===- LowRank.h - products of two thin matrices --------------------------===//
#ifndef CINCH_PASSES_ALGEBRA_LOWRANK_H
#define CINCH_PASSES_ALGEBRA_LOWRANK_H

#include "passes/Algebra/Decompositions.h"

namespace cinch::algebra {

/// left * right with `left` [m, r], `right` [r, n], in place of a matrix W
/// [m, n] that activations X are multiplied by: y = (X left) right.
struct LowRank {
  Matrix left, right;
  /// What was minimized: the norm of the error that the comment of the function
  /// states, without a Gram matrix that was damped.
  double error = 0;

  int64_t getRank() const { return left.getNumColumns(); }
};

/// Those of least norm of W - left * right: the largest singular values
/// (Eckart, Young, 1936), by the randomized method if `randomized`. `rank` is
/// bounded by min(m, n). nullopt if an element is not finite or there is no
/// singular value decomposition.
std::optional<LowRank>
computeLowRank(const Matrix &weights, int64_t rank,
               const RandomizedSvd *randomized = nullptr);

/// Those of least norm of diag(factors) * (W - left * right), for positive
/// `factors` [m]. Source: Yuan et al., "ASVD", 2023, equation 5, where they are
/// the mean magnitudes of the input channels to the power of alpha (0.5).
std::optional<LowRank> computeScaledLowRank(const Matrix &weights,
                                            llvm::ArrayRef<double> factors,
                                            int64_t rank);

/// Those of least norm of X * (W - left * right), which is exactly the root of
/// the sum of squares of the dropped singular values of S^T W, for the root S
/// of gram = X^T X. Of the error of a quantized weight, W - Q(W), it is what
/// best corrects the outputs (Liu et al., "EoRA", 2024, algorithm 1, with a
/// Cholesky factor in place of eigenvectors). Rank 0 is no correction. By the
/// randomized method if `randomized`. Source: Wang et al., "SVD-LLM", 2024,
/// section 3.1.
std::optional<LowRank>
computeWhitenedLowRank(const Matrix &weights, const GramRoot &gram,
                       int64_t rank, const RandomizedSvd *randomized = nullptr);

/// Scales each column of `left` and row of `right` so that both have the same
/// norm: neither leaves the range of a 16-bit type where the other need not.
void balance(LowRank &product);

} // namespace cinch::algebra

#endif // CINCH_PASSES_ALGEBRA_LOWRANK_H
