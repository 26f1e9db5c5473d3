/* FakeDeviceModel.c - a compiled model for CUDA devices, written by hand
 *
 * What the compiler would make of
 *   sum[b, :] = x[b, :] + z[b, :]   kernel 0, slot 0
 *   y[b, :] = sum[b, :] + w0        kernel 1
 * so that the runtime is tested without the compiler. `fake_device_mode` makes
 * the entry do something else, with kernels that are there for that.
 *
 */
#include "test/runtime/Fake/FakeDeviceModel.h"

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

int fake_device_mode = FAKE_NORMAL;
int64_t fake_device_seen = -1;

#ifndef MODULE_NAME
#define MODULE_NAME cinch_module
#endif

static const char manifest[] = "{\"abi\":" TEXT(
    CINCH_MODULE_ABI_VERSION) ",\"model\":\"fake\","
                              "\"target\":\"cuda:sm_80\",\"cpu\":"
                              "\"x86-64\",\"producer\":\"hand\","
                              "\"symbols\":[{\"name\":\"batch\",\"min\":1,"
                              "\"max\":null,\"input\":0,\"axis\":0}],"
                              "\"inputs\":[{\"name\":\"x\",\"dtype\":"
                              "\"f32\",\"dims\":[\"batch\",4]},"
                              "{\"name\":\"z\",\"dtype\":"
                              "\"f32\",\"dims\":[\"batch\",4]}],"
                              "\"outputs\":[{\"name\":\"y\",\"dtype\":"
                              "\"f32\",\"dims\":[\"batch\",4]}],"
                              "\"states\":[],"
                              "\"slots\":[{\"name\":\"sum\",\"bytes\":"
                              "\"16*batch\",\"first\":0,\"last\":1}],"
                              "\"plan\":null,\"alignment\":64,"
                              "\"weights\":{\"file\":\"fake.safetensors\","
                              "\"bytes\":128,\"checksum\":"
                              "\"xxh64:deb636ebe6fb6b44\"},"
                              "\"kernels\":["
                              "{\"name\":\"k0\",\"op\":\"add\",\"kind\":"
                              "\"generated\",\"flops\":"
                              "\"4*batch\",\"bytes\":\"48*batch\"},"
                              "{\"name\":\"k1\",\"op\":\"add\",\"kind\":"
                              "\"generated\",\"flops\":"
                              "\"4*batch\",\"bytes\":\"32*batch+16\"}]}";

#define NOTE                                                                   \
  "{\"abi\":" TEXT(CINCH_MODULE_ABI_VERSION) ",\"target\":\"cuda:sm_80\","     \
                                             "\"cpu\":\"x86-64\","             \
                                             "\"features\":[],"                \
                                             "\"weights_checksum\":"           \
                                             "\"xxh64:deb636ebe6fb6b44\","     \
                                             "\"weights_bytes\":128}"

__attribute__((section(CINCH_NOTE_SECTION), used,
               aligned(4))) static const struct {
  uint32_t nameBytes, textBytes, type;
  char name[8];
  char text[sizeof(NOTE)];
} note = {6, sizeof(NOTE), CINCH_NOTE_TYPE, CINCH_NOTE_OWNER, NOTE};

/* Every kernel: 128 threads, thread i of the grid computes element i < n. */
#define HEAD(name, parameters)                                                 \
  ".visible .entry " name "(" parameters ") .maxntid 128 {\n"                  \
  ".reg .pred %p<3>;\n.reg .b32 %r<8>;\n.reg .f32 %f<4>;\n"                    \
  ".reg .b64 %rd<16>;\n"                                                       \
  "mov.u32 %r1, %ctaid.x;\nmov.u32 %r2, %tid.x;\n"                             \
  "mad.lo.u32 %r3, %r1, 128, %r2;\ncvt.u64.u32 %rd1, %r3;\n"                   \
  "shl.b64 %rd2, %rd1, 2;\n"
#define P(name) ".param .u64 " name
#define BOUND                                                                  \
  "ld.param.u64 %rd3, [n];\nsetp.ge.u64 %p1, %rd1, %rd3;\n@%p1 bra END;\n"
#define ADDRESS(to, name)                                                      \
  "ld.param.u64 " to ", [" name "];\nadd.s64 " to ", " to ", %rd2;\n"
#define TAIL "END:\nret;\n}\n"

static const char ptx[] = ".version 8.0\n.target sm_80\n.address_size 64\n"
                          ".extern .shared .align 16 .b8 pool[];\n"
    /* c[i] = a[i] + b[i] */
    HEAD("add", P("a") ", " P("b") ", " P("c") ", " P("n"))
        BOUND ADDRESS("%rd4", "a") ADDRESS("%rd5", "b") ADDRESS(
            "%rd6",
            "c") "ld.global.f32 %f1, [%rd4];\nld.global.f32 %f2, [%rd5];\n"
                 "add.f32 %f3, %f1, %f2;\nst.global.f32 [%rd6], %f3;\n" TAIL
                     /* c[i] = a[i] + w[i % 4] */
                     HEAD("bias", P("a") ", " P("w") ", " P("c") ", " P("n"))
                         BOUND ADDRESS("%rd4", "a") ADDRESS(
                             "%rd6",
                             "c") "ld.param.u64 %rd5, [w];\nand.b64 %rd7, "
                                  "%rd2, 15;\n"
                                  "add.s64 %rd5, %rd5, %rd7;\n"
                                  "ld.global.f32 %f1, [%rd4];\nld.global.f32 "
                                  "%f2, [%rd5];\n"
                                  "add.f32 %f3, %f1, %f2;\nst.global.f32 "
                                  "[%rd6], %f3;\n" TAIL
                                      /* lowers the fault word to `number` if an
                                         a[i] is negative */
                                      HEAD("check",
                                           P("a") ", " P("n") ", " P(
                                               "fault") ", " P("number"))
                                          BOUND ADDRESS(
                                              "%rd4",
                                              "a") "ld.global.f32 %f1, "
                                                   "[%rd4];\n"
                                                   "setp.ge.f32 %p2, %f1, "
                                                   "0f00000000;\n@%p2 bra "
                                                   "END;\n"
                                                   "ld.param.u64 %rd5, "
                                                   "[fault];\nld.param.u64 "
                                                   "%rd6, [number];\n"
                                                   "cvt.u32.u64 %r4, "
                                                   "%rd6;\natom.global.min."
                                                   "u32 %r5, [%rd5], "
                                                   "%r4;\n" TAIL
                                                       /* c[i] = a[reversed
                                                          i] in every block,
                                                          through the end of
                                                          64 KiB of shared
                                                          memory; n is a
                                                          multiple of 128 */
                                                       HEAD("reverse",
                                                            P("a") ","
                                                                   " " P("c"))
                                                           ADDRESS("%rd4", "a") ADDRESS(
                                                               "%rd6",
                                                               "c") "ld"
                                                                    ".g"
                                                                    "lo"
                                                                    "ba"
                                                                    "l."
                                                                    "f3"
                                                                    "2 "
                                                                    "%f"
                                                                    "1,"
                                                                    " ["
                                                                    "%r"
                                                                    "d4"
                                                                    "];"
                                                                    "\n"
                                                                    "mo"
                                                                    "v."
                                                                    "u6"
                                                                    "4 "
                                                                    "%r"
                                                                    "d7"
                                                                    ", "
                                                                    "po"
                                                                    "ol"
                                                                    ";"
                                                                    "\n"
                                                                    "mu"
                                                                    "l."
                                                                    "wi"
                                                                    "de"
                                                                    ".u"
                                                                    "32"
                                                                    " %"
                                                                    "rd"
                                                                    "8,"
                                                                    " %"
                                                                    "r2"
                                                                    ", "
                                                                    "4;"
                                                                    "\n"
                                                                    "ad"
                                                                    "d."
                                                                    "s6"
                                                                    "4 "
                                                                    "%r"
                                                                    "d9"
                                                                    ", "
                                                                    "%r"
                                                                    "d7"
                                                                    ", "
                                                                    "%r"
                                                                    "d8"
                                                                    ";"
                                                                    "\n"
                                                                    "st"
                                                                    ".s"
                                                                    "ha"
                                                                    "re"
                                                                    "d."
                                                                    "f3"
                                                                    "2 "
                                                                    "[%"
                                                                    "rd"
                                                                    "9+"
                                                                    "65"
                                                                    "02"
                                                                    "4]"
                                                                    ", "
                                                                    "%f"
                                                                    "1;"
                                                                    "\n"
                                                                    "ba"
                                                                    "r."
                                                                    "sy"
                                                                    "nc"
                                                                    " 0"
                                                                    ";"
                                                                    "\n"
                                                                    "su"
                                                                    "b."
                                                                    "s6"
                                                                    "4 "
                                                                    "%r"
                                                                    "d1"
                                                                    "0,"
                                                                    " %"
                                                                    "rd"
                                                                    "7,"
                                                                    " %"
                                                                    "rd"
                                                                    "8;"
                                                                    "\n"
                                                                    "ld"
                                                                    ".s"
                                                                    "ha"
                                                                    "re"
                                                                    "d."
                                                                    "f3"
                                                                    "2 "
                                                                    "%f"
                                                                    "2,"
                                                                    " ["
                                                                    "%r"
                                                                    "d1"
                                                                    "0+"
                                                                    "65"
                                                                    "53"
                                                                    "2]"
                                                                    ";"
                                                                    "\n"
                                                                    "st"
                                                                    ".g"
                                                                    "lo"
                                                                    "ba"
                                                                    "l."
                                                                    "f3"
                                                                    "2 "
                                                                    "[%"
                                                                    "rd"
                                                                    "6]"
                                                                    ", "
                                                                    "%f"
                                                                    "2;"
                                                                    "\n" TAIL
                                                                        /* writes
                                                                           far
                                                                           outside
                                                                           of c
                                                                         */
                                                                        HEAD(
                                                                            "wi"
                                                                            "l"
                                                                            "d",
                                                                            P("c"))
                                                                            ADDRESS(
                                                                                "%rd6",
                                                                                "c") "mov.u64 %rd7, 1073741824;\nadd.s64 %rd6, %rd6, %rd7;\n"
                                                                                     "st.global.f32 [%rd6], 0f3f800000;\n" TAIL;

static const cinch_device_image_v1 images[] = {{0, 80, ptx, sizeof(ptx)}};
static const cinch_device_function_v1 functions[] = {
    {"add", 4, 128, 0, 1},
    {"bias", 4, 128, 0, 1},
    {"check", 4, 128, 0, 1},
    {"reverse", 2, 128, 65536, 1},
    {"wild", 1, 128, 0, 1}};

static int32_t run(cinch_frame_v1 *frame) {
  const cinch_host_v1 *host = frame->host;
  int64_t count = 4 * frame->symbols[0], blocks = (count + 127) / 128;
  int64_t weights = (int64_t)frame->bases[CINCH_SPACE_WEIGHTS];
  int64_t sum = (int64_t)frame->bases[CINCH_SPACE_ARENA] + frame->offsets[0];
  int64_t x = (int64_t)frame->caller[0], z = (int64_t)frame->caller[1];
  int64_t y = (int64_t)frame->caller[2];
  int64_t add[] = {x, z, sum, count}, bias[] = {sum, weights, y, count};
  switch (fake_device_mode) {
  case FAKE_CHECKED: {
    int64_t check[] = {x, count, (int64_t)frame->fault, 7};
    uint32_t fault = 0;
    host->launch(frame, 0, FAKE_CHECK, check, blocks);
    host->read(frame, &fault, frame->fault, sizeof(fault));
    fake_device_seen = fault;
    if (fault != ~0u)
      return host->fail(frame, 11, "assertion 7 does not hold");
    break;
  }
  case FAKE_REVERSED: {
    int64_t reverse[] = {x, y};
    host->launch(frame, 0, FAKE_REVERSE, reverse, blocks);
    return 0;
  }
  case FAKE_LOOP: { /* y = x + x[0] * z */
    float times = -1;
    host->read(frame, &times, (void *)x, sizeof(times));
    host->copy(frame, (void *)y, (void *)x, 4 * count);
    for (add[0] = y; times > 0; --times) {
      host->launch(frame, 0, FAKE_ADD, add, blocks);
      host->copy(frame, (void *)y, (void *)sum, 4 * count);
    }
    return 0;
  }
  case FAKE_WRITTEN: { /* y = 1 + w0 */
    float ones[1024];
    for (int i = 0; i < 1024; ++i)
      ones[i] = 1;
    host->write(frame, (void *)sum, ones, 4 * count);
    for (int i = 0; i < 1024; ++i)
      ones[i] = -1;
    host->launch(frame, 1, FAKE_BIAS, bias, blocks);
    return 0;
  }
  case FAKE_OUT_OF_BOUNDS: {
    uint32_t word = 5;
    host->launch(frame, 0, FAKE_ADD, add, blocks);
    host->launch(frame, 1, FAKE_WILD, &y, blocks);
    host->read(frame, &word, frame->fault, sizeof(word));
    fake_device_seen = word;
    host->launch(frame, 1, FAKE_BIAS, bias, blocks);
    return host->fail(frame, 11, "which is not the first failure");
  }
  case FAKE_NO_SUCH_FUNCTION:
    host->launch(frame, 0, 99, add, blocks);
    break;
  case FAKE_ON_HOST:
    host->parallel_for(frame, 1, 0, add, blocks, 1);
    break;
  case FAKE_PAST_ARENA: /* sum is one element too far */
    add[2] += 4;
    bias[0] += 4;
    break;
  case FAKE_SHORT_OUTPUT:
    bias[3] -= 1;
    break;
  case FAKE_LONG_OUTPUT:
    bias[3] += 1;
    break;
  case FAKE_INPUT_WRITTEN:
    host->copy(frame, (void *)x, (void *)z, 4 * count);
    break;
  case FAKE_UNWRITTEN:
    host->launch(frame, 1, FAKE_BIAS, bias, blocks);
    return 0;
  default:
    break;
  }
  host->launch(frame, 0, FAKE_ADD, add, blocks);
  host->launch(frame, 1, FAKE_BIAS, bias, blocks);
  return 0;
}

__attribute__((visibility("default")))
const cinch_module_t MODULE_NAME = {CINCH_MODULE_ABI_VERSION,
                                    run,
                                    manifest,
                                    sizeof(manifest) - 1,
                                    0,
                                    0,
                                    NOTE,
                                    sizeof(NOTE) - 1,
                                    0,
                                    0,
                                    images,
                                    1,
                                    functions,
                                    sizeof(functions) / sizeof(*functions)};
