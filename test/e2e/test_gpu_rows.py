"""Rows on the emulated CUDA device: softmax, normalizations, reductions, and what is
element-wise, of lengths that are whole vectors of 16 bytes and of others. Results
against f64, traffic against the bytes of the operands.

Errors, of the largest output: f32 1e-5 (sums in another order, polynomials), f16 and
bf16 one rounding of the result (2^-11, 2^-8) and of what the operator rounds before.
"""
import json
import math

import numpy as np
import pytest
from onnx import helper

import gpu_products
import harness

ROWS = 64
SECTOR = 32  # bytes
TOLERANCES = {"f32": 1e-5, "f16": 2e-3, "bf16": 1.6e-2}


def softmax(x, scale, offset):
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def layer_norm(x, scale, offset):
    centered = x - x.mean(-1, keepdims=True)
    return centered / np.sqrt((centered ** 2).mean(-1, keepdims=True) + 1e-5) * scale + (
        offset)


def biased_gelu(x, scale, offset):
    shifted = x + offset
    return shifted * (1 + np.vectorize(math.erf)(shifted / math.sqrt(2))) / 2


def mean_square(x, scale, offset):
    return (x ** 2).mean(-1, keepdims=True)


# Nodes from x, scale and offset to y; the operands beside x; the expected result.
FORMS = {
    "softmax": ([("Softmax", ["x"], ["y"], {"axis": -1})], [], softmax),
    "layer_norm": ([("LayerNormalization", ["x", "scale", "offset"], ["y"],
                     {"axis": -1})], ["scale", "offset"], layer_norm),
    "biased_gelu": ([("Add", ["x", "offset"], ["s"], {}), ("Gelu", ["s"], ["y"], {})],
                    ["offset"], biased_gelu),
    "mean_square": ([("Mul", ["x", "x"], ["s"], {}),
                     ("ReduceMean", ["s", "last"], ["y"], {})],
                    [], mean_square),
}


def make_model(path, form, kind, shape):
    nodes, operands, _ = FORMS[form]
    element = gpu_products.TYPES[kind][0]
    inputs = [gpu_products.value("x", element, shape)]
    inputs += [gpu_products.value(name, element, shape[-1:]) for name in operands]
    nodes = [helper.make_node(op, [*ins], outs, **attributes)
             for op, ins, outs, attributes in nodes]
    if form == "mean_square":
        nodes.insert(0, helper.make_node("Constant", [], ["last"], value_ints=[-1]))
        shape = (*shape[:-1], 1)
    return gpu_products.save(path, nodes, inputs,
                             gpu_products.value("y", element, shape))


def check(tmp_path, form, kind, shape):
    """Compares the result, and returns the counters of the only kernel."""
    model = make_model(str(tmp_path / "m.onnx"), form, kind, shape)
    inputs = gpu_products.random_inputs(model)
    counters = tmp_path / "counters.json"
    got = gpu_products.run(model, inputs, f"--counters={counters}")
    wide = {name: array.astype(np.float64) for name, array in inputs.items()}
    want = FORMS[form][2](wide["x"], wide.get("scale"), wide.get("offset"))
    error = np.abs(got.astype(np.float64) - want).max() / np.abs(want).max()
    assert got.shape == want.shape and error <= TOLERANCES[kind]
    (kernel,) = json.loads(counters.read_text())["kernels"].values()
    return kernel


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("length", [64, 77, 128, 250, 256, 384, 1024, 4096])
@pytest.mark.parametrize("form", FORMS)
def test_lengths(form, length, kind, tmp_path):
    """What must move: x and y once, and for every row the operands of its columns."""
    kernel = check(tmp_path, form, kind, (ROWS, length))
    item = np.dtype(gpu_products.TYPES[kind][1]).itemsize
    if length * item % 16:
        return
    operands = 1 + len(FORMS[form][1])
    loads, stores = (kernel[side]["sectors"] * SECTOR
                     for side in ("globalLoad", "globalStore"))
    assert loads <= 1.05 * ROWS * length * item * operands
    assert form == "mean_square" or stores <= 1.05 * ROWS * length * item
    # A request of a warp moves 16 bytes a thread.
    if length * item % 512 == 0:
        assert kernel["globalLoad"]["requests"] * 512 == kernel["globalLoad"]["bytes"]


@pytest.mark.parametrize("shape", [(3, 5, 8), (7, 2, 3, 4), (5, 12, 1), (2, 1, 4096),
                                   (1, 6), (2, 3, 5000)], ids=str)
@pytest.mark.parametrize("kind", ["f32", "f16"])
@pytest.mark.parametrize("form", ["softmax", "layer_norm", "biased_gelu"])
def test_shapes(form, kind, shape, tmp_path):
    check(tmp_path, form, kind, shape)


@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_joined_rows(kind, tmp_path):
    """A concatenation along the columns, whose branches read whole vectors or do
    not, followed by a softmax and a comparison (bytes beside numbers)."""
    element, dtype, _ = gpu_products.TYPES[kind]
    for left, right in [(8, 24), (5, 27), (24, 10)]:
        nodes = [helper.make_node("Concat", ["a", "b"], ["x"], axis=1),
                 helper.make_node("Softmax", ["x"], ["s"], axis=-1),
                 helper.make_node("Greater", ["x", "c"], ["g"]),
                 helper.make_node("Where", ["g", "s", "x"], ["y"])]
        total = left + right
        model = gpu_products.save(
            str(tmp_path / "m.onnx"), nodes,
            [gpu_products.value("a", element, [9, left]),
             gpu_products.value("b", element, [9, right]),
             gpu_products.value("c", element, [1])],
            gpu_products.value("y", element, [9, total]))
        inputs = gpu_products.random_inputs(model)
        got = gpu_products.run(model, inputs)
        x = np.concatenate([inputs["a"], inputs["b"]], axis=1)
        want = np.where(x > inputs["c"], softmax(x.astype(np.float64), None, None), x)
        error = np.abs(got.astype(np.float64) - want).max()
        assert error <= TOLERANCES[kind], (left, right)
