//===- WeightRounding.h - weights in few bits -----------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_WEIGHTROUNDING_H
#define CINCH_PASSES_QUANTIZE_WEIGHTROUNDING_H

#include "passes/Quantize/ScaleFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <vector>

namespace cinch::quantize {

/// Which elements of a row-major tensor [outer, extent, inner] share a scale,
/// and what scales are stored in.
struct Sharing {
  enum Kind {
    Tensor,  ///< all: one scale
    Channel, ///< those of one index of the middle: scales [extent]
    Group    ///< `group` in a row along the middle, of which the last group
             ///< may have fewer: scales [outer, ceil(extent / group), inner]
  };
  Kind kind = Tensor;
  int64_t outer = 1, extent = 1, inner = 1;
  int64_t group = 0; ///< of Group, > 0
  ScaleFormat scales = ScaleFormat::F32;

  int64_t getNumScales() const;
  /// Calls `visit` with every element of a scale, by number.
  void forEach(int64_t scale, llvm::function_ref<void(int64_t)> visit) const;
};

/// Elements are code * scale.
struct RoundedWeights {
  std::vector<float> scales;
  std::vector<uint8_t> codes; ///< one element each, in the low bits
  /// Sums over all elements: of the squares of errors and of the weights.
  double squaredError = 0, squaredSum = 0;
};

/// Rounds `weights` to `format` symmetrically: a scale is that of `makeScale`
/// for the largest magnitude, or with `search` the one of least squared error
/// of `makeScales`. All zeros have the smallest scale and codes of 0.
RoundedWeights roundWeights(llvm::ArrayRef<float> weights,
                            const Sharing &sharing, const Format &format,
                            bool search);

/// Whether every scale of `weights` is within the range that `sharing.scales`
/// has.
bool hasScales(llvm::ArrayRef<float> weights, const Sharing &sharing,
               const Format &format);

/// Puts codes of `bits` bits one behind the other, the first in the low bits of
/// the first byte, into `bytes`, which has room for exactly these.
void packCodes(llvm::ArrayRef<uint8_t> codes, unsigned bits,
               llvm::MutableArrayRef<char> bytes);

/// The code number `i` of what `packCodes` made.
uint8_t unpackCode(llvm::ArrayRef<char> bytes, unsigned bits, size_t i);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_WEIGHTROUNDING_H
