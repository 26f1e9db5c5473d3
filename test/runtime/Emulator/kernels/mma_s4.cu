// A product of 4-bit integers by mma.m16n8k64: one warp computes 16 x 8. A is
// [m, k] and B [n, k], two integers a byte, the first in the low bits.
extern "C" __global__ void mma_s4(const unsigned char *a,
                                  const unsigned char *b, int *c, int n,
                                  int k) {
  int group = threadIdx.x / 4, inGroup = threadIdx.x % 4;
  int row = blockIdx.y * 16 + group, column = blockIdx.x * 8 + group;
  int sum[4] = {};
  for (int start = 4 * inGroup; start < k / 2; start += 32) {
    auto load = [&](const unsigned char *from, int line, int place) {
      return *reinterpret_cast<const unsigned *>(
          &from[line * (k / 2) + start + place]);
    };
    asm volatile("mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
                 : "r"(load(a, row, 0)), "r"(load(a, row + 8, 0)),
                   "r"(load(a, row, 16)), "r"(load(a, row + 8, 16)),
                   "r"(load(b, column, 0)), "r"(load(b, column, 16)));
  }
  int *out = &c[row * n + blockIdx.x * 8 + 2 * inGroup];
  out[0] = sum[0];
  out[1] = sum[1];
  out[8 * n] = sum[2];
  out[8 * n + 1] = sum[3];
}
