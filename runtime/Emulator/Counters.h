//===- Counters.h - what a launch did -------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_COUNTERS_H
#define CINCH_RUNTIME_EMULATOR_COUNTERS_H

#include <cstdint>
#include <map>
#include <string>

namespace cinch::emulator {

/// Traffic of one memory space and direction.
struct Traffic {
  /// Warp instructions that accessed it.
  uint64_t requests = 0;
  /// Bytes that the active threads asked for.
  uint64_t bytes = 0;
  /// Global: distinct 32-byte sectors of each request, summed.
  uint64_t sectors = 0;
  /// Shared: passes over the 32 banks of 4 bytes that each request takes. A
  /// request of 8 (16) bytes a thread goes by halves (quarters) of a warp;
  /// threads that read the same word share it.
  uint64_t wavefronts = 0;

  void add(const Traffic &other);
};

/// Exact counts of one launch (or of several, added): the same for any number
/// of host threads.
struct Counters {
  struct Instruction {
    /// Times a warp executed it, and threads that were active then, summed.
    uint64_t warp = 0, thread = 0;
  };
  /// By opcode, as PTX spells it without modifiers ("ld", "mma").
  std::map<std::string, Instruction> instructions;
  /// Warp-level matrix instructions by shape and types
  /// ("m16n8k16.f32.f16.f16.f32").
  std::map<std::string, uint64_t> matrix;
  Traffic globalLoad, globalStore, globalAtomic;
  Traffic sharedLoad, sharedStore, sharedAtomic;
  /// Branches at which the threads of a warp went different ways.
  uint64_t divergentBranches = 0;
  /// Blocks times barriers passed.
  uint64_t barriers = 0;
  uint64_t launches = 0;

  uint64_t getWarpInstructions() const;
  void add(const Counters &other);
  /// One JSON object; keys as the members here.
  std::string toJson() const;
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_COUNTERS_H
