/* A C program that runs a model: argv[1], of one f32 input [batch, 4]. */
#include <cinch/runtime.h>
#include <stdio.h>

int main(int argc, char **argv) {
  cinch_model_t *model = NULL;
  cinch_session_t *session = NULL;
  float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8];
  int64_t shape[2] = {2, 4};
  cinch_tensor_t input = {x, CINCH_DTYPE_F32, 2, shape, NULL};
  cinch_tensor_t output = {y, CINCH_DTYPE_F32, 2, shape, NULL};
  if (argc != 2 || cinch_runtime_abi_version() != CINCH_RUNTIME_ABI_VERSION ||
      cinch_model_load(argv[1], NULL, &model) ||
      cinch_session_create(model, NULL, &session) ||
      cinch_session_run(session, &input, 1, &output, 1)) {
    fprintf(stderr, "%s\n", cinch_last_error());
    return 1;
  }
  printf("%g %g\n", y[0], y[7]);
  cinch_session_release(session);
  cinch_model_release(model);
  return 0;
}
