// Inclusive prefix sums of each block's elements (up to 1024), in place in
// shared memory that the launch sizes: 4 bytes a thread.
extern "C" __global__ void scan(const int *x, int *y, int count) {
  extern __shared__ int values[];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  values[threadIdx.x] = i < count ? x[i] : 0;
  __syncthreads();
  for (int distance = 1; distance < blockDim.x; distance *= 2) {
    int left = threadIdx.x >= distance ? values[threadIdx.x - distance] : 0;
    __syncthreads();
    values[threadIdx.x] += left;
    __syncthreads();
  }
  if (i < count)
    y[i] = values[threadIdx.x];
}
