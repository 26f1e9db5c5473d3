//===- Decompositions.cpp - factors of matrices ---------------------------===//
#include "passes/Algebra/Decompositions.h"
#include "passes/Algebra/Random.h"
#include "passes/Algebra/SingleThread.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <lapacke.h>

using namespace cinch::algebra;

/// The reciprocal condition number of a Gram matrix below which its Cholesky
/// factor is not used.
static constexpr double smallestReciprocal = 1e-12;
/// Eigenvalues below this part of the largest one are 0 in a pseudoinverse.
static constexpr double smallestEigenvalue = 1e-12;
/// What is added to the diagonal of a singular Gram matrix, in parts of its
/// mean.
static constexpr double damping = 1e-8;

std::optional<SingularValues> cinch::algebra::computeSvd(const Matrix &matrix) {
  if (!matrix.isFinite())
    return std::nullopt;
  int64_t m = matrix.getNumRows(), n = matrix.getNumColumns(),
          r = std::min(m, n);
  SingularValues svd{Matrix(m, r), std::vector<double>(r), Matrix(r, n)};
  if (r == 0)
    return svd;
  SingleThread single;
  Matrix copy = matrix;
  if (LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', m, n, copy.getElements().data(), n,
                     svd.values.data(), svd.left.getElements().data(), r,
                     svd.right.getElements().data(), n) == 0)
    return svd;
  // Divide and conquer may fail where the slower iteration converges.
  copy = matrix;
  std::vector<double> rest(r);
  if (LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'S', 'S', m, n,
                     copy.getElements().data(), n, svd.values.data(),
                     svd.left.getElements().data(), r,
                     svd.right.getElements().data(), n, rest.data()) == 0)
    return svd;
  return std::nullopt;
}

/// The first `rank` of `svd`.
static void truncate(SingularValues &svd, int64_t rank) {
  if (static_cast<int64_t>(svd.values.size()) <= rank)
    return;
  svd.left = svd.left.getColumns(0, rank);
  svd.values.resize(rank);
  svd.right = svd.right.getRows(0, rank);
}

std::optional<SingularValues>
cinch::algebra::computeRandomizedSvd(const Matrix &matrix, int64_t rank,
                                     const RandomizedSvd &options) {
  assert(rank >= 0);
  if (!matrix.isFinite())
    return std::nullopt;
  int64_t width = rank + options.oversampling;
  // About 2 * (powerIterations + 1) products of this width against about 10 of
  // the smaller side.
  if (2 * width > std::min(matrix.getNumRows(), matrix.getNumColumns())) {
    std::optional<SingularValues> svd = computeSvd(matrix);
    if (svd)
      truncate(*svd, rank);
    return svd;
  }
  Random random(options.seed);
  Matrix signs(matrix.getNumColumns(), width);
  for (double &sign : signs.getElements())
    sign = random.nextSign();
  Matrix basis = computeOrthonormalBasis(multiply(matrix, signs));
  for (int64_t i = 0; i < options.powerIterations; ++i) {
    Matrix back = computeOrthonormalBasis(multiplyTransposed(matrix, basis));
    basis = computeOrthonormalBasis(multiply(matrix, back));
  }
  std::optional<SingularValues> svd =
      computeSvd(multiplyTransposed(basis, matrix));
  if (!svd)
    return std::nullopt;
  truncate(*svd, rank);
  svd->left = multiply(basis, svd->left);
  return svd;
}

std::optional<EigenValues>
cinch::algebra::computeEigenValues(const Matrix &matrix) {
  assert(matrix.getNumRows() == matrix.getNumColumns());
  if (!matrix.isFinite())
    return std::nullopt;
  int64_t n = matrix.getNumRows();
  EigenValues result{std::vector<double>(n), matrix};
  if (n == 0)
    return result;
  SingleThread single;
  if (LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'L', n,
                     result.vectors.getElements().data(), n,
                     result.values.data()) != 0)
    return std::nullopt;
  return result;
}

std::optional<Matrix> cinch::algebra::computeCholesky(const Matrix &matrix) {
  assert(matrix.getNumRows() == matrix.getNumColumns());
  int64_t n = matrix.getNumRows();
  Matrix lower = matrix;
  if (n == 0)
    return lower;
  SingleThread single;
  if (!matrix.isFinite() ||
      LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', n, lower.getElements().data(), n))
    return std::nullopt;
  for (int64_t i = 0; i < n; ++i)
    std::fill(lower.getRow(i).begin() + i + 1, lower.getRow(i).end(), 0.0);
  return lower;
}

Matrix cinch::algebra::computeOrthonormalBasis(const Matrix &matrix) {
  int64_t m = matrix.getNumRows(), n = matrix.getNumColumns(),
          r = std::min(m, n);
  if (r == 0)
    return {m, r};
  assert(matrix.isFinite());
  SingleThread single;
  Matrix reflectors = matrix;
  std::vector<double> factors(r);
  lapack_int status =
      LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, m, n, reflectors.getElements().data(), n,
                     factors.data());
  assert(status == 0);
  Matrix basis = n == r ? std::move(reflectors) : reflectors.getColumns(0, r);
  status = LAPACKE_dorgqr(LAPACK_ROW_MAJOR, m, r, r, basis.getElements().data(),
                          r, factors.data());
  assert(status == 0);
  (void)status;
  return basis;
}

Matrix cinch::algebra::invertLower(const Matrix &lower) {
  int64_t n = lower.getNumRows();
  Matrix inverse = lower;
  if (n == 0)
    return inverse;
  SingleThread single;
  lapack_int status = LAPACKE_dtrtri(LAPACK_ROW_MAJOR, 'L', 'N', n,
                                     inverse.getElements().data(), n);
  assert(status == 0);
  (void)status;
  return inverse;
}

/// The Cholesky factor and its inverse, if its digits are good for it.
static std::optional<GramRoot> tryCholesky(const Matrix &gram,
                                           GramRoot::Kind kind) {
  std::optional<Matrix> lower = computeCholesky(gram);
  if (!lower)
    return std::nullopt;
  SingleThread single;
  double reciprocal = 0; // of the factor, whose square is that of the matrix
  int64_t n = gram.getNumRows();
  if (LAPACKE_dtrcon(LAPACK_ROW_MAJOR, '1', 'L', 'N', n,
                     lower->getElements().data(), n, &reciprocal) != 0 ||
      reciprocal * reciprocal <= smallestReciprocal)
    return std::nullopt;
  return GramRoot{kind, *lower, invertLower(*lower)};
}

std::optional<GramRoot> cinch::algebra::computeGramRoot(const Matrix &gram) {
  assert(gram.getNumRows() == gram.getNumColumns());
  int64_t n = gram.getNumRows();
  if (!gram.isFinite())
    return std::nullopt;
  if (n == 0)
    return GramRoot{GramRoot::Exact, gram, gram};
  if (auto exact = tryCholesky(gram, GramRoot::Exact))
    return exact;
  double mean = 0;
  for (int64_t i = 0; i < n; ++i)
    mean += gram(i, i) / static_cast<double>(n);
  Matrix damped = gram;
  for (int64_t i = 0; i < n; ++i)
    damped(i, i) += damping * mean;
  if (mean > 0)
    if (auto result = tryCholesky(damped, GramRoot::Damped))
      return result;
  std::optional<EigenValues> eigen = computeEigenValues(gram);
  if (!eigen)
    return std::nullopt;
  double largest = std::max(eigen->values.back(), 0.0);
  if (eigen->values.front() < -1e-6 * largest)
    return std::nullopt;
  GramRoot result{GramRoot::Pseudo, eigen->vectors, eigen->vectors.transpose()};
  for (int64_t j = 0; j < n; ++j) {
    double value = eigen->values[j], root = std::sqrt(std::max(value, 0.0));
    double inverse = value > smallestEigenvalue * largest ? 1 / root : 0;
    for (int64_t i = 0; i < n; ++i)
      result.root(i, j) *= inverse > 0 ? root : 0;
    for (double &element : result.inverse.getRow(j))
      element *= inverse;
  }
  return result;
}
