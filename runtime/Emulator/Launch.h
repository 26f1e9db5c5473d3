//===- Launch.h - runs a kernel on the emulated device --------------------===//
#ifndef CINCH_RUNTIME_EMULATOR_LAUNCH_H
#define CINCH_RUNTIME_EMULATOR_LAUNCH_H

#include "runtime/Emulator/Counters.h"
#include "runtime/Emulator/Memory.h"
#include "runtime/Emulator/Module.h"

namespace cinch::emulator {

struct LaunchConfig {
  /// Blocks, and threads of a block, by x, y, z.
  uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  /// Dynamic shared memory, in bytes.
  uint32_t sharedBytes = 0;
  /// The limit of dynamic shared memory that the function was given.
  uint32_t maxSharedBytes = 48 << 10;
};

struct LaunchOptions {
  /// Warp instructions that one block may execute; a LaunchTimeout above.
  uint64_t maxInstructions = uint64_t(1) << 32;
  /// Host threads to spread blocks over; 0: one for each core.
  unsigned threads = 0;
};

/// Whether a launch is possible at all: sizes, shared memory, and what the
/// kernel says of itself.
Error checkLaunch(const Kernel &kernel, const LaunchConfig &config,
                  const Architecture &architecture);

/// Runs every block of a launch and adds what it did to `counters`.
/// `parameters`: `kernel.parameterBytes` bytes. Fails where checkLaunch does. A
/// fault stops the launch; the one
/// reported is that of the lowest block. Results and counters do not depend on
/// the number of host threads.
Error launch(const Kernel &kernel, const LaunchConfig &config,
             const void *parameters, Memory &memory,
             const Architecture &architecture, const LaunchOptions &options,
             Counters &counters);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_LAUNCH_H
