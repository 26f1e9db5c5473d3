"""Contractions compiled for a GPU, run on the emulated device.

Results are compared with float64, or with ONNX Runtime; what a kernel does is
compared with the record of its schedule. Errors: f32 sums differ by the order
of the terms (1e-5); 16-bit operands are exact in the products, so what is left
is the rounding of the result (2^-11 for f16, 2^-8 for bf16); tf32 has 10 bits of
mantissa (2e-3 for short sums).
"""
import json
import math
import os
import re
import shutil
import subprocess

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper
import pytest

import harness

TYPES = {"f32": (TensorProto.FLOAT, np.float32, 1e-5),
         "f16": (TensorProto.FLOAT16, np.float16, 1e-3),
         "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, 8e-3)}
CHIPS = ("sm_80", "sm_89", "sm_90")


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, output):
    graph = helper.make_graph(nodes, "g", inputs, [output])
    model = helper.make_model(graph, ir_version=10,
                              opset_imports=[helper.make_opsetid("", 21)])
    onnx.save(model, path)
    return path


def gemm(path, m, n, k, kind="f32", trans_a=0, trans_b=0, bias=False):
    element = TYPES[kind][0]
    inputs = [value("a", element, [k, m] if trans_a else [m, k]),
              value("b", element, [n, k] if trans_b else [k, n])]
    if bias:
        inputs.append(value("c", element, [n]))
    node = helper.make_node("Gemm", [i.name for i in inputs], ["y"],
                            transA=trans_a, transB=trans_b)
    return save(path, [node], inputs, value("y", element, [m, n]))


def random_inputs(path, seed=0):
    """{name: array} in [-1, 1) for a model without symbols."""
    random = np.random.default_rng(seed)
    arrays = {}
    for graph_input in onnx.load(path).graph.input:
        tensor = graph_input.type.tensor_type
        kind = next(t for t in TYPES.values() if t[0] == tensor.elem_type)[1]
        shape = [d.dim_value for d in tensor.shape.dim]
        arrays[graph_input.name] = random.uniform(-1, 1, shape).astype(kind)
    return arrays


def multiply(inputs, trans_a=0, trans_b=0):
    a, b = (inputs[name].astype(np.float64) for name in "ab")
    product = (a.T if trans_a else a) @ (b.T if trans_b else b)
    return product + (inputs["c"].astype(np.float64) if "c" in inputs else 0)


def run(model, inputs):
    """The output of a model, compiled for a GPU, on the emulated device."""
    binary = harness.compile_model(model, model + ".so", "--target=cuda:sm_80")
    # numpy has no bfloat16, and cinch-run no other name for it.
    inputs = {name: array.view("V2") if array.dtype == ml_dtypes.bfloat16 else array
              for name, array in inputs.items()}
    outputs, _ = harness.run_model(binary, inputs, os.path.dirname(model),
                                   "--device=emulated")
    (output,) = outputs.values()
    return output.view(ml_dtypes.bfloat16) if output.dtype == "V2" else output


class Device:
    """The device code of a model, by the passes themselves."""

    def __init__(self, model, chip="sm_80", options=""):
        program = model + ".mlir"
        harness.check(harness.run("cinch-compile", model, "--emit=exec", "-o",
                                  program, f"--target=cuda:{chip}"), model)
        passes = (f"builtin.module(lower-kernels-to-gpu{{chip={chip} {options}}},"
                  "gpu-module-to-binary{format=isa})")
        done = harness.run("cinch-opt", program, f"--pass-pipeline={passes}")
        harness.check(done, model)
        text = re.search(r'assembly = "((?:[^"\\]|\\.)*)"', done.output)[1]
        self.ptx = re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)),
                          text).rstrip("\0")
        self.records = dict(re.findall(r'\{name = "(\w+)", (.*?)words =',
                                       done.output))
        (self.kernel,) = self.records

    def field(self, name):
        found = re.search(rf'{name} = (?:"([^"]*)"|(\d+))',
                          self.records[self.kernel])
        return found and (found[1] or int(found[2]))

    def evaluate(self, name, words=()):
        """A field that is an expression over the words of the launch."""
        names = {"ceildiv": lambda a, b: -(-a // b), "floordiv": lambda a, b: a // b,
                 **{f"word{i}": word for i, word in enumerate(words)}}
        return eval(self.field(name), {"__builtins__": {}}, names)

    def launch(self, folder, inputs, result, blocks, ptx=None):
        """(result, counters) of the PTX (or `ptx`) with `inputs` in order; the
        first as an array like `result`, or None if the device reports a fault."""
        code = os.path.join(folder, "code.ptx")
        with open(code, "w") as file:
            file.write(ptx or self.ptx)
        arguments = []
        for number, array in enumerate(inputs):
            name = os.path.join(folder, f"{number}.bin")
            array.tofile(name)
            arguments.append(f"--arg=in:{name}")
        out = os.path.join(folder, "out.bin")
        done = harness.run(
            "cinch-emulate", code, f"--grid={blocks}",
            f"--block={self.field('threads')}",
            f"--shared={self.field('shared_bytes')}", *arguments,
            f"--arg=out:{out}:{result.nbytes}", "--max-instructions=3000000",
            "--counters=json")
        if done.status != 0:
            return None, None
        return np.fromfile(out, result.dtype).reshape(result.shape), json.loads(
            done.output)


def tiles(device, m, n):
    rows, columns, _ = map(int, device.field("schedule").split()[1].split("x"))
    return math.ceil(m / rows) * math.ceil(n / columns)


def count(device, folder, model, m, n, blocks=None):
    """The counters of a product of m x n."""
    inputs = random_inputs(model)
    _, counters = device.launch(folder, [inputs["a"], inputs["b"]],
                                np.zeros((m, n), inputs["a"].dtype),
                                blocks or tiles(device, m, n))
    return counters


def error(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape
    return np.abs(got - want).max(initial=0) / max(np.abs(want).max(initial=0), 1e-30)


LAYOUTS = [(0, 0), (0, 1), (1, 0), (1, 1)]
SIZES = [(64, 64, 64), (65, 63, 33), (67, 131, 37), (31, 127, 97), (200, 72, 40),
         (1, 300, 129), (5, 257, 64), (300, 3, 128), (8, 40, 512), (1, 1, 1),
         (16, 16, 8), (9, 9, 7)]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("trans_a, trans_b", LAYOUTS)
@pytest.mark.parametrize("m, n, k", SIZES)
def test_product(tmp_path, m, n, k, trans_a, trans_b, kind):
    model = gemm(str(tmp_path / "m.onnx"), m, n, k, kind, trans_a, trans_b,
                 bias=m % 2 == 1)
    inputs = random_inputs(model)
    output = run(model, inputs)
    want = multiply(inputs, trans_a, trans_b)
    assert error(output, want) < TYPES[kind][2]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("size", [0, 1, 3, 8, 31, 64, 65])
def test_rows_of_unknown_number(tmp_path, size, kind):
    element, numpy_type, bound = TYPES[kind]
    model = save(str(tmp_path / "m.onnx"),
                 [helper.make_node("MatMul", ["a", "b"], ["t"]),
                  helper.make_node("Relu", ["t"], ["y"])],
                 [value("a", element, ["n", 3, 40]), value("b", element, [40, 48])],
                 value("y", element, ["n", 3, 48]))
    random = np.random.default_rng(1)
    inputs = {"a": random.uniform(-1, 1, [size, 3, 40]).astype(numpy_type),
              "b": random.uniform(-1, 1, [40, 48]).astype(numpy_type)}
    output = run(model, inputs)
    assert error(output, np.maximum(multiply(inputs), 0)) < bound


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("a, b", [
    ([3, 33, 20], [3, 20, 34]), ([2, 3, 16, 32], [3, 32, 24]),
    ([4, 1, 9, 16], [1, 3, 16, 17]), ([2, 0, 8, 16], [16, 8])])
def test_batches(tmp_path, a, b, kind):
    element, _, bound = TYPES[kind]
    shape = [*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]]
    model = save(str(tmp_path / "m.onnx"),
                 [helper.make_node("MatMul", ["a", "b"], ["y"])],
                 [value("a", element, a), value("b", element, b)],
                 value("y", element, shape))
    inputs = random_inputs(model)
    output = run(model, inputs)
    assert error(output, multiply(inputs)) < bound


CONVOLUTIONS = {
    "padded": ([1, 8, 16, 16], [16, 8, 3, 3], dict(pads=[1, 1, 1, 1])),
    "of_images": ([2, 8, 15, 13], [12, 8, 3, 3], dict(pads=[1, 1, 1, 1])),
    "of_points": ([2, 16, 14, 14], [32, 16, 1, 1], {}),
    "of_odd_points": ([1, 16, 7, 7], [24, 16, 1, 1], {}),
    "of_groups": ([1, 16, 17, 13], [24, 8, 3, 3],
                  dict(pads=[1, 0, 2, 1], group=2, strides=[2, 1])),
    "dilated": ([1, 8, 17, 13], [9, 8, 3, 2], dict(dilations=[2, 3], strides=[1, 2])),
    "of_a_line": ([2, 6, 39], [10, 6, 3], dict(pads=[1, 1], strides=[2])),
    "of_a_volume": ([1, 3, 5, 6, 7], [8, 3, 2, 3, 2], dict(pads=[0, 1, 1, 1, 0, 0])),
    "of_each_channel": ([1, 8, 16, 16], [8, 1, 3, 3],
                        dict(pads=[1, 1, 1, 1], group=8)),
    "with_few_filters": ([1, 8, 17, 13], [6, 8, 3, 2], {}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(tmp_path, name):
    image, filters, attributes = CONVOLUTIONS[name]
    path = str(tmp_path / "c.onnx")
    inputs = [value("x", TensorProto.FLOAT, image),
              value("w", TensorProto.FLOAT, filters),
              value("b", TensorProto.FLOAT, filters[:1])]
    conv = helper.make_node("Conv", ["x", "w", "b"], ["t"], **attributes)
    inferred = onnx.shape_inference.infer_shapes(helper.make_model(
        helper.make_graph([conv], "g", inputs, [value("t", TensorProto.FLOAT, None)]),
        opset_imports=[helper.make_opsetid("", 21)]))
    shape = [d.dim_value for d in
             inferred.graph.output[0].type.tensor_type.shape.dim]
    inputs.append(value("r", TensorProto.FLOAT, shape))
    save(path, [conv, helper.make_node("Add", ["t", "r"], ["s"]),
                helper.make_node("Relu", ["s"], ["y"])],
         inputs, value("y", TensorProto.FLOAT, shape))
    arrays = random_inputs(path)
    want = harness.run_onnxruntime(path, arrays)["y"]
    output = run(path, arrays)
    assert error(output, want) < TYPES["f32"][2]


def test_tf32_is_an_option(tmp_path):
    model = gemm(str(tmp_path / "m.onnx"), 70, 50, 60)
    inputs = random_inputs(model)
    device = Device(model, options="allow-tf32=true")
    assert device.field("matrix") == "m16n8k8.f32.tf32.tf32.f32"
    want = multiply(inputs)
    got, _ = device.launch(str(tmp_path), [inputs["a"], inputs["b"]],
                           want.astype(np.float32), tiles(device, 70, 50))
    assert 1e-6 < error(got, want) < 2e-3
    assert Device(model).field("matrix") is None


@pytest.mark.parametrize("m, n, k", [(512, 512, 512), (256, 384, 128), (96, 96, 100),
                                     (33, 65, 47)])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_matrix_instructions(tmp_path, m, n, k, kind):
    model = gemm(str(tmp_path / "m.onnx"), m, n, k, kind)
    device = Device(model)
    kernel = count(device, str(tmp_path), model, m, n)
    assert kernel["matrix"] == {device.field("matrix"): device.evaluate("matrix_count")}
    rows, columns, depth = map(int, device.field("schedule").split()[1].split("x"))
    assert device.evaluate("matrix_count") == (
        math.ceil(m / rows) * rows // 16 * (math.ceil(n / columns) * columns // 8) *
        (math.ceil(k / depth) * depth // 16))


@pytest.mark.parametrize("kind, m, n, k", [("f16", 512, 512, 512),
                                           ("f32", 256, 256, 256)])
@pytest.mark.parametrize("trans_a, trans_b", LAYOUTS)
def test_traffic(tmp_path, kind, m, n, k, trans_a, trans_b):
    """Every tile is loaded once per block, in whole sectors, and C is stored
    once; shared memory has next to no bank conflicts."""
    model = gemm(str(tmp_path / "m.onnx"), m, n, k, kind, trans_a, trans_b)
    device = Device(model)
    kernel = count(device, str(tmp_path), model, m, n)
    assert kernel["globalLoad"]["sectors"] * 32 == device.evaluate("load_bytes")
    assert kernel["globalStore"]["sectors"] * 32 == device.evaluate("store_bytes")
    for name in ("sharedLoad", "sharedStore"):
        # 128 bytes is the most that a pass over the banks can move.
        shared = kernel[name]
        assert shared["wavefronts"] * 128 <= 1.6 * shared["bytes"], name


@pytest.mark.parametrize("trans_b", [0, 1])
def test_wide_operand_is_read_once(tmp_path, trans_b):
    model = gemm(str(tmp_path / "m.onnx"), 2, 1024, 512, "f16", 0, trans_b)
    device = Device(model)
    wide = int(device.field("schedule").split("x")[1])
    kernel = count(device, str(tmp_path), model, 2, 1024, 1024 // wide)
    # The thin one is read by every warp, from the first level cache.
    assert kernel["globalLoad"]["sectors"] * 32 <= 2.2 * 1024 * 512 * 2
    assert kernel["globalLoad"]["bytes"] >= 1024 * 512 * 2


MUTATIONS = [("bar.sync", None), ("cp.async.wait_group", None), (".trans", "")]


@pytest.mark.parametrize("kind, trans_a, trans_b, m, n, k", [
    ("f16", 0, 0, 64, 64, 288), ("f16", 1, 1, 64, 64, 288), ("f16", 0, 1, 33, 35, 131),
    ("f16", 1, 0, 64, 40, 96), ("f32", 0, 0, 64, 64, 160), ("f32", 1, 1, 40, 72, 64),
    ("f32", 0, 1, 33, 35, 131), ("f32", 1, 0, 65, 64, 80)])
def test_nothing_can_be_left_out(tmp_path, kind, trans_a, trans_b, m, n, k):
    model = gemm(str(tmp_path / "m.onnx"), m, n, k, kind, trans_a, trans_b)
    inputs = random_inputs(model)
    device = Device(model)
    want = multiply(inputs, trans_a, trans_b)
    given = [inputs["a"], inputs["b"]]
    like = want.astype(TYPES[kind][1])
    blocks = tiles(device, m, n)
    got, _ = device.launch(str(tmp_path), given, like, blocks)
    assert error(got, want) < 1e-3
    lines = device.ptx.splitlines()
    tried = 0
    for number, line in enumerate(lines):
        for what, instead in MUTATIONS:
            if what not in line:
                continue
            tried += 1
            mutant = list(lines)
            mutant[number] = "" if instead is None else line.replace(what, instead)
            got, _ = device.launch(str(tmp_path), given, like, blocks,
                                   "\n".join(mutant) + "\n")
            assert got is None or error(got, want) > 1e-3, f"{number + 1}: {line}"
    assert tried >= 3


@pytest.mark.skipif(not shutil.which("ptxas") and
                    not os.path.exists("/usr/local/cuda/bin/ptxas"),
                    reason="there is no ptxas")
@pytest.mark.parametrize("kind", ["f32", "f16"])
@pytest.mark.parametrize("size", [64, 512, 1024, 2048])
def test_nothing_is_spilled(tmp_path, kind, size):
    ptxas = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"
    code = str(tmp_path / "code.ptx")
    for trans_a, trans_b in LAYOUTS:
        model = gemm(str(tmp_path / "m.onnx"), size, size, size, kind, trans_a, trans_b)
        with open(code, "w") as file:
            file.write(Device(model).ptx)
        for chip in CHIPS:
            done = subprocess.run([ptxas, "-v", f"-arch={chip}", code, "-o",
                                   str(tmp_path / "code.cubin")],
                                  stderr=subprocess.PIPE, text=True, check=True)
            assert "0 bytes spill stores, 0 bytes spill loads" in done.stderr, (
                chip, trans_a, trans_b)
            assert int(re.search(r"Used (\d+) registers", done.stderr)[1]) <= 168
