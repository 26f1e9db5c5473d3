//===- VectorKernelsTest.cpp - nvcc's kernels on vectors and rows ---------===//
//
// Every kernel of kernels/ against plain C++ in double precision, at sizes that
// fill blocks and at ragged ones. Bounds: f32 sums of n terms of at most 1 may
// be wrong by n * 2^-23 in any order.
//
//===----------------------------------------------------------------------===//
#include "test/runtime/Emulator/Fixture.h"
#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

using namespace cinch::emulator;

namespace {
class VectorKernels : public Device {};
} // namespace

static constexpr unsigned kSizes[] = {1, 31, 64, 1000, 4099};

TEST_F(VectorKernels, VectorAdd) {
  CUfunction kernel = loadKernel("vector_add", "vector_add");
  for (unsigned n : kSizes) {
    std::vector<float> a = makeFloats(n, 1), b = makeFloats(n, 2);
    Buffer<float> x(a), y(b), z(n);
    run(kernel, {divideUp(n, 128)}, {128}, 0, x, y, z, int(n));
    std::vector<float> c = z.read();
    for (unsigned i = 0; i < n; ++i)
      ASSERT_EQ(c[i], a[i] + b[i]) << n << " " << i;
  }
}

TEST_F(VectorKernels, SaxpyWithGridStride) {
  CUfunction kernel = loadKernel("saxpy", "saxpy");
  for (unsigned n : kSizes) {
    std::vector<float> a = makeFloats(n, 3), b = makeFloats(n, 4);
    Buffer<float> x(a), y(b);
    run(kernel, {3}, {96}, 0, 0.75f, x, y, int(n));
    std::vector<float> c = y.read();
    for (unsigned i = 0; i < n; ++i)
      ASSERT_EQ(c[i], std::fma(0.75f, a[i], b[i]));
  }
}

TEST_F(VectorKernels, SaxpyOfFours) {
  CUfunction kernel = loadKernel("saxpy", "saxpy4");
  for (unsigned fours : {1, 33, 200}) {
    std::vector<float> a = makeFloats(4 * fours, 3),
                       b = makeFloats(4 * fours, 4);
    Buffer<float> x(a), y(b);
    run(kernel, {divideUp(fours, 64)}, {64}, 0, -2.0f, x, y, int(fours));
    std::vector<float> c = y.read();
    for (unsigned i = 0; i < 4 * fours; ++i)
      ASSERT_EQ(c[i], std::fma(-2.0f, a[i], b[i]));
  }
}

TEST_F(VectorKernels, WarpSum) {
  CUfunction kernel = loadKernel("reduce", "warp_sum");
  for (unsigned warps : {1, 8, 24}) {
    std::vector<float> a = makeFloats(32 * warps, 5);
    Buffer<float> x(a), sums(warps);
    run(kernel, {divideUp(warps, 8)}, {std::min(warps, 8u) * 32}, 0, x, sums);
    std::vector<float> got = sums.read();
    for (unsigned w = 0; w < warps; ++w) {
      double sum = std::accumulate(&a[32 * w], &a[32 * w] + 32, 0.0);
      ASSERT_NEAR(got[w], sum, 32 * std::ldexp(1, -23));
    }
  }
}

TEST_F(VectorKernels, BlockSum) {
  CUfunction kernel = loadKernel("reduce", "block_sum");
  for (unsigned threads : {32, 96, 1024})
    for (unsigned n : {1u, 31u, threads, 4099u}) {
      std::vector<float> a = makeFloats(n, 6);
      unsigned blocks = divideUp(n, threads);
      Buffer<float> x(a), sums(blocks);
      run(kernel, {blocks}, {threads}, 0, x, sums, int(n));
      std::vector<float> got = sums.read();
      for (unsigned b = 0; b < blocks; ++b) {
        unsigned last = std::min(n, (b + 1) * threads);
        double sum = std::accumulate(&a[b * threads], &a[0] + last, 0.0);
        ASSERT_NEAR(got[b], sum, threads * std::ldexp(1, -23));
      }
    }
}

TEST_F(VectorKernels, WarpVotes) {
  CUfunction kernel = loadKernel("reduce", "warp_votes");
  std::vector<int> a = makeInts(32 * 6, 7);
  Buffer<int> x(a), largest(6), positive(6);
  run(kernel, {2}, {96}, 0, x, largest, positive);
  for (unsigned w = 0; w < 6; ++w) {
    const int *first = &a[32 * w];
    EXPECT_EQ(largest.read()[w], *std::max_element(first, first + 32));
    EXPECT_EQ(positive.read()[w],
              std::count_if(first, first + 32, [](int v) { return v > 0; }));
  }
}

TEST_F(VectorKernels, Softmax) {
  CUfunction kernel = loadKernel("softmax", "softmax");
  for (unsigned columns : {1, 100, 128, 517}) {
    unsigned rows = 3;
    std::vector<float> a = makeFloats(rows * columns, 8);
    for (float &value : a)
      value *= 20;
    Buffer<float> x(a), y(rows * columns);
    run(kernel, {rows}, {128}, 0, x, y, int(columns));
    std::vector<float> got = y.read();
    for (unsigned r = 0; r < rows; ++r) {
      const float *row = &a[r * columns];
      double sum = 0, top = *std::max_element(row, row + columns);
      for (unsigned i = 0; i < columns; ++i)
        sum += std::exp(row[i] - top);
      for (unsigned i = 0; i < columns; ++i)
        ASSERT_NEAR(got[r * columns + i], std::exp(row[i] - top) / sum, 2e-6);
    }
  }
}

TEST_F(VectorKernels, LayerNorm) {
  CUfunction kernel = loadKernel("layer_norm", "layer_norm");
  for (unsigned columns : {1, 32, 100, 768}) {
    unsigned rows = 5;
    std::vector<float> a = makeFloats(rows * columns, 9);
    std::vector<float> scale = makeFloats(columns, 10);
    std::vector<float> shift = makeFloats(columns, 11);
    Buffer<float> x(a), s(scale), t(shift), y(rows * columns);
    run(kernel, {2}, {32, 4}, 0, x, s, t, y, int(rows), int(columns), 1e-3f);
    std::vector<float> got = y.read();
    for (unsigned r = 0; r < rows; ++r) {
      const float *row = &a[r * columns];
      double mean = std::accumulate(row, row + columns, 0.0) / columns;
      double variance = 0;
      for (unsigned i = 0; i < columns; ++i)
        variance += (row[i] - mean) * (row[i] - mean) / columns;
      for (unsigned i = 0; i < columns; ++i)
        ASSERT_NEAR(got[r * columns + i],
                    (row[i] - mean) / std::sqrt(variance + 1e-3) * scale[i] +
                        shift[i],
                    2e-5);
    }
  }
}

TEST_F(VectorKernels, HistogramByAtomics) {
  CUfunction kernel = loadKernel("histogram", "histogram");
  for (unsigned n : {1, 1000, 5003}) {
    std::vector<unsigned char> bytes(n);
    std::vector<int> random = makeInts(n, 12);
    std::vector<unsigned> expected(256);
    for (unsigned i = 0; i < n; ++i)
      ++expected[bytes[i] = static_cast<unsigned char>(random[i] % 37)];
    Buffer<unsigned char> x(bytes);
    Buffer<unsigned> bins(std::vector<unsigned>(256, 0));
    run(kernel, {4}, {128}, 0, x, int(n), bins);
    EXPECT_EQ(bins.read(), expected);
  }
}

TEST_F(VectorKernels, AtomicsReturnWhatWasThere) {
  CUfunction kernel = loadKernel("histogram", "atomics");
  unsigned n = 1000;
  std::vector<int> a = makeInts(n, 13);
  Buffer<int> x(a), next(std::vector<int>{0}), tickets(n),
      bounds(std::vector<int>{INT32_MAX, INT32_MIN}),
      slot(std::vector<int>{-1});
  Buffer<float> sum(std::vector<float>{0});
  run(kernel, {8}, {128}, 0, x, int(n), next, tickets, bounds, slot, sum);
  std::vector<int> got = tickets.read();
  std::sort(got.begin(), got.end());
  for (unsigned i = 0; i < n; ++i)
    ASSERT_EQ(got[i], int(i));
  EXPECT_EQ(bounds.read()[0], *std::min_element(a.begin(), a.end()));
  EXPECT_EQ(bounds.read()[1], *std::max_element(a.begin(), a.end()));
  EXPECT_GE(slot.read()[0], 0);
  EXPECT_EQ(sum.read()[0], float(n));
}

TEST_F(VectorKernels, ScanInDynamicSharedMemory) {
  CUfunction kernel = loadKernel("scan", "scan");
  for (unsigned threads : {1, 32, 100, 1024}) {
    unsigned n = threads + threads / 2 + 1;
    std::vector<int> a = makeInts(n, 14);
    Buffer<int> x(a), y(n);
    run(kernel, {divideUp(n, threads)}, {threads}, 4 * threads, x, y, int(n));
    std::vector<int> got = y.read();
    unsigned sum = 0;
    for (unsigned i = 0; i < n; ++i) {
      sum = (i % threads ? sum : 0) + unsigned(a[i]);
      ASSERT_EQ(got[i], int(sum)) << threads << " " << i;
    }
  }
}

TEST_F(VectorKernels, LocalArrays) {
  CUfunction kernel = loadKernel("local_memory", "local_memory");
  int bytes = 0;
  ASSERT_EQ(cuFuncGetAttribute(&bytes, 3, kernel), 0);
  EXPECT_GE(bytes, 64);
  unsigned n = 77;
  std::vector<int> a = makeInts(16 * n, 15);
  Buffer<int> x(a), y(16 * n);
  run(kernel, {3}, {32}, 0, x, y, int(n));
  for (unsigned i = 0; i < n; ++i)
    std::sort(&a[16 * i], &a[16 * i] + 16);
  EXPECT_EQ(y.read(), a);
}
