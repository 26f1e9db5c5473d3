//===- CountersTest.cpp - counters of kernels, copies and memory ----------===//
#include "test/runtime/Emulator/Fixture.h"

using namespace cinch::emulator;

namespace {
class CountersOf : public Device {
protected:
  void expectCounter(const std::vector<std::string> &path, int64_t expected) {
    std::string json = getCounters();
    std::string name;
    for (const std::string &key : path)
      name += "/" + key;
    EXPECT_EQ(findCounter(json, path), expected) << name << " in " << json;
  }
};
} // namespace

TEST_F(CountersOf, CopiesAndMemory) {
  {
    Buffer<int> x(std::vector<int>(100, 1)), y(50);
    ASSERT_EQ(cuMemcpyDtoD_v2(y.address, x.address, 200), 0);
    y.read();
    Buffer<int> z(25);
  }
  expectCounter({"host_to_device", "count"}, 1);
  expectCounter({"host_to_device", "bytes"}, 400);
  expectCounter({"device_to_device", "bytes"}, 200);
  expectCounter({"device_to_host", "bytes"}, 200);
  expectCounter({"memory", "peak_bytes"}, 700);
  expectCounter({"memory", "used_bytes"}, 0);
  cinch_cuda_emulator_reset_counters();
  expectCounter({"host_to_device", "bytes"}, 0);
  expectCounter({"memory", "peak_bytes"}, 0);
}

TEST_F(CountersOf, VectorAdd) {
  CUfunction kernel = loadKernel("vector_add", "vector_add");
  unsigned n = 1024;
  Buffer<float> x(makeFloats(n, 1)), y(makeFloats(n, 2)), z(n);
  run(kernel, {8}, {128}, 0, x, y, z, int(n));
  // 32 warps: two loads and one store of 128 bytes, 4 sectors, each.
  expectCounter({"vector_add", "launches"}, 1);
  expectCounter({"vector_add", "globalLoad", "requests"}, 64);
  expectCounter({"vector_add", "globalLoad", "bytes"}, 8192);
  expectCounter({"vector_add", "globalLoad", "sectors"}, 256);
  expectCounter({"vector_add", "globalStore", "sectors"}, 128);
  expectCounter({"vector_add", "divergentBranches"}, 0);
  expectCounter({"vector_add", "instructions", "st", "warp"}, 32);
  expectCounter({"vector_add", "instructions", "st", "thread"}, 1024);
  // 1000 elements: the last warp's branch parts 8 threads from 24.
  cinch_cuda_emulator_reset_counters();
  run(kernel, {8}, {128}, 0, x, y, z, 1000);
  expectCounter({"vector_add", "divergentBranches"}, 1);
  expectCounter({"vector_add", "globalStore", "bytes"}, 4000);
  expectCounter({"vector_add", "globalStore", "sectors"}, 125);
}

TEST_F(CountersOf, BankConflicts) {
  unsigned n = 64;
  Buffer<float> x(makeFloats(n * n, 1)), y(n * n);
  CUmodule module = load(readKernels("transpose"));
  for (const char *name : {"transpose", "transpose_conflicts"})
    run(getFunction(module, name), {2, 2}, {32, 8}, 0, x, y, int(n), int(n));
  // Each warp stores and loads 4 rows of a tile; a column without padding is
  // in one bank.
  int64_t requests = 4 * 8 * 4;
  for (const char *name : {"transpose", "transpose_conflicts"}) {
    expectCounter({name, "sharedLoad", "requests"}, requests);
    expectCounter({name, "sharedStore", "wavefronts"}, requests);
    expectCounter({name, "barriers"}, 4);
  }
  expectCounter({"transpose", "sharedLoad", "wavefronts"}, requests);
  expectCounter({"transpose_conflicts", "sharedLoad", "wavefronts"},
                32 * requests);
}

TEST_F(CountersOf, MatrixInstructions) {
  unsigned m = 32, n = 48, k = 64;
  Buffer<uint16_t> x(std::vector<uint16_t>(m * k, 0)),
      y(std::vector<uint16_t>(n * k, 0));
  Buffer<float> z(m * n);
  run(loadKernel("mma_gemm", "mma_gemm"), {n / 8, m / 16}, {32}, 0, x, y, z,
      int(n), int(k));
  int64_t products = m / 16 * n / 8 * k / 16;
  expectCounter({"mma_gemm", "matrix", "m16n8k16.f32.f16.f16.f32"}, products);
  expectCounter({"mma_gemm", "instructions", "mma", "warp"}, products);
  expectCounter({"mma_gemm", "instructions", "ldmatrix", "warp"}, 2 * products);
  expectCounter({"mma_gemm", "barriers"}, 2 * products);
}

TEST_F(CountersOf, AnyNumberOfHostThreads) {
  std::vector<std::string> counters;
  std::vector<std::vector<float>> results;
  for (const char *threads : {"1", "2", "3", "8"}) {
    open({{"THREADS", threads}});
    unsigned m = 70, n = 50, k = 40;
    Buffer<float> x(makeFloats(m * k, 1)), y(makeFloats(k * n, 2)), z(m * n);
    run(loadKernel("sgemm", "sgemm"), {divideUp(n, 16), divideUp(m, 16)},
        {16, 16}, 0, x, y, z, int(m), int(n), int(k));
    Buffer<unsigned char> bytes(std::vector<unsigned char>(3000, 7));
    Buffer<unsigned> bins(std::vector<unsigned>(256, 0));
    run(loadKernel("histogram", "histogram"), {16}, {64}, 0, bytes, 3000, bins);
    EXPECT_EQ(bins.read()[7], 3000u);
    results.push_back(z.read());
    counters.push_back(getCounters());
    EXPECT_EQ(results.back(), results.front());
    EXPECT_EQ(counters.back(), counters.front());
  }
}

TEST_F(CountersOf, SeveralLaunchesAddUp) {
  CUfunction kernel = loadKernel("vector_add", "vector_add");
  Buffer<float> x(makeFloats(64, 1)), z(64);
  for (int i = 0; i < 3; ++i)
    run(kernel, {1}, {64}, 0, x, x, z, 64);
  expectCounter({"vector_add", "launches"}, 3);
  expectCounter({"vector_add", "globalStore", "bytes"}, 3 * 256);
}

TEST_F(CountersOf, TextIsCutToTheBuffer) {
  char text[5] = "wxyz";
  size_t length = cinch_cuda_emulator_counters(text, sizeof(text));
  EXPECT_GT(length, 4u);
  EXPECT_STREQ(text, "{\"ke");
  EXPECT_EQ(cinch_cuda_emulator_counters(nullptr, 0), length);
  EXPECT_EQ(cinch_cuda_emulator_abi_version(), 1);
  EXPECT_STRNE(cinch_cuda_emulator_version(), "");
}
