"""Products of matrices for a GPU: models of them, and their device code.

Errors: f32 sums differ by the order of the terms (1e-5); 16-bit operands are exact
in the products, so what is left is the rounding of the result (2^-11 for f16, 2^-8
for bf16).
"""
import json
import math
import os
import re

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper

import harness
from device_kernel import is_fault

LAYOUTS = [(0, 0), (0, 1), (1, 0), (1, 1)]
TYPES = {"f32": (TensorProto.FLOAT, np.float32, 1e-5),
         "f16": (TensorProto.FLOAT16, np.float16, 1e-3),
         "bf16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, 8e-3)}


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, output, opset=21):
    graph = helper.make_graph(nodes, "g", inputs, [output])
    model = helper.make_model(graph, ir_version=10,
                              opset_imports=[helper.make_opsetid("", opset)])
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


def run(model, inputs, *flags):
    """The output of a model, compiled for a GPU, on the emulated device."""
    binary = harness.compile_model(model, model + ".so", "--target=cuda:sm_80")
    # numpy has no bfloat16, and cinch-run no other name for it.
    inputs = {name: array.view("V2") if array.dtype == ml_dtypes.bfloat16 else array
              for name, array in inputs.items()}
    outputs, _ = harness.run_model(binary, inputs, os.path.dirname(model),
                                   "--device=emulated", *flags)
    (output,) = outputs.values()
    return output.view(ml_dtypes.bfloat16) if output.dtype == "V2" else output


class Device:
    """The device code of a model, by the passes themselves."""

    def __init__(self, model, chip="sm_80", options="", program=None):
        if not program:
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
        self.records = dict(re.findall(r'\bname = "(\w+)", (record = .*?)words =',
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
        if is_fault(done):
            return None, None
        harness.check(done, "cinch-emulate")
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
