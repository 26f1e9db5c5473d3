// Sums: of each warp by shuffles, of each block through shared memory, and the
// largest of a block.
__device__ float sumOfWarp(float value) {
  for (int distance = 16; distance; distance /= 2)
    value += __shfl_down_sync(0xffffffffu, value, distance);
  return value;
}

// sums[w] = sum of elements 32 w .. 32 w + 31; a whole number of warps.
extern "C" __global__ void warp_sum(const float *x, float *sums) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = sumOfWarp(x[i]);
  if (i % 32 == 0)
    sums[i / 32] = sum;
}

// sums[b] = sum of the elements of block b; the block is a multiple of 32.
extern "C" __global__ void block_sum(const float *x, float *sums, int count) {
  __shared__ float parts[32];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float sum = sumOfWarp(i < count ? x[i] : 0);
  if (lane == 0)
    parts[warp] = sum;
  __syncthreads();
  if (warp)
    return;
  sum = sumOfWarp(lane < blockDim.x / 32 ? parts[lane] : 0);
  if (lane == 0)
    sums[blockIdx.x] = sum;
}

// The largest value and how many are positive, by votes and xor shuffles.
extern "C" __global__ void warp_votes(const int *x, int *largest,
                                      int *positive) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int value = x[i];
  unsigned votes = __ballot_sync(0xffffffffu, value > 0);
  for (int mask = 16; mask; mask /= 2)
    value = max(value, __shfl_xor_sync(0xffffffffu, value, mask));
  if (i % 32 == 0) {
    largest[i / 32] = value;
    positive[i / 32] = __popc(votes);
  }
}
