//===- Occupancy.cpp - blocks that a multiprocessor holds at once ---------===//
#include "lib/Target/Occupancy.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <utility>

using namespace cinch;

static constexpr int64_t kib = 1024;
static constexpr Multiprocessor processors[] = {
    {"sm_80", 2048, 32, 65536, 164 * kib},
    {"sm_86", 1536, 16, 65536, 100 * kib},
    {"sm_89", 1536, 24, 65536, 100 * kib},
    {"sm_90", 2048, 32, 65536, 228 * kib},
    {"sm_120", 1536, 24, 65536, 100 * kib}};

static constexpr int64_t warpThreads = 32;
static constexpr int64_t maxBlockThreads = 1024;
static constexpr int64_t maxRegisters = 255; // of a thread
/// Registers are allocated to warps in these units, in a quarter each.
static constexpr int64_t registerUnit = 256, quarters = 4;
static constexpr int64_t sharedUnit = 128;
/// Shared memory of every block that the system keeps.
static constexpr int64_t reservedBytes = 1 * kib;

const Multiprocessor *cinch::getMultiprocessor(llvm::StringRef chip) {
  for (const Multiprocessor &processor : processors)
    if (processor.chip == chip)
      return &processor;
  return nullptr;
}

static int64_t countByRegisters(const Multiprocessor &processor, int64_t warps,
                                int64_t registers) {
  int64_t ofWarp = llvm::alignTo(std::max<int64_t>(registers, 1) * warpThreads,
                                 registerUnit);
  // A launch is checked as if all quarters had as many warps.
  if (registers > maxRegisters ||
      ofWarp * static_cast<int64_t>(llvm::alignTo(warps, quarters)) >
          processor.registers)
    return 0;
  return processor.registers / quarters / ofWarp * quarters / warps;
}

static int64_t countBySharedMemory(const Multiprocessor &processor,
                                   int64_t bytes) {
  int64_t ofBlock = llvm::alignTo(bytes + reservedBytes, sharedUnit);
  return processor.sharedBytes / ofBlock;
}

Occupancy cinch::getOccupancy(const Multiprocessor &processor, int64_t threads,
                              std::optional<int64_t> registers,
                              int64_t sharedBytes) {
  int64_t warps = llvm::divideCeil(threads, warpThreads);
  int64_t allWarps = processor.threads / warpThreads;
  std::pair<llvm::StringRef, int64_t> limits[] = {
      {"threads", threads > maxBlockThreads ? 0 : allWarps / warps},
      {"registers", countByRegisters(processor, warps, registers.value_or(0))},
      {"shared memory", countBySharedMemory(processor, sharedBytes)},
      {"blocks", processor.blocks}};
  Occupancy result;
  result.blocks = processor.blocks + 1;
  for (auto [name, count] : limits)
    if (count < result.blocks)
      result.blocks = count, result.limit = name;
  result.share = static_cast<double>(result.blocks * warps) / allWarps;
  return result;
}
