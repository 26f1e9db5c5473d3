/* Runs many sessions of many models at once.
 *
 *   stress THREADS SESSIONS ROUNDS MODEL DIMS... [-- MODEL DIMS...]...
 *
 * Every thread has SESSIONS sessions of every model and runs each ROUNDS times,
 * in an order of its own; every other session asks for two threads. Prints the
 * number of runs and exits with 1 unless every output has the bits that one
 * thread alone computed.
 */
#include "tensors.h"

#include <pthread.h>

enum { MAX_MODELS = 8 };

static cinch_model_t *models[MAX_MODELS];
static struct tensors expected[MAX_MODELS];
static int model_count, session_count, rounds;

struct worker {
  pthread_t thread;
  unsigned number;
  long runs, wrong;
};

static cinch_session_t *create(int model, int threads) {
  cinch_session_options_t options = {.struct_size = sizeof(options)};
  options.threads = threads;
  cinch_session_t *session;
  check(cinch_session_create(models[model], &options, &session));
  return session;
}

/* Runs `session` of `model` into buffers of its own; whether all is right. */
static int run(cinch_session_t *session, int model) {
  const struct tensors *want = &expected[model];
  cinch_tensor_t outputs[MAX_TENSORS];
  int same = 1;
  for (int index = 0; index < want->output_count; ++index) {
    outputs[index] = want->outputs[index];
    outputs[index].data = calloc(count_bytes(&outputs[index]) + 1, 1);
  }
  cinch_status_t status = cinch_session_run(
      session, want->inputs, want->input_count, outputs, want->output_count);
  if (status != CINCH_OK)
    fprintf(stderr, "%s\n", cinch_last_error());
  for (int index = 0; index < want->output_count; ++index) {
    same &= !memcmp(outputs[index].data, want->outputs[index].data,
                    count_bytes(&outputs[index]));
    free(outputs[index].data);
  }
  return status == CINCH_OK && same;
}

static void *work(void *argument) {
  struct worker *self = argument;
  int count = model_count * session_count;
  cinch_session_t **sessions = calloc((size_t)count, sizeof(*sessions));
  for (int index = 0; index < count; ++index)
    sessions[index] = create(index % model_count, index % 2 + 1);
  unsigned random = self->number * 2654435761u + 1;
  for (int round = 0; round < rounds * count; ++round) {
    random = random * 1664525u + 1013904223u;
    int index = (int)((random >> 16) % (unsigned)count);
    self->wrong += !run(sessions[index], index % model_count);
    self->runs++;
  }
  for (int index = 0; index < count; ++index)
    cinch_session_release(sessions[index]);
  free(sessions);
  return NULL;
}

static void fill(struct tensors *tensors) {
  unsigned random = 1;
  for (int index = 0; index < tensors->input_count; ++index) {
    const cinch_tensor_t *input = &tensors->inputs[index];
    if (input->dtype != CINCH_DTYPE_F32)
      continue; /* zeros: they may be indices */
    float *data = input->data;
    for (size_t at = 0; at < count_bytes(input) / sizeof(float); ++at) {
      random = random * 1664525u + 1013904223u;
      data[at] = (float)(random >> 8) / 8388608.0f - 1;
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 5)
    return 2;
  int thread_count = atoi(argv[1]);
  session_count = atoi(argv[2]);
  rounds = atoi(argv[3]);
  for (int at = 4; at < argc && model_count < MAX_MODELS; ++model_count) {
    int end = at + 1;
    while (end < argc && strcmp(argv[end], "--"))
      ++end;
    check(cinch_model_load(argv[at], NULL, &models[model_count]));
    struct tensors *tensors = &expected[model_count];
    make_tensors(models[model_count], argv + at + 1, end - at - 1, tensors);
    fill(tensors);
    cinch_session_t *session = create(model_count, 1);
    check(cinch_session_run(session, tensors->inputs, tensors->input_count,
                            tensors->outputs, tensors->output_count));
    cinch_session_release(session);
    at = end + 1;
  }
  struct worker *workers = calloc((size_t)thread_count, sizeof(*workers));
  for (int index = 0; index < thread_count; ++index) {
    workers[index].number = (unsigned)index;
    pthread_create(&workers[index].thread, NULL, work, &workers[index]);
  }
  long runs = 0, wrong = 0;
  for (int index = 0; index < thread_count; ++index) {
    pthread_join(workers[index].thread, NULL);
    runs += workers[index].runs;
    wrong += workers[index].wrong;
  }
  free(workers);
  for (int index = 0; index < model_count; ++index) {
    cinch_model_release(models[index]);
    struct tensors *tensors = &expected[index];
    for (int input = 0; input < tensors->input_count; ++input)
      free(tensors->inputs[input].data);
    for (int output = 0; output < tensors->output_count; ++output)
      free(tensors->outputs[output].data);
  }
  printf("%ld runs, %ld wrong\n", runs, wrong);
  return wrong != 0;
}
