/* Uses the compiler as a C library: `c-compiler MODEL FOLDER`, where MODEL has
 * a dimension `unk__214`. Compiles MODEL to FOLDER/default.so (no options),
 * FOLDER/options.so (sizes 1 to 4, embedded weights, reports), FOLDER/gpu.ptx
 * (TF32, a report at size 77) and, on two threads at once, FOLDER/thread0.so
 * and FOLDER/thread1.so; and expects refusals of everything that can be wrong.
 */
#include <cinch/compiler.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Collects the messages of one compilation. */
typedef struct {
  pthread_t thread;
  char text[8192];
  int counts[4];
  int phases;
  double share; /* of the last phase */
} messages_t;

static void collect(void *user, cinch_severity_t severity,
                    const char *message) {
  messages_t *messages = (messages_t *)user;
  if (!pthread_equal(messages->thread, pthread_self())) {
    fprintf(stderr, "a message came on another thread\n");
    abort();
  }
  ++messages->counts[severity];
  strncat(messages->text, message,
          sizeof(messages->text) - strlen(messages->text) - 2);
  strcat(messages->text, "\n");
}

/** Expects phases in order, on the calling thread. */
static void follow(void *user, const char *phase, double share) {
  messages_t *messages = (messages_t *)user;
  if (!pthread_equal(messages->thread, pthread_self()) || !*phase ||
      share < messages->share || share > 1 ||
      (messages->phases == 0) != (share == 0)) {
    fprintf(stderr, "unexpected phase '%s' at %g\n", phase, share);
    abort();
  }
  ++messages->phases;
  messages->share = share;
}

static cinch_compile_options_t collecting(messages_t *messages) {
  cinch_compile_options_t options = CINCH_COMPILE_OPTIONS_INIT;
  memset(messages, 0, sizeof(*messages));
  messages->thread = pthread_self();
  options.diagnose = collect;
  options.user = messages;
  return options;
}

static const char *model;
static const char *folder;
static int failures;

static const char *inFolder(const char *name, char *path) {
  sprintf(path, "%s/%s", folder, name);
  return path;
}

/** Expects that compiling with `options` gives `status` and a message with
 * `text`, and leaves no file. */
static void expectRefused(const char *input, const char *output,
                          const cinch_compile_options_t *options,
                          const messages_t *messages,
                          cinch_compile_status_t status, const char *text) {
  cinch_compile_status_t got = cinch_compile(input, output, options);
  FILE *file = output ? fopen(output, "r") : NULL;
  if (got == status && !file && messages->counts[CINCH_SEVERITY_ERROR] >= 1 &&
      strstr(messages->text, text))
    return;
  fprintf(stderr, "expected status %d and '%s', but got %d and '%s'%s\n",
          (int)status, text, (int)got, messages->text,
          file ? "; a file is left" : "");
  ++failures;
}

static void expectDone(const char *output,
                       const cinch_compile_options_t *options) {
  cinch_compile_status_t got = cinch_compile(model, output, options);
  if (got == CINCH_COMPILE_DONE)
    return;
  fprintf(stderr, "%s: status %d\n", output, (int)got);
  ++failures;
}

static void testBadOptions(void) {
  messages_t messages;
  cinch_compile_options_t options;
  char bad[512];
  cinch_dim_bound_t dim = {"unk__214", 1, 1};
  const char *noPair = "past", *noInput = "no_such_input=no_such_output";
  inFolder("bad.so", bad);
#define REFUSE(setting, status, text)                                          \
  do {                                                                         \
    options = collecting(&messages);                                           \
    setting;                                                                   \
    expectRefused(model, bad, &options, &messages, status, text);              \
  } while (0)
#define USAGE CINCH_COMPILE_WRONG_USAGE
  REFUSE(options.struct_size = 0, USAGE, "struct_size");
  REFUSE(options.struct_size += 8, USAGE, "struct_size");
  REFUSE(options.target = "toaster", USAGE, "unknown target 'toaster'");
  REFUSE(options.cpu = "toaster", USAGE, "unknown CPU 'toaster'");
  REFUSE(options.pipeline = "no-such-pass", USAGE, "no-such-pass");
  REFUSE(options.report = "report.pdf", USAGE, "report.pdf");
  REFUSE(options.dim_count = 1, USAGE, "dims is null");
  REFUSE(options.memory_budget_bytes = -1, USAGE, "memory_budget_bytes >= 0");
  REFUSE(options.emit = (cinch_emit_t)99, USAGE, "options.emit");
  REFUSE((options.emit = CINCH_EMIT_LLVM, options.embed_weights = 1), USAGE,
         "embedded");
  REFUSE(options.kernel_report = "k.html", USAGE, "k.html");
  REFUSE((options.kernel_report = "k.txt", options.emit = CINCH_EMIT_EXEC),
         USAGE, "compiled kernels");
  REFUSE(options.allow_tf32 = 1, USAGE, "TF32");
  REFUSE(options.embed_cubin = 1, USAGE, "cubin");
  REFUSE(options.fail_on_fallback = 1, USAGE, "fallbacks to fail on");
  REFUSE(options.report_dim_count = 1, USAGE, "report_dims is null");
  REFUSE(
      (options.report_dims = &dim, options.report_dim_count = 1, dim.max = 4),
      USAGE, "min == max");
  dim.max = 1;
  REFUSE(options.state_count = 1, USAGE, "states is null");
  REFUSE((options.states = &noPair, options.state_count = 1), USAGE,
         "past=present");
  REFUSE((options.states = &noInput, options.state_count = 1),
         CINCH_COMPILE_FAILED, "no_such_input");
  options = collecting(&messages);
  expectRefused(NULL, bad, &options, &messages, USAGE, "must not be null");
  options = collecting(&messages);
  expectRefused(model, NULL, &options, &messages, USAGE, "must not be null");
  options = collecting(&messages);
  expectRefused("model.txt", bad, &options, &messages, USAGE, "model.txt");

  dim.min = 2;
  REFUSE((options.dims = &dim, options.dim_count = 1), USAGE, "min <= max");
  dim.min = dim.max = 1;
  dim.name = NULL;
  REFUSE((options.dims = &dim, options.dim_count = 1), USAGE, "with a name");
#define FAILED CINCH_COMPILE_FAILED
  dim.name = "no_such_dim";
  REFUSE((options.dims = &dim, options.dim_count = 1), FAILED, "no_such_dim");
  dim.name = "unk__214";
  REFUSE((options.dims = &dim, options.dim_count = 1,
          options.memory_budget_bytes = 1),
         FAILED, "the budget is 1");
  if (messages.counts[CINCH_SEVERITY_NOTE] < 2) {
    fprintf(stderr, "expected notes on the budget\n");
    ++failures;
  }
  options = collecting(&messages);
  expectRefused("absent.onnx", bad, &options, &messages, FAILED, "absent.onnx");
  options = collecting(&messages);
  expectRefused(model, "/nonexistent/x.so", &options, &messages, FAILED,
                "/nonexistent/x.so");
  /* Without a callback the status is all there is. */
  options = collecting(&messages);
  options.diagnose = NULL;
  options.target = "toaster";
  if (cinch_compile(model, bad, &options) != USAGE)
    ++failures;
}

/** Code for a GPU, and what needs an assembler; the environment says that there
 * is none. */
static void testGpu(void) {
  messages_t messages;
  cinch_compile_options_t options = collecting(&messages);
  cinch_dim_bound_t size = {"unk__214", 77, 77};
  char output[512], report[512], kernels[512];
  options.target = "cuda:sm_80";
  options.emit = CINCH_EMIT_PTX;
  options.allow_tf32 = 1;
  options.report = inFolder("gpu.json", report);
  options.kernel_report = inFolder("kernels.txt", kernels);
  options.report_dims = &size;
  options.report_dim_count = 1;
  expectDone(inFolder("gpu.ptx", output), &options);
  options = collecting(&messages);
  options.target = "cuda:sm_80";
  options.embed_cubin = 1;
  expectRefused(model, inFolder("bad.so", output), &options, &messages, FAILED,
                "found no ptxas");
}

/** Compiles three times, and fails once in between. */
static void *compileOften(void *argument) {
  int number = *(int *)argument, round;
  char name[32], output[512], bad[512], text[32];
  for (round = 0; round < 3; ++round) {
    messages_t messages;
    cinch_compile_options_t options = collecting(&messages);
    sprintf(name, "thread%d.so", number);
    if (cinch_compile(model, inFolder(name, output), &options) ||
        messages.counts[CINCH_SEVERITY_ERROR])
      return "a compilation failed";
    sprintf(text, "absent%d.onnx", number);
    sprintf(name, "bad%d.so", number);
    options = collecting(&messages);
    if (cinch_compile(text, inFolder(name, bad), &options) != FAILED ||
        messages.counts[CINCH_SEVERITY_ERROR] != 1 ||
        !strstr(messages.text, text))
      return "a failure was not told";
  }
  return NULL;
}

static void testThreads(void) {
  pthread_t threads[2];
  int numbers[2] = {0, 1}, index;
  for (index = 0; index < 2; ++index)
    if (pthread_create(&threads[index], NULL, compileOften, &numbers[index]))
      exit(1);
  for (index = 0; index < 2; ++index) {
    void *result;
    pthread_join(threads[index], &result);
    if (result) {
      fprintf(stderr, "thread %d: %s\n", index, (const char *)result);
      ++failures;
    }
  }
}

int main(int argc, char **argv) {
  messages_t messages;
  cinch_compile_options_t options;
  cinch_dim_bound_t dim = {"unk__214", 1, 4};
  char output[512], report[512], kernels[512];
  if (argc != 3 || cinch_compiler_abi_version() != CINCH_COMPILER_ABI_VERSION)
    return 2;
  model = argv[1];
  folder = argv[2];
  expectDone(inFolder("default.so", output), NULL);
  options = collecting(&messages);
  options.dims = &dim;
  options.dim_count = 1;
  options.cpu = "x86-64-v3";
  options.memory_budget_bytes = (int64_t)1 << 30;
  options.report = inFolder("report.json", report);
  options.kernel_report = inFolder("kernels.json", kernels);
  options.embed_weights = 1;
  options.progress = follow;
  expectDone(inFolder("options.so", output), &options);
  if (messages.phases != 8) {
    fprintf(stderr, "expected 8 phases, but got %d\n", messages.phases);
    ++failures;
  }
  /* A program that was built before `embed_weights` existed. */
  options = collecting(&messages);
  options.struct_size = offsetof(cinch_compile_options_t, embed_weights);
  options.embed_weights = 1;
  expectDone(inFolder("old.so", output), &options);
  testBadOptions();
  testGpu();
  testThreads();
  printf("%s: %d failures\n", cinch_compiler_version(), failures);
  return failures != 0;
}
