//===- Link.cpp - from an object to a shared library ----------------------===//
#include "lib/Target/Link.h"
#include "lib/Target/Process.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <link.h>
#include <vector>

using namespace cinch;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Path of the library of this process whose file name starts with `prefix`.
static std::string findLoadedLibrary(llvm::StringRef prefix) {
  struct Search {
    llvm::StringRef prefix;
    std::string found;
  } search{prefix, ""};
  auto visit = [](dl_phdr_info *info, size_t, void *data) {
    auto &search = *static_cast<Search *>(data);
    llvm::StringRef path(info->dlpi_name);
    if (!llvm::sys::path::filename(path).starts_with(search.prefix))
      return 0;
    search.found = path.str();
    return 1;
  };
  dl_iterate_phdr(visit, &search);
  return search.found;
}

static std::string findLinker() {
  if (std::optional<std::string> path = llvm::sys::Process::GetEnv("CINCH_LLD"))
    return *path;
  llvm::SmallString<128> library;
  if (!llvm::sys::fs::real_path(findLoadedLibrary("libLLVM"), library)) {
    llvm::SmallString<128> path = llvm::sys::path::parent_path(library);
    llvm::sys::path::append(path, "..", "bin", "ld.lld");
    if (llvm::sys::fs::can_execute(path))
      return std::string(path);
  }
  return CINCH_DEFAULT_LLD;
}

/// Runs the linker with `args`; what it prints is in the error.
static llvm::Error runLinker(std::vector<std::string> args) {
  std::string linker = findLinker();
  if (!llvm::sys::fs::can_execute(linker))
    return makeError("found no linker at '" + linker +
                     "'; install lld-22, or set CINCH_LLD to an ld.lld");
  args.insert(args.begin(), linker);
  return runProgram({"the linker", "linking"}, std::move(args)).takeError();
}

llvm::Error cinch::linkSharedLibrary(llvm::ArrayRef<std::string> objects,
                                     llvm::StringRef output) {
  std::vector<std::string> args = {"-shared",
                                   "--build-id=none",
                                   "--hash-style=gnu",
                                   "-z",
                                   "now",
                                   "-z",
                                   "relro",
                                   "-z",
                                   "noexecstack",
                                   "-z",
                                   "defs",
                                   "--as-needed",
                                   "-o",
                                   output.str()};
  // Weights, which a second object holds, must not be mapped as code.
  if (objects.size() == 1)
    args.push_back("--no-rosegment");
  llvm::append_range(args, objects);
  for (const std::string &library :
       {findLoadedLibrary("libm.so"), findLoadedLibrary("libc.so")})
    if (!library.empty())
      args.push_back(library);
  return runLinker(std::move(args));
}

llvm::Error cinch::linkObject(llvm::ArrayRef<std::string> objects,
                              llvm::StringRef output) {
  std::vector<std::string> args = {"-r", "-o", output.str()};
  llvm::append_range(args, objects);
  return runLinker(std::move(args));
}
