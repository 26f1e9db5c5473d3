//===- ArithmeticKernelsTest.cpp - nvcc's kernels of every number type ----===//
#include "test/runtime/Emulator/Fixture.h"
#include "test/runtime/Emulator/Half.h"
#include <cmath>

using namespace cinch::emulator;

namespace {
class ArithmeticKernels : public Device {};
} // namespace

TEST_F(ArithmeticKernels, Functions) {
  CUfunction kernel = loadKernel("functions", "functions");
  unsigned n = 1001;
  std::vector<float> a(n);
  for (unsigned i = 0; i < n; ++i)
    a[i] = (float(i) - 500) / 50;
  Buffer<float> x(a), y(7 * n);
  run(kernel, {divideUp(n, 128)}, {128}, 0, x, y, int(n));
  std::vector<float> got = y.read();
  for (unsigned i = 0; i < n; ++i) {
    double v = a[i];
    // The CUDA C++ Programming Guide bounds these by 1, 1, 2, 2, 2, 2 units in
    // the last place, and __expf by 2 + |1.173 x|.
    double expected[] = {
        std::exp(v),           std::log(std::fabs(v) + 1),        std::tanh(v),
        std::erf(v),           1 / std::sqrt(std::fabs(v) + 0.5), std::sin(v),
        1 / (1 + std::exp(-v))};
    double units[] = {2, 3, 3, 3, 3, 3, 16};
    for (unsigned f = 0; f < 7; ++f)
      ASSERT_NEAR(got[f * n + i], expected[f],
                  units[f] * std::ldexp(std::fabs(expected[f]), -23) + 1e-7)
          << "function " << f << " of " << v;
  }
}

TEST_F(ArithmeticKernels, SignsOfFlushedNumbers) {
  // As --use_fast_math makes them: subnormal numbers become zeros.
  CUfunction kernel = getFunction(
      load(".version 8.0\n.target sm_80\n.address_size 64\n"
           ".visible .entry signs(.param .u64 p) {\n"
           ".reg .b64 %rd<3>; .reg .f32 %f<4>; .reg .b32 %r<2>;\n"
           "ld.param.u64 %rd1, [p];\nmov.u32 %r1, %tid.x;\n"
           "mad.wide.u32 %rd2, %r1, 12, %rd1;\nld.global.f32 %f1, [%rd2];\n"
           "abs.ftz.f32 %f2, %f1;\nneg.ftz.f32 %f3, %f1;\n"
           "st.global.f32 [%rd2+4], %f2;\nst.global.f32 [%rd2+8], %f3;\n"
           "ret;\n}\n"),
      "signs");
  Buffer<float> x(std::vector<float>{-1e-40f, 9, 9, 1e-40f, 9, 9, -2, 9, 9});
  run(kernel, {1}, {3}, 0, x);
  std::vector<float> got = x.read();
  const float expected[] = {-1e-40f, 0, 0, 1e-40f, 0, -0.0f, -2, 2, 2};
  for (unsigned i = 0; i < 9; ++i) {
    EXPECT_EQ(got[i], expected[i]) << i;
    EXPECT_EQ(std::signbit(got[i]), std::signbit(expected[i])) << i;
  }
}

TEST_F(ArithmeticKernels, ConstantPredicates) {
  // As LLVM makes them.
  CUfunction kernel = getFunction(
      load(".version 8.0\n.target sm_80\n.address_size 64\n"
           ".visible .entry constants(.param .u64 p) {\n"
           ".reg .b64 %rd<2>; .reg .pred %p<3>; .reg .b32 %r<3>;\n"
           "ld.param.u64 %rd1, [p];\nmov.pred %p1, 0;\nmov.pred %p2, -1;\n"
           "selp.u32 %r1, 5, 6, %p1;\nselp.u32 %r2, 7, 8, %p2;\n"
           "st.global.u32 [%rd1], %r1;\nst.global.u32 [%rd1+4], %r2;\n"
           "ret;\n}\n"),
      "constants");
  Buffer<int> x(2);
  run(kernel, {1}, {1}, 0, x);
  EXPECT_EQ(x.read(), (std::vector<int>{6, 7}));
}

TEST_F(ArithmeticKernels, HalfPairs) {
  CUfunction kernel = loadKernel("half2", "half2_ops");
  unsigned n = 101;
  std::vector<float> values = makeFloats(2 * n, 21);
  std::vector<uint16_t> a;
  for (float value : values)
    a.push_back(toHalf(4 * value));
  Buffer<uint16_t> x(a), y(2 * n), sums(n);
  uint32_t scale = toHalf(1.5f) | uint32_t(toHalf(-0.25f)) << 16;
  uint32_t shift = toHalf(0.125f) | uint32_t(toHalf(3.0f)) << 16;
  run(kernel, {4}, {32}, 0, x, scale, shift, y, sums, int(n));
  std::vector<uint16_t> got = y.read(), pairs = sums.read();
  for (unsigned i = 0; i < n; ++i) {
    // One rounding each: f32 holds the product and the sum of halves exactly
    // enough for it.
    uint16_t low = toHalf(float(1.5 * fromHalf(a[2 * i]) + 0.125));
    uint16_t high = toHalf(float(-0.25 * fromHalf(a[2 * i + 1]) + 3.0));
    ASSERT_EQ(fromHalf(got[2 * i]), std::fmax(fromHalf(low), 0));
    ASSERT_EQ(fromHalf(got[2 * i + 1]), std::fmax(fromHalf(high), 0));
    ASSERT_EQ(fromHalf(pairs[i]),
              fromHalf(toHalf(fromHalf(low) + fromHalf(high))));
  }
}

TEST_F(ArithmeticKernels, Bfloat) {
  CUfunction kernel = loadKernel("bfloat", "bfloat_axpy");
  unsigned n = 333;
  std::vector<float> u = makeFloats(n, 22), v = makeFloats(n, 23);
  std::vector<uint16_t> a, b;
  for (unsigned i = 0; i < n; ++i)
    a.push_back(toBfloat(u[i])), b.push_back(toBfloat(v[i]));
  Buffer<uint16_t> x(a), y(b);
  run(kernel, {6}, {64}, 0, 1.7f, x, y, int(n));
  std::vector<uint16_t> got = y.read();
  for (unsigned i = 0; i < n; ++i)
    ASSERT_EQ(got[i],
              toBfloat(std::fma(1.7f, fromBfloat(a[i]), fromBfloat(b[i]))));
}

TEST_F(ArithmeticKernels, Double) {
  CUfunction kernel = loadKernel("double", "double_ops");
  std::vector<double> a = {0, -0.0, 1, -1, 0.5, 1.5, 2.5, 1e-300, 1e300, 3.7};
  for (float value : makeFloats(100, 24))
    a.push_back(1000.0 * value);
  unsigned n = unsigned(a.size());
  Buffer<double> x(a), roots(n), polynomials(n);
  Buffer<float> narrowed(n);
  Buffer<long long> rounded(n);
  run(kernel, {2}, {64}, 0, x, roots, polynomials, narrowed, rounded, int(n));
  std::vector<double> r = roots.read(), p = polynomials.read();
  std::vector<float> f = narrowed.read();
  std::vector<long long> l = rounded.read();
  for (unsigned i = 0; i < n; ++i) {
    ASSERT_EQ(r[i], std::sqrt(std::fabs(a[i])) / std::fma(a[i], a[i], 1.0));
    ASSERT_EQ(p[i], std::fma(std::fma(a[i], 0.5, -3.0), a[i], 0.25));
    ASSERT_EQ(f[i], float(a[i]));
    // cvt saturates where C++ has no answer.
    ASSERT_EQ(l[i], a[i] > 9e18 ? INT64_MAX : std::llrint(a[i]));
  }
}

/// Bits of `value`, the last first.
static unsigned reverseBits(unsigned value) {
  unsigned result = 0;
  for (unsigned i = 0; i < 32; ++i)
    result |= (value >> i & 1) << (31 - i);
  return result;
}

static unsigned permuteBytes(unsigned a, unsigned b, unsigned selectors) {
  unsigned long long bytes = uint64_t(b) << 32 | a;
  unsigned result = 0;
  for (unsigned i = 0; i < 4; ++i)
    result |= unsigned(bytes >> (selectors >> 4 * i & 7) * 8 & 255) << 8 * i;
  return result;
}

TEST_F(ArithmeticKernels, Integers) {
  CUfunction kernel = loadKernel("integers", "integers");
  std::vector<int> a = makeInts(500, 25), b = makeInts(500, 26);
  a.insert(a.end(), {0, 1, -1, INT32_MAX, INT32_MIN, INT32_MIN, 7});
  b.insert(b.end(), {1, 3, -1, INT32_MIN, 3, INT32_MAX, -7});
  for (unsigned i = 0; i < 500; ++i)
    b[i] = i % 3 ? b[i] >> (i % 31) | 1 : b[i] | 1;
  unsigned n = unsigned(a.size());
  Buffer<int> x(a), y(b), results(10 * n);
  run(kernel, {divideUp(n, 64)}, {64}, 0, x, y, results, int(n));
  std::vector<int> got = results.read();
  for (unsigned i = 0; i < n; ++i) {
    unsigned u = unsigned(a[i]), v = unsigned(b[i]);
    unsigned expected[] = {unsigned(int64_t(a[i]) / b[i]),
                           unsigned(int64_t(a[i]) % b[i]),
                           u / v,
                           u % v,
                           unsigned(__builtin_popcount(u)),
                           u ? unsigned(__builtin_clz(u)) : 32,
                           reverseBits(u),
                           permuteBytes(u, v, 0x6240),
                           v << 7 | u >> 25,
                           unsigned(uint64_t(u) * v >> 32)};
    for (unsigned j = 0; j < 10; ++j)
      ASSERT_EQ(unsigned(got[10 * i + j]), expected[j])
          << "result " << j << " of " << a[i] << " and " << b[i];
  }
}

TEST_F(ArithmeticKernels, Longs) {
  CUfunction kernel = loadKernel("integers", "longs");
  std::vector<int> parts = makeInts(800, 27);
  auto join = [&](unsigned i) {
    return int64_t(uint64_t(parts[i]) << 32 ^ unsigned(parts[i + 1]));
  };
  std::vector<long long> a, b;
  for (unsigned i = 0; i < 200; ++i) {
    a.push_back(join(4 * i));
    b.push_back(join(4 * i + 2) >> (i % 50) | 1);
  }
  unsigned n = 200;
  Buffer<long long> x(a), y(b), results(4 * n);
  run(kernel, {4}, {64}, 0, x, y, results, int(n));
  std::vector<long long> got = results.read();
  for (unsigned i = 0; i < n; ++i) {
    uint64_t u = uint64_t(a[i]), v = uint64_t(b[i]);
    ASSERT_EQ(uint64_t(got[4 * i]), u * v);
    if (b[i] != -1) {
      ASSERT_EQ(got[4 * i + 1], a[i] / b[i]);
      ASSERT_EQ(got[4 * i + 2], a[i] % b[i]);
    }
    ASSERT_EQ(uint64_t(got[4 * i + 3]),
              u << (v & 31) ^ uint64_t(a[i] >> (v & 63)));
  }
}
