"""The standard's own test runner on cinch.backend.

SAMPLE has the operators whose node tests are taken (test/e2e/test_onnx_nodes.py
takes all, through the tools). A test of what is not supported is skipped.
"""
import re
import unittest

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx.backend.test.runner import BackendIsNotSupposedToImplementIt

import cinch
import cinch.backend
import small

SAMPLE = ("add", "argmax", "averagepool_2d", "cast_FLOAT", "clip", "concat",
          "conv", "cumsum", "gather", "gemm", "lstm", "matmul",
          "reduce_mean", "resize_upsample_scales_linear", "slice", "softmax", "top_k", "where")


class SkippingBackend(cinch.backend.CinchBackend):
    """Says that a test was skipped, where the runner would let it pass."""

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        try:
            return super().prepare(model, device, **kwargs)
        except BackendIsNotSupposedToImplementIt as error:
            raise unittest.SkipTest(str(error)) from error


def _select():
    """The tests of the sample out of the 3,768 that the runner makes, two for each
    case: for the CPU and for CUDA."""
    tests = onnx.backend.test.BackendTest(SkippingBackend, __name__).test_cases
    chosen = tests["OnnxBackendNodeModelTest"]
    pattern = re.compile(f"test_({'|'.join(SAMPLE)})(_\\w+)?_cpu")
    for name in dir(chosen):
        if name.startswith("test_") and not pattern.fullmatch(name):
            delattr(chosen, name)
    return chosen


OnnxBackendNodeModelTest = _select()


def test_sample_is_there():
    names = [n for n in dir(OnnxBackendNodeModelTest) if n.startswith("test_")]
    assert len(names) >= 150
    for operator in SAMPLE:
        assert any(name.startswith(f"test_{operator}_") for name in names), operator


def test_inputs_in_every_form():
    model, x = small.linear(), small.values(2, 8)
    prepared = cinch.backend.prepare(model)
    for inputs in (x, [x], (x,), {"x": x}):
        y, z = prepared.run(inputs)
        np.testing.assert_array_equal(y, x @ small.WEIGHT)
    y, z = cinch.backend.run_model(model, [x], "CPU")
    np.testing.assert_array_equal(z, -x)
    with pytest.raises(ValueError):
        prepared.run([x, x])


def test_run_node():
    node = onnx.helper.make_node("Add", ["a", "b"], ["c"])
    a, b = small.values(2, 3), small.values(3)
    c, = cinch.backend.run_node(node, [a, b], outputs_info=[(np.float32, (2, 3))])
    np.testing.assert_array_equal(c, a + b)
    with pytest.raises(ValueError, match="outputs_info"):
        cinch.backend.run_node(node, [a, b])


def test_devices_and_what_is_unsupported():
    assert cinch.backend.supports_device("CPU")
    assert not cinch.backend.supports_device("CUDA")
    with pytest.raises(ValueError, match="CUDA"):
        cinch.backend.prepare(small.linear(), "CUDA")
    strings = small.make([onnx.helper.make_node("StringNormalizer", ["x"], ["y"])],
                         [("x", onnx.TensorProto.STRING, [2])],
                         [("y", onnx.TensorProto.STRING, [2])])
    assert cinch.backend.is_compatible(small.linear())
    assert not cinch.backend.is_compatible(strings)
    with pytest.raises(BackendIsNotSupposedToImplementIt) as caught:
        cinch.backend.prepare(strings)
    assert isinstance(caught.value.__cause__, cinch.UnsupportedError)
