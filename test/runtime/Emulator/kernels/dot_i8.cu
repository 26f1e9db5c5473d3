// Rows of int8 [rows, 4 words] times one vector, by dp4a; one thread a row.
extern "C" __global__ void dot_i8(const int *matrix, const int *vector, int *y,
                                  int rows, int words) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows)
    return;
  int sum = 0;
  for (int i = 0; i < words; ++i)
    sum = __dp4a(matrix[row * words + i], vector[i], sum);
  y[row] = sum;
}
