// Transposes [rows, columns] in tiles of 32 x 32 by blocks of 32 x 8: with a
// column of padding against bank conflicts, and without.
template <int kPadding>
__device__ void transposeTile(const float *x, float *y, int rows, int columns) {
  __shared__ float tile[32][32 + kPadding];
  int column = blockIdx.x * 32 + threadIdx.x;
  for (int i = threadIdx.y; i < 32; i += 8) {
    int row = blockIdx.y * 32 + i;
    if (row < rows && column < columns)
      tile[i][threadIdx.x] = x[row * columns + column];
  }
  __syncthreads();
  int row = blockIdx.y * 32 + threadIdx.x;
  for (int i = threadIdx.y; i < 32; i += 8) {
    int to = blockIdx.x * 32 + i;
    if (row < rows && to < columns)
      y[to * rows + row] = tile[threadIdx.x][i];
  }
}

extern "C" __global__ void transpose(const float *x, float *y, int rows,
                                     int columns) {
  transposeTile<1>(x, y, rows, columns);
}

extern "C" __global__ void transpose_conflicts(const float *x, float *y,
                                               int rows, int columns) {
  transposeTile<0>(x, y, rows, columns);
}
