/* tensors.h - inputs and outputs of any model, for the programs beside it */
#ifndef CINCH_TEST_E2E_PROGRAMS_TENSORS_H
#define CINCH_TEST_E2E_PROGRAMS_TENSORS_H

#include <cinch/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 64 };

struct tensors {
  int32_t input_count, output_count;
  cinch_tensor_t inputs[MAX_TENSORS], outputs[MAX_TENSORS];
  int64_t input_dims[MAX_TENSORS][CINCH_MAX_RANK];
  int64_t output_dims[MAX_TENSORS][CINCH_MAX_RANK];
};

static void check(cinch_status_t status) {
  if (status != CINCH_OK) {
    fprintf(stderr, "%s\n", cinch_last_error());
    exit(1);
  }
}

static size_t count_bytes(const cinch_tensor_t *tensor) {
  size_t bytes = (size_t)cinch_dtype_bytes(tensor->dtype);
  for (int axis = 0; axis < tensor->rank; ++axis)
    bytes *= (size_t)tensor->shape[axis];
  return bytes;
}

static void allocate(cinch_tensor_t *tensor, const int64_t *dims) {
  tensor->shape = dims;
  tensor->data = calloc(count_bytes(tensor) + 1, 1);
}

/* Makes the tensors of `model`, all zeros, with the sizes of its inputs given
 * as texts ("1,3,48"), one of each. */
static inline void make_tensors(cinch_model_t *model, char *const *sizes,
                                int count, struct tensors *out) {
  static cinch_shape_t shapes[MAX_TENSORS];
  cinch_model_info_t info = {.struct_size = sizeof(info)};
  check(cinch_model_get_info(model, &info));
  if (info.input_count != count || count > MAX_TENSORS ||
      info.output_count > MAX_TENSORS) {
    fprintf(stderr, "the model has %d inputs\n", info.input_count);
    exit(2);
  }
  memset(out, 0, sizeof(*out));
  out->input_count = info.input_count;
  out->output_count = info.output_count;
  for (int index = 0; index < info.input_count; ++index) {
    cinch_value_info_t value = {.struct_size = sizeof(value)};
    check(cinch_model_get_input(model, index, &value));
    char *text = sizes[index];
    for (int axis = 0; axis < value.rank; ++axis, text += *text == ',')
      out->input_dims[index][axis] = strtoll(text, &text, 10);
    out->inputs[index].dtype = value.dtype;
    out->inputs[index].rank = value.rank;
    allocate(&out->inputs[index], out->input_dims[index]);
    shapes[index].rank = value.rank;
    shapes[index].dims = out->input_dims[index];
  }
  for (int index = 0; index < info.output_count; ++index) {
    cinch_value_info_t value = {.struct_size = sizeof(value)};
    check(cinch_model_get_output(model, index, &value));
    check(cinch_model_output_shape(model, shapes, info.input_count, index,
                                   out->output_dims[index]));
    out->outputs[index].dtype = value.dtype;
    out->outputs[index].rank = value.rank;
    allocate(&out->outputs[index], out->output_dims[index]);
  }
}

#endif /* CINCH_TEST_E2E_PROGRAMS_TENSORS_H */
