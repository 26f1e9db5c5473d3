/* Prints the version of the runtime and what it says about a missing model. */
#include <cinch/runtime.h>
#include <stdio.h>

int main(void) {
  cinch_model_t *model = NULL;
  if (cinch_runtime_abi_version() != CINCH_RUNTIME_ABI_VERSION)
    return 1;
  if (cinch_model_load("absent.so", NULL, &model) != CINCH_ERROR_IO)
    return 1;
  printf("%s: %s\n", cinch_runtime_version(), cinch_last_error());
  return 0;
}
