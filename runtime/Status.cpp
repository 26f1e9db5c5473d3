//===- Status.cpp - status codes with a message per thread ----------------===//
#include "runtime/Status.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace cinch::rt {

static thread_local char lastError[1024];

cinch_status_t fail(cinch_status_t status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(lastError, sizeof(lastError), format, arguments);
  va_end(arguments);
  return status;
}

namespace {
struct DType {
  const char *name;
  int64_t bits;
};
} // namespace

/// In the order of the CINCH_DTYPE_ constants; names as in a manifest.
static constexpr DType dtypes[CINCH_DTYPE_COUNT] = {
    {"i1", 8},         {"i8", 8},        {"i16", 16},       {"i32", 32},
    {"i64", 64},       {"ui8", 8},       {"ui16", 16},      {"ui32", 32},
    {"ui64", 64},      {"f16", 16},      {"bf16", 16},      {"f32", 32},
    {"f64", 64},       {"i4", 4},        {"ui4", 4},        {"i2", 2},
    {"ui2", 2},        {"f8E4M3FN", 8},  {"f8E4M3FNUZ", 8}, {"f8E5M2", 8},
    {"f8E5M2FNUZ", 8}, {"f8E8M0FNU", 8}, {"f4E2M1FN", 4},
};

int64_t dtypeBits(cinch_dtype_t dtype) { return dtypes[dtype].bits; }
int64_t dtypeBytes(cinch_dtype_t dtype) {
  return std::max<int64_t>(dtypes[dtype].bits / 8, 1);
}

cinch_dtype_t dtypeFromName(const char *name) {
  for (int32_t dtype = 0; dtype < CINCH_DTYPE_COUNT; ++dtype)
    if (!strcmp(dtypes[dtype].name, name))
      return dtype;
  return -1;
}

} // namespace cinch::rt

using namespace cinch::rt;

int32_t cinch_runtime_abi_version(void) { return CINCH_RUNTIME_ABI_VERSION; }
const char *cinch_runtime_version(void) { return CINCH_VERSION; }
const char *cinch_last_error(void) { return lastError; }

const char *cinch_status_name(cinch_status_t status) {
  static const char *const names[CINCH_STATUS_COUNT] = {"ok",
                                                        "invalid argument",
                                                        "io",
                                                        "format",
                                                        "version",
                                                        "cpu",
                                                        "weights",
                                                        "memory",
                                                        "shape",
                                                        "buffer",
                                                        "busy",
                                                        "run",
                                                        "memory access",
                                                        "device"};
  return status >= 0 && status < CINCH_STATUS_COUNT ? names[status] : "unknown";
}

const char *cinch_dtype_name(cinch_dtype_t dtype) {
  return dtype >= 0 && dtype < CINCH_DTYPE_COUNT ? dtypes[dtype].name : nullptr;
}

int64_t cinch_dtype_bytes(cinch_dtype_t dtype) {
  return cinch_dtype_bits(dtype) / 8;
}

int64_t cinch_dtype_bits(cinch_dtype_t dtype) {
  return dtype >= 0 && dtype < CINCH_DTYPE_COUNT ? dtypes[dtype].bits : 0;
}
