//===- Report.h - what cinch-run says about a run -------------------------===//
#ifndef CINCH_TOOLS_CINCHRUN_REPORT_H
#define CINCH_TOOLS_CINCHRUN_REPORT_H

#include "tools/cinch-run/Data.h"

#include <optional>

namespace cinch::run {

/// Times in milliseconds, sorted.
struct Timing {
  std::vector<double> runs;
  /// The smallest time that a share of `share` of the runs does not exceed.
  double quantile(double share) const;
};

struct Statistics {
  cinch_model_info_t model = {};
  cinch_memory_info_t memory = {};
  std::optional<cinch_measurement_t> measurement;
  cinch_counters_t counters = {};
  double firstRunMs = 0;
  Timing timing;                       ///< empty without --benchmark
  std::vector<Comparison> comparisons; ///< empty without --expect
};

/// Prints the report to the standard output.
void printReport(const Statistics &statistics,
                 const std::vector<NamedTensor> &outputs);
/// Prints one line per kernel of `session`, by time.
void printProfile(const cinch_session_t *session, int32_t kernelCount);
/// Writes the calls of all kernels of `session` as a Chrome trace, in
/// microseconds from the first call; says on the standard error how many events
/// had no room.
bool writeTrace(const std::string &path, const cinch_session_t *session,
                int32_t kernelCount, std::string &error);
/// Writes the JSON file of --json.
bool writeJson(const std::string &path, const Statistics &statistics,
               const std::vector<NamedTensor> &outputs, std::string &error);

} // namespace cinch::run

#endif // CINCH_TOOLS_CINCHRUN_REPORT_H
