//===- Observers.h - a program that tells what its values are like --------===//
#ifndef CINCH_PASSES_QUANTIZE_OBSERVERS_H
#define CINCH_PASSES_QUANTIZE_OBSERVERS_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/Quantize/Statistics.h"

namespace cinch::quantize {

/// A value that is observed: what the program returns about it.
struct Observer {
  /// The results of an observer, in order. Floats are f32.
  enum Result : unsigned {
    Min,              ///< scalar; +inf of an empty value
    Max,              ///< scalar
    ChannelMax,       ///< [channels], of magnitudes
    ChannelSum,       ///< [channels]
    ChannelSquareSum, ///< [channels]
    Counts,           ///< [Histogram::numBins], i64: graph.histogram
    SecondMoment,
    numResults
  };
  std::string name;
  int64_t numChannels;
  bool hasSecondMoment; ///< [channels, channels]; else that result is missing
  unsigned getNumResults() const {
    return hasSecondMoment ? numResults : numResults - 1;
  }
};

/// Adds results to the entry of `module`: those of an observer for every f32
/// operand of a product (matmul, conv, conv_transpose), and every other value
/// that is stored (see StoredValues.h), outside of control flow that is no
/// constant and whose number of channels is known. Second moments are of what
/// is multiplied by a constant matrix and has at most `maxMomentChannels`. They
/// are computed by the program itself, so that nothing but them is kept.
std::vector<Observer> addObservers(mlir::ModuleOp module,
                                   int64_t maxMomentChannels);

/// Takes what an observer returned of one sample into `statistics`: `results`
/// are the bytes of its results. An error if a number is not finite.
llvm::Error addSample(const Observer &observer,
                      llvm::ArrayRef<llvm::ArrayRef<char>> results,
                      ValueStatistics &statistics);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_OBSERVERS_H
