//===- Tensor.cpp - tensors and files -------------------------------------===//
#include "tools/cinch-run/Tensor.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cinch::run {

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
  out = cinch_dtype_bytes(dtype);
  bool isEmpty = false, overflows = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return false;
    isEmpty |= dim == 0;
    overflows |= __builtin_mul_overflow(out, dim, &out);
  }
  if (isEmpty)
    out = 0;
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

bool writeFile(const std::string &path, const std::vector<Bytes> &pieces,
               std::string &error) {
  struct stat status;
  bool isSpecial = stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
  std::string temporary = path + ".XXXXXX";
  // A signal waits until the file has its name or is gone. Not where writing
  // may take forever.
  sigset_t signals, before;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&signals, signal);
  if (isSpecial)
    sigemptyset(&signals);
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  int descriptor = isSpecial ? open(path.c_str(), O_WRONLY | O_CLOEXEC)
                             : mkstemp(temporary.data());
  mode_t mask = umask(0);
  umask(mask);
  bool isWritten = descriptor >= 0 && writeAll(descriptor, pieces) &&
                   (isSpecial || fchmod(descriptor, 0666 & ~mask) == 0);
  int reason = errno;
  if (descriptor >= 0 && close(descriptor) && isWritten) {
    isWritten = false;
    reason = errno;
  }
  if (isWritten && !isSpecial && rename(temporary.c_str(), path.c_str())) {
    isWritten = false;
    reason = errno;
  }
  if (!isWritten) {
    error = path + ": " + strerror(reason);
    if (descriptor >= 0 && !isSpecial)
      unlink(temporary.c_str());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return isWritten;
}

} // namespace cinch::run
