"""Batch norms around convolutions and products with constant weights, against
ONNX Runtime without optimizations.

The tolerance is 1e-5 of the largest output: float32 sums of at most 50 products
in another order, of factors between 0.2 and 2 (measured: at most 3.2e-7).
"""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

# operator, attributes, channels, filters, shape of the weight
CASES = {
    "conv": ("Conv", {"pads": [1, 1, 1, 1]}, 6, 8, (8, 6, 3, 3)),
    "conv_unpadded": ("Conv", {"strides": [2, 1]}, 6, 8, (8, 6, 3, 2)),
    "conv_groups": ("Conv", {"group": 3}, 6, 9, (9, 2, 2, 2)),
    "depthwise": ("Conv", {"group": 6, "pads": [1, 1, 1, 1]}, 6, 12, (12, 1, 3, 3)),
    "conv_transpose": ("ConvTranspose", {"strides": [2, 2]}, 6, 4, (6, 4, 2, 2)),
    "conv_transpose_groups": ("ConvTranspose", {"group": 2}, 6, 8, (6, 4, 2, 2)),
    "matmul": ("MatMul", {}, 6, 10, (6, 10)),
    "gemm": ("Gemm", {"transB": 1, "alpha": 0.5}, 6, 10, (10, 6)),
}


def build(path, case, before, after):
    operator, attributes, channels, filters, shape = CASES[case]
    rng = np.random.default_rng(len(case))
    constants, nodes = {"w": rng.standard_normal(shape)}, []

    def norm(value, name, size):
        names = [f"{name}_{piece}" for piece in ("scale", "bias", "mean", "variance")]
        constants.update(zip(names, (rng.uniform(-2, 2, size), rng.standard_normal(size),
                                     rng.standard_normal(size), rng.uniform(0.5, 2, size))))
        nodes.append(helper.make_node("BatchNormalization", [value, *names], [name]))
        return name

    value = norm("x", "b", channels) if before else "x"
    nodes.append(helper.make_node(operator, [value, "w"], ["c"], **attributes))
    nodes.append(helper.make_node(
        "Relu", [norm("c", "a", filters) if after else "c"], ["y"]))
    space = [7, 8] if len(shape) == 4 else []
    graph = helper.make_graph(
        nodes, "norms",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, *space])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)
    return {"x": rng.standard_normal((2, channels, *space)).astype(np.float32)}


def test_text_keeps_what_was_folded(tmp_path):
    inputs = build(tmp_path / "model.onnx", "conv", True, True)
    text = tmp_path / "model.mlir"
    harness.check(harness.run("cinch-opt", tmp_path / "model.onnx", "-cinch-graph",
                              "-o", text), "cinch-opt")
    assert "<computed:0>" in text.read_text()
    binary = harness.compile_model(text, tmp_path / "model.so")
    got, _ = harness.run_model(binary, inputs, tmp_path)
    want = harness.run_onnxruntime(str(tmp_path / "model.onnx"), inputs)
    assert harness.relative_error(got, want) <= 1e-5
    # Without the bytes there is no weight.
    short = tmp_path / "short.mlir"
    short.write_text(text.read_text().split("{-#")[0])
    done = harness.run("cinch-compile", short, "-o", tmp_path / "short.so")
    assert done.status == 1 and "<computed:0>" in done.output


@pytest.mark.parametrize("before,after", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("case", CASES)
def test_norms(case, before, after, tmp_path):
    path = tmp_path / "model.onnx"
    inputs = build(path, case, before, after)
    binary = harness.compile_model(path, tmp_path / "model.so")
    got, _ = harness.run_model(binary, inputs, tmp_path, "--measure-memory")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= 1e-5
