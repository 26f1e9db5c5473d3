//===- Tensor.h - a view of a Python object's memory ----------------------===//
#ifndef CINCH_PYTHON_SRC_TENSOR_H
#define CINCH_PYTHON_SRC_TENSOR_H

#include "cinch/runtime.h"
#include <nanobind/nanobind.h>
#include <optional>
#include <string>
#include <vector>

namespace cinch::python {

/// Raises cinch.SessionError of `status` with `message`, or with
/// cinch_last_error().
[[noreturn]] void raise(cinch_status_t status, const char *message = nullptr);

/// Raises if `status` is not CINCH_OK.
inline void check(cinch_status_t status) {
  if (status != CINCH_OK)
    raise(status);
}

/// The memory of an object with `__dlpack__`, without a copy, kept alive.
class Tensor {
public:
  /// Borrows `object`. Raises if it is not in the memory of the CPU, has a type
  /// that the runtime has not, or `isWritten` and it is read-only. `dtype`: the
  /// runtime's name of a type that NumPy cannot export, whose bits the object
  /// holds as unsigned integers, or empty. `shape`: of a tensor whose elements
  /// share bytes, which are a vector then.
  Tensor(nanobind::handle object, bool isWritten, const std::string &dtype,
         std::optional<std::vector<int64_t>> shape);
  Tensor(const Tensor &) = delete;
  Tensor &operator=(const Tensor &) = delete;

  const cinch_tensor_t &get() const { return tensor; }
  std::vector<int64_t> getShape() const;

private:
  nanobind::object capsule;      ///< owns what `tensor` points to
  std::vector<int64_t> ownShape; ///< of elements that share bytes
  int64_t strides[CINCH_MAX_RANK];
  cinch_tensor_t tensor;
};

} // namespace cinch::python

#endif // CINCH_PYTHON_SRC_TENSOR_H
