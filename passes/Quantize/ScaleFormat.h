//===- ScaleFormat.h - what scales are stored in --------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_SCALEFORMAT_H
#define CINCH_PASSES_QUANTIZE_SCALEFORMAT_H

#include "passes/Quantize/Format.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace cinch::quantize {

/// What scales are stored in.
enum class ScaleFormat {
  F32,
  F16, ///< normal numbers, 2^-14 to 65504
  E8M0 ///< powers of two, 2^-126 to 2^127, in 8 bits
};

/// Its name in plans, which is that of the element type, and back.
llvm::StringRef getName(ScaleFormat scales);
std::optional<ScaleFormat> parseScaleFormat(llvm::StringRef name);
/// Bytes of one scale.
int64_t getScaleBytes(ScaleFormat scales);
/// The smallest scale, which zeros have.
float getLeastScale(ScaleFormat scales);

/// The scale of numbers of at most `largest` in magnitude in `format`. It is
/// largest / format.getLargest(), rounded to nearest, ties to even; of E8M0 the
/// power of two of `largest` over that of the largest number, by which up to an
/// eighth of the range of f4E2M1FN saturates (OCP Microscaling Formats
/// Specification 1.0, 2023, section 6.3). Not less than the smallest scale, and
/// saturates.
float makeScale(double largest, const Format &format, ScaleFormat scales);

/// The scales that are worth a try for numbers of at most `largest`, that of
/// `makeScale` first: of 100 shrunken magnitudes (1/100 to 1), or the powers of
/// two beside it.
std::vector<float> makeScales(double largest, const Format &format,
                              ScaleFormat scales);

/// Whether `scales` has a number for those of `largest`, a magnitude; zeros
/// have one always.
bool hasScale(double largest, const Format &format, ScaleFormat scales);

/// The numbers of scales as they lie in memory.
std::vector<float> decodeScales(llvm::ArrayRef<char> bytes, ScaleFormat scales);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_SCALEFORMAT_H
