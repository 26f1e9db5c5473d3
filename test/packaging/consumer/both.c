/* Compiles argv[1], whose sizes are static, to argv[2] and runs it on zeros. */
#include <cinch/compiler.h>
#include <cinch/runtime.h>
#include <stdio.h>
#include <stdlib.h>

static void print(void *user, cinch_severity_t severity, const char *message) {
  (void)user;
  fprintf(stderr, "%d: %s\n", (int)severity, message);
}

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, cinch_last_error());
  return 1;
}

int main(int argc, char **argv) {
  cinch_compile_options_t options = CINCH_COMPILE_OPTIONS_INIT;
  cinch_model_t *model = NULL;
  cinch_session_t *session = NULL;
  cinch_value_info_t value[2] = {0};
  cinch_tensor_t tensor[2] = {0};
  int64_t shape[2][CINCH_MAX_RANK];
  if (argc != 3)
    return 2;
  options.diagnose = print;
  options.embed_weights = 1;
  if (cinch_compile(argv[1], argv[2], &options) != CINCH_COMPILE_DONE)
    return 1;
  if (cinch_model_load(argv[2], NULL, &model) ||
      cinch_session_create(model, NULL, &session))
    return fail("load");
  value[0].struct_size = value[1].struct_size = sizeof(value[0]);
  if (cinch_model_get_input(model, 0, &value[0]) ||
      cinch_model_get_output(model, 0, &value[1]))
    return fail("signature");
  for (int side = 0; side < 2; ++side) {
    int64_t bytes = cinch_dtype_bytes(value[side].dtype);
    for (int axis = 0; axis < value[side].rank; ++axis)
      bytes *= shape[side][axis] = value[side].dims[axis].max;
    tensor[side].data = calloc(1, (size_t)bytes);
    tensor[side].dtype = value[side].dtype;
    tensor[side].rank = value[side].rank;
    tensor[side].shape = shape[side];
  }
  if (cinch_session_run(session, &tensor[0], 1, &tensor[1], 1))
    return fail("run");
  printf("%s %s: %s\n", cinch_compiler_version(), cinch_runtime_version(),
         value[1].name);
  cinch_session_release(session);
  cinch_model_release(model);
  return 0;
}
