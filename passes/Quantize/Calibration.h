//===- Calibration.h - statistics for a pass ------------------------------===//
#ifndef CINCH_PASSES_QUANTIZE_CALIBRATION_H
#define CINCH_PASSES_QUANTIZE_CALIBRATION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Quantize/Calibrators.h"
#include "passes/Quantize/Statistics.h"

namespace cinch::quantize {

/// What is known of the values of a function that passes change one after the
/// other.
class Calibration {
public:
  /// Reads the file at `path`, which must be of `function` as it is, or as it
  /// was when its first file was read: passes behind that give values that they
  /// change other names. Remembers the model in the attribute
  /// `graph.calibrated_model`. Without a path nothing is known.
  static llvm::Expected<Calibration> read(mlir::func::FuncOp function,
                                          llvm::StringRef path);

  /// Null if no samples show `name`.
  const ValueStatistics *find(llvm::StringRef name) const {
    return statistics.find(name);
  }
  /// X^T X of the rows of `name`, of its statistics or, if it is smoothed, as
  /// it follows from those of the value that it was; empty if it is unknown.
  std::vector<double> findSecondMoment(llvm::StringRef name) const;
  /// Whether `findRange` finds a range.
  bool knows(llvm::StringRef name, Method method) const;
  /// The range of a value by `method`, of its statistics, or, by minmax, of
  /// what smooth-activations wrote. An error says, behind the name, that
  /// there are none, and which name is near.
  llvm::Expected<Bounds> findRange(llvm::StringRef name, Method method,
                                   const Format &format, bool isSymmetric,
                                   double percent) const;

private:
  Statistics statistics;
  std::string path;
  mlir::DictionaryAttr smoothed, smoothingFactors;
};

/// Writes the attribute `graph.calibrated_model` if there is none: before a
/// pass changes the numbers of `function`, so that statistics of it can be read
/// after. An error if a constant cannot be read.
llvm::Error rememberModel(mlir::func::FuncOp function);

/// The attribute of a function with the ranges of the values that are smoothed:
/// {"x/smoothed" = [low, high]}, bounds that follow from the largest magnitude
/// of each channel.
constexpr llvm::StringLiteral smoothedAttributeName = "graph.smoothed";

/// The attribute of a function with what channels of smoothed values were
/// divided by: {"x/smoothed" = {factors = dense<...>, value = "x"}}.
constexpr llvm::StringLiteral smoothingFactorsAttributeName =
    "graph.smoothing_factors";
/// One entry of it.
mlir::DictionaryAttr getSmoothingAttr(mlir::MLIRContext *context,
                                      llvm::StringRef value,
                                      llvm::ArrayRef<double> factors);

} // namespace cinch::quantize

#endif // CINCH_PASSES_QUANTIZE_CALIBRATION_H
