//===- Process.cpp - other programs that the compiler runs ----------------===//
#include "lib/Target/Process.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Errno.h"
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace cinch;
using Clock = std::chrono::steady_clock;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Waits until `descriptor` can be read or is at its end; false: not by then.
static bool waitForInput(int descriptor, std::optional<Clock::time_point> end) {
  while (true) {
    int milliseconds = -1;
    if (end)
      milliseconds = static_cast<int>(std::max<int64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(*end -
                                                                Clock::now())
              .count(),
          0));
    pollfd channel{descriptor, POLLIN, 0};
    int ready = poll(&channel, 1, milliseconds);
    if (ready > 0 || (ready < 0 && errno != EINTR))
      return true; // a failure is one of read() too
    if (ready == 0)
      return false;
  }
}

/// Appends what comes from `descriptor` to `text` and closes it. False if its
/// end does not come before `end`.
static bool readAll(int descriptor, std::optional<Clock::time_point> end,
                    std::string &text) {
  char part[4096];
  ssize_t size = 1;
  bool isInTime = true;
  while (size > 0 || (size < 0 && errno == EINTR)) {
    isInTime = waitForInput(descriptor, end);
    if (!isInTime)
      break;
    size = read(descriptor, part, sizeof(part));
    text.append(part, std::max<ssize_t>(size, 0));
  }
  close(descriptor);
  return isInTime;
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

llvm::Expected<std::string> cinch::runProgram(ProgramName name,
                                              std::vector<std::string> args,
                                              int limitSeconds) {
  std::vector<char *> words; // made here: a child may not allocate
  words.reserve(args.size() + 1);
  for (std::string &arg : args)
    words.push_back(arg.data());
  words.push_back(nullptr);
  auto failToStart = [&](int cause) {
    return makeError("cannot start " + name.noun + ": " +
                     llvm::sys::StrError(cause));
  };
  int channel[2];
  if (pipe2(channel, O_CLOEXEC))
    return failToStart(errno);
  pid_t parent = getpid(), child = fork();
  if (child == 0)
    execute(words.data(), parent, channel[1]);
  int failure = errno;
  close(channel[1]);
  std::optional<Clock::time_point> end;
  if (limitSeconds)
    end = Clock::now() + std::chrono::seconds(limitSeconds);
  std::string said;
  bool isInTime = readAll(channel[0], end, said);
  if (child < 0)
    return failToStart(failure);
  if (!isInTime)
    kill(child, SIGKILL);
  int status = 0;
  pid_t ended;
  while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR)
    ;
  if (ended < 0) // the program that we are part of ignores SIGCHLD
    return makeError("cannot learn how " + name.noun +
                     " ended: " + llvm::sys::StrError());
  if (isInTime && WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return said;
  if (!isInTime)
    said += " (took more than " + std::to_string(limitSeconds) + " s)";
  else if (WIFSIGNALED(status))
    said += " (ended by signal " + std::to_string(WTERMSIG(status)) + ")";
  return makeError(name.work + " failed: " + llvm::StringRef(said).trim());
}
