"""Products whose operands are stored in few bits and widened where they are read.

Nothing but the bits is stored: the weights file and the arena are as large as these,
and the kernel of a product is the only one.
"""
import json

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness
from test_few_bits import BITS, TARGETS, make_model, random_array, run

node = helper.make_node


def get_type(name):
    return helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))


def count_kernels(folder, *flags):
    program = harness.compile_model(folder / "model.onnx", folder / "model.mlir",
                                    "--emit=exec", *flags)
    return program.read_text().count(" = exec.kernel @")


def read_weights(folder):
    """The header of the weights file, without what is about the whole file."""
    with open(folder / "model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__")
    return header


def make_scale(shape, granularity, axis, rng):
    """A scale for a matrix whose depth is along `axis`, and its attributes."""
    if granularity == "channel":
        size, attributes = (shape[1 - axis],), {"axis": 1 - axis}
    else:
        group = 64 if shape[axis] % 64 == 0 else shape[axis] // 2
        size = list(shape)
        size[axis] //= group
        attributes = {"axis": axis, "block_size": group}
    return rng.uniform(0.05, 0.1, size).astype(np.float32), attributes


def dequantize(q, scale, zero, attributes):
    axis, group = attributes["axis"], attributes.get("block_size")
    wide = q.astype(np.float64)
    parameters = []
    for parameter in (scale, zero):
        if group:
            parameter = np.repeat(parameter.astype(np.float64), group, axis)
        else:
            parameter = parameter.astype(np.float64)
            parameter = parameter[:, None] if axis == 0 else parameter[None]
        parameters.append(parameter)
    return (wide - parameters[1]) * parameters[0]


# (rows, depth, columns): of whole blocks, ends within blocks, rows of odd length,
# and one row, which is multiplied in another way.
SHAPES = [(70, 128, 192), (5, 96, 100), (9, 32, 33), (1, 128, 128), (1, 64, 33)]


@pytest.mark.parametrize("target", ["cpu", "gpu"])
@pytest.mark.parametrize("granularity", ["channel", "group"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["INT4", "UINT4", "INT2", "INT8", "FLOAT8E4M3FN"])
def test_weights(name, shape, transposed, granularity, target, tmp_path):
    rows, depth, columns = shape
    rng = np.random.default_rng(5)
    axis = 1 if transposed else 0
    size = (columns, depth) if transposed else (depth, columns)
    q = random_array(name, size)
    scale, attributes = make_scale(size, granularity, axis, rng)
    zero = (random_array(name, scale.shape) if "INT" in name
            else np.zeros(scale.shape, q.dtype))
    nodes = [node("DequantizeLinear", ["w", "scale", "zero"], ["dq"], **attributes),
             node("Gemm", ["x", "dq", "bias"], ["p"], transB=int(transposed)),
             node("Relu", ["p"], ["y"])]
    x = rng.standard_normal((rows, depth)).astype(np.float32)
    bias = rng.standard_normal(columns).astype(np.float32)
    model = make_model(nodes, {"x": ("FLOAT", [rows, depth])}, {"y": "FLOAT"},
                       {"w": q, "scale": scale, "zero": zero, "bias": bias})
    (y,), stats = run(model, [x], tmp_path, target)
    wide = dequantize(q, scale, zero, attributes)
    want = np.maximum(x @ (wide.T if transposed else wide) + bias, 0)
    bound = 1e-5 * (np.abs(x) @ np.abs(wide.T if transposed else wide)).max()
    assert np.abs(numpy_helper.to_array(y) - want).max() <= bound
    assert count_kernels(tmp_path, *TARGETS[target][0]) == 1
    assert stats["arena_bytes"] == 0
    begin, end = read_weights(tmp_path)["w"]["data_offsets"]
    bits = BITS.get(name, 8)
    if columns % 64 == 0 or target == "gpu":
        assert end - begin == (q.size * bits + 7) // 8
    else:  # the last block of columns may be padded
        assert end - begin <= (depth * (-(-columns // 48) * 48) * bits + 7) // 8


@pytest.mark.parametrize("rows", ["n", 3])
def test_batches(rows, tmp_path):
    """A batch of weights, and as many rows as come."""
    rng = np.random.default_rng(6)
    q = random_array("INT4", (4, 64, 50))
    scale = rng.uniform(0.05, 0.1, ()).astype(np.float32)
    nodes = [node("DequantizeLinear", ["w", "scale"], ["dq"]),
             node("MatMul", ["x", "dq"], ["y"])]
    model = make_model(nodes, {"x": ("FLOAT", [4, rows, 64])}, {"y": "FLOAT"},
                       {"w": q, "scale": scale})
    for count in (1, 3, 70) if rows == "n" else (3,):
        x = rng.standard_normal((4, count, 64)).astype(np.float32)
        (y,), _ = run(model, [x], tmp_path)
        want = x.astype(np.float64) @ (q.astype(np.float64) * scale)
        assert np.abs(numpy_helper.to_array(y) - want).max() <= 1e-4
    assert count_kernels(tmp_path) == 1


@pytest.mark.parametrize("target", TARGETS)
def test_a_weight_of_two_readers(target, tmp_path):
    """Each product widens its own; a gather reads the same bits."""
    rng = np.random.default_rng(7)
    q = random_array("INT4", (200, 64))
    scale, attributes = make_scale(q.shape, "group", 1, rng)
    nodes = [node("DequantizeLinear", ["w", "scale"], ["dq"], **attributes),
             node("Gather", ["dq", "ids"], ["rows"]),
             node("Add", ["rows", "x"], ["h"]),
             node("Gemm", ["h", "dq"], ["y"], transB=1),
             node("Gemm", ["x", "dq"], ["z"], transB=1)]
    x = rng.standard_normal((6, 64)).astype(np.float32)
    ids = np.array([0, 199, 3, 3, 57, 108])
    model = make_model(nodes, {"x": ("FLOAT", [6, 64]), "ids": ("INT64", [6])},
                       {"y": "FLOAT", "z": "FLOAT"}, {"w": q, "scale": scale})
    (y, z), stats = run(model, [x, ids], tmp_path, target)
    wide = dequantize(q, scale, np.zeros_like(scale), attributes)
    for got, want in ((y, (wide[ids] + x) @ wide.T), (z, x @ wide.T)):
        assert np.abs(numpy_helper.to_array(got) - want).max() <= 1e-4
    if target == "cpu":
        assert stats["arena_bytes"] <= 2 * 6 * 64 * 4


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["FLOAT8E4M3FN", "FLOAT8E5M2", "INT8"])
def test_activations(name, target, tmp_path):
    """The kernel that makes a value rounds it, those that read it widen it: 8 bits
    are stored."""
    rng = np.random.default_rng(8)
    rows, depth, columns = 48, 96, 128
    kind = get_type(name)
    a = rng.standard_normal((depth, columns)).astype(np.float32)
    b, c = (rng.standard_normal((columns, 32)).astype(np.float32) for _ in "bc")
    nodes = [node("MatMul", ["x", "a"], ["p"]), node("Relu", ["p"], ["r"]),
             node("QuantizeLinear", ["r", "scale", "zero"], ["q"]),
             node("DequantizeLinear", ["q", "scale", "zero"], ["dq"]),
             node("MatMul", ["dq", "b"], ["y"]), node("MatMul", ["dq", "c"], ["z"])]
    constants = {"a": a, "b": b, "c": c, "scale": np.float32(0.25),
                 "zero": np.zeros((), kind)}
    model = make_model(nodes, {"x": ("FLOAT", [rows, depth])},
                       {"y": "FLOAT", "z": "FLOAT", "q": name}, constants)
    x = rng.standard_normal((rows, depth)).astype(np.float32)
    (y, z, q), stats = run(model, [x], tmp_path, target)
    stored = numpy_helper.to_array(q)
    exact = np.maximum(x.astype(np.float64) @ a, 0) / 0.25
    spacing = 1 if name == "INT8" else np.maximum(np.abs(exact), 2**-6) * (
        2**-3 if name == "FLOAT8E4M3FN" else 2**-2)
    limit = 127 if name == "INT8" else float(ml_dtypes.finfo(kind).max)
    error = np.abs(stored.astype(np.float64) - np.minimum(exact, limit))
    assert (error <= 0.51 * spacing).all()
    wide = stored.astype(np.float64) * 0.25
    for got, weight in ((y, b), (z, c)):
        assert np.abs(numpy_helper.to_array(got) - wide @ weight).max() <= 1e-3
    if target != "reference":
        assert count_kernels(tmp_path, *TARGETS[target][0]) == 3
        assert stats["arena_bytes"] == 0  # q is an output


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("image,pads", [((9, 21), 1), ((3, 3), 0)])
def test_filters(image, pads, target, tmp_path):
    """Convolutions widen filters and images too."""
    rng = np.random.default_rng(9)
    w = random_array("INT4", (24, 12, 3, 3))
    scale = rng.uniform(0.05, 0.1, 24).astype(np.float32)
    nodes = [node("DequantizeLinear", ["w", "scale"], ["dw"], axis=0),
             node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
             node("DequantizeLinear", ["q", "step", "zero"], ["dq"]),
             node("Conv", ["dq", "dw"], ["y"], pads=[pads] * 4)]
    constants = {"w": w, "scale": scale, "step": np.float32(0.125),
                 "zero": np.zeros((), get_type("FLOAT8E4M3FN"))}
    shape = (2, 12, *image)
    model = make_model(nodes, {"x": ("FLOAT", list(shape))},
                       {"y": "FLOAT", "q": "FLOAT8E4M3FN"}, constants)
    x = rng.standard_normal(shape).astype(np.float32)
    (y, q), _ = run(model, [x], tmp_path, target)
    wide = numpy_helper.to_array(q).astype(np.float64) * 0.125
    wide = np.pad(wide, ((0, 0), (0, 0), (pads, pads), (pads, pads)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (2, 3))
    filters = w.astype(np.float64) * scale[:, None, None, None]
    want = np.einsum("nchwij,fcij->nfhw", windows, filters)
    assert np.abs(numpy_helper.to_array(y) - want).max() <= 1e-4
