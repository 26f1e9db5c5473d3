// The f32 functions that models use, one row each: 7 results an element.
extern "C" __global__ void functions(const float *x, float *results,
                                     int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  float value = x[i];
  results[i] = expf(value);
  results[count + i] = logf(fabsf(value) + 1);
  results[2 * count + i] = tanhf(value);
  results[3 * count + i] = erff(value);
  results[4 * count + i] = rsqrtf(fabsf(value) + 0.5f);
  results[5 * count + i] = sinf(value);
  results[6 * count + i] = 1 / (1 + __expf(-value));
}
