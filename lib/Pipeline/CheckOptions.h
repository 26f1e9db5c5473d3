//===- CheckOptions.h - what a compilation may be asked for ---------------===//
#ifndef CINCH_LIB_PIPELINE_CHECKOPTIONS_H
#define CINCH_LIB_PIPELINE_CHECKOPTIONS_H

#include "lib/Pipeline/Compile.h"
#include <optional>

namespace cinch {

struct OptionProblem {
  Status status; ///< WrongUsage, or Failed where a file cannot be written
  std::string message;
};

/// Checks `options` before the long work, and names the output file if they do
/// not. Returns what is wrong.
std::optional<OptionProblem> checkOptions(CompileOptions &options);

} // namespace cinch

#endif // CINCH_LIB_PIPELINE_CHECKOPTIONS_H
