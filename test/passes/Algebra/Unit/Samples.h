//===- Samples.h - matrices to test on ------------------------------------===//
#ifndef CINCH_TEST_PASSES_ALGEBRA_UNIT_SAMPLES_H
#define CINCH_TEST_PASSES_ALGEBRA_UNIT_SAMPLES_H

#include "passes/Algebra/Decompositions.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

namespace cinch::algebra {

/// Independent normal numbers.
inline Matrix makeNormal(int64_t numRows, int64_t numColumns,
                         std::mt19937_64 &random) {
  std::normal_distribution<double> normal;
  Matrix matrix(numRows, numColumns);
  for (double &element : matrix.getElements())
    element = normal(random);
  return matrix;
}

/// Singular value j is sqrt(numRows) * decay^j, in random directions.
inline Matrix makeDecaying(int64_t numRows, int64_t numColumns, double decay,
                           std::mt19937_64 &random) {
  SingularValues svd = *computeSvd(makeNormal(numRows, numColumns, random));
  for (size_t j = 0; j < svd.values.size(); ++j)
    for (double &element : svd.right.getRow(j))
      element *= std::sqrt(double(numRows)) * std::pow(decay, j);
  return multiply(svd.left, svd.right);
}

/// The largest magnitude of the difference.
inline double getDistance(const Matrix &a, const Matrix &b) {
  EXPECT_EQ(a.getNumRows(), b.getNumRows());
  EXPECT_EQ(a.getNumColumns(), b.getNumColumns());
  double largest = 0;
  Matrix difference = a - b;
  for (double element : difference.getElements())
    largest = std::max(largest, std::fabs(element));
  return largest;
}

/// Whether the columns are of norm 1 and at right angles.
inline void expectOrthonormal(const Matrix &matrix) {
  EXPECT_LT(getDistance(multiplyTransposed(matrix, matrix),
                        Matrix::getIdentity(matrix.getNumColumns())),
            1e-12);
}

} // namespace cinch::algebra

#endif // CINCH_TEST_PASSES_ALGEBRA_UNIT_SAMPLES_H
