"""Attention as exporters write it, against ONNX Runtime: one binary per form,
run at sizes that take one block of keys and several, few queries and many.

The tolerance is 1e-5 of the largest output: float32 sums of up to 300 products
in another order (measured: at most 1.1e-6).
"""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

TOLERANCE = 1e-5
HEADS, DEPTH = 4, 24
SIZES = [(1, 1), (1, 300), (7, 33), (64, 64), (70, 130), (130, 257)]


def build(path, nodes, inputs, constants=(), output=("b", "h", "q", "d")):
    """A model whose output `y` is computed by `nodes` (op, inputs, outputs, attributes)."""
    graph = helper.make_graph(
        [helper.make_node(op, ins, outs, **attributes)
         for op, ins, outs, attributes in nodes], "attention",
        [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)


def qkv(q=("b", HEADS, "q", DEPTH), k=("b", HEADS, "k", DEPTH),
        v=("b", HEADS, "k", DEPTH)):
    return [("q", TensorProto.FLOAT, q), ("k", TensorProto.FLOAT, k),
            ("v", TensorProto.FLOAT, v)]


SCALE = ("scale", np.float32(DEPTH ** -0.5))
TRANSPOSE_K = ("Transpose", ["k"], ["kt"], {"perm": [0, 1, 3, 2]})
END = [("Softmax", ["l"], ["p"], {"axis": -1}), ("MatMul", ["p", "v"], ["y"], {})]


def plain(path):
    build(path, [TRANSPOSE_K, ("MatMul", ["q", "kt"], ["l"], {}), *END], qkv())


def scaled_and_masked(path):
    """BERT: divide, then add a mask of a large negative number."""
    build(path, [TRANSPOSE_K, ("MatMul", ["q", "kt"], ["s"], {}),
                 ("Div", ["s", "root"], ["t"], {}), ("Add", ["t", "mask"], ["l"], {}),
                 *END],
          qkv() + [("mask", TensorProto.FLOAT, ("b", 1, 1, "k"))],
          [("root", np.float32(DEPTH ** 0.5))])


def boolean_mask(path):
    """GPT-2: select the score or minus infinity; whole blocks are masked."""
    build(path, [TRANSPOSE_K, ("MatMul", ["q", "kt"], ["s"], {}),
                 ("Mul", ["s", "scale"], ["t"], {}),
                 ("Where", ["allowed", "t", "never"], ["l"], {}), *END],
          qkv() + [("allowed", TensorProto.BOOL, (1, 1, "q", "k"))],
          [SCALE, ("never", np.float32(-np.inf))])


def scaled_operands(path):
    """Scaled dot-product attention: each operand by the root of the scale."""
    root = ("root", np.float32(DEPTH ** -0.25))
    build(path, [("Mul", ["q", "root"], ["qs"], {}),
                 TRANSPOSE_K, ("Mul", ["kt", "root"], ["ks"], {}),
                 ("MatMul", ["qs", "ks"], ["s"], {}),
                 ("Add", ["s", "bias"], ["l"], {}), *END],
          qkv() + [("bias", TensorProto.FLOAT, (1, HEADS, "q", "k"))], [root])


def grouped(path):
    """Two queries share a key: the repetition is written out."""
    groups = [("groups", np.array([0, HEADS // 2, 2, 0, DEPTH], np.int64)),
              ("one", np.array([2], np.int64)), ("ones", np.array([1, 1, 2, 1, 1], np.int64)),
              ("heads", np.array([0, HEADS, -1, DEPTH], np.int64)), SCALE]
    nodes = []
    for name in "kv":
        nodes += [("Unsqueeze", [name, "one"], [name + "1"], {}),
                  ("Expand", [name + "1", "ones"], [name + "2"], {}),
                  ("Reshape", [name + "2", "heads"], [name + "3"], {})]
    nodes += [("Transpose", ["k3"], ["kt"], {"perm": [0, 1, 3, 2]}),
              ("MatMul", ["q", "kt"], ["s"], {}), ("Mul", ["s", "scale"], ["l"], {}),
              ("Softmax", ["l"], ["p"], {"axis": 3}), ("MatMul", ["p", "v3"], ["y"], {})]
    shared = ("b", HEADS // 2, "k", DEPTH)
    build(path, nodes, qkv(k=shared, v=shared), groups)


def grouped_by_broadcast(path):
    """Groups of heads as an axis, along which keys and values are broadcast; the
    mask and the bias differ by query and by head."""
    grouped = ("b", 2, HEADS // 2, "q", DEPTH)
    shared = ("b", 2, 1, "k", DEPTH)
    build(path, [("Transpose", ["k"], ["kt"], {"perm": [0, 1, 2, 4, 3]}),
                 ("MatMul", ["q", "kt"], ["s"], {}), ("Mul", ["s", "scale"], ["t"], {}),
                 ("Add", ["t", "bias"], ["u"], {}), ("Add", ["u", "mask"], ["l"], {}),
                 *END],
          qkv(grouped, shared, shared) +
          [("bias", TensorProto.FLOAT, (1, 2, HEADS // 2, "q", "k")),
           ("mask", TensorProto.FLOAT, ("b", 1, 1, "q", "k"))], [SCALE], grouped)


def multiple_queries(path):
    """All of many heads read the same keys and values; a residual."""
    heads = ("b", 36, "q", DEPTH)
    build(path, [TRANSPOSE_K, ("MatMul", ["q", "kt"], ["s"], {}),
                 ("Mul", ["s", "scale"], ["t"], {}), ("Add", ["t", "bias"], ["l"], {}),
                 ("Softmax", ["l"], ["p"], {"axis": -1}),
                 ("MatMul", ["p", "v"], ["o"], {}), ("Add", ["o", "q"], ["y"], {})],
          qkv(heads, ("b", 1, "k", DEPTH), ("b", 1, "k", DEPTH)) +
          [("bias", TensorProto.FLOAT, (1, 36, "q", "k"))], [SCALE], heads)


def shared_keys(path):
    """The keys are shared by all heads, the values by three."""
    build(path, [TRANSPOSE_K, ("MatMul", ["q", "kt"], ["s"], {}),
                 ("Mul", ["s", "scale"], ["l"], {}),
                 ("Softmax", ["l"], ["p"], {"axis": -1}),
                 ("Unsqueeze", ["v", "two"], ["v1"], {}),
                 ("Expand", ["v1", "ones"], ["v2"], {}),
                 ("Reshape", ["v2", "heads"], ["w"], {}),
                 ("MatMul", ["p", "w"], ["y"], {})],
          qkv(("b", 6, "q", DEPTH), ("b", 1, "k", DEPTH), ("b", 2, "k", DEPTH)),
          [SCALE, ("two", np.array([2], np.int64)),
           ("ones", np.array([1, 1, 3, 1, 1], np.int64)),
           ("heads", np.array([0, 6, -1, DEPTH], np.int64))], ("b", 6, "q", DEPTH))


def rows_by_token(path):
    """Operands and result with the heads inside the tokens, and a residual."""
    swap = {"perm": [0, 2, 1, 3]}
    build(path, [("Transpose", ["q"], ["qt"], swap),
                 ("Transpose", ["k"], ["kt"], {"perm": [0, 2, 3, 1]}),
                 ("Transpose", ["v"], ["vt"], swap),
                 ("MatMul", ["qt", "kt"], ["s"], {}), ("Mul", ["s", "scale"], ["l"], {}),
                 ("Softmax", ["l"], ["p"], {"axis": 3}),
                 ("MatMul", ["p", "vt"], ["o"], {}), ("Transpose", ["o"], ["y"], swap)],
          qkv(("b", "q", HEADS, DEPTH), ("b", "k", HEADS, DEPTH), ("b", "k", HEADS, DEPTH)),
          [SCALE], ("b", "q", HEADS, DEPTH))


def keys_in_columns(path):
    """Keys that are stored transposed (they are packed), and a residual."""
    build(path, [("MatMul", ["q", "k"], ["s"], {}), ("Mul", ["s", "scale"], ["l"], {}),
                 ("Softmax", ["l"], ["p"], {"axis": -1}),
                 ("MatMul", ["p", "v"], ["o"], {}), ("Add", ["o", "q"], ["y"], {})],
          qkv(k=("b", HEADS, DEPTH, "k")), [SCALE])


def shape_of(dims, sizes):
    return [sizes.get(dim, dim) for dim in dims]


def feed(path, sizes, seed=0):
    rng = np.random.default_rng(seed)
    values = {}
    for value in onnx.load(path).graph.input:
        shape = shape_of([d.dim_param or d.dim_value
                          for d in value.type.tensor_type.shape.dim], sizes)
        if value.name == "allowed":  # causal, and the first keys are padding
            q, k = shape[2:]
            allowed = np.arange(k)[None] <= np.arange(q)[:, None] + max(k - q, 0)
            allowed &= np.arange(k)[None] >= k // 2
            allowed[~allowed.any(axis=1), -1] = True  # no row is all masked
            values[value.name] = allowed[None, None]
        elif value.name == "mask":
            values[value.name] = np.where(rng.random(shape) < 0.3, -1e4, 0).astype(
                np.float32)
        else:
            values[value.name] = rng.standard_normal(shape).astype(np.float32)
    return values


@pytest.mark.parametrize("form", [plain, scaled_and_masked, boolean_mask,
                                  scaled_operands, grouped, grouped_by_broadcast,
                                  multiple_queries, shared_keys, rows_by_token,
                                  keys_in_columns], ids=lambda f: f.__name__)
def test_form(form, tmp_path):
    path = tmp_path / "model.onnx"
    form(path)
    report = tmp_path / "report.json"
    binary = harness.compile_model(path, tmp_path / "model.so", f"--report={report}")
    kernels = json.loads(report.read_text())["kernels"]
    assert any("softmax" in k["op"] and k["op"].count("matmul") == 2 for k in kernels)
    for queries, keys in SIZES:
        inputs = feed(path, {"b": 2, "q": queries, "k": keys})
        got, stats = harness.run_model(binary, inputs, tmp_path, "--measure-memory")
        want = harness.run_onnxruntime(str(path), inputs)
        assert harness.relative_error(got, want) <= TOLERANCE, (queries, keys)
        assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]
        # No score is in the arena: at most a moved copy of an operand.
        assert stats["predicted_peak_bytes"] <= sum(
            inputs[name].nbytes + 64 for name in "qkv")


def test_rows_that_are_all_masked_are_nan(tmp_path):
    """0/0, as the operators say one by one; later blocks do not mend it."""
    path = tmp_path / "model.onnx"
    boolean_mask(path)
    binary = harness.compile_model(path, tmp_path / "model.so")
    inputs = feed(path, {"b": 1, "q": 3, "k": 200})
    inputs["allowed"][..., 1, :] = False
    got, _ = harness.run_model(binary, inputs, tmp_path)
    assert np.isnan(got["y"][:, :, 1]).all()
    assert np.isfinite(got["y"][:, :, [0, 2]]).all()


def test_softmax_of_16_bits(tmp_path):
    """Logits and weights in f16 are one kernel too; the tolerance is that of their
    10 bits."""
    half, shape = TensorProto.FLOAT16, (2, HEADS, "n", DEPTH)
    nodes = [TRANSPOSE_K, ("MatMul", ["q", "kt"], ["l"], {}), *END]
    graph = helper.make_graph(
        [helper.make_node(op, ins, outs, **attributes)
         for op, ins, outs, attributes in nodes], "attention",
        [helper.make_tensor_value_info(name, half, shape) for name in "qkv"],
        [helper.make_tensor_value_info("y", half, shape)])
    path, report = tmp_path / "model.onnx", tmp_path / "report.json"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)
    binary = harness.compile_model(path, tmp_path / "model.so", f"--report={report}")
    assert len(json.loads(report.read_text())["kernels"]) == 1
    for length in (1, 70, 130):
        inputs = {name: (np.random.default_rng(number).standard_normal(
            (2, HEADS, length, DEPTH)) / 2).astype(np.float16)
                  for number, name in enumerate("qkv")}
        got, _ = harness.run_model(binary, inputs, tmp_path)
        q, k, v = (inputs[name].astype(np.float64) for name in "qkv")
        weights = np.exp(q @ k.swapaxes(2, 3))
        want = weights @ v / weights.sum(axis=3, keepdims=True)
        assert np.abs(got["y"] - want).max() <= 4e-3 * np.abs(want).max()


def layer(path, added, width=48, heads=4):
    """y = `added` to an attention of projections of `x` with itself, projected."""
    rng = np.random.default_rng(3)

    def weight(name):
        return name, (rng.standard_normal((width, width)) / width ** 0.5).astype(
            np.float32)

    split = np.array([0, 0, heads, width // heads], np.int64)
    nodes = [("MatMul", ["x", "wq"], ["q"], {}),
             ("MatMul", ["x", "wk"], ["k"], {}), ("MatMul", ["x", "wv"], ["v"], {})]
    for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [("Reshape", [name, "split"], [name + "s"], {}),
                  ("Transpose", [name + "s"], [name + "t"], {"perm": perm})]
    nodes += [("MatMul", ["qt", "kt"], ["s"], {}), ("Softmax", ["s"], ["p"], {"axis": 3}),
              ("MatMul", ["p", "vt"], ["o"], {}),
              ("Transpose", ["o"], ["ot"], {"perm": [0, 2, 1, 3]}),
              ("Reshape", ["ot", "join"], ["r"], {}), ("MatMul", ["r", "wo"], ["z"], {}),
              ("Add", ["z", added], ["y"], {})]
    build(path, nodes, [("x", TensorProto.FLOAT, ("b", "t", width))],
          [("split", split), ("join", np.array([0, 0, width], np.int64)),
           weight("wq"), weight("wk"), weight("wv"), weight("wo")],
          ("b", "t", width))


@pytest.mark.parametrize("added", ["x", "q"])
def test_result_takes_the_place_of_the_queries(added, tmp_path):
    """Two of queries, keys and values are the peak, as one lies where the output will
    be; or keys, values and the result, where the queries are read later and lie there."""
    path = tmp_path / "model.onnx"
    layer(path, added)
    binary = harness.compile_model(path, tmp_path / "model.so")
    for batch, tokens in ((1, 1), (1, 8), (3, 65), (2, 200)):
        inputs = {"x": np.random.default_rng(tokens).standard_normal(
            (batch, tokens, 48)).astype(np.float32)}
        want = harness.run_onnxruntime(str(path), inputs)
        for threads in (1, 2):
            got, stats = harness.run_model(binary, inputs, tmp_path, "--measure-memory",
                                           f"--threads={threads}")
            assert harness.relative_error(got, want) <= TOLERANCE
        assert stats["predicted_peak_bytes"] == (2 if added == "x" else 3) * inputs["x"].nbytes
        assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]
