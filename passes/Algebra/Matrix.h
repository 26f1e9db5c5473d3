//===- Matrix.h - dense matrices of f64 -----------------------------------===//
#ifndef CINCH_PASSES_ALGEBRA_MATRIX_H
#define CINCH_PASSES_ALGEBRA_MATRIX_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace cinch::algebra {

/// A row-major matrix of f64. What is computed from matrices has the same bits
/// in every run on the same kind of processor: one thread computes it.
class Matrix {
public:
  Matrix() = default;
  /// All zeros.
  Matrix(int64_t numRows, int64_t numColumns)
      : numRows(numRows), numColumns(numColumns),
        elements(numRows * numColumns) {}
  /// From numRows * numColumns elements, row by row.
  Matrix(int64_t numRows, int64_t numColumns, llvm::ArrayRef<double> elements);
  Matrix(int64_t numRows, int64_t numColumns, llvm::ArrayRef<float> elements);
  static Matrix getIdentity(int64_t size);

  int64_t getNumRows() const { return numRows; }
  int64_t getNumColumns() const { return numColumns; }
  bool isEmpty() const { return elements.empty(); }
  bool isFinite() const;

  double &operator()(int64_t row, int64_t column) {
    return elements[row * numColumns + column];
  }
  double operator()(int64_t row, int64_t column) const {
    return elements[row * numColumns + column];
  }
  llvm::MutableArrayRef<double> getRow(int64_t row) {
    return {elements.data() + row * numColumns, size_t(numColumns)};
  }
  llvm::ArrayRef<double> getRow(int64_t row) const {
    return {elements.data() + row * numColumns, size_t(numColumns)};
  }
  /// Row by row.
  llvm::MutableArrayRef<double> getElements() { return elements; }
  llvm::ArrayRef<double> getElements() const { return elements; }
  std::vector<float> toFloats() const;

  /// A copy of `count` rows or columns from `first` on.
  Matrix getRows(int64_t first, int64_t count) const;
  Matrix getColumns(int64_t first, int64_t count) const;
  Matrix transpose() const;
  /// Copies `part`, which has as many rows, into the columns from `first` on.
  void setColumns(int64_t first, const Matrix &part);
  /// Of a matrix of the same shape.
  Matrix &operator+=(const Matrix &other);
  Matrix &operator-=(const Matrix &other);
  /// Multiplies row i by factors[i].
  Matrix &scaleRows(llvm::ArrayRef<double> factors);

  /// The square root of the sum of squares.
  double getNorm() const;

private:
  int64_t numRows = 0, numColumns = 0;
  std::vector<double> elements;
};

inline Matrix operator-(Matrix left, const Matrix &right) {
  return left -= right;
}
inline Matrix operator+(Matrix left, const Matrix &right) {
  return left += right;
}

/// left * right.
Matrix multiply(const Matrix &left, const Matrix &right);
/// left^T * right.
Matrix multiplyTransposed(const Matrix &left, const Matrix &right);
/// tr(matrix^T gram matrix), the sum of squares of X * matrix for X^T X = gram.
double getGramNorm(const Matrix &gram, const Matrix &matrix);
/// The same for each column of `matrix`.
std::vector<double> getGramNorms(const Matrix &gram, const Matrix &matrix);

} // namespace cinch::algebra

#endif // CINCH_PASSES_ALGEBRA_MATRIX_H
