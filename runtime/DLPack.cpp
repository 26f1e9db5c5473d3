//===- DLPack.cpp - tensors of other frameworks ---------------------------===//
//
// The layout below is that of DLTensor in dlpack.h, unchanged since version
// 0.2; declared here so that no header of another project is needed.
//
//===----------------------------------------------------------------------===//
#include "runtime/Status.h"

namespace {
struct DLDevice {
  int32_t type, id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void *data;
  DLDevice device;
  int32_t rank;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; ///< in elements; null: contiguous
  uint64_t byteOffset;
};
enum { DLCpu = 1, DLCudaHost = 3 };
enum {
  DLInt = 0,
  DLUInt = 1,
  DLFloat = 2,
  DLBfloat = 4,
  DLBool = 6,
  DLFloat8E4M3FN = 10,
  DLFloat8E4M3FNUZ = 11,
  DLFloat8E5M2 = 12,
  DLFloat8E5M2FNUZ = 13,
  DLFloat8E8M0FNU = 14
};
} // namespace

using namespace cinch::rt;

/// The dtype of a DLPack type; -1: we have none.
static cinch_dtype_t toDType(DLDataType type) {
  static constexpr struct {
    uint8_t code, bits;
    cinch_dtype_t dtype;
  } types[] = {{DLBool, 8, CINCH_DTYPE_BOOL},
               {DLInt, 8, CINCH_DTYPE_I8},
               {DLInt, 16, CINCH_DTYPE_I16},
               {DLInt, 32, CINCH_DTYPE_I32},
               {DLInt, 64, CINCH_DTYPE_I64},
               {DLUInt, 8, CINCH_DTYPE_U8},
               {DLUInt, 16, CINCH_DTYPE_U16},
               {DLUInt, 32, CINCH_DTYPE_U32},
               {DLUInt, 64, CINCH_DTYPE_U64},
               {DLFloat, 16, CINCH_DTYPE_F16},
               {DLFloat, 32, CINCH_DTYPE_F32},
               {DLFloat, 64, CINCH_DTYPE_F64},
               {DLBfloat, 16, CINCH_DTYPE_BF16},
               {DLFloat8E4M3FN, 8, CINCH_DTYPE_F8E4M3FN},
               {DLFloat8E4M3FNUZ, 8, CINCH_DTYPE_F8E4M3FNUZ},
               {DLFloat8E5M2, 8, CINCH_DTYPE_F8E5M2},
               {DLFloat8E5M2FNUZ, 8, CINCH_DTYPE_F8E5M2FNUZ},
               {DLFloat8E8M0FNU, 8, CINCH_DTYPE_F8E8M0FNU}};
  for (const auto &entry : types)
    if (entry.code == type.code && entry.bits == type.bits && type.lanes == 1)
      return entry.dtype;
  return -1;
}

cinch_status_t cinch_tensor_from_dlpack(const void *dl_tensor, int64_t *strides,
                                        cinch_tensor_t *out_tensor) {
  if (!dl_tensor || !strides || !out_tensor)
    return fail(CINCH_ERROR_INVALID_ARGUMENT, "an argument is null");
  const DLTensor &tensor = *static_cast<const DLTensor *>(dl_tensor);
  if (tensor.device.type != DLCpu && tensor.device.type != DLCudaHost)
    return fail(
        CINCH_ERROR_BUFFER,
        "expected a DLPack tensor on the CPU, but its device type is %d",
        tensor.device.type);
  if (tensor.rank < 0 || tensor.rank > CINCH_MAX_RANK ||
      (tensor.rank && !tensor.shape))
    return fail(CINCH_ERROR_SHAPE, "the DLPack tensor has rank %d",
                tensor.rank);
  cinch_dtype_t dtype = toDType(tensor.dtype);
  if (dtype < 0)
    return fail(CINCH_ERROR_SHAPE,
                "the DLPack type (code %d, %d bits, %d lanes) is not supported",
                tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes);
  int64_t bytes = dtypeBytes(dtype);
  for (int32_t axis = 0; tensor.strides && axis < tensor.rank; ++axis)
    if (__builtin_mul_overflow(tensor.strides[axis], bytes, &strides[axis]))
      return fail(CINCH_ERROR_BUFFER,
                  "stride %d of the DLPack tensor overflows", axis);
  uint8_t *data = static_cast<uint8_t *>(tensor.data);
  out_tensor->data = data ? data + tensor.byteOffset : nullptr;
  out_tensor->dtype = dtype;
  out_tensor->rank = tensor.rank;
  out_tensor->shape = tensor.shape;
  out_tensor->strides = tensor.strides ? strides : nullptr;
  return CINCH_OK;
}
