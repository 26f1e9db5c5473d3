//===- StreamsTest.cpp - streams and events -------------------------------===//
#include "test/runtime/Emulator/Fixture.h"
#include <set>
#include <thread>

using namespace cinch::emulator;

namespace {
class Streams : public Device {
protected:
  CUstream makeStream(unsigned flags = kStreamNonBlocking) {
    CUstream stream = nullptr;
    EXPECT_EQ(cuStreamCreate(&stream, flags), 0);
    return stream;
  }
  CUevent makeEvent() {
    CUevent event = nullptr;
    EXPECT_EQ(cuEventCreate(&event, 0), 0);
    return event;
  }
  int readInt(CUdeviceptr address) {
    int value = 0;
    EXPECT_EQ(cuMemcpyDtoH_v2(&value, address, 4), 0);
    return value;
  }
};
} // namespace

TEST_F(Streams, NothingRunsBeforeSomebodyWaits) {
  CUstream stream = makeStream();
  Buffer<int> x(std::vector<int>{1});
  cinch_cuda_emulator_reset_counters();
  void *pinned = nullptr;
  ASSERT_EQ(cuMemAllocHost_v2(&pinned, 4), 0);
  int &value = *static_cast<int *>(pinned);
  value = 5;
  ASSERT_EQ(cuMemcpyHtoDAsync_v2(x.address, &value, 4, stream), 0);
  EXPECT_EQ(findCounter(getCounters(), {"host_to_device", "count"}), 0);
  // Page-locked memory is read when the stream gets there.
  value = 6;
  EXPECT_EQ(cuStreamQuery(stream), kNotReady);
  EXPECT_EQ(cuStreamQuery(stream), 0);
  EXPECT_EQ(findCounter(getCounters(), {"host_to_device", "bytes"}), 4);
  EXPECT_EQ(readInt(x.address), 6);
  // Other memory is read at once.
  int local = 7;
  ASSERT_EQ(cuMemcpyHtoDAsync_v2(x.address, &local, 4, stream), 0);
  local = 8;
  ASSERT_EQ(cuStreamSynchronize(stream), 0);
  EXPECT_EQ(readInt(x.address), 7);
  // To page-locked memory: not there before the stream is waited for.
  ASSERT_EQ(cuMemcpyDtoHAsync_v2(&value, x.address, 4, stream), 0);
  EXPECT_EQ(value, 6);
  ASSERT_EQ(cuStreamSynchronize(stream), 0);
  EXPECT_EQ(value, 7);
  // To other memory: there when the call returns.
  local = 0;
  ASSERT_EQ(cuMemcpyDtoHAsync_v2(&local, x.address, 4, stream), 0);
  EXPECT_EQ(local, 7);
  EXPECT_EQ(cuMemFreeHost(pinned), 0);
  EXPECT_EQ(cuMemFreeHost(pinned), kInvalidValue);
}

TEST_F(Streams, EventsOrderStreams) {
  for (const char *seed : {"0", "1", "2", "3", "4", "5"}) {
    open({{"STREAM_ORDER", seed}});
    CUstream a = makeStream(), b = makeStream();
    CUevent event = makeEvent();
    Buffer<int> x(2), y(2);
    ASSERT_EQ(cuMemsetD32Async(x.address, 1, 2, a), 0);
    ASSERT_EQ(cuEventRecord(event, a), 0);
    ASSERT_EQ(cuStreamWaitEvent(b, event, 0), 0);
    ASSERT_EQ(cuMemcpyDtoDAsync_v2(y.address, x.address, 8, b), 0);
    // Recorded anew: what waits already waits for the first.
    ASSERT_EQ(cuMemsetD32Async(x.address + 4, 2, 1, a), 0);
    ASSERT_EQ(cuEventRecord(event, a), 0);
    ASSERT_EQ(cuStreamSynchronize(b), 0);
    EXPECT_EQ(y.read()[0], 1) << seed;
    ASSERT_EQ(cuEventSynchronize(event), 0);
    EXPECT_EQ(cuEventQuery(event), 0);
    EXPECT_EQ(x.read()[1], 2);
  }
}

TEST_F(Streams, OtherOrdersShowAMissingEvent) {
  std::set<int> results;
  for (int seed = 0; seed < 12; ++seed) {
    open({{"STREAM_ORDER", std::to_string(seed)}});
    CUstream a = makeStream(), b = makeStream();
    Buffer<int> x(std::vector<int>{0}), y(1);
    ASSERT_EQ(cuMemsetD32Async(x.address, 1, 1, a), 0);
    ASSERT_EQ(cuMemcpyDtoDAsync_v2(y.address, x.address, 4, b), 0);
    ASSERT_EQ(cuCtxSynchronize(), 0);
    results.insert(y.read()[0]);
    if (seed == 0) {
      EXPECT_EQ(*results.begin(), 1); // in the order that was written
    }
  }
  EXPECT_EQ(results, (std::set<int>{0, 1}));
}

TEST_F(Streams, TheDefaultStreamOrdersBlockingOnes) {
  for (int seed = 0; seed < 8; ++seed) {
    open({{"STREAM_ORDER", std::to_string(seed)}});
    CUstream a = makeStream(0), b = makeStream(0);
    Buffer<int> x(std::vector<int>{0}), y(1), z(1);
    ASSERT_EQ(cuMemsetD32Async(x.address, 1, 1, a), 0);
    ASSERT_EQ(cuMemcpyDtoD_v2(y.address, x.address, 4), 0); // default stream
    ASSERT_EQ(cuMemcpyDtoDAsync_v2(z.address, y.address, 4, b), 0);
    ASSERT_EQ(cuStreamSynchronize(b), 0);
    EXPECT_EQ(readInt(z.address), 1) << seed;
  }
}

TEST_F(Streams, MemoryIsFreedInItsStream) {
  CUstream stream = makeStream();
  CUdeviceptr address = 0;
  ASSERT_EQ(cuMemAllocAsync(&address, 64, stream), 0);
  ASSERT_EQ(cuMemsetD8Async(address, 1, 64, stream), 0);
  ASSERT_EQ(cuMemFreeAsync(address, stream), 0);
  ASSERT_EQ(cuStreamSynchronize(stream), 0);
  EXPECT_EQ(cuMemFree_v2(address), kInvalidValue);
  // Used after it was freed: seen when the stream gets there, and sticky.
  ASSERT_EQ(cuMemAllocAsync(&address, 64, stream), 0);
  ASSERT_EQ(cuMemFreeAsync(address, stream), 0);
  ASSERT_EQ(cuMemsetD8Async(address, 1, 64, stream), 0);
  EXPECT_NE(cuStreamSynchronize(stream), 0);
  EXPECT_NE(cuCtxSynchronize(), 0);
}

TEST_F(Streams, EventsHaveNoTime) {
  CUevent start = makeEvent(), end = makeEvent(), untimed = nullptr;
  float milliseconds = 7;
  EXPECT_EQ(cuEventElapsedTime_v2(&milliseconds, start, end), kInvalidHandle);
  ASSERT_EQ(cuEventRecord(start, nullptr), 0);
  ASSERT_EQ(cuEventRecord(end, nullptr), 0);
  EXPECT_EQ(cuEventElapsedTime_v2(&milliseconds, start, end), kNotReady);
  ASSERT_EQ(cuEventSynchronize(end), 0);
  EXPECT_EQ(cuEventElapsedTime_v2(&milliseconds, start, end), 0);
  EXPECT_EQ(milliseconds, 0);
  ASSERT_EQ(cuEventCreate(&untimed, kEventDisableTiming), 0);
  ASSERT_EQ(cuEventRecord(untimed, nullptr), 0);
  ASSERT_EQ(cuCtxSynchronize(), 0);
  EXPECT_EQ(cuEventElapsedTime_v2(&milliseconds, start, untimed),
            kInvalidHandle);
  EXPECT_EQ(cuEventCreate(&untimed, 8), kInvalidValue);
}

TEST_F(Streams, PrioritiesAndFlags) {
  int least = 7, greatest = 7, priority = 7;
  EXPECT_EQ(cuCtxGetStreamPriorityRange(&least, &greatest), 0);
  EXPECT_LE(greatest, least);
  CUstream stream = nullptr;
  ASSERT_EQ(cuStreamCreateWithPriority(&stream, 1, -100), 0);
  EXPECT_EQ(cuStreamGetPriority(stream, &priority), 0);
  EXPECT_EQ(priority, greatest);
  unsigned flags = 7;
  EXPECT_EQ(cuStreamGetFlags(stream, &flags), 0);
  EXPECT_EQ(flags, 1u);
  CUcontext owner = nullptr;
  EXPECT_EQ(cuStreamGetCtx(stream, &owner), 0);
  EXPECT_EQ(owner, context);
  EXPECT_EQ(cuStreamCreate(&stream, 2), kInvalidValue);
}

TEST_F(Streams, ManyThreadsUseTheDriver) {
  CUfunction kernel = loadKernel("vector_add", "vector_add");
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      ASSERT_EQ(cuCtxSetCurrent(context), 0);
      CUstream stream = makeStream();
      for (unsigned i = 0; i < 10; ++i) {
        std::vector<float> a = makeFloats(100, t), b = makeFloats(100, i);
        Buffer<float> x(a), y(b), z(100);
        ASSERT_EQ(launchIn(stream, kernel, {1}, {128}, 0, x, y, z, 100), 0);
        ASSERT_EQ(cuStreamSynchronize(stream), 0);
        std::vector<float> c = z.read();
        for (unsigned j = 0; j < 100; ++j)
          ASSERT_EQ(c[j], a[j] + b[j]);
      }
      EXPECT_EQ(cuStreamDestroy_v2(stream), 0);
    });
  for (std::thread &thread : threads)
    thread.join();
}
