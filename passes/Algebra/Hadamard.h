//===- Hadamard.h - rotations that spread outliers ------------------------===//
#ifndef CINCH_PASSES_ALGEBRA_HADAMARD_H
#define CINCH_PASSES_ALGEBRA_HADAMARD_H

#include "passes/Algebra/Matrix.h"

namespace cinch::algebra {

/// Multiplies 2^k numbers by the Hadamard matrix of Sylvester's construction
/// over its norm, 2^(k/2), in place, in 2^k * k additions.
void applyHadamard(llvm::MutableArrayRef<double> numbers);

/// The rotation R = diag(signs) * blockdiag(H, ..., H) of `size` channels, with
/// random signs of `seed` and Hadamard matrices H of the largest power of two
/// that divides `size`, over their norms. Source: Ashkboos et al., "QuaRot",
/// 2024, section 3; blocks where `size` is no power of two, in place of larger
/// known Hadamard matrices.
class RandomHadamard {
public:
  RandomHadamard(int64_t size, uint64_t seed);

  int64_t getSize() const { return static_cast<int64_t>(signs.size()); }
  /// The channels of a block, which are spread over each other.
  int64_t getBlock() const { return block; }

  /// matrix * R, in place: activations, weights by outputs.
  void applyToRows(Matrix &matrix) const;
  /// R^T * matrix, in place: weights by inputs.
  void applyToColumns(Matrix &matrix) const;
  Matrix getMatrix() const;

private:
  std::vector<double> signs;
  int64_t block = 1;
};

} // namespace cinch::algebra

#endif // CINCH_PASSES_ALGEBRA_HADAMARD_H
