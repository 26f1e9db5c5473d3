//===- PrecisionSearch.h - products that must stay in f32 -----------------===//
#ifndef CINCH_LIB_PIPELINE_PRECISIONSEARCH_H
#define CINCH_LIB_PIPELINE_PRECISIONSEARCH_H

#include "lib/Pipeline/PrecisionError.h"
#include "passes/Precision/RoundingGates.h"

namespace cinch {

/// Orders the products of a program by what rounding their operands costs, and
/// predicts how many must stay in f32 for an error. It compiles one program in
/// f32 that rounds the operands of the products it is told to.
class PrecisionSearch {
public:
  /// Most groups of consecutive products, each of which takes a run.
  static constexpr int64_t maxGroups = 64;

  explicit PrecisionSearch(PrecisionSamples &samples) : samples(samples) {}
  /// Compiles `module`, in f32 on the graph level, and runs it once for every
  /// group; the more the norm of the outputs' error is, the earlier it comes.
  llvm::Error load(mlir::ModuleOp module, mlir::FloatType element);
  /// How many of the first groups have to stay in f32 so that the error of the
  /// others is within `goal`, found by bisection; all if that is never so.
  llvm::Expected<int64_t> countFor(double goal);
  int64_t getNumGroups() const { return groups.size(); }
  /// The products of the first `count` groups.
  std::vector<std::string> getProducts(int64_t count) const;

private:
  PrecisionSamples &samples;
  SampleProgram program;
  std::vector<precision::ProductGroup> groups;
  std::vector<int64_t> order; ///< of groups
};

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PRECISIONSEARCH_H
