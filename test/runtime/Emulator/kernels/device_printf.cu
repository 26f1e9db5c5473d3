// Calls a function of the device's runtime: refused, with its name.
#include <cstdio>

extern "C" __global__ void device_printf(int value) {
  printf("%d\n", value);
}
