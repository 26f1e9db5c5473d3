//===- Options.h - command line of cinch-emulate --------------------------===//
#ifndef CINCH_TOOLS_CINCHEMULATE_OPTIONS_H
#define CINCH_TOOLS_CINCHEMULATE_OPTIONS_H

#include "runtime/Emulator/Launch.h"
#include "tools/cinch-emulate/Arguments.h"

namespace cinch::emulate {

enum class CounterFormat { None, Text, Json };

struct Options {
  std::string file, kernel;
  const emulator::Architecture *architecture = nullptr;
  emulator::LaunchConfig config;
  emulator::LaunchOptions launch;
  std::vector<Argument> arguments;
  CounterFormat counters = CounterFormat::None;
  bool list = false, help = false, version = false;
};

extern const char *const usage;

/// Parses the command line; on failure sets `error`.
bool parseOptions(int argc, char **argv, Options &out, std::string &error);

} // namespace cinch::emulate

#endif // CINCH_TOOLS_CINCHEMULATE_OPTIONS_H
