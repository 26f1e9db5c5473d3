//===- Tensor.h - tensors and their file formats --------------------------===//
#ifndef CINCH_LIB_TENSORFILES_TENSOR_H
#define CINCH_LIB_TENSORFILES_TENSOR_H

#include "cinch/runtime.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cinch {

/// A tensor in memory of its own, contiguous and row-major.
struct Tensor {
  cinch_dtype_t dtype = CINCH_DTYPE_F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> data;

  /// Number of elements; shapes are checked where they are read.
  int64_t elements() const;
  /// "f32 [1, 3]".
  std::string str() const;
};

using Bytes = std::string_view;

/// Reads a whole file; on failure sets `error`.
bool readFile(const std::string &path, std::string &out, std::string &error);
/// Writes `pieces` to `path` through a temporary file beside it, so that `path`
/// is complete or untouched; to a device or pipe directly.
bool writeFile(const std::string &path, const std::vector<Bytes> &pieces,
               std::string &error);

/// Computes the bytes of `shape`; false if a dimension is negative or they
/// overflow.
bool getBytes(cinch_dtype_t dtype, const std::vector<int64_t> &shape,
              int64_t &out);

/// NumPy's .npy, format versions 1 to 3, little endian, no objects. NumPy knows
/// no floats below 16 bits and no integers below 8, and ml_dtypes stores each
/// in a byte. A 2-byte void type (the form of bfloat16) is read and written as
/// bf16. Elements of fewer bits are written as i1 and u1 (integers) and as a
/// 1-byte void type that holds the bits (floats); all three are read as bytes
/// (convertBytes).
bool parseNpy(Bytes file, Tensor &out, std::string &error);
/// Makes `tensor`, which was read from a .npy file, one of `dtype`, if `dtype`
/// is a type that such a file has no name for and `tensor` has a byte for each
/// element.
void convertBytes(cinch_dtype_t dtype, Tensor &tensor);
/// The bytes of the elements of a .npy file: those of `tensor`, or a byte for
/// each element, put into `storage`, where elements share bytes.
Bytes getNpyData(const Tensor &tensor, std::string &storage);
/// The header of a .npy file; the data follows it.
std::string makeNpyHeader(const Tensor &tensor);

/// NumPy's .npz: a zip archive of .npy files, stored or deflated, not
/// encrypted.
bool readNpz(const std::string &path, std::map<std::string, Tensor> &out,
             std::string &error);
/// Writes a stored archive below 4 GiB, in the given order.
bool writeNpz(
    const std::string &path,
    const std::vector<std::pair<std::string, const Tensor *>> &tensors,
    std::string &error);

/// ONNX's TensorProto (a .pb file of a test_data_set folder) with its data
/// inside.
bool parseTensorProto(Bytes file, Tensor &out, std::string &error);
/// The serialized TensorProto up to its data, which is the last field.
std::string makeTensorProtoHeader(const Tensor &tensor,
                                  const std::string &name);

/// Reads the tensors `names` from the .npz or folder at `path`; in a folder the
/// k-th is `prefix`_k.pb. All must be there, and no others.
bool readTensors(const std::string &path, const char *prefix,
                 const std::vector<std::string> &names,
                 std::vector<Tensor> &out, std::string &error);

} // namespace cinch

#endif // CINCH_LIB_TENSORFILES_TENSOR_H
