//===- Memory.h - the global memory of the emulated device ----------------===//
#ifndef CINCH_RUNTIME_EMULATOR_MEMORY_H
#define CINCH_RUNTIME_EMULATOR_MEMORY_H

#include "runtime/Emulator/Error.h"
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace cinch::emulator {

/// Zeroed pages of anonymous memory, taken from the system when touched.
class Pages {
public:
  Pages() = default;
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  ~Pages();
  /// False if there is no memory. Called once.
  bool reserve(size_t bytes);
  /// Makes every byte zero again, and gives the memory back.
  void clear();
  char *data() const { return memory; }

private:
  char *memory = nullptr;
  size_t size = 0;
};

/// One allocation: bytes, which of them were written, and who touched them in
/// the launch that runs.
struct Allocation {
  uint64_t address;
  size_t bytes;
  /// The contents.
  Pages data;
  /// One bit a byte: set once it was written.
  Pages written;
  /// Of each 4 bytes, who wrote and who read them in this launch (Races.h).
  Pages writers, readers;

  bool isWritten(size_t offset, size_t count) const;
  void markWritten(size_t offset, size_t count);
};

/// The allocations of one device. Addresses are of the device alone: far from
/// those of the process, 512-byte aligned, with unmapped gaps between, and not
/// used twice, so that every stray access is seen. Safe from several threads,
/// but what a kernel touches may not be freed while it runs.
class Memory {
public:
  /// `capacity`: bytes that may be allocated at once. `base`: first address.
  explicit Memory(uint64_t capacity, uint64_t base = uint64_t(1) << 40)
      : capacity(capacity), next(base) {}

  /// Allocates `bytes`, which must not be 0. The bytes count as not written.
  Error allocate(size_t bytes, uint64_t &outAddress);
  /// Frees what `allocate` returned.
  Error free(uint64_t address);
  /// The allocation that holds `address`; null if none.
  Allocation *find(uint64_t address) const;

  /// Copies between host and device. All of the bytes must be in one
  /// allocation; bytes that nobody wrote are copied as zeros.
  Error read(void *host, uint64_t address, size_t bytes) const;
  Error write(uint64_t address, const void *host, size_t bytes);
  Error copy(uint64_t to, uint64_t from, size_t bytes);
  /// Repeats the `width` (1, 2 or 4) bytes of `value` `count` times.
  Error fill(uint64_t address, uint32_t value, unsigned width, size_t count);

  /// A number for the records of a launch (Allocation::writers), other than
  /// those that records hold.
  uint32_t startLaunch();

  uint64_t getCapacity() const { return capacity; }
  uint64_t getUsed() const;
  uint64_t getPeak() const;

private:
  Error findRange(uint64_t address, size_t bytes, const char *what,
                  Allocation *&outAllocation) const;

  const uint64_t capacity;
  mutable std::mutex mutex;
  /// By their first address.
  std::map<uint64_t, std::unique_ptr<Allocation>> allocations;
  uint64_t next;
  uint64_t used = 0, peak = 0;
  uint32_t launches = 0;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_MEMORY_H
