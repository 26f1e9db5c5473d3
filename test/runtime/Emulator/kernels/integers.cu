// Integer division and what is done with bits; 10 results an element.
extern "C" __global__ void integers(const int *x, const int *y, int *results,
                                    int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  int a = x[i], b = y[i];
  unsigned u = a, v = b;
  int *out = results + 10 * i;
  out[0] = a / b;
  out[1] = a % b;
  out[2] = u / v;
  out[3] = u % v;
  out[4] = __popc(u);
  out[5] = __clz(a);
  out[6] = __brev(u);
  out[7] = __byte_perm(u, v, 0x6240);
  out[8] = __funnelshift_l(u, v, 7);
  out[9] = __umulhi(u, v);
}

// 64 bits: product, quotient, remainder, shifts.
extern "C" __global__ void longs(const long long *x, const long long *y,
                                 long long *results, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  long long a = x[i], b = y[i];
  results[4 * i] = a * b;
  results[4 * i + 1] = a / b;
  results[4 * i + 2] = a % b;
  results[4 * i + 3] = (a << (b & 31)) ^ (a >> (b & 63));
}
