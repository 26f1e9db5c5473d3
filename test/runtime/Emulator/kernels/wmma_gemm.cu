// C [M, N] f32 = A [M, K] f16 row-major times B [K, N] f16 column-major, by
// tensor cores: one warp computes 16 x 16. M, N, K are multiples of 16.
#include <mma.h>
using namespace nvcuda;

extern "C" __global__ void wmma_gemm(const half *a, const half *b, float *c,
                                     int n, int k) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fragmentA;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> fragmentB;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  int row = blockIdx.y * 16, column = blockIdx.x * 16;
  for (int i = 0; i < k; i += 16) {
    wmma::load_matrix_sync(fragmentA, a + row * k + i, k);
    wmma::load_matrix_sync(fragmentB, b + column * k + i, k);
    wmma::mma_sync(sum, fragmentA, fragmentB, sum);
  }
  wmma::store_matrix_sync(c + row * n + column, sum, n, wmma::mem_row_major);
}
