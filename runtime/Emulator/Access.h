//===- Access.h - a warp's accesses to memory -----------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_ACCESS_H
#define CINCH_RUNTIME_EMULATOR_ACCESS_H

#include "runtime/Emulator/Warp.h"

namespace cinch::emulator {

enum class AccessKind : uint8_t { Load, Store, Atomic };

/// One access of a warp: checks the address of each lane, finds the bytes, and
/// counts sectors and wavefronts in the end.
class Access {
public:
  /// `bytes` of each lane, a power of two up to 16. `isOrdered`: volatile,
  /// relaxed, acquire, release: no race with others of its kind.
  Access(Warp &warp, const Instruction &instruction, AccessKind kind,
         uint32_t bytes, bool isOrdered)
      : warp(warp), instruction(instruction), kind(kind), bytes(bytes),
        isOrdered(isOrdered) {}
  ~Access() { count(); }
  Access(const Access &) = delete;
  Access &operator=(const Access &) = delete;

  /// The bytes at `base` + the instruction's offset, for `lane`, in
  /// instruction.space. Reports a fault if anything is wrong with them.
  char *at(const Arg &base, unsigned lane);
  /// The same for an address in a space.
  char *at(Space space, uint64_t address, unsigned lane);

private:
  char *atGlobal(uint64_t address, unsigned lane);
  char *atShared(uint64_t address, unsigned lane);
  char *atLocal(uint64_t address, unsigned lane);
  char *atParam(uint64_t address, unsigned lane);
  void count();
  [[noreturn]] void fault(unsigned lane, Code code, Space space,
                          uint64_t address, const char *what);

  Warp &warp;
  const Instruction &instruction;
  const AccessKind kind;
  const uint32_t bytes;
  const bool isOrdered;
  uint64_t globals[kLanes];
  uint32_t shareds[kLanes];
  LaneMask sharedMask = 0;
  unsigned numGlobals = 0;
};

/// Distinct 32-byte sectors of `count` aligned accesses. Reorders
/// `addresses`.
uint64_t countSectors(uint64_t *addresses, unsigned count);
/// Passes over the banks of a request (Counters.h, Traffic::wavefronts).
uint64_t countWavefronts(const uint32_t *offsets, LaneMask mask,
                         uint32_t bytes);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_ACCESS_H
