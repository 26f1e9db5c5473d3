// A product of floats of 8 bits by mma.m16n8k32: one warp computes 16 x 8. A is
// [m, k] and B [n, k]. Needs sm_89.
#include <cuda_fp8.h>

extern "C" __global__ void mma_e4m3(const __nv_fp8_e4m3 *a,
                                    const __nv_fp8_e4m3 *b, float *c, int n,
                                    int k) {
  int group = threadIdx.x / 4, inGroup = threadIdx.x % 4;
  int row = blockIdx.y * 16 + group, column = blockIdx.x * 8 + group;
  float sum[4] = {};
  for (int start = 4 * inGroup; start < k; start += 32) {
    auto load = [&](const __nv_fp8_e4m3 *from, int line, int place) {
      return *reinterpret_cast<const unsigned *>(
          &from[line * k + start + place]);
    };
    asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(load(a, row, 0)), "r"(load(a, row + 8, 0)),
                   "r"(load(a, row, 16)), "r"(load(a, row + 8, 16)),
                   "r"(load(b, column, 0)), "r"(load(b, column, 16)));
  }
  float *out = &c[row * n + blockIdx.x * 8 + 2 * inGroup];
  out[0] = sum[0];
  out[1] = sum[1];
  out[8 * n] = sum[2];
  out[8 * n + 1] = sum[3];
}
