//===- Machine.h - the CPU that code is made for
//-------------------------------===//
#ifndef CINCH_LIB_TARGET_MACHINE_H
#define CINCH_LIB_TARGET_MACHINE_H

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>
#include <vector>

namespace cinch {

/// Code generation for one CPU of this machine's architecture.
struct Machine {
  std::unique_ptr<llvm::TargetMachine> target;
  std::string cpu; ///< LLVM's name; "native" is resolved
  /// What the CPU must have to run the code, in the names of
  /// llvm::sys::getHostCPUFeatures, sorted.
  std::vector<std::string> features;
};

/// `cpu`: "native" or a name that LLVM knows, such as "x86-64-v3".
llvm::Expected<Machine> createMachine(llvm::StringRef cpu);

} // namespace cinch

#endif // CINCH_LIB_TARGET_MACHINE_H
