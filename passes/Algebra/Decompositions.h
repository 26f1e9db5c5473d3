//===- Decompositions.h - factors of matrices -----------------------------===//
#ifndef CINCH_PASSES_ALGEBRA_DECOMPOSITIONS_H
#define CINCH_PASSES_ALGEBRA_DECOMPOSITIONS_H

#include "passes/Algebra/Matrix.h"
#include <optional>

namespace cinch::algebra {

/// left * diag(values) * right; columns of `left` [m, r] and rows of `right`
/// [r, n] are orthonormal, `values` fall and are not negative.
struct SingularValues {
  Matrix left;
  std::vector<double> values;
  Matrix right;
};

/// All r = min(m, n) singular values of a matrix [m, n]; nullopt if an element
/// is not finite or the iteration does not converge.
std::optional<SingularValues> computeSvd(const Matrix &matrix);

/// How the largest singular values are approximated.
struct RandomizedSvd {
  int64_t oversampling = 10;
  int64_t powerIterations = 4;
  uint64_t seed = 0;
};

/// The `rank` largest ones, from the range of the matrix times random signs;
/// all of them exactly where that is not cheaper. Source: Halko, Martinsson,
/// Tropp, "Finding Structure with Randomness", 2011, algorithms 4.4 and 5.1;
/// random signs in place of normal numbers. As computeSvd otherwise.
std::optional<SingularValues>
computeRandomizedSvd(const Matrix &matrix, int64_t rank,
                     const RandomizedSvd &options);

/// vectors * diag(values) * vectors^T with orthonormal columns of `vectors`;
/// `values` rise.
struct EigenValues {
  std::vector<double> values;
  Matrix vectors;
};

/// Of a symmetric matrix, of which the lower triangle is read; nullopt as for
/// computeSvd.
std::optional<EigenValues> computeEigenValues(const Matrix &matrix);

/// Lower triangular L with L L^T = matrix, which is symmetric and of which the
/// lower triangle is read; nullopt if it is not positive definite.
std::optional<Matrix> computeCholesky(const Matrix &matrix);

/// Q [m, min(m, n)] with orthonormal columns of the QR decomposition of a
/// finite matrix [m, n].
Matrix computeOrthonormalBasis(const Matrix &matrix);

/// The inverse of a lower triangular matrix without a zero on the diagonal.
Matrix invertLower(const Matrix &lower);

/// A square root S of a Gram matrix: S S^T = gram.
struct GramRoot {
  enum Kind {
    Exact,  ///< the Cholesky factor
    Damped, ///< the Cholesky factor of gram + 1e-8 * mean of its diagonal * I
    Pseudo  ///< from eigenvalues; `inverse` is the pseudoinverse of the root,
            ///< without those of at most 1e-12 times the largest
  };
  Kind kind;
  Matrix root, inverse;
};

/// The first kind whose Gram matrix has a reciprocal condition number above
/// 1e-12, so that not all digits are lost. Few samples make Gram matrices
/// singular, so that they have no Cholesky factor. nullopt if an element is not
/// finite or an eigenvalue is far below 0.
std::optional<GramRoot> computeGramRoot(const Matrix &gram);

} // namespace cinch::algebra

#endif // CINCH_PASSES_ALGEBRA_DECOMPOSITIONS_H
