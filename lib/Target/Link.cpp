//===- Link.cpp - makes the shared library of a compiled model
//------------------===//
//
// A user of the compiler needs no toolchain: the linker is LLVM's, there are no
// start files (a model has no constructors), and libm and libc are the ones
// that this very process has loaded, which every glibc system has.
//
//===----------------------------------------------------------------------===//
#include "lib/Target/Emit.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <cstdlib>
#include <link.h>

using namespace cinch;

/// The path from which the library `name` was loaded into this process.
static std::string findLoadedLibrary(llvm::StringRef name) {
  struct Search {
    llvm::StringRef name;
    std::string path;
  } search{name, ""};
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *data) {
        auto &search = *static_cast<Search *>(data);
        if (llvm::sys::path::filename(info->dlpi_name) == search.name)
          search.path = info->dlpi_name;
        return 0;
      },
      &search);
  return search.path;
}

llvm::Error cinch::linkSharedLibrary(llvm::StringRef objectPath,
                                     llvm::StringRef outputPath) {
  const char *chosen = std::getenv("CINCH_LLD");
  std::string linker = chosen ? chosen : CINCH_LLD_PATH;
  if (!llvm::sys::fs::can_execute(linker))
    return llvm::createStringError(
        "no linker at '" + linker +
        "'; install lld-22 or name an ld.lld in CINCH_LLD");
  llvm::SmallVector<std::string> arguments = {linker,
                                              "-shared",
                                              "--hash-style=gnu",
                                              "--build-id=none",
                                              "-z",
                                              "now",
                                              "-z",
                                              "relro",
                                              "--gc-sections",
                                              "-z",
                                              "defs",
                                              "--as-needed",
                                              "-o",
                                              outputPath.str(),
                                              objectPath.str()};
  for (llvm::StringRef library : {"libm.so.6", "libc.so.6"}) {
    std::string path = findLoadedLibrary(library);
    if (!path.empty())
      arguments.push_back(path);
  }
  llvm::SmallVector<llvm::StringRef> references(arguments.begin(),
                                                arguments.end());
  llvm::SmallString<128> log;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("cinch-link", "txt", log))
    return llvm::createStringError("cannot make a temporary file: " +
                                   code.message());
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, log.str(),
                                                log.str()};
  std::string error;
  int status = llvm::sys::ExecuteAndWait(linker, references, std::nullopt,
                                         redirects, /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &error);
  std::string output;
  if (auto buffer = llvm::MemoryBuffer::getFile(log))
    output = (*buffer)->getBuffer().str();
  llvm::sys::fs::remove(log);
  if (status != 0)
    return llvm::createStringError("linking failed: " + error + output);
  return llvm::Error::success();
}
