//===- Cpu.h - the processor that code is generated for
//-----------------------===//
#ifndef CINCH_LIB_TARGET_CPU_H
#define CINCH_LIB_TARGET_CPU_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>

namespace cinch {

/// A processor by LLVM's name, and the features that its code may use.
struct Cpu {
  std::string name;
  llvm::SmallVector<std::string> features; ///< sorted, without sign

  /// `native` (this machine) or a name that LLVM knows, such as `x86-64-v3`.
  /// Fails for an unknown name, and for one below x86-64-v3: the microkernels
  /// need AVX2 and FMA.
  static llvm::Expected<Cpu> resolve(llvm::StringRef name);

  /// A machine that generates position independent code for this processor.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine() const;
};

} // namespace cinch

#endif // CINCH_LIB_TARGET_CPU_H
