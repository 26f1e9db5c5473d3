// y = a x + y; the grid strides over the elements.
extern "C" __global__ void saxpy(float a, const float *__restrict__ x, float *y,
                                 int count) {
  int stride = gridDim.x * blockDim.x;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride)
    y[i] = a * x[i] + y[i];
}

// The same on four elements at once; count4 is the number of fours.
extern "C" __global__ void saxpy4(float a, const float4 *__restrict__ x,
                                  float4 *y, int count4) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count4)
    return;
  float4 u = x[i], v = y[i];
  v.x += a * u.x, v.y += a * u.y, v.z += a * u.z, v.w += a * u.w;
  y[i] = v;
}
