// The same product as wmma_gemm by ldmatrix and mma.m16n8k16, as compilers
// write it: one warp computes 16 x 8 from tiles in shared memory.
#include <cuda_fp16.h>

__device__ unsigned toShared(const void *pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

extern "C" __global__ void mma_gemm(const half *a, const half *b, float *c,
                                    int n, int k) {
  __shared__ __align__(16) half tileA[16][16];
  __shared__ __align__(16) half tileB[8][16];
  int lane = threadIdx.x;
  int row = blockIdx.y * 16, column = blockIdx.x * 8;
  float sum[4] = {};
  for (int start = 0; start < k; start += 16) {
    // 8 halves a lane: A has 32 such pieces, B 16.
    *reinterpret_cast<uint4 *>(&tileA[lane / 2][lane % 2 * 8]) =
        *reinterpret_cast<const uint4 *>(
            &a[(row + lane / 2) * k + start + lane % 2 * 8]);
    if (lane < 16)
      *reinterpret_cast<uint4 *>(&tileB[lane / 2][lane % 2 * 8]) =
          *reinterpret_cast<const uint4 *>(
              &b[(column + lane / 2) * k + start + lane % 2 * 8]);
    __syncthreads();
    unsigned ra[4], rb[2];
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(ra[0]), "=r"(ra[1]), "=r"(ra[2]), "=r"(ra[3])
                 : "r"(toShared(&tileA[lane % 16][lane / 16 * 8])));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(rb[0]), "=r"(rb[1])
                 : "r"(toShared(&tileB[lane % 8][lane / 8 % 2 * 8])));
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(ra[0]), "r"(ra[1]), "r"(ra[2]), "r"(ra[3]), "r"(rb[0]),
                   "r"(rb[1]));
    __syncthreads();
  }
  int group = lane / 4, pair = lane % 4 * 2;
  c[(row + group) * n + column + pair] = sum[0];
  c[(row + group) * n + column + pair + 1] = sum[1];
  c[(row + group + 8) * n + column + pair] = sum[2];
  c[(row + group + 8) * n + column + pair + 1] = sum[3];
}
