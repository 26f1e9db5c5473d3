//===- OccupancyTest.cpp --------------------------------------------------===//
#include "lib/Target/Occupancy.h"
#include <gtest/gtest.h>
#if __has_include(<cuda_occupancy.h>)
#include <cuda_occupancy.h>
#include <random>
#endif

using namespace cinch;

static Occupancy get(llvm::StringRef chip, int64_t threads,
                     std::optional<int64_t> registers, int64_t sharedBytes) {
  return getOccupancy(*getMultiprocessor(chip), threads, registers,
                      sharedBytes);
}

TEST(Occupancy, KnowsTheTargets) {
  for (const char *chip : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_120"})
    EXPECT_TRUE(getMultiprocessor(chip)) << chip;
  EXPECT_FALSE(getMultiprocessor("sm_70"));
}

TEST(Occupancy, NamesTheLimit) {
  Occupancy byThreads = get("sm_80", 256, 32, 0);
  EXPECT_EQ(byThreads.blocks, 8);
  EXPECT_EQ(byThreads.share, 1.0);
  EXPECT_EQ(byThreads.limit, "threads");
  Occupancy byRegisters = get("sm_80", 128, 168, 0);
  EXPECT_EQ(byRegisters.blocks, 3);
  EXPECT_EQ(byRegisters.share, 12.0 / 64);
  EXPECT_EQ(byRegisters.limit, "registers");
  Occupancy byShared = get("sm_86", 128, 32, 49152);
  EXPECT_EQ(byShared.blocks, 2);
  EXPECT_EQ(byShared.limit, "shared memory");
  Occupancy byBlocks = get("sm_89", 32, 16, 0);
  EXPECT_EQ(byBlocks.blocks, 24);
  EXPECT_EQ(byBlocks.limit, "blocks");
}

TEST(Occupancy, IsNoneWhereNothingFits) {
  EXPECT_EQ(get("sm_80", 1024, 128, 0).blocks, 0);
  EXPECT_EQ(get("sm_80", 1025, 16, 0).blocks, 0);
  EXPECT_EQ(get("sm_80", 32, 16, 163 * 1024).blocks, 1);
  EXPECT_EQ(get("sm_80", 32, 16, 163 * 1024 + 1).blocks, 0);
}

#ifdef __cuda_occupancy_h__
/// Blocks by NVIDIA's header, on a device with the largest shared memory.
static int getExpected(const Multiprocessor &processor, int threads,
                       int registers, size_t staticBytes, size_t dynamicBytes) {
  int architecture = 0;
  processor.chip.drop_front(3).getAsInteger(10, architecture);
  cudaOccDeviceProp device;
  device.computeMajor = architecture / 10;
  device.computeMinor = architecture % 10;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = static_cast<int>(processor.threads);
  device.regsPerBlock = device.regsPerMultiprocessor = 65536;
  device.warpSize = 32;
  device.numSms = 1;
  device.sharedMemPerBlock = 48 << 10;
  device.reservedSharedMemPerBlock = 1 << 10;
  device.sharedMemPerMultiprocessor = processor.sharedBytes;
  device.sharedMemPerBlockOptin = processor.sharedBytes - (1 << 10);
  cudaOccFuncAttributes function;
  function.maxThreadsPerBlock = 1024;
  function.numRegs = registers;
  function.sharedSizeBytes = staticBytes;
  function.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  function.maxDynamicSharedSizeBytes = dynamicBytes;
  function.numBlockBarriers = 1;
  cudaOccDeviceState state;
  cudaOccResult result = {};
  EXPECT_EQ(cudaOccMaxActiveBlocksPerMultiprocessor(
                &result, &device, &function, &state, threads, dynamicBytes),
            CUDA_OCC_SUCCESS);
  return result.activeBlocksPerMultiprocessor;
}
#endif

TEST(Occupancy, IsThatOfTheToolkit) {
#ifndef __cuda_occupancy_h__
  GTEST_SKIP() << "no cuda_occupancy.h here";
#else
  std::mt19937 random(1);
  auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (const char *chip : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_120"})
    for (int trial = 0; trial < 400; ++trial) {
      const Multiprocessor &processor = *getMultiprocessor(chip);
      int threads = draw(1, 1024), registers = draw(8, 255);
      int staticBytes = draw(0, 1) ? draw(0, 48 << 10) : 0;
      int dynamicBytes =
          draw(0, 1) ? draw(0, static_cast<int>(processor.sharedBytes)) : 0;
      EXPECT_EQ(
          get(chip, threads, registers, staticBytes + dynamicBytes).blocks,
          getExpected(processor, threads, registers, staticBytes, dynamicBytes))
          << chip << ", " << threads << " threads, " << registers
          << " registers, " << staticBytes << " + " << dynamicBytes
          << " bytes of shared memory";
    }
#endif
}
