// C = A B as in sgemm.cu for multiples of 32, with tiles copied by cp.async
// while the ones before are used. 16 bytes a copy: 32 x 32 floats by 256
// threads.
#include <cuda_pipeline.h>
constexpr int kTile = 32;

__device__ void copyTile(float (*tile)[kTile], const float *from, int stride) {
  int row = threadIdx.x / 8, column = threadIdx.x % 8 * 4;
  __pipeline_memcpy_async(&tile[row][column], &from[row * stride + column], 16);
}

extern "C" __global__ void __launch_bounds__(256)
    async_gemm(const float *a, const float *b, float *c, int n, int k) {
  __shared__ __align__(16) float tileA[2][kTile][kTile], tileB[2][kTile][kTile];
  a += blockIdx.y * kTile * k;
  b += blockIdx.x * kTile;
  float sums[4] = {};
  int row = threadIdx.x / 8, column = threadIdx.x % 8 * 4;
  copyTile(tileA[0], a, k);
  copyTile(tileB[0], b, n);
  __pipeline_commit();
  for (int step = 0; step < k / kTile; ++step) {
    int now = step % 2;
    if ((step + 1) * kTile < k) {
      copyTile(tileA[1 - now], a + (step + 1) * kTile, k);
      copyTile(tileB[1 - now], b + (step + 1) * kTile * n, n);
    }
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    for (int i = 0; i < kTile; ++i)
      for (int j = 0; j < 4; ++j)
        sums[j] += tileA[now][row][i] * tileB[now][i][column + j];
    __syncthreads();
  }
  c += (blockIdx.y * kTile + row) * n + blockIdx.x * kTile + column;
  *reinterpret_cast<float4 *>(c) =
      make_float4(sums[0], sums[1], sums[2], sums[3]);
}
