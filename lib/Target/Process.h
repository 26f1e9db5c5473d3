//===- Process.h - other programs that the compiler runs ------------------===//
#ifndef CINCH_LIB_TARGET_PROCESS_H
#define CINCH_LIB_TARGET_PROCESS_H

#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace cinch {

/// What a program is called in messages.
struct ProgramName {
  llvm::StringRef noun; ///< such as "the linker"
  llvm::StringRef work; ///< what it does, such as "linking"
};

/// Runs `args`, the first of which is the path of a program, without a shell.
/// Returns what it printed. An error (it cannot be started, exits with a status
/// other than 0, is ended by a signal, takes more than `limitSeconds`; 0: no
/// limit) carries that too. The program ends when the calling thread does.
llvm::Expected<std::string> runProgram(ProgramName name,
                                       std::vector<std::string> args,
                                       int limitSeconds = 0);

} // namespace cinch

#endif // CINCH_LIB_TARGET_PROCESS_H
