"""Small models for tests, made of ONNX nodes, and one session of one of them."""
import ctypes
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import harness

F32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def infos(values):
    return [helper.make_tensor_value_info(*value) for value in values]


def constants(values):
    return [numpy_helper.from_array(np.asarray(value), name)
            for name, value in values.items()]


def graph(nodes, inputs, outputs, weights=None, declared=()):
    """Inputs, outputs and declared values are (name, type, shape)."""
    return helper.make_graph(nodes, "main", infos(inputs), infos(outputs),
                             constants(weights or {}), value_info=infos(declared))


def save(folder, main, opset=17, functions=()):
    model = helper.make_model(main, ir_version=8, functions=list(functions),
                              opset_imports=[helper.make_opsetid("", opset)])
    path = os.path.join(folder, "model.onnx")
    onnx.save(model, path)
    return path


def compile_graph(folder, main, *flags, opset=17):
    path = save(folder, main, opset)
    return path, harness.compile_model(path, os.path.join(folder, "model.so"), *flags)


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int32),
                ("rank", ctypes.c_int32), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64))]


_DTYPES = {"bool": 0, "int32": 3, "int64": 4, "float32": 11}


def _views(arrays):
    shapes = [(ctypes.c_int64 * max(a.ndim, 1))(*a.shape) for a in arrays]
    return (_Tensor * len(arrays))(*[
        _Tensor(a.ctypes.data, _DTYPES[a.dtype.name], a.ndim, shape, None)
        for a, shape in zip(arrays, shapes)])


class Session:
    """One session of libcinch_rt, to be run more than once."""

    def __init__(self, binary):
        self.library = ctypes.CDLL(os.path.join(harness.BUILD, "lib", "libcinch_rt.so"))
        self.library.cinch_last_error.restype = ctypes.c_char_p
        self.model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self.library.cinch_model_load(os.fsencode(binary), None,
                                                  ctypes.byref(self.model)))
        self._check(self.library.cinch_session_create(self.model, None,
                                                      ctypes.byref(self.session)))

    def _check(self, status):
        assert status == 0, self.library.cinch_last_error()

    def run(self, inputs, outputs):
        """Arrays in, arrays to fill; returns (status, message)."""
        status = self.library.cinch_session_run(
            self.session, _views(inputs), len(inputs), _views(outputs), len(outputs))
        return status, self.library.cinch_last_error().decode() if status else ""

    def close(self):
        self.library.cinch_session_release(self.session)
        self.library.cinch_model_release(self.model)
