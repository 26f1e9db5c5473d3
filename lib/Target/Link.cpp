//===- Link.cpp - from an object to a shared library ----------------------===//
#include "lib/Target/Link.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <link.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
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

/// Reads `descriptor` to its end and closes it.
static std::string readAll(int descriptor) {
  std::string text;
  char part[4096];
  ssize_t size;
  while ((size = read(descriptor, part, sizeof(part))) > 0 ||
         (size < 0 && errno == EINTR))
    text.append(part, std::max<ssize_t>(size, 0));
  close(descriptor);
  return text;
}

/// Replaces the process, a child of `parent`, by the program `args`. The system
/// sends it SIGTERM when the parent ends, however that comes about: nobody
/// would rename or remove what it writes.
[[noreturn]] static void execute(char *const *args, pid_t parent, int output) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() == parent && dup2(output, STDOUT_FILENO) >= 0 &&
      dup2(output, STDERR_FILENO) >= 0)
    execv(args[0], args);
  _exit(127);
}

/// Runs the linker with `args`; what it prints is in the error.
static llvm::Error runLinker(std::vector<std::string> args) {
  std::string linker = findLinker();
  if (!llvm::sys::fs::can_execute(linker))
    return makeError("found no linker at '" + linker +
                     "'; install lld-22, or set CINCH_LLD to an ld.lld");
  args.insert(args.begin(), linker);
  std::vector<char *> words; // made here: a child may not allocate
  words.reserve(args.size() + 1);
  for (std::string &arg : args)
    words.push_back(arg.data());
  words.push_back(nullptr);
  int channel[2];
  if (pipe2(channel, O_CLOEXEC))
    return makeError("cannot start the linker: " + llvm::sys::StrError());
  pid_t parent = getpid(), child = fork();
  if (child == 0)
    execute(words.data(), parent, channel[1]);
  int failure = errno;
  close(channel[1]);
  std::string said = readAll(channel[0]);
  if (child < 0)
    return makeError("cannot start the linker: " +
                     llvm::sys::StrError(failure));
  int status = 0;
  pid_t ended;
  while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
    ;
  if (ended < 0) // the program that we are part of ignores SIGCHLD
    return makeError("cannot learn how the linker ended: " +
                     llvm::sys::StrError());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return llvm::Error::success();
  if (WIFSIGNALED(status))
    said += " (ended by signal " + std::to_string(WTERMSIG(status)) + ")";
  return makeError("linking failed: " + llvm::StringRef(said).trim());
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
