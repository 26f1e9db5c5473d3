// Sorts 16 numbers a thread in an array that lies in local memory.
extern "C" __global__ void local_memory(const int *x, int *y, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count)
    return;
  int values[16];
  for (int j = 0; j < 16; ++j) {
    int value = x[16 * i + j], place = j;
    for (; place > 0 && values[place - 1] > value; --place)
      values[place] = values[place - 1];
    values[place] = value;
  }
  for (int j = 0; j < 16; ++j)
    y[16 * i + j] = values[j];
}
