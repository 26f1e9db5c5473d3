//===- Calibrators.h - from statistics to a scale -------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_CALIBRATORS_H
#define CINCH_PASSES_QUANTIZE_CALIBRATORS_H

#include "passes/Quantize/Format.h"
#include "passes/Quantize/Statistics.h"

namespace cinch::quantize {

/// How the range of a value is found; numbers beyond it saturate.
enum class Method {
  MinMax,       ///< the extremes of all samples
  Percentile,   ///< holds a part of the numbers (Krishnamoorthi, 2018)
  Entropy,      ///< least information lost (Migacz, 2017)
  Mse,          ///< least squared error, of 100 shrunken ranges and the others
  MovingAverage ///< the average of the extremes of the samples
};

/// Its name in options and plans, and back.
llvm::StringRef getName(Method method);
std::optional<Method> parseMethod(llvm::StringRef name);

/// Numbers that are represented; holds 0.
struct Bounds {
  double low = 0, high = 0;
};

/// Numbers are q * scale, or (q - zero) * scale of an integer that is not
/// symmetric.
struct Scale {
  float scale;
  int64_t zero = 0;
};

/// s = largest magnitude / largest number of `format` if symmetric, else
/// s = (high - low) / (max - min) with zero = round(min - low / s). Not less
/// than `minScale`, which a range of zeros has.
Scale getScale(Bounds range, const Format &format, bool isSymmetric);

/// The range of `value` by `method`. `percent` of the numbers are in the range
/// of a percentile: of magnitudes if symmetric, else half of the others are
/// beyond each end. `Entropy` looks at magnitudes, for as many levels as
/// `format` has above 0. Methods but MinMax and MovingAverage know numbers to a
/// 4096th of the range, or better.
Bounds findRange(const ValueStatistics &value, Method method,
                 const Format &format, bool isSymmetric, double percent);

/// The mean squared error of `histogram` in `format` with `scale`, of numbers
/// in the middles of their bins.
double getSquaredError(const Histogram &histogram, Scale scale,
                       const Format &format);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_CALIBRATORS_H
