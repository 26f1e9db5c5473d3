// Softmax of each row; one block of 128 threads a row.
constexpr int kThreads = 128;

template <typename Combine>
__device__ float combineBlock(float value, Combine combine) {
  __shared__ float parts[kThreads / 32];
  for (int mask = 16; mask; mask /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, mask));
  __syncthreads();
  if (threadIdx.x % 32 == 0)
    parts[threadIdx.x / 32] = value;
  __syncthreads();
  value = parts[0];
  for (int i = 1; i < kThreads / 32; ++i)
    value = combine(value, parts[i]);
  return value;
}

extern "C" __global__ void __launch_bounds__(kThreads)
    softmax(const float *x, float *y, int columns) {
  x += size_t(blockIdx.x) * columns;
  y += size_t(blockIdx.x) * columns;
  float largest = -INFINITY;
  for (int i = threadIdx.x; i < columns; i += kThreads)
    largest = fmaxf(largest, x[i]);
  largest = combineBlock(largest, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0;
  for (int i = threadIdx.x; i < columns; i += kThreads)
    sum += expf(x[i] - largest);
  sum = combineBlock(sum, [](float a, float b) { return a + b; });
  for (int i = threadIdx.x; i < columns; i += kThreads)
    y[i] = expf(x[i] - largest) / sum;
}
