//===- Options.h - command line of cinch-run ------------------------------===//
#ifndef CINCH_TOOLS_CINCHRUN_OPTIONS_H
#define CINCH_TOOLS_CINCHRUN_OPTIONS_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cinch::run {

struct Options {
  std::string model, device, weights, inputs, outputs, expect, json, trace;
  std::string counters;
  std::vector<std::pair<std::string, std::string>> inputFiles; ///< name, path
  std::vector<std::pair<std::string, int64_t>> dims;
  double rtol = 1e-3, atol = 1e-5;
  int64_t benchmarkRuns = 0, threads = 0, seed = 0;
  bool measureMemory = false, quiet = false, profile = false;
  bool verifyWeights = false, help = false, version = false;
};

extern const char *const usage;

/// Parses the command line; on failure sets `error`.
bool parseOptions(int argc, char **argv, Options &out, std::string &error);

} // namespace cinch::run

#endif // CINCH_TOOLS_CINCHRUN_OPTIONS_H
