"""Transposed convolutions with constant filters, against ONNX Runtime.

The tolerance is 1e-5 of the largest output: float32 sums of at most 100 products
in another order (measured: at most 2.1e-7).
"""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness


@pytest.mark.parametrize("kernel,stride,pads,extra", [
    (2, 2, 0, 0), (3, 3, 0, 0), (3, 2, 1, 1), (3, 2, 0, 0), (4, 2, 1, 0), (5, 2, 2, 1),
    (1, 2, 0, 1), (2, 4, 0, 0), (7, 3, 2, 0)])
@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_strided(kernel, stride, pads, extra, size, tmp_path):
    rng = np.random.default_rng(kernel)
    graph = helper.make_graph(
        [helper.make_node("ConvTranspose", ["x", "w", "b"], ["c"],
                          strides=[stride] * 2, pads=[pads] * 4,
                          output_padding=[extra] * 2),
         helper.make_node("Relu", ["c"], ["y"])], "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, "h", "w_"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in
         (("w", rng.standard_normal((3, 4, kernel, kernel))),
          ("b", rng.standard_normal(4)))])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)
    extent = [(d - 1) * stride + kernel + extra - 2 * pads for d in size]
    if min(extent) <= 0:
        pytest.skip("padding leaves no output")
    binary = harness.compile_model(path, tmp_path / "model.so")
    inputs = {"x": rng.standard_normal((2, 3, *size)).astype(np.float32)}
    got, _ = harness.run_model(binary, inputs, tmp_path, "--measure-memory")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= 1e-5
