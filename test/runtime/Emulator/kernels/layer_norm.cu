// Layer normalization of each row of [rows, columns]; one warp a row.
extern "C" __global__ void layer_norm(const float *x, const float *scale,
                                      const float *shift, float *y, int rows,
                                      int columns, float epsilon) {
  int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows)
    return;
  x += size_t(row) * columns;
  y += size_t(row) * columns;
  float sum = 0, squares = 0;
  for (int i = threadIdx.x; i < columns; i += 32) {
    sum += x[i];
    squares += x[i] * x[i];
  }
  for (int mask = 16; mask; mask /= 2) {
    sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    squares += __shfl_xor_sync(0xffffffffu, squares, mask);
  }
  float mean = sum / columns;
  float inverse = rsqrtf(squares / columns - mean * mean + epsilon);
  for (int i = threadIdx.x; i < columns; i += 32)
    y[i] = (x[i] - mean) * inverse * scale[i] + shift[i];
}
