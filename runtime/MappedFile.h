//===- MappedFile.h - read-only file mappings and anonymous memory --------===//
#ifndef CINCH_RUNTIME_MAPPEDFILE_H
#define CINCH_RUNTIME_MAPPEDFILE_H

#include "runtime/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/stat.h>

namespace cinch::rt {

/// A regular file mapped read-only; unmapped on destruction. The mapping is
/// shared with other processes.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  /// Maps `path`, once per object. An empty file is mapped with null data.
  cinch_status_t open(const std::string &path);
  const uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }
  const struct stat &status() const { return fileStatus; }

private:
  const uint8_t *bytes = nullptr;
  uint64_t length = 0;
  struct stat fileStatus = {};
};

/// Zero-filled memory from the system, aligned to a page; freed on destruction.
class Memory {
public:
  Memory() = default;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory() { release(); }

  /// Replaces the memory by at least `bytes` bytes. `what` names it in a
  /// message.
  cinch_status_t allocate(int64_t bytes, const char *what);
  void release();
  uint8_t *data() const { return base; }
  int64_t size() const { return length; }

private:
  uint8_t *base = nullptr;
  int64_t length = 0;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_MAPPEDFILE_H
