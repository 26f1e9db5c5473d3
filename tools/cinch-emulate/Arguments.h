//===- Arguments.h - what a kernel is given -------------------------------===//
#ifndef CINCH_TOOLS_CINCHEMULATE_ARGUMENTS_H
#define CINCH_TOOLS_CINCHEMULATE_ARGUMENTS_H

#include "runtime/Emulator/Memory.h"
#include <string>
#include <vector>

namespace cinch::emulate {

/// One `--arg`: a value, or a buffer on the device whose address is passed.
struct Argument {
  /// As it was written, for messages.
  std::string text;
  bool isBuffer = false;
  /// The bytes of the value.
  std::string value;
  /// A buffer's files: read before, written afterwards. Empty: none.
  std::string input, output;
  /// Size of a buffer without input; whether it is zeroed first.
  uint64_t bytes = 0;
  bool isZeroed = false;

  /// What of the input file precedes the data (the header of a .npy).
  std::string header;
  uint64_t address = 0;
};

/// Parses the text of `--arg`; on failure sets `error`.
bool parseArgument(const std::string &text, Argument &out, std::string &error);

/// Reads the whole file at `path`; on failure sets `error`.
bool readFile(const std::string &path, std::string &out, std::string &error);

/// Allocates and fills a buffer.
bool placeBuffer(emulator::Memory &memory, Argument &argument,
                 std::string &error);

/// Writes every output file: all of them, or none.
bool writeOutputs(const emulator::Memory &memory,
                  const std::vector<Argument> &arguments, std::string &error);

} // namespace cinch::emulate

#endif // CINCH_TOOLS_CINCHEMULATE_ARGUMENTS_H
