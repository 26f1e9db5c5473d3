//===- GuardedBuffer.cpp - memory between inaccessible pages --------------===//
#include "runtime/GuardedBuffer.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace cinch::rt {

static constexpr int64_t guardBytes = 1 << 20;

GuardedBuffer::~GuardedBuffer() {
  if (region)
    munmap(region, regionBytes);
}

cinch_status_t GuardedBuffer::allocate(int64_t bytes, int64_t alignment,
                                       uint8_t fill, std::string bufferName) {
  int64_t page = sysconf(_SC_PAGESIZE);
  name = std::move(bufferName);
  size = bytes;
  int64_t room = (bytes + alignment - 1) / alignment * alignment;
  pageBytes = (room + page - 1) / page * page;
  regionBytes = pageBytes + 2 * guardBytes;
  void *address = mmap(nullptr, regionBytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "measuring '%s' needs %" PRId64 " bytes: %s", name.c_str(),
                regionBytes, strerror(errno));
  region = static_cast<uint8_t *>(address);
  pages = region + guardBytes;
  base = pages + pageBytes - room;
  if (pageBytes && mprotect(pages, pageBytes, PROT_READ | PROT_WRITE))
    return fail(CINCH_ERROR_OUT_OF_MEMORY,
                "measuring '%s' needs %" PRId64 " bytes: %s", name.c_str(),
                pageBytes, strerror(errno));
  if (pageBytes)
    memset(pages, fill, pageBytes);
  return CINCH_OK;
}

void GuardedBuffer::protect() {
  if (pageBytes)
    mprotect(pages, pageBytes, PROT_READ);
}

bool GuardedBuffer::contains(const void *address) const {
  uintptr_t at = reinterpret_cast<uintptr_t>(address);
  uintptr_t begin = reinterpret_cast<uintptr_t>(region);
  return region && at >= begin && at < begin + regionBytes;
}

} // namespace cinch::rt
