/* Counts what a compiled model allocates while it runs.
 *
 *   allocations MODEL DIMS...   DIMS: sizes of one input, such as 1,3,48,192
 *
 * Prints the number of allocations of a first run and of three later ones.
 * Inputs are zeros. Linked with test/runtime/Hooks/Hooks.c.
 */
#include "tensors.h"
#include "test/runtime/Hooks/Hooks.h"

int main(int argc, char **argv) {
  static struct tensors tensors;
  cinch_model_t *model;
  cinch_session_t *session;
  check(cinch_model_load(argv[1], NULL, &model));
  make_tensors(model, argv + 2, argc - 2, &tensors);
  check(cinch_session_create(model, NULL, &session));
  for (int run = 0; run < 4; ++run) {
    hooks_start_counting();
    cinch_status_t status =
        cinch_session_run(session, tensors.inputs, tensors.input_count,
                          tensors.outputs, tensors.output_count);
    long allocations = hooks_stop_counting();
    check(status);
    printf("%ld\n", allocations);
  }
  return 0;
}
