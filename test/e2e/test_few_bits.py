"""Elements of 2, 4 and 8 bits: conversions, movement and quantization.

Exact: every result is compared bit by bit, with NumPy on the types of ml_dtypes, or
with onnx.reference. The memory that is predicted is what is measured, and bits
behind the last element of an output are 0.
"""
import json
import os

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import harness

TARGETS = {"cpu": ((), ()),
           "reference": (("--pipeline=reference",), ()),
           "gpu": (("--target=cuda:sm_80",), ("--device=emulated",))}
FLOATS = {"FLOAT8E4M3FN": ml_dtypes.float8_e4m3fn,
          "FLOAT8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
          "FLOAT8E5M2": ml_dtypes.float8_e5m2,
          "FLOAT8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
          "FLOAT8E8M0": ml_dtypes.float8_e8m0fnu, "FLOAT4E2M1": ml_dtypes.float4_e2m1fn}
INTEGERS = {"INT4": ml_dtypes.int4, "UINT4": ml_dtypes.uint4, "INT2": ml_dtypes.int2,
            "UINT2": ml_dtypes.uint2}
TYPES = {**FLOATS, **INTEGERS}
BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


def all_codes(name):
    """Every element of a type."""
    bits = BITS.get(name, 8)
    codes = np.arange(1 << bits, dtype=np.uint8)
    if name in ("INT4", "INT2"):
        return (codes.astype(np.int8) - (1 << bits - 1)).astype(TYPES[name])
    return codes.view(TYPES[name])


def random_array(name, shape, seed=0):
    rng = np.random.default_rng(seed)
    if name not in TYPES:
        return rng.standard_normal(shape).astype(helper.tensor_dtype_to_np_dtype(
            getattr(TensorProto, name)))
    codes = all_codes(name)
    with np.errstate(all="ignore"):
        codes = codes[np.isfinite(codes.astype(np.float32))]
    return codes[rng.integers(0, len(codes), shape)]


def make_model(nodes, inputs, outputs, constants=(), opset=25):
    """A model; inputs: {name: (type, shape)}, outputs: {name: type}."""
    graph = helper.make_graph(
        nodes, "bits",
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
         for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), None)
         for name, kind in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in dict(constants).items()])
    return helper.make_model(graph, ir_version=13,
                             opset_imports=[helper.make_opsetid("", opset)])


def run(model, inputs, folder, target="cpu", flags=(), compile_flags=()):
    """Compiles and runs `model`, whose memory is measured too; returns the output
    tensors and what the run reports."""
    path, binary = folder / "model.onnx", folder / "model.so"
    onnx.save(model, path)
    compiling, running = TARGETS[target]
    harness.compile_model(path, binary, *compiling, *compile_flags)
    given, got = folder / "given", folder / "got"
    given.mkdir(exist_ok=True)
    for number, array in enumerate(inputs):
        (given / f"input_{number}.pb").write_bytes(
            numpy_helper.from_array(array).SerializeToString())
    harness.check(harness.run("cinch-run", binary, "--inputs", given, "--outputs", got,
                              "--json", folder / "stats.json", "--measure-memory",
                              *running, *flags), "cinch-run")
    stats = json.loads((folder / "stats.json").read_text())
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]
    outputs = []
    for number in range(len(model.graph.output)):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((got / f"output_{number}.pb").read_bytes())
        outputs.append(tensor)
    return outputs, stats


def check(tensor, want):
    """Compares every bit; also of those behind the last element."""
    want = np.asarray(want)
    made = numpy_helper.from_array(want)
    assert tensor.data_type == made.data_type
    assert list(tensor.dims) == list(want.shape)
    if tensor.raw_data == made.raw_data:
        return
    got = numpy_helper.to_array(tensor)
    wrong = got.astype(np.float64) != want.astype(np.float64)
    assert False, f"{np.count_nonzero(wrong)} differ: {got[wrong]} {want[wrong]}"


def without_sign_of_nan(array):
    """NaN, whose sign is not defined, with one sign."""
    array = array.copy()
    array[np.isnan(array.astype(np.float32))] = np.nan
    return array


def singles():
    """Numbers of f32: all of f16, their neighbours, and any bits."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    bits = np.random.default_rng(0).integers(0, 1 << 32, 1 << 16, np.uint32)
    around = [np.nextafter(halves, np.float32(to)) for to in (-np.inf, np.inf)]
    return np.concatenate([halves, *around, bits.view(np.float32)])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", TYPES)
def test_every_element_widens(name, target, tmp_path):
    x = all_codes(name)
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    model = make_model(nodes, {"x": (name, list(x.shape))}, {"y": "FLOAT"})
    (y,), _ = run(model, [x], tmp_path, target)
    got, want = numpy_helper.to_array(y), x.astype(np.float32)
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(np.signbit(got)[want == 0], np.signbit(want)[want == 0])


@pytest.mark.parametrize("target", ["cpu", "gpu"])
@pytest.mark.parametrize("saturate", [0, 1])
@pytest.mark.parametrize("name", [n for n in FLOATS if n != "FLOAT8E8M0"])
def test_floats_narrow(name, saturate, target, tmp_path):
    x, kind = singles(), FLOATS[name]
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=getattr(TensorProto, name),
                              saturate=saturate)]
    model = make_model(nodes, {"x": ("FLOAT", list(x.shape))}, {"y": name})
    (y,), _ = run(model, [x], tmp_path, target)
    with np.errstate(all="ignore"):
        if name == "FLOAT4E2M1":  # NaN, which it lacks, becomes 0
            want = np.where(np.isnan(x), np.float32(0), x).astype(kind)
        elif saturate:
            want = numpy_helper.saturate_cast(x, np.dtype(kind))
        else:
            want = x.astype(kind)
        got = numpy_helper.to_array(y)
        np.testing.assert_array_equal(without_sign_of_nan(got).view(np.uint8),
                                      without_sign_of_nan(want).view(np.uint8))


@pytest.mark.parametrize("target", ["cpu", "gpu"])
@pytest.mark.parametrize("mode", ["up", "down", "nearest"])
@pytest.mark.parametrize("saturate", [0, 1])
def test_powers_of_two(mode, saturate, target, tmp_path):
    x = singles()
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E8M0,
                              saturate=saturate, round_mode=mode)]
    model = make_model(nodes, {"x": ("FLOAT", list(x.shape))}, {"y": "FLOAT8E8M0"})
    (y,), _ = run(model, [x], tmp_path, target)
    check(y, numpy_helper.to_float8e8m0(x, saturate, mode))


SHAPES = [(), (1,), (7,), (64,), (3, 5), (4, 6), (5, 2), (1, 3, 1), (2, 3, 7), (3, 4, 8),
          (0, 4), (33, 100), (70, 131)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["INT4", "UINT2", "FLOAT4E2M1", "FLOAT8E4M3FN"])
def test_elements_are_moved(name, shape, target, tmp_path):
    """Each result has another order, or another place of its bytes. (ONNX has few
    operators for such elements.)"""
    x = random_array(name, shape)
    node = helper.make_node
    nodes = [node("Transpose", ["x"], ["t"]),
             node("Reshape", ["x", "flat"], ["r"]),
             node("Pad", ["r", "around"], ["p"]),
             node("Pad", ["r", "inside"], ["s"]),
             node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
             node("Add", ["f", "f"], ["h"]),
             node("Cast", ["h"], ["i"], to=getattr(TensorProto, name))]
    cut = [-1, 0] if x.size else [0, 0]
    numbers = {"flat": [x.size], "around": [1, 2], "inside": cut}
    model = make_model(nodes, {"x": (name, list(shape))}, {key: name for key in "trpsi"},
                       {key: np.array(value, np.int64) for key, value in numbers.items()})
    outputs, _ = run(model, [x], tmp_path, target)
    flat = x.reshape(-1)
    doubled = x.astype(np.float32) * 2
    doubled = (numpy_helper.saturate_cast(doubled, x.dtype) if name == "FLOAT8E4M3FN"
               else doubled.astype(x.dtype))
    around = np.concatenate([np.zeros(1, x.dtype), flat, np.zeros(2, x.dtype)])
    wants = [x.T, flat, around, flat[1:], doubled]
    for tensor, want in zip(outputs, wants):
        check(tensor, np.ascontiguousarray(want).reshape(want.shape))


@pytest.mark.parametrize("threads", [1, 2])
def test_symbolic_sizes(threads, tmp_path):
    """Plans count whole bytes at every size."""
    node = helper.make_node
    nodes = [node("Cast", ["x"], ["a"], to=TensorProto.INT4),
             node("Transpose", ["a"], ["b"], perm=[1, 0]),
             node("Cast", ["b"], ["y"], to=TensorProto.INT8)]
    model = make_model(nodes, {"x": ("INT8", ["m", "n"])}, {"b": "INT4", "y": "INT8"})
    for shape in ((1, 1), (3, 5), (8, 4), (301, 77), (256, 512)):
        x = np.random.default_rng(1).integers(-8, 8, shape).astype(np.int8)
        (b, y), stats = run(model, [x], tmp_path, flags=(f"--threads={threads}",))
        check(b, x.T.astype(ml_dtypes.int4))
        check(y, np.ascontiguousarray(x.T))
        assert stats["outputs_bytes"] == x.size + (x.size + 1) // 2


def test_results_of_one_kernel(tmp_path):
    """Rows of odd length, elements of 32, 4 and 2 bits side by side."""
    node = helper.make_node
    for shape in ((5, 7), (6, 8), (4, 2), (3, 6)):
        x = np.random.default_rng(2).integers(-2, 2, shape).astype(np.float32)
        nodes = [node("Add", ["x", "x"], ["h"]), node("Cast", ["h"], ["a"], to=22),
                 node("Cast", ["h"], ["b"], to=26), node("Relu", ["h"], ["c"])]
        model = make_model(nodes, {"x": ("FLOAT", list(shape))},
                           {"a": "INT4", "b": "INT2", "c": "FLOAT"})
        (a, b, c), _ = run(model, [x], tmp_path)
        check(a, (2 * x).astype(ml_dtypes.int4))
        check(b, (2 * x).astype(ml_dtypes.int2))
        check(c, np.maximum(2 * x, 0))


QUANTIZED = {**BITS, "INT8": 8, "FLOAT8E4M3FN": 8, "FLOAT8E5M2": 8}


@pytest.mark.parametrize("target", ["cpu", "gpu"])
@pytest.mark.parametrize("granularity", ["tensor", "channel", "group", "row"])
@pytest.mark.parametrize("shape", [(6, 32), (5, 12), (4, 9)])
@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized(name, shape, granularity, target, tmp_path):
    rng = np.random.default_rng(3)
    x = (4 * rng.standard_normal(shape)).astype(np.float32)
    group = 4 if shape[1] % 4 == 0 else 3
    size, attributes = {"tensor": ((), {}), "channel": (shape[:1], {"axis": 0}),
                        "group": ((shape[0], shape[1] // group),
                                  {"axis": 1, "block_size": group}),
                        "row": ((shape[0], 1), {"axis": 1, "block_size": shape[1]})
                        }[granularity]
    scale = rng.uniform(0.3, 1.5, size).astype(np.float32)
    zero = (rng.integers(0, 2, size).astype(helper.tensor_dtype_to_np_dtype(
        getattr(TensorProto, name))) if "INT" in name else
        np.zeros(size, FLOATS[name]))
    node = helper.make_node
    nodes = [node("QuantizeLinear", ["x", "scale", "zero"], ["q"], **attributes),
             node("DequantizeLinear", ["q", "scale", "zero"], ["y"], **attributes)]
    model = make_model(nodes, {"x": ("FLOAT", list(shape))}, {"q": name, "y": "FLOAT"},
                       {"scale": scale, "zero": zero})
    (q, y), _ = run(model, [x], tmp_path, target)
    want_q, want_y = ReferenceEvaluator(model).run(None, {"x": x})
    check(q, want_q)
    check(y, want_y)


def test_constants_are_stored_in_their_bits(tmp_path):
    rng = np.random.default_rng(4)
    weights = {"i": random_array("INT4", (64, 33)), "f": random_array("FLOAT4E2M1", (33, 64)),
               "e": random_array("FLOAT8E4M3FN", (64, 64)),
               "m": all_codes("FLOAT8E8M0")[rng.integers(120, 134, (64, 1))], "u": random_array("UINT2", (64, 67))}
    node = helper.make_node
    nodes = [node("Cast", [name], [name + "32"], to=TensorProto.FLOAT) for name in weights]
    nodes += [node("MatMul", ["x", "i32"], ["a"]), node("MatMul", ["a", "f32"], ["b"]),
              node("MatMul", ["b", "e32"], ["c"]), node("MatMul", ["c", "u32"], ["d"]),
              node("Add", ["d", "m32"], ["y"])]
    x = rng.integers(-1, 2, (64, 64)).astype(np.float32)
    model = make_model(nodes, {"x": ("FLOAT", [64, 64])}, {"y": "FLOAT"}, weights)
    (y,), _ = run(model, [x], tmp_path, compile_flags=("--pipeline=reference",))
    wide = {name: array.astype(np.float64) for name, array in weights.items()}
    want = x @ wide["i"] @ wide["f"] @ wide["e"] @ wide["u"] + wide["m"]
    got = numpy_helper.to_array(y)
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
    with open(os.path.splitext(tmp_path / "model.so")[0] + ".safetensors", "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header, data = json.loads(file.read(size)), file.read()
    types = json.loads(header["__metadata__"]["cinch_types"])
    stored = {"i": "U8", "f": "U8", "e": "F8_E4M3", "m": "U8", "u": "U8"}
    names = {"i": "i4", "f": "f4E2M1FN", "m": "f8E8M0FNU", "u": "ui2"}
    for name, array in weights.items():
        begin, end = header[name]["data_offsets"]
        assert header[name]["dtype"] == stored[name]
        assert data[begin:end] == numpy_helper.from_array(array).raw_data
        if name in names:
            assert types[name] == {"dtype": names[name], "shape": list(array.shape)}


@pytest.mark.parametrize("name", TYPES)
def test_numpy_files(name, tmp_path):
    """An .npz has a byte for each element, which ml_dtypes takes."""
    x = np.resize(all_codes(name), 7)
    model = make_model([helper.make_node("Identity", ["x"], ["y"])],
                       {"x": (name, [7])}, {"y": name})
    onnx.save(model, tmp_path / "model.onnx")
    binary = harness.compile_model(tmp_path / "model.onnx", tmp_path / "model.so")
    got, _ = harness.run_model(binary, {"x": x.view(np.uint8)}, tmp_path)
    np.testing.assert_array_equal(got["y"].view(x.dtype).astype(np.float32),
                                  x.astype(np.float32))
