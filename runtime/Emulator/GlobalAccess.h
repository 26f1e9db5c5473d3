//===- GlobalAccess.h - a block's view of the global memory ---------------===//
#ifndef CINCH_RUNTIME_EMULATOR_GLOBALACCESS_H
#define CINCH_RUNTIME_EMULATOR_GLOBALACCESS_H

#include "runtime/Emulator/Memory.h"
#include <cstdint>
#include <vector>

namespace cinch::emulator {

/// Checks accesses of one block to global memory: bounds, bytes that were never
/// written, races. A race is found when the second access to 4 bytes happens,
/// whichever it is: two warps of a block with no barrier between them, or two
/// blocks of the launch, where one of the accesses writes and not both are
/// atomic (volatile, relaxed). A block that executed a fence since its access
/// has published it.
class GlobalAccess {
public:
  GlobalAccess(const Memory &memory, uint32_t launch,
               std::vector<uint32_t> *fences)
      : memory(memory), launch(launch), fences(fences) {}

  /// Starts a block.
  void enter(uint64_t block);
  /// The block passed a barrier, or a thread of it executed a fence.
  void passBarrier() { ++epoch; }
  void fence();

  /// The bytes at `address`, which is aligned to `bytes`, a power of two up to
  /// 16. Sets `complaint` if a rule is broken; null if no allocation holds
  /// them.
  char *read(uint64_t address, uint32_t bytes, unsigned warp, bool isAtomic,
             const char *&complaint);
  char *write(uint64_t address, uint32_t bytes, unsigned warp, bool isAtomic,
              const char *&complaint);
  /// Reads and writes, atomically.
  char *update(uint64_t address, uint32_t bytes, unsigned warp,
               const char *&complaint);

private:
  char *find(uint64_t address, uint32_t bytes, const char *&complaint);
  const char *recordRead(size_t word, unsigned warp, bool isAtomic);
  const char *recordWrite(size_t word, unsigned warp, bool isAtomic);

  const Memory &memory;
  uint32_t launch;
  /// Of each block, the epoch of its last fence; null if the kernel has none.
  std::vector<uint32_t> *fences;
  uint64_t block = 0;
  uint32_t epoch = 1;
  Allocation *last = nullptr;
  size_t offset = 0;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_GLOBALACCESS_H
