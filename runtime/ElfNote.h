//===- ElfNote.h - what a compiled model says before it is opened ---------===//
#ifndef CINCH_RUNTIME_ELFNOTE_H
#define CINCH_RUNTIME_ELFNOTE_H

#include "runtime/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cinch::rt {

/// The note of a compiled model (runtime/ModuleAbi.h).
struct Note {
  int64_t abi = 0;
  std::string target, cpu;
  std::vector<std::string> features;
  std::string weightsChecksum;
  int64_t weightsBytes = 0;
};

/// Finds the descriptor of Cinch's note in the shared library `file[size]`,
/// without executing anything. Checks that all that dlopen would map lies
/// within the file. `path` is for messages.
cinch_status_t findNote(const char *path, const uint8_t *file, uint64_t size,
                        std::string_view &outDescriptor);

/// Parses the JSON `descriptor` and checks the ABI version, which comes first,
/// so that a later version may change everything else.
cinch_status_t parseNote(const char *path, std::string_view descriptor,
                         Note &outNote);

/// Refuses a model whose target or CPU features this machine does not have,
/// naming all that is missing.
cinch_status_t checkMachine(const char *path, const Note &note);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_ELFNOTE_H
