/* Counts what a compiled model allocates while it runs.
 *
 *   allocations MODEL DIMS...   DIMS: sizes of one input, such as 1,3,48,192
 *
 * Prints the number of allocations of a first run and of three later ones. The
 * dynamic linker uses the functions defined here for every library of the
 * process. Inputs are zeros.
 */
#define _GNU_SOURCE
#include <cinch/runtime.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static atomic_int counting;
static atomic_long allocations;

static void count(void) {
  if (atomic_load(&counting))
    atomic_fetch_add(&allocations, 1);
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}
void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  count();
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}
void free(void *memory) { __libc_free(memory); }
void *mmap(void *address, size_t length, int protection, int flags, int file,
           off_t offset) {
  count();
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file,
                         offset);
}

static void check(cinch_status_t status) {
  if (status != CINCH_OK) {
    fprintf(stderr, "%s\n", cinch_last_error());
    exit(1);
  }
}

static void *allocate(cinch_tensor_t *tensor, const int64_t *dims) {
  size_t bytes = (size_t)cinch_dtype_bytes(tensor->dtype);
  for (int axis = 0; axis < tensor->rank; ++axis)
    bytes *= (size_t)dims[axis];
  tensor->shape = dims;
  return calloc(bytes + 1, 1);
}

int main(int argc, char **argv) {
  static int64_t in_dims[64][CINCH_MAX_RANK], out_dims[64][CINCH_MAX_RANK];
  static cinch_tensor_t inputs[64], outputs[64];
  static cinch_shape_t shapes[64];
  cinch_model_t *model;
  cinch_session_t *session;
  cinch_model_info_t info = {.struct_size = sizeof(info)};
  check(cinch_model_load(argv[1], NULL, &model));
  check(cinch_model_get_info(model, &info));
  if (info.input_count != argc - 2 || argc > 66 || info.output_count > 64)
    return 2;
  for (int index = 0; index < info.input_count; ++index) {
    cinch_value_info_t value = {.struct_size = sizeof(value)};
    check(cinch_model_get_input(model, index, &value));
    char *text = argv[index + 2];
    for (int axis = 0; axis < value.rank; ++axis, text += *text == ',')
      in_dims[index][axis] = strtoll(text, &text, 10);
    inputs[index].dtype = value.dtype;
    inputs[index].rank = value.rank;
    inputs[index].data = allocate(&inputs[index], in_dims[index]);
    shapes[index].rank = value.rank;
    shapes[index].dims = in_dims[index];
  }
  for (int index = 0; index < info.output_count; ++index) {
    cinch_value_info_t value = {.struct_size = sizeof(value)};
    check(cinch_model_get_output(model, index, &value));
    check(cinch_model_output_shape(model, shapes, info.input_count, index,
                                   out_dims[index]));
    outputs[index].dtype = value.dtype;
    outputs[index].rank = value.rank;
    outputs[index].data = allocate(&outputs[index], out_dims[index]);
  }
  check(cinch_session_create(model, NULL, &session));
  for (int run = 0; run < 4; ++run) {
    atomic_store(&allocations, 0);
    atomic_store(&counting, 1);
    cinch_status_t status = cinch_session_run(session, inputs, info.input_count,
                                              outputs, info.output_count);
    atomic_store(&counting, 0);
    check(status);
    printf("%ld\n", atomic_load(&allocations));
  }
  return 0;
}
