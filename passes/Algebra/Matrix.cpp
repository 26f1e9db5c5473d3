//===- Matrix.cpp - dense matrices of f64 ---------------------------------===//
#include "passes/Algebra/Matrix.h"
#include "passes/Algebra/SingleThread.h"
#include "llvm/ADT/STLExtras.h"
#include <cassert>
#include <cblas.h>
#include <cmath>

using namespace cinch::algebra;

Matrix::Matrix(int64_t numRows, int64_t numColumns,
               llvm::ArrayRef<double> elements)
    : numRows(numRows), numColumns(numColumns),
      elements(elements.begin(), elements.end()) {
  assert(static_cast<int64_t>(elements.size()) == numRows * numColumns);
}

Matrix::Matrix(int64_t numRows, int64_t numColumns,
               llvm::ArrayRef<float> elements)
    : numRows(numRows), numColumns(numColumns),
      elements(elements.begin(), elements.end()) {
  assert(static_cast<int64_t>(elements.size()) == numRows * numColumns);
}

Matrix Matrix::getIdentity(int64_t size) {
  Matrix result(size, size);
  for (int64_t i = 0; i < size; ++i)
    result(i, i) = 1;
  return result;
}

bool Matrix::isFinite() const {
  return llvm::all_of(elements, [](double x) { return std::isfinite(x); });
}

std::vector<float> Matrix::toFloats() const {
  std::vector<float> floats;
  floats.reserve(elements.size());
  for (double element : elements)
    floats.push_back(static_cast<float>(element));
  return floats;
}

Matrix Matrix::getRows(int64_t first, int64_t count) const {
  assert(first >= 0 && first + count <= numRows);
  return {
      count, numColumns,
      llvm::ArrayRef(elements).slice(first * numColumns, count * numColumns)};
}

Matrix Matrix::getColumns(int64_t first, int64_t count) const {
  assert(first >= 0 && first + count <= numColumns);
  Matrix result(numRows, count);
  for (int64_t i = 0; i < numRows; ++i)
    llvm::copy(getRow(i).slice(first, count), result.getRow(i).begin());
  return result;
}

void Matrix::setColumns(int64_t first, const Matrix &part) {
  assert(part.numRows == numRows && first + part.numColumns <= numColumns);
  for (int64_t i = 0; i < numRows; ++i)
    llvm::copy(part.getRow(i), getRow(i).begin() + first);
}

Matrix Matrix::transpose() const {
  Matrix result(numColumns, numRows);
  for (int64_t i = 0; i < numRows; ++i)
    for (int64_t j = 0; j < numColumns; ++j)
      result(j, i) = (*this)(i, j);
  return result;
}

Matrix &Matrix::operator+=(const Matrix &other) {
  assert(numRows == other.numRows && numColumns == other.numColumns);
  for (size_t i = 0; i < elements.size(); ++i)
    elements[i] += other.elements[i];
  return *this;
}

Matrix &Matrix::operator-=(const Matrix &other) {
  assert(numRows == other.numRows && numColumns == other.numColumns);
  for (size_t i = 0; i < elements.size(); ++i)
    elements[i] -= other.elements[i];
  return *this;
}

Matrix &Matrix::scaleRows(llvm::ArrayRef<double> factors) {
  assert(static_cast<int64_t>(factors.size()) == numRows);
  for (int64_t i = 0; i < numRows; ++i)
    for (double &element : getRow(i))
      element *= factors[i];
  return *this;
}

double Matrix::getNorm() const {
  double sum = 0;
  for (double element : elements)
    sum += element * element;
  return std::sqrt(sum);
}

static Matrix multiply(const Matrix &left, CBLAS_TRANSPOSE transposed,
                       const Matrix &right) {
  bool isTransposed = transposed == CblasTrans;
  int64_t rows = isTransposed ? left.getNumColumns() : left.getNumRows(),
          inner = isTransposed ? left.getNumRows() : left.getNumColumns();
  assert(inner == right.getNumRows());
  Matrix result(rows, right.getNumColumns());
  if (result.isEmpty() || inner == 0)
    return result;
  SingleThread single;
  cblas_dgemm(CblasRowMajor, transposed, CblasNoTrans, rows,
              right.getNumColumns(), inner, 1, left.getElements().data(),
              left.getNumColumns(), right.getElements().data(),
              right.getNumColumns(), 0, result.getElements().data(),
              right.getNumColumns());
  return result;
}

Matrix cinch::algebra::multiply(const Matrix &left, const Matrix &right) {
  return ::multiply(left, CblasNoTrans, right);
}

Matrix cinch::algebra::multiplyTransposed(const Matrix &left,
                                          const Matrix &right) {
  return ::multiply(left, CblasTrans, right);
}

std::vector<double> cinch::algebra::getGramNorms(const Matrix &gram,
                                                 const Matrix &matrix) {
  Matrix product = multiply(gram, matrix);
  std::vector<double> sums(matrix.getNumColumns());
  for (int64_t i = 0; i < matrix.getNumRows(); ++i)
    for (int64_t j = 0; j < matrix.getNumColumns(); ++j)
      sums[j] += matrix(i, j) * product(i, j);
  return sums;
}

double cinch::algebra::getGramNorm(const Matrix &gram, const Matrix &matrix) {
  double sum = 0;
  for (double part : getGramNorms(gram, matrix))
    sum += part;
  return sum;
}
