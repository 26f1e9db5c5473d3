//===- Status.h - status codes with a message per thread ------------------===//
#ifndef CINCH_RUNTIME_STATUS_H
#define CINCH_RUNTIME_STATUS_H

#include "cinch/runtime.h"

#include <cstdint>

namespace cinch::rt {

/// Stores the formatted message for `cinch_last_error` on this thread (cut at
/// 1023 bytes; allocates nothing) and returns `status`.
cinch_status_t fail(cinch_status_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/// Returns from the calling function if `expression` is not CINCH_OK.
#define CINCH_RETURN_IF_ERROR(expression)                                      \
  do {                                                                         \
    if (cinch_status_t cinch_result = (expression))                            \
      return cinch_result;                                                     \
  } while (false)

/// Bits of one element of `dtype`, which must be valid.
int64_t dtypeBits(cinch_dtype_t dtype);
/// Bytes in whose multiples elements of `dtype`, which must be valid, are
/// addressed: of one element, or 1 where elements share bytes.
int64_t dtypeBytes(cinch_dtype_t dtype);
/// Whether elements of `dtype`, which must be valid, share bytes.
inline bool isPacked(cinch_dtype_t dtype) { return dtypeBits(dtype) < 8; }
/// The dtype called `name` in a manifest ("f32", "i1", "ui8"); -1: none.
cinch_dtype_t dtypeFromName(const char *name);

} // namespace cinch::rt

#endif // CINCH_RUNTIME_STATUS_H
