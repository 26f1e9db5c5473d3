//===- Link.cpp - from an object to a shared library ----------------------===//
#include "lib/Target/Link.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include <link.h>

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

llvm::Error cinch::linkSharedLibrary(llvm::StringRef object,
                                     llvm::StringRef output) {
  std::string linker = findLinker();
  if (!llvm::sys::fs::can_execute(linker))
    return makeError("found no linker at '" + linker +
                     "'; install lld-22, or set CINCH_LLD to an ld.lld");
  std::string math = findLoadedLibrary("libm.so"),
              c = findLoadedLibrary("libc.so");
  llvm::SmallVector<llvm::StringRef> args = {linker,
                                             "-shared",
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
                                             "--no-rosegment",
                                             "-o",
                                             output,
                                             object};
  for (llvm::StringRef library : {llvm::StringRef(math), llvm::StringRef(c)})
    if (!library.empty())
      args.push_back(library);
  llvm::SmallString<128> messages;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("cinch-link", "txt", messages))
    return makeError("cannot create a temporary file: " + error.message());
  llvm::scope_exit cleanUp([&] { (void)llvm::sys::fs::remove(messages); });
  std::string error;
  llvm::StringRef messagesPath(messages);
  int status = llvm::sys::ExecuteAndWait(
      linker, args, std::nullopt, {std::nullopt, messagesPath, messagesPath},
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &error);
  if (status == 0)
    return llvm::Error::success();
  if (auto text = llvm::MemoryBuffer::getFile(messages))
    error += (*text)->getBuffer().trim().str();
  return makeError("linking failed: " + error);
}
