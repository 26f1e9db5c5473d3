// softmax(Q K^T scale) V for one head, [rows, 64] each, without storing the
// scores: one warp takes one row of Q over blocks of 32 rows of K and V.
constexpr int kWidth = 64, kBlock = 32, kWarps = 4;

extern "C" __global__ void __launch_bounds__(32 * kWarps)
    flash_attention(const float *q, const float *k, const float *v, float *out,
                    int queries, int keys, float scale) {
  __shared__ float tileK[kBlock][kWidth + 1], tileV[kBlock][kWidth];
  __shared__ float rowQ[kWarps][kWidth];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int row = blockIdx.x * kWarps + warp;
  bool isRow = row < queries;
  for (int i = lane; i < kWidth; i += 32)
    rowQ[warp][i] = isRow ? q[row * kWidth + i] * scale : 0;
  float largest = -INFINITY, sum = 0, result[2] = {};
  for (int start = 0; start < keys; start += kBlock) {
    __syncthreads();
    for (int i = threadIdx.x; i < kBlock * kWidth; i += 32 * kWarps) {
      int key = start + i / kWidth;
      tileK[i / kWidth][i % kWidth] = key < keys ? k[start * kWidth + i] : 0;
      tileV[i / kWidth][i % kWidth] = key < keys ? v[start * kWidth + i] : 0;
    }
    __syncthreads();
    float score = 0;
    for (int i = 0; i < kWidth; ++i)
      score += rowQ[warp][i] * tileK[lane][i];
    if (start + lane >= keys)
      score = -INFINITY;
    float top = score;
    for (int mask = 16; mask; mask /= 2)
      top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, mask));
    top = fmaxf(top, largest);
    float weight = __expf(score - top), correction = __expf(largest - top);
    float weights = weight;
    for (int mask = 16; mask; mask /= 2)
      weights += __shfl_xor_sync(0xffffffffu, weights, mask);
    sum = sum * correction + weights;
    largest = top;
    result[0] *= correction;
    result[1] *= correction;
    for (int i = 0; i < kBlock; ++i) {
      float w = __shfl_sync(0xffffffffu, weight, i);
      result[0] += w * tileV[i][lane];
      result[1] += w * tileV[i][lane + 32];
    }
  }
  if (!isRow)
    return;
  out[row * kWidth + lane] = result[0] / sum;
  out[row * kWidth + lane + 32] = result[1] / sum;
}
