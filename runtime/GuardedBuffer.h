//===- GuardedBuffer.h - memory between inaccessible pages ----------------===//
#ifndef CINCH_RUNTIME_GUARDEDBUFFER_H
#define CINCH_RUNTIME_GUARDEDBUFFER_H

#include "runtime/Status.h"

#include <cstdint>
#include <string>

namespace cinch::rt {

/// Memory whose end, up to its alignment, meets an inaccessible region of 1
/// MiB; another one lies before it. The bytes around it within its pages are
/// filled like the memory itself.
class GuardedBuffer {
public:
  GuardedBuffer() = default;
  GuardedBuffer(const GuardedBuffer &) = delete;
  GuardedBuffer &operator=(const GuardedBuffer &) = delete;
  ~GuardedBuffer();

  /// Allocates `bytes` bytes aligned to `alignment` (a power of two, at most a
  /// page), all set to `fill`. `name` is for messages.
  cinch_status_t allocate(int64_t bytes, int64_t alignment, uint8_t fill,
                          std::string name);
  /// Makes the memory read-only.
  void protect();

  uint8_t *data() const { return base; }
  /// The accessible pages around the memory.
  uint8_t *pagesBegin() const { return pages; }
  uint8_t *pagesEnd() const { return pages + pageBytes; }
  const std::string &getName() const { return name; }
  int64_t bytes() const { return size; }
  /// Whether `address` lies in this buffer's pages or guards.
  bool contains(const void *address) const;

private:
  uint8_t *region = nullptr, *pages = nullptr, *base = nullptr;
  int64_t regionBytes = 0, pageBytes = 0, size = 0;
  std::string name;
};

} // namespace cinch::rt

#endif // CINCH_RUNTIME_GUARDEDBUFFER_H
