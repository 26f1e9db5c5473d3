/* A program with one compiled model linked in, or with two (-DSECOND), in C or
 * C++: `linked FIRST-WEIGHTS SECOND-WEIGHTS`. A weights argument of "-" is for
 * embedded weights. Model NAME reads its inputs from NAME.in.K and writes its
 * outputs to NAME.out.K, as plain bytes in the working folder. Symbolic sizes
 * are 1.
 */
#include "first.h"
#ifdef SECOND
#include "second.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 16 };

typedef struct {
  cinch_tensor_t tensor;
  int64_t shape[CINCH_MAX_RANK];
  size_t bytes;
} value_t;

static void stop(const char *what) {
  fprintf(stderr, "%s: %s\n", what, cinch_last_error());
  exit(1);
}

static void allocate(value_t *value, cinch_dtype_t dtype, int32_t rank) {
  int32_t axis;
  value->bytes = (size_t)cinch_dtype_bytes(dtype);
  for (axis = 0; axis < rank; ++axis)
    value->bytes *= (size_t)value->shape[axis];
  value->tensor.data = malloc(value->bytes);
  value->tensor.dtype = dtype;
  value->tensor.rank = rank;
  value->tensor.shape = value->shape;
  value->tensor.strides = NULL;
}

static void transfer(const char *name, const char *kind, int index,
                     value_t *value) {
  char path[256];
  int isInput = strcmp(kind, "in") == 0;
  FILE *file;
  sprintf(path, "%s.%s.%d", name, kind, index);
  file = fopen(path, isInput ? "rb" : "wb");
  if (!file || (isInput ? fread(value->tensor.data, 1, value->bytes, file)
                        : fwrite(value->tensor.data, 1, value->bytes, file)) !=
                   value->bytes)
    stop(path);
  fclose(file);
}

static void run(const char *name, cinch_model_t *model) {
  static value_t inputs[MAX_VALUES], outputs[MAX_VALUES];
  cinch_tensor_t in[MAX_VALUES], out[MAX_VALUES];
  cinch_shape_t shapes[MAX_VALUES];
  cinch_session_t *session = NULL;
  cinch_model_info_t info;
  cinch_value_info_t value;
  int32_t index, axis;
  info.struct_size = sizeof(info);
  value.struct_size = sizeof(value);
  if (cinch_model_get_info(model, &info) || info.input_count > MAX_VALUES ||
      info.output_count > MAX_VALUES ||
      cinch_session_create(model, NULL, &session))
    stop(name);
  for (index = 0; index < info.input_count; ++index) {
    if (cinch_model_get_input(model, index, &value))
      stop(name);
    for (axis = 0; axis < value.rank; ++axis)
      inputs[index].shape[axis] =
          value.dims[axis].symbol ? 1 : value.dims[axis].max;
    allocate(&inputs[index], value.dtype, value.rank);
    transfer(name, "in", index, &inputs[index]);
    in[index] = inputs[index].tensor;
    shapes[index].rank = value.rank;
    shapes[index].dims = inputs[index].shape;
  }
  for (index = 0; index < info.output_count; ++index) {
    if (cinch_model_get_output(model, index, &value) ||
        cinch_model_output_shape(model, shapes, info.input_count, index,
                                 outputs[index].shape))
      stop(name);
    allocate(&outputs[index], value.dtype, value.rank);
    out[index] = outputs[index].tensor;
  }
  if (cinch_session_run(session, in, info.input_count, out, info.output_count))
    stop(name);
  for (index = 0; index < info.output_count; ++index)
    transfer(name, "out", index, &outputs[index]);
  for (index = 0; index < info.input_count; ++index)
    free(inputs[index].tensor.data);
  for (index = 0; index < info.output_count; ++index)
    free(outputs[index].tensor.data);
  cinch_session_release(session);
  cinch_model_release(model);
}

int main(int argc, char **argv) {
  cinch_model_options_t options;
  cinch_model_t *model = NULL;
  memset(&options, 0, sizeof(options));
  options.struct_size = sizeof(options);
  options.verify_weights = 1;
  if (argc != 3)
    return 2;
  if (strcmp(argv[1], "-") != 0)
    options.weights_path = argv[1];
  if (cinch_load_first(&options, &model))
    stop("first");
  run("first", model);
#ifdef SECOND
  options.weights_path = strcmp(argv[2], "-") != 0 ? argv[2] : NULL;
  if (cinch_load_second(&options, &model))
    stop("second");
  run("second", model);
#endif
  return 0;
}
