"""The standard's backend interface (onnx.backend.base), for its test runner:

    import onnx.backend.test
    import cinch.backend
    tests = onnx.backend.test.BackendTest(cinch.backend, __name__)
"""
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep
from onnx.backend.test.runner import BackendIsNotSupposedToImplementIt

from cinch._compile import compile
from cinch._errors import UnsupportedError
from cinch._session import InferenceSession


class CinchBackendRep(BackendRep):
    """A model that was compiled and loaded."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Runs with `inputs`: one array, a sequence in the order of the graph, or
        {name: array}; returns all outputs."""
        if kwargs:
            raise TypeError(f"unknown options: {', '.join(kwargs)}")
        if isinstance(inputs, (np.ndarray, np.generic)):
            inputs = [inputs]
        if not isinstance(inputs, dict):
            names = [value.name for value in self.session.get_inputs()]
            inputs = dict(zip(names, inputs, strict=True))
        return tuple(self.session.run(None, inputs))


class CinchBackend(Backend):
    """Compiles for the CPU that runs."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """True for "CPU" and "CPU:0"."""
        return device in ("CPU", "CPU:0")

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU",
                      **kwargs: Any) -> bool:
        """True if the model compiles; takes as long as compiling it."""
        try:
            cls.prepare(model, device, **kwargs)
        except BackendIsNotSupposedToImplementIt:
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU",
                **kwargs: Any) -> CinchBackendRep:
        """Compiles `model` to temporary files and loads them. `kwargs` are
        options of `cinch.compile`. What is not supported raises
        BackendIsNotSupposedToImplementIt from the UnsupportedError."""
        if not cls.supports_device(device):
            raise ValueError(f"unknown device '{device}'; there is: CPU")
        try:
            return CinchBackendRep(InferenceSession(compile(model, **kwargs)))
        except UnsupportedError as error:
            raise BackendIsNotSupposedToImplementIt(str(error)) from error

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU",
                 outputs_info: Sequence[Any] | None = None, **kwargs: Any
                 ) -> tuple[Any, ...]:
        """Runs one operator. `opset_version` names the version of the standard;
        default: the newest that the onnx package knows. `outputs_info` has (NumPy
        type, shape) of each output."""
        if outputs_info is None:
            raise ValueError("run_node needs outputs_info: (type, shape) of each output")
        names = list(filter(None, node.input))
        arrays = [np.asarray(value) for value in inputs]
        version = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        graph = onnx.helper.make_graph(
            [node], "node",
            [_value_info(name, array.dtype, array.shape)
             for name, array in zip(names, arrays, strict=True)],
            [_value_info(name, np.dtype(dtype), shape) for name, (dtype, shape)
             in zip(filter(None, node.output), outputs_info, strict=True)])
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid(node.domain, version)])
        return cls.prepare(model, device, **kwargs).run(dict(zip(names, arrays)))


def _value_info(name: str, dtype: "np.dtype[Any]", shape: Sequence[int]
                ) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(
        name, onnx.helper.np_dtype_to_tensor_dtype(dtype), shape)


is_compatible = CinchBackend.is_compatible
prepare = CinchBackend.prepare
run_model = CinchBackend.run_model
run_node = CinchBackend.run_node
supports_device = CinchBackend.supports_device
