"""Programs of more calls than one function of the entry takes (128): results,
sizes known at run time only, and kernels that fail in any of the functions.

The tolerance is 1e-5 of the largest output: 150 float32 products of 8 x 8, each
with a scale near 1, in another order.
"""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

LAYERS = 150


def build(path):
    """Each layer multiplies by its own weight and by row `i` of a table."""
    rng = np.random.default_rng(0)
    constants = {"table": rng.uniform(0.5, 1.5, (5, 8)).astype(np.float32)}
    nodes, value = [], "x"
    for layer in range(LAYERS):
        weight, _ = np.linalg.qr(rng.standard_normal((8, 8)))
        constants[f"w{layer}"] = weight.astype(np.float32)
        nodes += [helper.make_node("MatMul", [value, f"w{layer}"], [f"m{layer}"]),
                  helper.make_node("Softmax", [f"m{layer}"], [f"s{layer}"])]
        value = f"s{layer}"
    nodes += [helper.make_node("Gather", ["table", "i"], ["g"], axis=0),
              helper.make_node("Mul", [value, "g"], ["y"])]
    graph = helper.make_graph(
        nodes, "long", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8]),
                        helper.make_tensor_value_info("i", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "model.onnx"
    build(path)
    return path, harness.compile_model(path, path.with_suffix(".so"))


@pytest.mark.parametrize("rows", [1, 7])
def test_results(compiled, rows, tmp_path):
    path, binary = compiled
    x = np.random.default_rng(rows).standard_normal((rows, 8)).astype(np.float32)
    inputs = {"x": x, "i": np.array([-2], np.int64)}
    got, _ = harness.run_model(binary, inputs, tmp_path, "--measure-memory")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= 1e-5


def test_a_late_failure_is_reported(compiled, tmp_path):
    _, binary = compiled
    given = tmp_path / "in.npz"
    harness.write_npz(given, {"x": np.zeros((1, 8), np.float32),
                              "i": np.array([5], np.int64)})
    done = harness.run("cinch-run", binary, "--inputs", given)
    assert done.status != 0 and not done.crashed
    assert "an index of 'i' is outside axis 0" in done.output


def test_the_entry_is_split(compiled, tmp_path):
    path, _ = compiled
    text = tmp_path / "model.ll"
    harness.compile_model(path, text, "--emit=llvm")
    assert "@cinch_part" in text.read_text()
