/* FakeModel.c - a compiled model written by hand
 *
 * What the compiler would make of
 *   doubled[b, :] = 2 * x[b, :]        kernel 0, slot 0
 *   biased[b, :] = doubled[b, :] + w0  kernel 1, slot 1
 *   y[b, :] = biased[b, :] * w1        kernel 2, one 1x4x4 microkernel per b
 * so that the runtime is tested without the compiler. Macros make the
 * variants that tests need: other notes, other plans, broken kernels.
 *
 */
#include "runtime/ModuleAbi.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

#ifndef MODULE_NAME
#define MODULE_NAME cinch_module
#endif
#ifndef NOTE_ABI
#define NOTE_ABI CINCH_MODULE_ABI_VERSION
#endif
#ifdef OTHER_CPU
#define FEATURES "\"sse2\",\"quantum\",\"warp\""
#else
#define FEATURES "\"sse2\""
#endif
#ifdef OTHER_WEIGHTS
#define CHECKSUM "xxh64:0000000000000000"
#else
#define CHECKSUM "xxh64:deb636ebe6fb6b44"
#endif
#if defined(PLAN_PEAK)
#define BATCH_MAX "8"
#define PLAN                                                                   \
  "{\"offsets\":[0," TEXT(PLAN_OFFSET) "],\"peak\":" TEXT(                     \
      PLAN_PEAK) ",\"lower_bound\":256,\"method\":\"hand\"}"
#else
#define BATCH_MAX "null"
#ifdef EMPTY_PLAN
#define PLAN "{}"
#else
#define PLAN "null"
#endif
#endif
#ifndef MICROKERNEL_LDC
#define MICROKERNEL_LDC 4
#endif

static const char manifest[] = "{\"abi\":" TEXT(
    CINCH_MODULE_ABI_VERSION) ",\"model\":\"fake\",\"target\":\"cpu\",\"cpu\":"
                              "\"x86-64\","
                              "\"producer\":\"hand\","
                              "\"symbols\":[{\"name\":\"batch\",\"min\":1,"
                              "\"max\":" BATCH_MAX ",\"input\":0,\"axis\":0}],"
                              "\"inputs\":[{\"name\":\"x\",\"dtype\":\"f32\","
                              "\"dims\":[\"batch\",4]}],"
                              "\"outputs\":[{\"name\":\"y\",\"dtype\":\"f32\","
                              "\"dims\":[\"batch\",4]}],"
                              "\"states\":[],"
                              "\"slots\":[{\"name\":\"doubled\",\"bytes\":\"16*"
                              "batch\",\"first\":0,"
                              "\"last\":1},{\"name\":\"biased\",\"bytes\":\"16*"
                              "batch\",\"first\":1,"
                              "\"last\":2}],"
                              "\"plan\":" PLAN ",\"alignment\":64,"
                              "\"weights\":{\"file\":\"fake.safetensors\","
                              "\"bytes\":128,\"checksum\":"
                              "\"" CHECKSUM "\"},"
                              "\"kernels\":["
                              "{\"name\":\"k0\",\"op\":\"mul\",\"kind\":"
                              "\"generated\",\"flops\":"
                              "\"4*batch\",\"bytes\":\"32*batch\"},"
                              "{\"name\":\"k1\",\"op\":\"add\",\"kind\":"
                              "\"generated\",\"flops\":"
                              "\"4*batch\",\"bytes\":\"32*batch+16\"},"
                              "{\"name\":\"k2\",\"op\":\"matmul\",\"kind\":"
                              "\"library\",\"flops\":"
                              "\"32*batch\",\"bytes\":\"32*batch+64\"}]}";

#define NOTE                                                                   \
  "{\"abi\":" TEXT(NOTE_ABI) ",\"target\":\"cpu\",\"cpu\":\"x86-64\","         \
                             "\"features\":[" FEATURES                         \
                             "],\"weights_checksum\":\"" CHECKSUM              \
                             "\",\"weights_bytes\":128}"

__attribute__((section(CINCH_NOTE_SECTION), used,
               aligned(4))) static const struct {
  uint32_t nameBytes, textBytes, type;
  char name[8];
  char text[sizeof(NOTE)];
} note = {6, sizeof(NOTE), CINCH_NOTE_TYPE, CINCH_NOTE_OWNER, NOTE};

/* args: x, batch, result, batch */
static void doubleRows(const int64_t *args, void *const *microkernels,
                       int64_t begin, int64_t end) {
  const float *x = (const float *)args[0];
  float *result = (float *)args[2];
  for (int64_t i = begin * 4; i < end * 4; ++i)
    result[i] = 2 * x[i];
#ifdef OVERRUN_ARENA
  if (end == args[1]) /* one row too many, far enough to meet the guard */
    result[4 * args[1] + 64] = 1;
#endif
#ifdef OVERREAD_INPUT
  if (end == args[1])
    *(volatile const float *)&x[4 * args[1]];
#endif
}

/* args: doubled, batch, weights, result, batch */
static void addRows(const int64_t *args, void *const *microkernels,
                    int64_t begin, int64_t end) {
  const float *doubled = (const float *)args[0];
  const float *bias = (const float *)args[2];
  float *result = (float *)args[3];
  for (int64_t i = begin * 4; i < end * 4; ++i)
    result[i] = doubled[i] + bias[i % 4];
#ifdef WRITE_PAST_SLOT
  if (end == args[1])
    for (int i = 0; i < 4; ++i)
      result[4 * args[1] + i] = 1;
#endif
#ifdef READ_UNWRITTEN
  if (end == args[1]) /* past the end of slot 0, into its padding */
    result[1] += doubled[4 * args[1]];
#endif
}

/* args: biased, batch, weights, result, batch */
static void multiplyRows(const int64_t *args, void *const *microkernels,
                         int64_t begin, int64_t end) {
  cinch_microkernel_fn multiply = (cinch_microkernel_fn)microkernels[0];
  for (int64_t row = begin; row < end; ++row)
    multiply((const float *)args[0] + 4 * row, (const float *)args[2],
             (float *)args[3] + 4 * row);
}

static int32_t run(cinch_frame_v1 *frame) {
  const cinch_host_v1 *host = frame->host;
  int64_t batch = frame->symbols[0];
  char *arena = (char *)frame->bases[CINCH_SPACE_ARENA];
  const char *weights = (const char *)frame->bases[CINCH_SPACE_WEIGHTS];
  int64_t doubled = (int64_t)(arena + frame->offsets[0]);
  int64_t biased = (int64_t)(arena + frame->offsets[1]);
  int64_t x = (int64_t)frame->caller[0], y = (int64_t)frame->caller[1];
#ifdef FAIL_AT_SEVEN
  if (batch == 7)
    return host->fail(frame, 11, "index 9 is out of range [0, 7)");
#endif
  int64_t args0[] = {x, batch, doubled, batch};
  host->parallel_for(frame, 0, doubleRows, args0, batch, 1);
  int64_t args1[] = {doubled, batch, (int64_t)weights, biased, batch};
  host->parallel_for(frame, 1, addRows, args1, batch, 1);
  int64_t args2[] = {biased, batch, (int64_t)(weights + 64), y, batch};
#ifdef SHORT_OUTPUT
  host->parallel_for(frame, 2, multiplyRows, args2, batch - 1, 1);
#else
  host->parallel_for(frame, 2, multiplyRows, args2, batch, 1);
#endif
  return 0;
}

static const cinch_microkernel_v1 microkernels[] = {
    {1, 4, 4, 4, 4, MICROKERNEL_LDC, 0, 0}};

__attribute__((visibility("default")))
const cinch_module_t MODULE_NAME = {CINCH_MODULE_ABI_VERSION,
                                    run,
                                    manifest,
                                    sizeof(manifest) - 1,
                                    microkernels,
                                    1,
                                    NOTE,
                                    sizeof(NOTE) - 1,
                                    0,
                                    0};
