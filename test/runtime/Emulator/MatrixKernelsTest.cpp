//===- MatrixKernelsTest.cpp - nvcc's kernels on matrices -----------------===//
#include "test/runtime/Emulator/Fixture.h"
#include "test/runtime/Emulator/Half.h"
#include <algorithm>
#include <cmath>

using namespace cinch::emulator;

namespace {
class MatrixKernels : public Device {};
} // namespace

/// Expects C = A B with A [m, k], B [k, n], each product of numbers below 1.
static void expectProduct(const std::vector<float> &a,
                          const std::vector<float> &b,
                          const std::vector<float> &c, unsigned m, unsigned n,
                          unsigned k) {
  for (unsigned i = 0; i < m; ++i)
    for (unsigned j = 0; j < n; ++j) {
      double sum = 0;
      for (unsigned l = 0; l < k; ++l)
        sum += double(a[i * k + l]) * b[l * n + j];
      ASSERT_NEAR(c[i * n + j], sum, k * std::ldexp(1, -23))
          << i << ", " << j << " of " << m << " x " << n << " x " << k;
    }
}

TEST_F(MatrixKernels, TiledProduct) {
  CUfunction kernel = loadKernel("sgemm", "sgemm");
  const unsigned shapes[][3] = {
      {1, 1, 1}, {16, 16, 16}, {37, 19, 53}, {64, 48, 33}};
  for (auto [m, n, k] : shapes) {
    std::vector<float> a = makeFloats(m * k, 31), b = makeFloats(k * n, 32);
    Buffer<float> x(a), y(b), z(m * n);
    run(kernel, {divideUp(n, 16), divideUp(m, 16)}, {16, 16}, 0, x, y, z,
        int(m), int(n), int(k));
    expectProduct(a, b, z.read(), m, n, k);
  }
}

TEST_F(MatrixKernels, ProductWithCopiesInFlight) {
  CUfunction kernel = loadKernel("async_gemm", "async_gemm");
  const unsigned shapes[][3] = {{32, 32, 32}, {64, 96, 128}};
  for (auto [m, n, k] : shapes) {
    std::vector<float> a = makeFloats(m * k, 33), b = makeFloats(k * n, 34);
    Buffer<float> x(a), y(b), z(m * n);
    run(kernel, {n / 32, m / 32}, {256}, 0, x, y, z, int(n), int(k));
    expectProduct(a, b, z.read(), m, n, k);
  }
}

/// Runs a kernel of f16 matrices whose blocks compute `rows` x `columns`.
static void checkHalfProduct(CUfunction kernel, unsigned rows,
                             unsigned columns) {
  const unsigned shapes[][3] = {{16, 16, 16}, {32, 48, 64}};
  for (auto [m, n, k] : shapes) {
    std::vector<float> a = makeFloats(m * k, 35), b = makeFloats(k * n, 36);
    std::vector<uint16_t> halfA(m * k), halfB(k * n);
    for (unsigned i = 0; i < m * k; ++i)
      a[i] = fromHalf(halfA[i] = toHalf(a[i]));
    for (unsigned i = 0; i < k; ++i)
      for (unsigned j = 0; j < n; ++j)
        b[i * n + j] = fromHalf(halfB[j * k + i] = toHalf(b[i * n + j]));
    Buffer<uint16_t> x(halfA), y(halfB);
    Buffer<float> z(m * n);
    run(kernel, {n / columns, m / rows}, {32}, 0, x, y, z, int(n), int(k));
    expectProduct(a, b, z.read(), m, n, k);
  }
}

TEST_F(MatrixKernels, TensorCores) {
  checkHalfProduct(loadKernel("wmma_gemm", "wmma_gemm"), 16, 16);
}

TEST_F(MatrixKernels, MatrixInstructionsOnSharedTiles) {
  checkHalfProduct(loadKernel("mma_gemm", "mma_gemm"), 16, 8);
}

TEST_F(MatrixKernels, ProductOfBytes) {
  CUfunction kernel = loadKernel("dot_i8", "dot_i8");
  for (unsigned words : {1, 4, 33}) {
    unsigned rows = 45;
    std::vector<int> a = makeInts(rows * words, 37), b = makeInts(words, 38);
    Buffer<int> x(a), y(b), z(rows);
    run(kernel, {2}, {32}, 0, x, y, z, int(rows), int(words));
    auto getByte = [](const std::vector<int> &v, unsigned i) {
      return int(int8_t(unsigned(v[i / 4]) >> i % 4 * 8));
    };
    std::vector<int> got = z.read();
    for (unsigned r = 0; r < rows; ++r) {
      int sum = 0;
      for (unsigned i = 0; i < 4 * words; ++i)
        sum += getByte(a, 4 * words * r + i) * getByte(b, i);
      ASSERT_EQ(got[r], sum);
    }
  }
}

TEST_F(MatrixKernels, ProductOfNibbles) {
  CUfunction kernel = loadKernel("mma_s4", "mma_s4");
  const unsigned shapes[][3] = {{16, 8, 64}, {32, 24, 192}};
  for (auto [m, n, k] : shapes) {
    std::vector<int> a = makeInts(m * k / 8, 51), b = makeInts(n * k / 8, 52);
    Buffer<int> x(a), y(b), z(m * n);
    run(kernel, {n / 8, m / 16}, {32}, 0, x, y, z, int(n), int(k));
    auto get = [](const std::vector<int> &words, unsigned i) {
      int nibble = int(unsigned(words[i / 8]) >> i % 8 * 4 & 15);
      return nibble < 8 ? nibble : nibble - 16;
    };
    std::vector<int> got = z.read();
    for (unsigned i = 0; i < m; ++i)
      for (unsigned j = 0; j < n; ++j) {
        int sum = 0;
        for (unsigned l = 0; l < k; ++l)
          sum += get(a, i * k + l) * get(b, j * k + l);
        ASSERT_EQ(got[i * n + j], sum) << i << ", " << j;
      }
  }
}

TEST_F(MatrixKernels, ProductOfFloatsOfEightBits) {
  open({{"ARCH", "sm_89"}});
  CUfunction kernel = loadKernel("mma_e4m3", "mma_e4m3");
  // Every finite number.
  auto make = [](size_t count, uint32_t seed) {
    std::vector<uint8_t> bytes;
    for (int word : makeInts(count, seed))
      bytes.push_back(uint8_t((word & 0x7f) == 0x7f ? word - 1 : word));
    return bytes;
  };
  auto get = [](uint8_t byte) {
    int exponent = byte >> 3 & 15, mantissa = byte & 7;
    double size = exponent ? std::ldexp(8 + mantissa, exponent - 10)
                           : std::ldexp(mantissa, -9);
    return byte & 0x80 ? -size : size;
  };
  const unsigned shapes[][3] = {{16, 8, 32}, {32, 24, 96}};
  for (auto [m, n, k] : shapes) {
    std::vector<uint8_t> a = make(m * k, 53), b = make(n * k, 54);
    Buffer<uint8_t> x(a), y(b);
    Buffer<float> z(m * n);
    run(kernel, {n / 8, m / 16}, {32}, 0, x, y, z, int(n), int(k));
    std::vector<float> got = z.read();
    for (unsigned i = 0; i < m; ++i)
      for (unsigned j = 0; j < n; ++j) {
        double sum = 0, size = 0;
        for (unsigned l = 0; l < k; ++l) {
          double product = get(a[i * k + l]) * get(b[j * k + l]);
          sum += product;
          size += std::abs(product);
        }
        // A rounding of f32 for each term.
        ASSERT_NEAR(got[i * n + j], sum, size * k * std::ldexp(1, -24));
      }
  }
}

TEST_F(MatrixKernels, Transpose) {
  for (const char *name : {"transpose", "transpose_conflicts"}) {
    CUfunction kernel = loadKernel("transpose", name);
    const unsigned shapes[][2] = {{1, 1}, {32, 64}, {45, 37}};
    for (auto [rows, columns] : shapes) {
      std::vector<float> a = makeFloats(rows * columns, 39);
      Buffer<float> x(a), y(rows * columns);
      run(kernel, {divideUp(columns, 32), divideUp(rows, 32)}, {32, 8}, 0, x, y,
          int(rows), int(columns));
      std::vector<float> got = y.read();
      for (unsigned i = 0; i < rows; ++i)
        for (unsigned j = 0; j < columns; ++j)
          ASSERT_EQ(got[j * rows + i], a[i * columns + j]);
    }
  }
}

TEST_F(MatrixKernels, FlashAttention) {
  CUfunction kernel = loadKernel("flash_attention", "flash_attention");
  const unsigned shapes[][2] = {{1, 1}, {4, 32}, {9, 75}};
  for (auto [queries, keys] : shapes) {
    std::vector<float> q = makeFloats(queries * 64, 41);
    std::vector<float> k = makeFloats(keys * 64, 42);
    std::vector<float> v = makeFloats(keys * 64, 43);
    Buffer<float> dq(q), dk(k), dv(v), out(queries * 64);
    run(kernel, {divideUp(queries, 4)}, {128}, 0, dq, dk, dv, out, int(queries),
        int(keys), 0.5f);
    std::vector<float> got = out.read();
    for (unsigned i = 0; i < queries; ++i) {
      std::vector<double> weights(keys);
      double sum = 0;
      for (unsigned j = 0; j < keys; ++j) {
        double score = 0;
        for (unsigned l = 0; l < 64; ++l)
          score += double(q[i * 64 + l]) * k[j * 64 + l];
        sum += weights[j] = std::exp(0.5 * score);
      }
      for (unsigned l = 0; l < 64; ++l) {
        double expected = 0;
        for (unsigned j = 0; j < keys; ++j)
          expected += weights[j] / sum * v[j * 64 + l];
        ASSERT_NEAR(got[i * 64 + l], expected, 1e-5);
      }
    }
  }
}

TEST_F(MatrixKernels, ConvolutionWithConstants) {
  CUmodule module = load(readKernels("convolution"));
  CUfunction kernel = getFunction(module, "convolution");
  CUdeviceptr weights = 0, outputs = 0;
  size_t bytes = 0;
  ASSERT_EQ(cuModuleGetGlobal_v2(&weights, &bytes, module, "weights"), 0);
  EXPECT_EQ(bytes, 36u);
  ASSERT_EQ(cuModuleGetGlobal_v2(&outputs, &bytes, module, "outputs"), 0);
  EXPECT_EQ(bytes, 4u);
  std::vector<float> w = makeFloats(9, 44);
  ASSERT_EQ(cuMemcpyHtoD_v2(weights, w.data(), 36), 0);
  unsigned height = 19, width = 33, total = 0;
  std::vector<float> a = makeFloats(height * width, 45);
  Buffer<float> x(a), y(height * width);
  run(kernel, {3, 3}, {16, 8}, 0, x, y, int(height), int(width));
  std::vector<float> got = y.read();
  for (int r = 0; r < int(height); ++r)
    for (int c = 0; c < int(width); ++c) {
      double sum = 0;
      for (int i = std::max(r - 1, 0); i < std::min(r + 2, int(height)); ++i)
        for (int j = std::max(c - 1, 0); j < std::min(c + 2, int(width)); ++j)
          sum += double(w[unsigned((i - r + 1) * 3 + j - c + 1)]) *
                 a[unsigned(i) * width + unsigned(j)];
      ASSERT_NEAR(got[unsigned(r) * width + unsigned(c)], sum, 2e-6);
    }
  ASSERT_EQ(cuMemcpyDtoH_v2(&total, outputs, 4), 0);
  EXPECT_EQ(total, height * width);
}
