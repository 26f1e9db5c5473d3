//===- Hadamard.cpp - rotations that spread outliers ----------------------===//
#include "passes/Algebra/Hadamard.h"
#include "passes/Algebra/Random.h"
#include <cassert>
#include <cmath>

using namespace cinch::algebra;

void cinch::algebra::applyHadamard(llvm::MutableArrayRef<double> numbers) {
  size_t size = numbers.size();
  assert(size && (size & (size - 1)) == 0);
  for (size_t half = 1; half < size; half *= 2)
    for (size_t first = 0; first < size; first += 2 * half)
      for (size_t i = first; i < first + half; ++i) {
        double left = numbers[i], right = numbers[i + half];
        numbers[i] = left + right;
        numbers[i + half] = left - right;
      }
  double norm = std::sqrt(static_cast<double>(size));
  for (double &number : numbers)
    number /= norm;
}

RandomHadamard::RandomHadamard(int64_t size, uint64_t seed) {
  assert(size > 0);
  Random random(seed);
  for (int64_t i = 0; i < size; ++i)
    signs.push_back(random.nextSign());
  while (size % (2 * block) == 0)
    block *= 2;
}

void RandomHadamard::applyToRows(Matrix &matrix) const {
  assert(matrix.getNumColumns() == getSize());
  for (int64_t i = 0; i < matrix.getNumRows(); ++i) {
    llvm::MutableArrayRef<double> row = matrix.getRow(i);
    for (int64_t j = 0; j < getSize(); ++j)
      row[j] *= signs[j];
    for (int64_t first = 0; first < getSize(); first += block)
      applyHadamard(row.slice(first, block));
  }
}

void RandomHadamard::applyToColumns(Matrix &matrix) const {
  assert(matrix.getNumRows() == getSize());
  // R^T M = (M^T R)^T.
  Matrix transposed = matrix.transpose();
  applyToRows(transposed);
  matrix = transposed.transpose();
}

Matrix RandomHadamard::getMatrix() const {
  Matrix matrix = Matrix::getIdentity(getSize());
  applyToRows(matrix);
  return matrix;
}
