//===- Memory.cpp - the global memory of the emulated device --------------===//
#include "runtime/Emulator/Memory.h"
#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <sys/mman.h>

using namespace cinch::emulator;

/// Between allocations, so that what runs past the end of one hits nothing.
static constexpr uint64_t kGap = 4096, kAlignment = 512;

Pages::~Pages() {
  if (memory)
    munmap(memory, size);
}

bool Pages::reserve(size_t bytes) {
  void *pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED)
    return false;
  memory = static_cast<char *>(pages);
  size = bytes;
  return true;
}

void Pages::clear() {
  if (memory)
    madvise(memory, size, MADV_DONTNEED);
}

bool Allocation::isWritten(size_t offset, size_t count) const {
  const char *state = written.data() + offset;
  if (count == 4) {
    uint32_t word;
    memcpy(&word, state, 4);
    return word == 0x01010101;
  }
  return !memchr(state, 0, count);
}

void Allocation::markWritten(size_t offset, size_t count) {
  memset(written.data() + offset, 1, count);
}

static std::string describe(uint64_t address, size_t bytes) {
  char text[80];
  snprintf(text, sizeof(text), "%zu bytes at 0x%" PRIx64, bytes, address);
  return text;
}

Error Memory::allocate(size_t bytes, uint64_t &outAddress) {
  if (bytes == 0)
    return {Code::InvalidValue, "an allocation of 0 bytes"};
  std::lock_guard<std::mutex> lock(mutex);
  if (bytes > capacity - used)
    return {Code::OutOfMemory,
            "asked for " + std::to_string(bytes) + " bytes, but of " +
                std::to_string(capacity) + " only " +
                std::to_string(capacity - used) + " are free"};
  auto allocation = std::make_unique<Allocation>();
  // A record of 8 bytes for each word of 4.
  size_t records = (bytes + 3) / 4 * 8;
  if (!allocation->data.reserve(bytes) || !allocation->written.reserve(bytes) ||
      !allocation->writers.reserve(records) ||
      !allocation->readers.reserve(records))
    return {Code::OutOfMemory, "the host has no memory for an allocation of " +
                                   std::to_string(bytes) + " bytes"};
  allocation->address = outAddress = next;
  allocation->bytes = bytes;
  next += (bytes + kGap + kAlignment - 1) / kAlignment * kAlignment;
  used += bytes;
  peak = std::max(peak, used);
  allocations.emplace(outAddress, std::move(allocation));
  return {};
}

Error Memory::free(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = allocations.find(address);
  if (found == allocations.end())
    return {Code::InvalidValue,
            "no allocation begins at " + describe(address, 0).substr(11)};
  used -= found->second->bytes;
  allocations.erase(found);
  return {};
}

Allocation *Memory::find(uint64_t address) const {
  std::lock_guard<std::mutex> lock(mutex);
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return nullptr;
  Allocation *allocation = std::prev(after)->second.get();
  return address - allocation->address < allocation->bytes ? allocation
                                                           : nullptr;
}

Error Memory::findRange(uint64_t address, size_t bytes, const char *what,
                        Allocation *&outAllocation) const {
  outAllocation = find(address);
  if (!outAllocation)
    return {Code::InvalidValue, std::string(what) + " of " +
                                    describe(address, bytes) +
                                    ": no allocation holds them"};
  size_t left = outAllocation->bytes - (address - outAllocation->address);
  if (bytes > left)
    return {Code::InvalidValue,
            std::string(what) + " of " + describe(address, bytes) + ": only " +
                std::to_string(left) + " are left in the allocation of " +
                std::to_string(outAllocation->bytes)};
  return {};
}

Error Memory::read(void *host, uint64_t address, size_t bytes) const {
  if (bytes == 0)
    return {};
  Allocation *from;
  if (Error error = findRange(address, bytes, "a copy from the device", from))
    return error;
  memcpy(host, from->data.data() + (address - from->address), bytes);
  return {};
}

Error Memory::write(uint64_t address, const void *host, size_t bytes) {
  if (bytes == 0)
    return {};
  Allocation *to;
  if (Error error = findRange(address, bytes, "a copy to the device", to))
    return error;
  memcpy(to->data.data() + (address - to->address), host, bytes);
  to->markWritten(address - to->address, bytes);
  return {};
}

Error Memory::copy(uint64_t to, uint64_t from, size_t bytes) {
  if (bytes == 0)
    return {};
  Allocation *source, *target;
  if (Error error = findRange(from, bytes, "a copy", source))
    return error;
  if (Error error = findRange(to, bytes, "a copy", target))
    return error;
  size_t first = from - source->address, second = to - target->address;
  memmove(target->data.data() + second, source->data.data() + first, bytes);
  // What was not written before is not written after.
  memmove(target->written.data() + second, source->written.data() + first,
          bytes);
  return {};
}

Error Memory::fill(uint64_t address, uint32_t value, unsigned width,
                   size_t count) {
  if (count == 0)
    return {};
  Allocation *to;
  if (count > capacity / width)
    return {Code::InvalidValue, "a fill is larger than the memory"};
  if (Error error = findRange(address, count * width, "a fill", to))
    return error;
  size_t offset = address - to->address;
  for (size_t i = 0; i < count; ++i)
    memcpy(to->data.data() + offset + i * width, &value, width);
  to->markWritten(offset, count * width);
  return {};
}

uint32_t Memory::startLaunch() {
  std::lock_guard<std::mutex> lock(mutex);
  // Records have twelve bits for it: begin anew before numbers come again.
  if (++launches == 1 << 12) {
    launches = 1;
    for (auto &[address, allocation] : allocations) {
      allocation->writers.clear();
      allocation->readers.clear();
    }
  }
  return launches;
}

uint64_t Memory::getUsed() const {
  std::lock_guard<std::mutex> lock(mutex);
  return used;
}

uint64_t Memory::getPeak() const {
  std::lock_guard<std::mutex> lock(mutex);
  return peak;
}
