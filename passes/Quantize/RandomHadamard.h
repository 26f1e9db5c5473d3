//===- RandomHadamard.h - rotations that spread outliers ------------------===//
#ifndef CINCH_PASSES_QUANTIZE_RANDOMHADAMARD_H
#define CINCH_PASSES_QUANTIZE_RANDOMHADAMARD_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace cinch::quantize {

/// The rotation R = diag(signs) blockdiag(H, ..., H) of channels, with random
/// signs and Hadamard matrices H of Sylvester's construction over their norm,
/// of the largest power of two that divides the number of channels. H is
/// symmetric and its own inverse. Source: Ashkboos et al., "QuaRot", 2024,
/// section 3; blocks where that takes other known Hadamard matrices.
class RandomHadamard {
public:
  /// Of `size` > 0 channels; the signs follow from `seed` alone, everywhere.
  RandomHadamard(int64_t size, uint64_t seed);

  int64_t getSize() const { return static_cast<int64_t>(signs.size()); }
  /// The channels that a block spreads over each other.
  int64_t getBlock() const { return block; }
  /// 1 or -1 for each channel.
  llvm::ArrayRef<float> getSigns() const { return signs; }
  /// row * R in place, of one or more rows of `getSize()` channels.
  void apply(llvm::MutableArrayRef<double> rows) const;

private:
  std::vector<float> signs;
  int64_t block = 1;
};

/// The largest power of two that divides `size` > 0.
int64_t getPowerOfTwoFactor(int64_t size);

/// row * H in place, of one row of 2^k channels.
void applyHadamard(llvm::MutableArrayRef<double> row);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_RANDOMHADAMARD_H
