// C [M, N] = A [M, K] B [K, N]; tiles of 16 x 16 in shared memory.
constexpr int kTile = 16;

extern "C" __global__ void __launch_bounds__(kTile *kTile)
    sgemm(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float tileA[kTile][kTile], tileB[kTile][kTile];
  int row = blockIdx.y * kTile + threadIdx.y;
  int column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int start = 0; start < k; start += kTile) {
    int ka = start + threadIdx.x, kb = start + threadIdx.y;
    tileA[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0;
    tileB[threadIdx.y][threadIdx.x] =
        column < n && kb < k ? b[kb * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < kTile; ++i)
      sum += tileA[threadIdx.y][i] * tileB[i][threadIdx.x];
    __syncthreads();
  }
  if (row < m && column < n)
    c[row * n + column] = sum;
}
