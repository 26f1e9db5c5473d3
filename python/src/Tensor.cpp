//===- Tensor.cpp - a view of a Python object's memory --------------------===//
//
// DLPack's protocol for Python: a capsule "dltensor" holds a DLManagedTensor,
// which starts with the DLTensor; "dltensor_versioned" holds a structure with
// version, owner and flags before it. The capsule that we hold, unconsumed,
// gives the memory back when it goes.
//
//===----------------------------------------------------------------------===//
#include "python/src/Tensor.h"
#include <cstddef>

namespace nb = nanobind;
using namespace cinch::python;

namespace {
/// The start of DLManagedTensorVersioned in dlpack.h, version 1.
struct Versioned {
  uint32_t major, minor;
  void *owner;
  void (*release)(void *);
  uint64_t flags;
  char tensor[1]; ///< the DLTensor
};
constexpr uint64_t readOnlyFlag = 1;
} // namespace

void cinch::python::raise(cinch_status_t status, const char *message) {
  nb::object type = nb::module_::import_("cinch._errors").attr("SessionError");
  nb::object arguments = nb::make_tuple(message ? message : cinch_last_error(),
                                        cinch_status_name(status));
  PyErr_SetObject(type.ptr(), arguments.ptr());
  throw nb::python_error();
}

/// Returns the capsule of `object`, versioned if the object knows how.
static nb::object exportObject(nb::handle object) {
  try {
    return object.attr("__dlpack__")(nb::arg("max_version") =
                                         nb::make_tuple(1, 0));
  } catch (nb::python_error &error) {
    if (!error.matches(PyExc_TypeError)) // it knows no such argument
      throw;
  }
  return object.attr("__dlpack__")();
}

Tensor::Tensor(nb::handle object, bool isWritten, bool isBfloat16)
    : capsule(exportObject(object)) {
  const void *dlTensor;
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned")) {
    auto *versioned = static_cast<const Versioned *>(
        PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    if (versioned->major != 1)
      raise(CINCH_ERROR_BUFFER, "expected version 1 of DLPack");
    if (isWritten && (versioned->flags & readOnlyFlag))
      raise(CINCH_ERROR_BUFFER, "the array is read-only");
    dlTensor = versioned->tensor;
  } else {
    dlTensor = PyCapsule_GetPointer(capsule.ptr(), "dltensor");
    if (!dlTensor)
      throw nb::python_error();
  }
  check(cinch_tensor_from_dlpack(dlTensor, strides, &tensor));
  if (isBfloat16 && tensor.dtype == CINCH_DTYPE_U16)
    tensor.dtype = CINCH_DTYPE_BF16;
}

std::vector<int64_t> Tensor::getShape() const {
  return {tensor.shape, tensor.shape + tensor.rank};
}
