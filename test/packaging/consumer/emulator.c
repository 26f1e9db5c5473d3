/* The emulated CUDA device as a program that links it sees it. */
#include <cinch/cuda_emulator.h>
#include <stdio.h>

int cuInit(unsigned flags);
int cuDeviceGetCount(int *count);

int main(void) {
  int count = 0;
  if (cuInit(0) || cuDeviceGetCount(&count))
    return 1;
  printf("%s: %d\n", cinch_cuda_emulator_version(), count);
  return 0;
}
