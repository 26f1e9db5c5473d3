//===- Launch.cpp - runs a kernel on the emulated device ------------------===//
#include "runtime/Emulator/Launch.h"
#include "runtime/Emulator/Warp.h"
#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

using namespace cinch::emulator;

static std::string describe(const uint32_t *sizes) {
  return std::to_string(sizes[0]) + " x " + std::to_string(sizes[1]) + " x " +
         std::to_string(sizes[2]);
}

Error cinch::emulator::checkLaunch(const Kernel &kernel,
                                   const LaunchConfig &config,
                                   const Architecture &architecture) {
  const uint32_t gridLimits[] = {0x7FFFFFFF, 65535, 65535};
  const uint32_t blockLimits[] = {1024, 1024, 64};
  auto refuse = [&](Code code, const std::string &what) -> Error {
    return {code, "kernel " + kernel.name + ": " + what};
  };
  uint64_t threads = 1;
  for (unsigned i = 0; i < 3; ++i) {
    if (config.grid[i] == 0 || config.grid[i] > gridLimits[i])
      return refuse(Code::InvalidValue, "a grid of " + describe(config.grid) +
                                            " blocks is out of range");
    if (config.block[i] == 0 || config.block[i] > blockLimits[i])
      return refuse(Code::InvalidValue, "a block of " + describe(config.block) +
                                            " threads is out of range");
    threads *= config.block[i];
    if (kernel.requiredThreads[0] &&
        config.block[i] != kernel.requiredThreads[i])
      return refuse(Code::InvalidValue,
                    "needs blocks of " + describe(kernel.requiredThreads) +
                        " threads, but got " + describe(config.block));
  }
  uint64_t most = Architecture::kMaxThreadsPerBlock;
  if (kernel.maxThreads[0])
    most = std::min(most, uint64_t(kernel.maxThreads[0]) *
                              kernel.maxThreads[1] * kernel.maxThreads[2]);
  if (threads > most)
    return refuse(threads > Architecture::kMaxThreadsPerBlock
                      ? Code::InvalidValue
                      : Code::LaunchOutOfResources,
                  std::to_string(threads) +
                      " threads in a block, but it takes at most " +
                      std::to_string(most));
  uint64_t shared = uint64_t(kernel.sharedBytes) + config.sharedBytes;
  uint64_t limit = std::max<uint64_t>(
      architecture.sharedPerBlock,
      std::min<uint64_t>(uint64_t(kernel.sharedBytes) + config.maxSharedBytes,
                         architecture.sharedPerBlockOptIn));
  if (shared > limit)
    return refuse(Code::InvalidValue,
                  std::to_string(shared) +
                      " bytes of shared memory, but a block has " +
                      std::to_string(limit) + " (with opt-in " +
                      std::to_string(architecture.sharedPerBlockOptIn) + ")");
  return {};
}

namespace {
/// Spreads the blocks of a launch over host threads.
class Grid {
public:
  Grid(const LaunchState &launch, unsigned threads, uint64_t blocks)
      : launch(launch), numThreads(threads), numBlocks(blocks) {}

  Error run(Counters &counters) {
    unsigned count = unsigned(std::min<uint64_t>(numThreads, numBlocks));
    std::vector<std::unique_ptr<Block>> blocks;
    std::vector<std::thread> helpers;
    blocks.reserve(count);
    for (unsigned i = 0; i < count; ++i)
      blocks.push_back(std::make_unique<Block>(launch));
    helpers.reserve(count);
    try {
      for (unsigned i = 1; i < count; ++i)
        helpers.emplace_back([this, &blocks, i] { work(*blocks[i]); });
    } catch (const std::system_error &) {
      // The host has no more threads: the ones there are take all blocks.
    }
    work(*blocks[0]);
    for (std::thread &helper : helpers)
      helper.join();
    for (auto &block : blocks)
      block->counters.addTo(launch.program, counters);
    return std::move(error);
  }

private:
  /// Takes blocks in order. After a fault only those before it are run, so that
  /// the lowest one is reported whatever the threads do.
  void work(Block &block) {
    for (uint64_t index; (index = next++) < numBlocks;) {
      if (index > faulty.load())
        return;
      try {
        block.run(index);
      } catch (const Fault &fault) {
        return report(index, fault.error);
      } catch (const std::bad_alloc &) {
        return report(index, {Code::OutOfMemory,
                              "kernel " + launch.kernel.name +
                                  ": the host has no memory to run it"});
      }
    }
  }

  void report(uint64_t index, const Error &what) {
    std::lock_guard<std::mutex> lock(mutex);
    if (index >= faulty)
      return;
    faulty = index;
    error = what;
  }

  const LaunchState &launch;
  const unsigned numThreads;
  const uint64_t numBlocks;
  std::atomic<uint64_t> next{0}, faulty{~uint64_t(0)};
  std::mutex mutex;
  Error error;
};
} // namespace

Error cinch::emulator::launch(const Kernel &kernel, const LaunchConfig &config,
                              const void *parameters, Memory &memory,
                              const Architecture &architecture,
                              const LaunchOptions &options,
                              Counters &counters) {
  if (Error error = checkLaunch(kernel, config, architecture))
    return error;
  const Program &program = *kernel.program;
  const uint32_t *sizes = config.block;
  const uint64_t blocks =
      uint64_t(config.grid[0]) * config.grid[1] * config.grid[2];
  std::vector<uint32_t> fences;
  LaunchState state = {kernel,
                       program,
                       config,
                       static_cast<const char *>(parameters),
                       memory,
                       architecture,
                       options.maxInstructions,
                       program.dynamicSharedOffset + config.sharedBytes,
                       sizes[0] * sizes[1] * sizes[2],
                       memory.startLaunch(),
                       program.hasFences ? &fences : nullptr};
  unsigned threads = options.threads
                         ? options.threads
                         : std::max(1u, std::thread::hardware_concurrency());
  // What atomics leave depends on who comes first: blocks take turns then.
  if (program.hasGlobalAtomics)
    threads = 1;
  ++counters.launches;
  try {
    if (program.hasFences)
      fences.resize(std::min<uint64_t>(blocks, 1 << 24));
    return Grid(state, threads, blocks).run(counters);
  } catch (const std::bad_alloc &) {
    return {Code::OutOfMemory,
            "kernel " + kernel.name + ": the host has no memory to run it"};
  }
}
