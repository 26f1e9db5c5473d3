//===- Block.h - one block of threads -------------------------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_BLOCK_H
#define CINCH_RUNTIME_EMULATOR_BLOCK_H

#include "runtime/Emulator/GlobalAccess.h"
#include "runtime/Emulator/Launch.h"
#include "runtime/Emulator/Program.h"
#include "runtime/Emulator/SharedMemory.h"
#include <memory>
#include <vector>

namespace cinch::emulator {

/// Counters as they are kept while running: by index, not by name.
struct RawCounters {
  std::vector<Counters::Instruction> instructions;
  std::vector<uint64_t> matrices;
  Traffic globalLoad, globalStore, globalAtomic;
  Traffic sharedLoad, sharedStore, sharedAtomic;
  uint64_t divergentBranches = 0, barriers = 0;

  explicit RawCounters(const Program &program)
      : instructions(program.opcodes.size()),
        matrices(program.matrices.size()) {}
  void addTo(const Program &program, Counters &counters) const;
};

/// A fault of a kernel on its way to the launch.
struct Fault {
  Error error;
};

/// What all blocks of a launch share.
struct LaunchState {
  const Kernel &kernel;
  const Program &program;
  const LaunchConfig &config;
  const char *parameters;
  Memory &memory;
  const Architecture &architecture;
  uint64_t maxInstructions;
  uint32_t sharedBytes;
  uint32_t numThreads;
  /// Tag of this launch in the memory's records (GlobalAccess.h).
  uint32_t epoch;
  /// GlobalAccess.h; null if the kernel has no fences.
  std::vector<uint32_t> *fences;
};

/// Runs blocks, one after the other: one for each host thread.
class Block {
public:
  explicit Block(const LaunchState &launch);
  ~Block();
  /// Runs block `index`. Throws Fault.
  void run(uint64_t index);

  const LaunchState &launch;
  RawCounters counters;
  SharedMemory shared;
  GlobalAccess global;
  uint32_t id[3] = {};
  uint64_t index = 0;
  /// Warp instructions that it may still execute.
  uint64_t budget = 0;
  /// Of each barrier, threads that arrived without waiting.
  uint32_t arrivals[16] = {};
  /// Notes that barrier `id` is for `count` threads (0: all). Says what is
  /// wrong if others were told another number.
  const char *announce(uint32_t id, uint32_t count);

private:
  /// True if a barrier let warps go on.
  bool releaseBarriers();
  [[noreturn]] void reportStuck();

  std::vector<std::unique_ptr<Warp>> warps;
  /// Threads that each barrier is for; 0: nobody has come.
  uint32_t expected[16] = {};
};

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_BLOCK_H
