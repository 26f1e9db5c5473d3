// f64: a root and a quotient, a polynomial by fma, and what conversions do.
extern "C" __global__ void double_ops(const double *x, double *roots,
                                      double *polynomials, float *narrowed,
                                      long long *rounded, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  double value = x[i];
  roots[i] = sqrt(fabs(value)) / (1.0 + value * value);
  polynomials[i] = fma(fma(value, 0.5, -3.0), value, 0.25);
  narrowed[i] = float(value);
  rounded[i] = __double2ll_rn(value);
}
