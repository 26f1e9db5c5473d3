//===- Tensor.cpp - tensors and files -------------------------------------===//
#include "lib/TensorFiles/Tensor.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cinch {

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

std::string Tensor::str() const {
  std::string text = std::string(cinch_dtype_name(dtype)) + " [";
  for (size_t axis = 0; axis < shape.size(); ++axis)
    text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + "]";
}

bool getBytes(cinch_dtype_t dtype, const std::vector<int64_t> &shape,
              int64_t &out) {
  out = cinch_dtype_bits(dtype);
  bool isEmpty = false, overflows = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return false;
    isEmpty |= dim == 0;
    overflows |= __builtin_mul_overflow(out, dim, &out);
  }
  out = isEmpty ? 0 : out / 8 + (out % 8 != 0);
  return isEmpty || !overflows;
}

bool readFile(const std::string &path, std::string &out, std::string &error) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status)) {
    error = path + ": " + strerror(errno);
    if (descriptor >= 0)
      close(descriptor);
    return false;
  }
  if (!S_ISREG(status.st_mode)) {
    error = path + ": not a regular file";
    close(descriptor);
    return false;
  }
  out.resize(status.st_size);
  size_t done = 0;
  while (done < out.size()) {
    ssize_t count = read(descriptor, out.data() + done, out.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      error = path + ": " + (count ? strerror(errno) : "became shorter");
      close(descriptor);
      return false;
    }
    done += count;
  }
  close(descriptor);
  return true;
}

/// Writes all of `pieces`; errno says why not.
static bool writeAll(int descriptor, const std::vector<Bytes> &pieces) {
  for (Bytes piece : pieces)
    while (!piece.empty()) {
      ssize_t count = write(descriptor, piece.data(), piece.size());
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return false;
      piece.remove_prefix(count);
    }
  return true;
}

namespace {

/// The name of a file beside `path` that is removed if SIGINT, SIGTERM or
/// SIGHUP end the process meanwhile, whichever thread the signal meets. One at
/// a time.
class TemporaryName {
public:
  explicit TemporaryName(const std::string &path) {
    if (path.size() + 8 <= sizeof(text))
      memcpy(text, (path + ".XXXXXX").c_str(), path.size() + 8);
    struct sigaction action = {};
    action.sa_handler = removeAndEnd;
    for (size_t index = 0; index < 3; ++index) {
      sigaction(signals[index], nullptr, &before[index]);
      if (before[index].sa_handler != SIG_IGN) // as nohup sets it
        sigaction(signals[index], &action, nullptr);
    }
  }
  ~TemporaryName() {
    for (size_t index = 0; index < 3; ++index)
      sigaction(signals[index], &before[index], nullptr);
    text[0] = '\0';
  }
  /// For mkstemp, which refuses the empty name of a path that is too long.
  char *name() { return text; }

private:
  static void removeAndEnd(int number) {
    unlink(text);
    signal(number, SIG_DFL);
    raise(number);
  }

  static constexpr int signals[3] = {SIGINT, SIGTERM, SIGHUP};
  static char text[4096];
  struct sigaction before[3];
};

char TemporaryName::text[4096];

} // namespace

bool writeFile(const std::string &path, const std::vector<Bytes> &pieces,
               std::string &error) {
  struct stat status;
  bool isSpecial = stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  TemporaryName temporary(path);
  int descriptor = isSpecial ? open(path.c_str(), O_WRONLY | O_CLOEXEC)
                             : mkstemp(temporary.name());
  mode_t mask = umask(0);
  umask(mask);
  bool isWritten = descriptor >= 0 && writeAll(descriptor, pieces) &&
                   (isSpecial || fchmod(descriptor, 0666 & ~mask) == 0);
  int reason = errno;
  if (descriptor >= 0 && close(descriptor) && isWritten) {
    isWritten = false;
    reason = errno;
  }
  if (isWritten && !isSpecial && rename(temporary.name(), path.c_str())) {
    isWritten = false;
    reason = errno;
  }
  if (!isWritten) {
    error = path + ": " + strerror(reason);
    if (descriptor >= 0 && !isSpecial)
      unlink(temporary.name());
  }
  return isWritten;
}

} // namespace cinch
