//===- Format.h - the numbers of few bits that values are stored in -------===//
#ifndef CINCH_PASSES_QUANTIZE_FORMAT_H
#define CINCH_PASSES_QUANTIZE_FORMAT_H

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace cinch::quantize {

/// Numbers of few bits, without MLIR.
struct Format {
  /// As MLIR writes the element type, if there is one; signed integers have no
  /// sign.
  llvm::StringLiteral name;
  unsigned bits;
  /// Of an integer: the smallest and largest number. Of a float 0.
  int64_t min, max;
  /// Of a float; null for an integer.
  const llvm::fltSemantics *semantics;
  /// Of a codebook: the number of each code; null for others. They rise, or,
  /// if logarithmic, are 1, 1/2, 1/4, ... and 0, for numbers in [0, 1].
  const float *levels = nullptr;
  bool isLogarithmic = false;

  bool isFloat() const { return semantics; }
  bool isSigned() const {
    return isFloat() || (levels && !isLogarithmic) || min < 0;
  }
  /// Whether tensors have elements of it, of the type of its name or of
  /// unsigned codes.
  bool isByElement() const { return 8 % bits == 0; }
  /// Weights only: codebooks and what is packed by rows.
  bool isForWeights() const {
    return (levels && !isLogarithmic) || !isByElement();
  }
  /// The largest number that its negative has a code for, too, or the largest
  /// one of an unsigned integer.
  double getLargest() const;
  /// `number` saturated to [-getLargest(), getLargest()] (from 0 if unsigned)
  /// and rounded to nearest, ties to even, or to the upper level.
  double round(double number) const;
  /// The bits of a number that `round` returned, in the low bits.
  uint8_t encode(double rounded) const;
  /// The number of a code in the low bits.
  double decode(uint8_t code) const;

  /// Null for other names.
  static const Format *find(llvm::StringRef name);
};

/// The smallest scale: smaller ones are no normal numbers in f32.
constexpr float minScale = 0x1p-126f;

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_FORMAT_H
