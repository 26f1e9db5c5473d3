//===- PassRecords.h - what each pass of a compilation changed ------------===//
#ifndef CINCH_LIB_PIPELINE_PASSRECORDS_H
#define CINCH_LIB_PIPELINE_PASSRECORDS_H

#include "mlir/Pass/PassManager.h"
#include <string>
#include <vector>

namespace cinch {

/// How much there is of a program. Bodies of kernels count, terminators do not.
struct ProgramSize {
  int64_t operations = 0;
  int64_t constants = 0; ///< operations that are constants, weights included
  int64_t constantBytes = 0; ///< of different tensor constants
};

/// The size of the module that `op` is in.
ProgramSize measureProgram(mlir::Operation *op);

/// One run of one pass.
struct PassRecord {
  std::string pass;
  ProgramSize before, after;
  /// What the pass counted itself, by name.
  std::vector<std::pair<std::string, int64_t>> counts;
};

/// Appends a record to `records`, which must outlive `passes`, for every pass
/// that `passes` runs to its end. Costs two walks over the program per pass.
void recordPasses(mlir::PassManager &passes, std::vector<PassRecord> &records);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_PASSRECORDS_H
