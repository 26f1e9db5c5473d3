//===- SharedMemory.h - the shared memory of a block ----------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_SHAREDMEMORY_H
#define CINCH_RUNTIME_EMULATOR_SHAREDMEMORY_H

#include <cstdint>
#include <cstring>
#include <vector>

namespace cinch::emulator {

/// What is wrong with an access; null: nothing.
using Complaint = const char *;

/// Bytes of shared memory, what is known of each, and who touched each word
/// since the last barrier. Offsets are checked by the caller against `size`.
class SharedMemory {
public:
  /// Makes room for a block with `bytes` of it, all of them not written.
  void reset(uint32_t bytes);
  /// The block passed a barrier: what was done before is seen by all.
  void passBarrier() { ++epoch; }

  uint32_t size() const { return uint32_t(data.size()); }
  char *at(uint32_t offset) { return data.data() + offset; }

  /// Records an access of `bytes` at `offset` by `warp`.
  Complaint read(uint32_t offset, uint32_t bytes, unsigned warp);
  Complaint write(uint32_t offset, uint32_t bytes, unsigned warp);
  Complaint update(uint32_t offset, uint32_t bytes, unsigned warp);

  /// cp.async: the bytes may change at any time from now on, and do with
  /// `finishCopy`.
  Complaint beginCopy(uint32_t offset, uint32_t bytes, unsigned warp);
  void finishCopy(uint32_t offset, const char *from, uint32_t bytes,
                  unsigned warp);

private:
  /// Of 4 bytes: in which epoch, by which warp, which of the bytes.
  struct Touch {
    uint32_t epoch = 0;
    uint8_t warp = 0;
    uint8_t bytes = 0;
    uint16_t isAtomic = 0;

    bool operator==(const Touch &other) const {
      return memcmp(this, &other, sizeof(Touch)) == 0;
    }
  };
  static constexpr uint8_t kManyWarps = 255;

  template <typename Visit>
  Complaint forEachWord(uint32_t offset, uint32_t bytes, Visit visit);
  Complaint conflict(const Touch &touch, uint8_t bytes, unsigned warp) const {
    if (touch.epoch != epoch || touch.warp == warp || !(touch.bytes & bytes))
      return nullptr;
    return "races with another warp: no barrier between the two accesses";
  }
  void record(Touch &touch, uint8_t bytes, unsigned warp, bool isAtomic);
  Complaint checkBytes(uint32_t offset, uint32_t bytes, bool isRead) const;

  enum : uint8_t { Unwritten, Written, InFlight };
  std::vector<char> data;
  std::vector<uint8_t> states;
  std::vector<Touch> writers, readers;
  uint32_t epoch = 1;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_SHAREDMEMORY_H
