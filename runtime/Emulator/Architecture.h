//===- Architecture.h - limits of the devices that can be emulated --------===//
#ifndef CINCH_RUNTIME_EMULATOR_ARCHITECTURE_H
#define CINCH_RUNTIME_EMULATOR_ARCHITECTURE_H

#include <cstddef>
#include <cstdint>

namespace cinch::emulator {

/// Limits of an architecture: CUDA C++ Programming Guide, table of technical
/// specifications per compute capability.
struct Architecture {
  /// 80 for sm_80.
  unsigned sm;
  unsigned multiprocessors;
  unsigned maxThreadsPerMultiprocessor, maxBlocksPerMultiprocessor;
  /// Bytes of shared memory of a block: without and with opt-in
  /// (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES), and of a
  /// multiprocessor.
  uint32_t sharedPerBlock, sharedPerBlockOptIn, sharedPerMultiprocessor;
  uint64_t memoryBytes;

  static constexpr unsigned kMaxThreadsPerBlock = 1024;
  static constexpr unsigned kMaxRegistersPerThread = 255;
};

/// The row of `sm`; null if it cannot be emulated.
const Architecture *findArchitecture(unsigned sm);
/// All rows, and their number.
const Architecture *getArchitectures(size_t &outCount);

} // namespace cinch::emulator

#endif // CINCH_RUNTIME_EMULATOR_ARCHITECTURE_H
