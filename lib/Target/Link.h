//===- Link.h - from an object to a shared library ------------------------===//
#ifndef CINCH_LIB_TARGET_LINK_H
#define CINCH_LIB_TARGET_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace cinch {

/// Links object files into the shared library `output` with LLVM's linker: the
/// one that the environment variable CINCH_LLD names, else the one of the LLVM
/// installation that this process has loaded, else the one that was configured.
/// Needs no toolchain; the result needs libc and libm at most. An error carries
/// what the linker said. The linker ends when the calling thread does.
llvm::Error linkSharedLibrary(llvm::ArrayRef<std::string> objects,
                              llvm::StringRef output);
/// Joins object files into one object file, in the same way.
llvm::Error linkObject(llvm::ArrayRef<std::string> objects,
                       llvm::StringRef output);

} // namespace cinch

#endif // CINCH_LIB_TARGET_LINK_H
