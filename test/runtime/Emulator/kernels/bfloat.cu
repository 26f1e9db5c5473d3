// y = bf16(a x + y) with f32 in between, as kernels of mixed precision do.
#include <cuda_bf16.h>

extern "C" __global__ void bfloat_axpy(float a, const __nv_bfloat16 *x,
                                       __nv_bfloat16 *y, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count)
    y[i] = __float2bfloat16(a * __bfloat162float(x[i]) +
                            __bfloat162float(y[i]));
}
