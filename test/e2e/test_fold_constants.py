"""What depends on constants only is computed by the compiler: the same bits as a
run of the reference pipeline, which computes it in the run.
"""
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import harness


def build(path):
    rng = np.random.default_rng(0)
    constants = {
        "w": rng.standard_normal((48, 64)).astype(np.float32),
        "h": rng.standard_normal((16, 64)).astype(np.float16),
        "p": rng.standard_normal((64, 24)).astype(np.float32),
        "scale": rng.uniform(0.01, 0.1, 24).astype(np.float32),
        "rows": np.array([5, -1, 0, 31], np.int64), "axes": np.array([1], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Transpose", ["w"], ["t"], perm=[1, 0]),  # [64, 48]
        node("Cast", ["h"], ["f"], to=TensorProto.FLOAT),  # [16, 64]
        node("Mul", ["p", "scale"], ["d"]),  # [64, 24]
        node("Concat", ["t", "d"], ["td"], axis=1),  # [64, 72]
        node("MatMul", ["f", "td"], ["m"]),  # [16, 72]
        node("Gather", ["td", "rows"], ["g"], axis=0),  # [4, 72]
        node("ReduceMean", ["m", "axes"], ["r"]),  # [16, 1]
        node("Softmax", ["g"], ["s"]),
        node("Exp", ["r"], ["e"]),
        node("MatMul", ["x", "td"], ["y"]),
    ]
    outputs = ["td", "m", "s", "e", "y"]
    graph = helper.make_graph(
        nodes, "constants",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 18)]), path)
    return {"x": rng.standard_normal((3, 64)).astype(np.float32)}


def test_same_bits_as_a_run(tmp_path):
    path = tmp_path / "model.onnx"
    inputs = build(path)
    report = tmp_path / "report.json"
    binary = harness.compile_model(path, tmp_path / "model.so", "--report", report)
    got, _ = harness.run_model(binary, inputs, tmp_path, "--measure-memory")
    oracle = harness.compile_model(path, tmp_path / "oracle.so", "--pipeline=reference")
    want, _ = harness.run_model(oracle, inputs, tmp_path)
    for name in ("td", "m", "s", "e"):
        assert np.array_equal(got[name], want[name]), name
    assert harness.relative_error(got, harness.run_onnxruntime(str(path), inputs)) <= 1e-5
    passes = {entry["pass"]: entry for entry in json.loads(report.read_text())["passes"]}
    counts = passes["fold-constants"]["counts"]
    assert counts["evaluated"] == 9 and counts["kept"] == 0
