//===- Statistics.h - what samples show about values ----------------------===//
#ifndef CINCH_PASSES_QUANTIZE_STATISTICS_H
#define CINCH_PASSES_QUANTIZE_STATISTICS_H

#include "passes/Quantize/Histogram.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>

namespace cinch::quantize {

/// What the samples show about one value. All but `samples` and `elements` is
/// 0 while there are no elements.
struct ValueStatistics {
  int64_t samples = 0;  ///< that had elements
  int64_t elements = 0; ///< of all samples together
  double min = 0, max = 0;
  /// Sums of the extremes of each sample, for their averages.
  double minSum = 0, maxSum = 0;
  Histogram histogram;
  /// The largest magnitude of each channel. Channels are the last axis of
  /// operands of matrix products, and axis 1 of those of convolutions.
  std::vector<float> channelMax;
  std::vector<double> channelSum;
  std::vector<double> channelSquareSum;
  /// Sum of x^T x over all rows x of C channels, [C, C]; empty if not asked
  /// for.
  std::vector<double> secondMoment;

  /// What numbers are collected beside ranges.
  enum class Detail { Channels, SecondMoment };
  /// Takes in one sample: row-major `numbers` of a tensor [outer, C, inner]. A
  /// second moment is of rows, so inner is 1 for it. An error, and no change,
  /// if a number is not finite or the channels are not those of earlier
  /// samples.
  llvm::Error add(llvm::ArrayRef<float> numbers, int64_t numChannels,
                  int64_t inner, Detail detail);
  /// Takes in other samples of the same value; an error as for `add`.
  llvm::Error merge(const ValueStatistics &other);
  /// Rows that the second moment sums over.
  int64_t getNumRows() const {
    return channelMax.empty()
               ? 0
               : elements / static_cast<int64_t>(channelMax.size());
  }
};

/// What samples show about the values of one model, by their names. A file of
/// it is a .safetensors file (docs/formats.md).
class Statistics {
public:
  /// `model` is what `hashModel` returned for the model with observers.
  explicit Statistics(std::string model = "") : model(std::move(model)) {}

  const std::string &getModel() const { return model; }
  /// Samples that are done: where a calibration goes on.
  int64_t samples = 0;
  /// By name, in alphabetical order.
  std::map<std::string, ValueStatistics> values;

  /// Null if nothing is known of `name`.
  const ValueStatistics *find(llvm::StringRef name) const;
  /// Takes in other samples; an error if they are of another model.
  llvm::Error merge(const Statistics &other);

  /// An error names the file and what is wrong.
  llvm::Error write(llvm::StringRef path) const;
  /// Also fails on what no samples can have produced: missing or unknown
  /// entries, numbers that are not finite, counts that do not add up, another
  /// version, and, unless `model` is empty, another model.
  static llvm::Expected<Statistics> read(llvm::StringRef path,
                                         llvm::StringRef model = "");

private:
  std::string model;
};

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_STATISTICS_H
