//===- MappedFile.cpp - read-only file mappings and anonymous memory ------===//
#include "runtime/MappedFile.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace cinch::rt {

MappedFile::~MappedFile() {
  if (bytes)
    munmap(const_cast<uint8_t *>(bytes), length);
}

cinch_status_t MappedFile::open(const std::string &path) {
  // O_NONBLOCK: a FIFO must not block; it is refused below.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fail(CINCH_ERROR_IO, "%s: %s", path.c_str(), strerror(errno));
  if (fstat(descriptor, &fileStatus) || !S_ISREG(fileStatus.st_mode)) {
    close(descriptor);
    return fail(CINCH_ERROR_IO, "%s: not a regular file", path.c_str());
  }
  length = static_cast<uint64_t>(fileStatus.st_size);
  if (length) {
    void *address = mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor, 0);
    if (address == MAP_FAILED) {
      int error = errno;
      close(descriptor);
      return fail(CINCH_ERROR_IO, "%s: cannot be mapped: %s", path.c_str(),
                  strerror(error));
    }
    bytes = static_cast<const uint8_t *>(address);
  }
  close(descriptor);
  return CINCH_OK;
}

cinch_status_t Memory::allocate(int64_t bytes, const char *what) {
  int64_t page = sysconf(_SC_PAGESIZE);
  release();
  if (bytes <= 0)
    return CINCH_OK;
  if (bytes > INT64_MAX - page)
    return fail(CINCH_ERROR_OUT_OF_MEMORY, "%s needs %" PRId64 " bytes", what,
                bytes);
  int64_t rounded = (bytes + page - 1) / page * page;
  void *address = mmap(nullptr, rounded, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED)
    return fail(CINCH_ERROR_OUT_OF_MEMORY, "%s needs %" PRId64 " bytes: %s",
                what, bytes, strerror(errno));
  base = static_cast<uint8_t *>(address);
  length = rounded;
  return CINCH_OK;
}

void Memory::release() {
  if (base)
    munmap(base, length);
  base = nullptr;
  length = 0;
}

} // namespace cinch::rt
