/*===- cinch/dtype.h - element types of tensors ---------------------------===*/
#ifndef CINCH_DTYPE_H
#define CINCH_DTYPE_H

#include <stdint.h>

/** Element types. The size of one element is `cinch_dtype_bits`. Elements of 2
 *  and 4 bits share bytes: they are packed along the flattened row-major
 *  tensor, the first in the low bits, with zeros behind the last. */
typedef int32_t cinch_dtype_t;
enum {
  CINCH_DTYPE_BOOL = 0, /**< one byte, 0 or 1 */
  CINCH_DTYPE_I8 = 1,
  CINCH_DTYPE_I16 = 2,
  CINCH_DTYPE_I32 = 3,
  CINCH_DTYPE_I64 = 4,
  CINCH_DTYPE_U8 = 5,
  CINCH_DTYPE_U16 = 6,
  CINCH_DTYPE_U32 = 7,
  CINCH_DTYPE_U64 = 8,
  CINCH_DTYPE_F16 = 9,
  CINCH_DTYPE_BF16 = 10,
  CINCH_DTYPE_F32 = 11,
  CINCH_DTYPE_F64 = 12,
  CINCH_DTYPE_I4 = 13,
  CINCH_DTYPE_U4 = 14,
  CINCH_DTYPE_I2 = 15,
  CINCH_DTYPE_U2 = 16,
  CINCH_DTYPE_F8E4M3FN = 17,
  CINCH_DTYPE_F8E4M3FNUZ = 18,
  CINCH_DTYPE_F8E5M2 = 19,
  CINCH_DTYPE_F8E5M2FNUZ = 20,
  CINCH_DTYPE_F8E8M0FNU = 21,
  CINCH_DTYPE_F4E2M1FN = 22,
  CINCH_DTYPE_COUNT = 23
};

#endif /* CINCH_DTYPE_H */
