//===- Format.h - the numbers of few bits that values are stored in -------===//
#ifndef CINCH_PASSES_QUANTIZE_FORMAT_H
#define CINCH_PASSES_QUANTIZE_FORMAT_H

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace cinch::quantize {

/// An element type of few bits, without MLIR.
struct Format {
  llvm::StringLiteral name; ///< as MLIR writes it; signed integers have no sign
  unsigned bits;
  /// Of an integer: the smallest and largest number. Of a float 0.
  int64_t min, max;
  /// Of a float; null for an integer.
  const llvm::fltSemantics *semantics;

  bool isFloat() const { return semantics; }
  bool isSigned() const { return isFloat() || min < 0; }
  /// The largest number that its negative has a code for, too, or the largest
  /// one of an unsigned integer.
  double getLargest() const;
  /// `number` saturated to [-getLargest(), getLargest()] (from 0 if unsigned)
  /// and rounded to nearest, ties to even.
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
