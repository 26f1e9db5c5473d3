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

/// The type called `name`; raises if there is none.
static cinch_dtype_t getType(const std::string &name) {
  for (cinch_dtype_t type = 0; type < CINCH_DTYPE_COUNT; ++type)
    if (name == cinch_dtype_name(type))
      return type;
  raise(CINCH_ERROR_INVALID_ARGUMENT, ("unknown type '" + name + "'").c_str());
}

Tensor::Tensor(nb::handle object, bool isWritten, const std::string &dtype,
               std::optional<std::vector<int64_t>> shape)
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
  if (dtype.empty())
    return;
  int64_t bytes = cinch_dtype_bytes(tensor.dtype);
  tensor.dtype = getType(dtype);
  int64_t bits = cinch_dtype_bits(tensor.dtype);
  if (!shape) {
    if (bytes * 8 != bits)
      raise(CINCH_ERROR_SHAPE, "expected integers of the bits of the type");
    return;
  }
  ownShape = std::move(*shape);
  for (int64_t dim : ownShape)
    if (dim < 0 || __builtin_mul_overflow(bits, dim, &bits))
      raise(CINCH_ERROR_SHAPE, "expected a valid shape");
  bool isVector =
      tensor.rank == 1 && bytes == 1 &&
      (!tensor.strides || tensor.strides[0] == 1 || tensor.shape[0] == 1) &&
      tensor.shape[0] == bits / 8 + (bits % 8 != 0);
  if (!isVector || ownShape.size() > CINCH_MAX_RANK)
    raise(CINCH_ERROR_BUFFER, "expected the bytes of the elements as a vector");
  tensor.rank = static_cast<int32_t>(ownShape.size());
  tensor.shape = ownShape.data();
  tensor.strides = nullptr;
}

std::vector<int64_t> Tensor::getShape() const {
  return {tensor.shape, tensor.shape + tensor.rank};
}
