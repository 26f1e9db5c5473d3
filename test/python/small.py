"""Small models, and arrays of a foreign library."""
import ctypes

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.arange(32, dtype=np.float32).reshape(8, 4) % 5 - 2


def make(nodes, inputs, outputs, constants=(), opset=17, ir_version=8):
    """A model; inputs and outputs are (name, type, shape)."""
    def values(given):
        return [helper.make_tensor_value_info(*value) for value in given]
    graph = helper.make_graph(nodes, "main", values(inputs), values(outputs),
                              list(constants))
    return helper.make_model(graph, ir_version=ir_version,
                             opset_imports=[helper.make_opsetid("", opset)])


def linear(batch="batch"):
    """y = x @ w and z = -x, for x [batch, 8] and w WEIGHT."""
    return make([helper.make_node("MatMul", ["x", "w"], ["y"]),
                 helper.make_node("Neg", ["x"], ["z"])],
                [("x", TensorProto.FLOAT, [batch, 8])],
                [("y", TensorProto.FLOAT, [batch, 4]),
                 ("z", TensorProto.FLOAT, [batch, 8])],
                [numpy_helper.from_array(WEIGHT, "w")])


def reverse(dtype):
    """y = x backwards, both [4] of the ONNX element type `dtype`."""
    order = numpy_helper.from_array(np.array([3, 2, 1, 0]), "order")
    return make([helper.make_node("Gather", ["x", "order"], ["y"])],
                [("x", dtype, [4])], [("y", dtype, [4])], [order])


def swap(dtype):
    """y = x with its middle elements swapped, both [4] of the ONNX element type
    `dtype`, which may be one of few bits."""
    shapes = [numpy_helper.from_array(np.array(shape), name)
              for name, shape in (("square", [2, 2]), ("flat", [4]))]
    return make([helper.make_node("Reshape", ["x", "square"], ["a"]),
                 helper.make_node("Transpose", ["a"], ["b"]),
                 helper.make_node("Reshape", ["b", "flat"], ["y"])],
                [("x", dtype, [4])], [("y", dtype, [4])], shapes, opset=25,
                ir_version=13)


def powers(count, size):
    """y = x to the power `count` + 1, x [size, size]: takes long to run."""
    names = ["x", *(f"x{i}" for i in range(1, count)), "y"]
    return make([helper.make_node("MatMul", [a, "x"], [b])
                 for a, b in zip(names, names[1:])],
                [("x", TensorProto.FLOAT, [size, size])],
                [("y", TensorProto.FLOAT, [size, size])])


class Old:
    """An array of a library that knows DLPack before its version 1."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, stream=None):
        return self.array.__dlpack__(stream=stream)


class _DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32),
                ("device_id", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.c_void_p),
                ("strides", ctypes.c_void_p), ("byte_offset", ctypes.c_uint64)]


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Foreign:
    """The memory of a contiguous NumPy array, with the element type and device
    that are given in DLPack's codes."""

    def __init__(self, array, code, bits, device_type=1):
        self.array = array
        self.shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        self.tensor = _DLTensor(array.ctypes.data, device_type, 0, array.ndim, code,
                                bits, 1, ctypes.addressof(self.shape), None, 0)

    def __dlpack__(self, stream=None):
        return _new_capsule(ctypes.addressof(self.tensor), b"dltensor", None)


def values(*shape):
    """Small exact numbers of float32."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) % 7 - 3


def save(model, path):
    onnx.save(model, path)
    return str(path)
