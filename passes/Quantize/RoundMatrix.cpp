//===- RoundMatrix.cpp - matrices in few bits, as f64 ---------------------===//
#include "passes/Quantize/RoundMatrix.h"

using namespace cinch;
using namespace cinch::quantize;
using algebra::Matrix;

Matrix cinch::quantize::roundMatrix(const Matrix &matrix,
                                    const Sharing &sharing,
                                    const Format &format, bool search) {
  std::vector<float> numbers = matrix.toFloats();
  std::vector<float> scales =
      roundWeights(numbers, sharing, format, search).scales;
  Matrix result(matrix.getNumRows(), matrix.getNumColumns());
  for (int64_t cell = 0; cell < sharing.getNumScales(); ++cell)
    sharing.forEach(cell, [&](int64_t i) {
      double code = format.round(numbers[i] / scales[cell]);
      result.getElements()[i] = static_cast<float>(code) * scales[cell];
    });
  return result;
}
