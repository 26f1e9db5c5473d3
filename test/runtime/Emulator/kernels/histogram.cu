// Counts bytes: atomics on shared memory in each block, then on global memory.
extern "C" __global__ void histogram(const unsigned char *bytes, int count,
                                     unsigned *bins) {
  __shared__ unsigned local[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    local[i] = 0;
  __syncthreads();
  int stride = gridDim.x * blockDim.x;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride)
    atomicAdd(&local[bytes[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    if (local[i])
      atomicAdd(&bins[i], local[i]);
}

// What atomics return, and those that are not sums: tickets[i] is a number that
// no other element has; bounds holds the smallest and the largest value, slot
// the first claim of a compare-and-swap.
extern "C" __global__ void atomics(const int *x, int count, int *next,
                                   int *tickets, int *bounds, int *slot,
                                   float *sum) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  tickets[i] = atomicAdd(next, 1);
  atomicMin(&bounds[0], x[i]);
  atomicMax(&bounds[1], x[i]);
  atomicCAS(slot, -1, i);
  atomicAdd(sum, 1.0f);
}
