//===- DecompositionsTest.cpp - factors of matrices -----------------------===//
#include "passes/Algebra/Decompositions.h"
#include "passes/Algebra/SingleThread.h"
#include "test/passes/Algebra/Unit/Samples.h"
#include <cstring>

using namespace cinch::algebra;

namespace {

Matrix scaleColumns(Matrix matrix, const std::vector<double> &factors) {
  return matrix.transpose().scaleRows(factors).transpose();
}

TEST(Matrix, MultipliesAsItsDefinition) {
  Matrix a(2, 3, llvm::ArrayRef<double>{1, 2, 3, 4, 5, 6}),
      b(3, 2, llvm::ArrayRef<double>{7, 8, 9, 10, 11, 12});
  Matrix product(2, 2, llvm::ArrayRef<double>{58, 64, 139, 154});
  EXPECT_EQ(getDistance(multiply(a, b), product), 0);
  EXPECT_EQ(getDistance(multiplyTransposed(a.transpose(), b), product), 0);
  EXPECT_EQ(multiply(Matrix(2, 0), Matrix(0, 3)).getNorm(), 0);
  // ((1, 2) (1, 2)^T) for the first column, and so on.
  Matrix gram(2, 2, llvm::ArrayRef<double>{2, 1, 1, 3});
  std::vector<double> sums = getGramNorms(gram, product);
  EXPECT_EQ(sums[0], 2 * 58 * 58 + 2 * 58 * 139 + 3 * 139 * 139);
  EXPECT_EQ(getGramNorm(gram, product), sums[0] + sums[1]);
}

TEST(Decompositions, SvdIsThin) {
  std::mt19937_64 random(0);
  for (auto [rows, columns] : {std::pair(9, 5), {5, 9}, {6, 6}, {1, 4}}) {
    Matrix matrix = makeNormal(rows, columns, random);
    SingularValues svd = *computeSvd(matrix);
    EXPECT_EQ(svd.values.size(), size_t(std::min(rows, columns)));
    EXPECT_TRUE(std::is_sorted(svd.values.rbegin(), svd.values.rend()));
    EXPECT_GE(svd.values.back(), 0);
    expectOrthonormal(svd.left);
    expectOrthonormal(svd.right.transpose());
    EXPECT_LT(
        getDistance(multiply(scaleColumns(svd.left, svd.values), svd.right),
                    matrix),
        1e-13);
  }
  EXPECT_TRUE(computeSvd(Matrix(0, 3))->values.empty());
}

TEST(Decompositions, SvdRefusesWhatIsNotFinite) {
  Matrix matrix(2, 2);
  matrix(1, 0) = std::nan("");
  EXPECT_FALSE(computeSvd(matrix));
  EXPECT_FALSE(computeRandomizedSvd(matrix, 1, {}));
  EXPECT_FALSE(computeEigenValues(matrix));
  EXPECT_FALSE(computeCholesky(matrix));
  EXPECT_FALSE(computeGramRoot(matrix));
}

/// Values that fall by 5 % each, of which the error of the best approximation
/// of a rank is known. Four power iterations leave 1e-3 of it at most.
TEST(Decompositions, RandomizedSvdIsNearTheBest) {
  std::mt19937_64 random(0);
  Matrix matrix = makeDecaying(300, 200, 0.95, random);
  SingularValues exact = *computeSvd(matrix),
                 svd = *computeRandomizedSvd(matrix, 32, {});
  ASSERT_EQ(svd.values.size(), 32u);
  expectOrthonormal(svd.left);
  expectOrthonormal(svd.right.transpose());
  double dropped = 0;
  for (size_t j = 32; j < exact.values.size(); ++j)
    dropped += exact.values[j] * exact.values[j];
  double error =
      (matrix - multiply(scaleColumns(svd.left, svd.values), svd.right))
          .getNorm();
  EXPECT_LT(error, std::sqrt(dropped) * 1.001);
  // One product with random signs does not find it.
  RandomizedSvd once;
  once.powerIterations = 0;
  svd = *computeRandomizedSvd(matrix, 32, once);
  error = (matrix - multiply(scaleColumns(svd.left, svd.values), svd.right))
              .getNorm();
  EXPECT_GT(error, std::sqrt(dropped) * 1.01);
}

TEST(Decompositions, RandomizedSvdIsExactWhereThatIsCheaper) {
  std::mt19937_64 random(0);
  Matrix matrix = makeNormal(40, 30, random);
  SingularValues exact = *computeSvd(matrix),
                 svd = *computeRandomizedSvd(matrix, 8, {});
  EXPECT_EQ(svd.values, std::vector<double>(exact.values.begin(),
                                            exact.values.begin() + 8));
}

TEST(Decompositions, EigenValuesOfASymmetricMatrix) {
  // Of (2 1; 1 2): 1 for (1, -1), 3 for (1, 1). The upper triangle is not read.
  EigenValues eigen =
      *computeEigenValues(Matrix(2, 2, llvm::ArrayRef<double>{2, 100, 1, 2}));
  EXPECT_NEAR(eigen.values[0], 1, 1e-15);
  EXPECT_NEAR(eigen.values[1], 3, 1e-15);
  EXPECT_NEAR(std::fabs(eigen.vectors(0, 1)), std::sqrt(0.5), 1e-15);
  std::mt19937_64 random(0);
  Matrix factor = makeNormal(20, 8, random);
  Matrix gram = multiplyTransposed(factor, factor);
  eigen = *computeEigenValues(gram);
  expectOrthonormal(eigen.vectors);
  EXPECT_LT(getDistance(multiply(scaleColumns(eigen.vectors, eigen.values),
                                 eigen.vectors.transpose()),
                        gram),
            1e-12);
}

TEST(Decompositions, CholeskyFactorIsLower) {
  // (4 2; 2 5) = (2 0; 1 2) (2 0; 1 2)^T.
  Matrix lower =
      *computeCholesky(Matrix(2, 2, llvm::ArrayRef<double>{4, 9, 2, 5}));
  EXPECT_EQ(
      getDistance(lower, Matrix(2, 2, llvm::ArrayRef<double>{2, 0, 1, 2})), 0);
  EXPECT_EQ(
      getDistance(multiply(lower, invertLower(lower)), Matrix::getIdentity(2)),
      0);
  EXPECT_FALSE(
      computeCholesky(Matrix(2, 2, llvm::ArrayRef<double>{1, 2, 2, 1})));
}

TEST(Decompositions, BasisSpansTheColumns) {
  std::mt19937_64 random(0);
  for (auto [rows, columns] : {std::pair(9, 4), {4, 9}}) {
    Matrix matrix = makeNormal(rows, columns, random);
    Matrix basis = computeOrthonormalBasis(matrix);
    expectOrthonormal(basis);
    EXPECT_LT(
        getDistance(multiply(basis, multiplyTransposed(basis, matrix)), matrix),
        1e-13);
  }
}

/// More rows than channels: exact. Fewer: singular, damped. A negative
/// eigenvalue beyond rounding: no Gram matrix.
TEST(Decompositions, GramRootOfFullAndFewRows) {
  std::mt19937_64 random(0);
  for (auto [rows, kind] :
       {std::pair(50, GramRoot::Exact), std::pair(5, GramRoot::Damped)}) {
    Matrix samples = makeNormal(rows, 12, random);
    Matrix gram = multiplyTransposed(samples, samples);
    GramRoot root = *computeGramRoot(gram);
    EXPECT_EQ(root.kind, kind);
    double tolerance = 1e-7 * gram.getNorm();
    EXPECT_LT(getDistance(multiply(root.root, root.root.transpose()), gram),
              kind == GramRoot::Exact ? 1e-12 : tolerance);
    EXPECT_LT(
        getDistance(multiply(root.inverse, root.root), Matrix::getIdentity(12)),
        1e-9);
  }
  EXPECT_FALSE(
      computeGramRoot(Matrix(2, 2, llvm::ArrayRef<double>{1, 2, 2, 1})));
}

/// One direction of a thousand, and none at all.
TEST(Decompositions, GramRootFallsBackToEigenvalues) {
  Matrix zero(3, 3);
  GramRoot root = *computeGramRoot(zero);
  EXPECT_EQ(root.kind, GramRoot::Pseudo);
  EXPECT_EQ(root.root.getNorm() + root.inverse.getNorm(), 0);
  std::mt19937_64 random(0);
  Matrix samples = makeNormal(1, 1000, random);
  Matrix gram = multiplyTransposed(samples, samples);
  root = *computeGramRoot(gram);
  EXPECT_EQ(root.kind, GramRoot::Pseudo);
  EXPECT_LT(getDistance(multiply(root.root, root.root.transpose()), gram),
            1e-10);
  // The pseudoinverse gives back what the samples can show.
  Matrix back = multiply(multiply(samples, root.root), root.inverse);
  EXPECT_LT(getDistance(back, samples), 1e-9);
}

/// With two threads OpenBLAS cuts the work differently.
TEST(Decompositions, BitsDoNotDependOnTheNumberOfThreads) {
  std::mt19937_64 random(0);
  Matrix matrix = makeNormal(300, 260, random);
  int threads = omp_get_max_threads();
  omp_set_num_threads(2);
  SingularValues two = *computeSvd(matrix);
  Matrix twoProduct = multiplyTransposed(matrix, matrix);
  Matrix twoFactor = *computeCholesky(twoProduct);
  EXPECT_EQ(omp_get_max_threads(), 2);
  omp_set_num_threads(1);
  SingularValues one = *computeSvd(matrix);
  Matrix oneFactor = *computeCholesky(multiplyTransposed(matrix, matrix));
  omp_set_num_threads(threads);
  EXPECT_EQ(one.left.getElements(), two.left.getElements());
  EXPECT_EQ(one.values, two.values);
  EXPECT_EQ(oneFactor.getElements(), twoFactor.getElements());
}

} // namespace
