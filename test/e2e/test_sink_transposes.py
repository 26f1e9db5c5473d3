"""Graphs as converters from frameworks that keep channels last write them: a
transpose in front of and behind whatever wants channels first.

Against ONNX Runtime without optimizations. The tolerance is 1e-5 of the largest
output: float32 sums of at most 300 products in another order (measured: at most
1.7e-6), as transposes themselves are exact.
"""
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

TO_CHANNELS, TO_SPACE = [0, 3, 1, 2], [0, 2, 3, 1]
TOLERANCE = 1e-5


class Builder:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}

    def node(self, op, *inputs, name=None, **attributes):
        result = name or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [result], **attributes))
        return result

    def constant(self, value):
        name = f"c_{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def normal(self, *shape, scale=1.0):
        return self.constant((self.rng.standard_normal(shape) * scale).astype(np.float32))

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def transposed(self, x, op, *inputs, **attributes):
        x = self.node("Transpose", x, perm=TO_CHANNELS)
        return self.node("Transpose", self.node(op, x, *inputs, **attributes), perm=TO_SPACE)

    def conv(self, x, channels, filters, kernel=3, **attributes):
        group = attributes.get("group", 1)
        shape = (filters, channels // group, kernel, kernel)
        weight = self.normal(*shape, scale=float(np.prod(shape[1:])) ** -.5)
        y = self.transposed(x, "Conv", weight, pads=[kernel // 2] * 4, **attributes)
        return self.node("Add", y, self.normal(filters))

    def save(self, path, inputs, outputs):
        """`inputs`: {name: shape}."""
        graph = helper.make_graph(
            self.nodes, "channels_last",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
             for name in outputs],
            [numpy_helper.from_array(v, k) for k, v in self.constants.items()])
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 13)]), path)


def build_network(path, batch, size):
    """Residual blocks with squeeze and excite, two branches, a pad, a split."""
    b = Builder(0)
    x = b.node("Relu", b.conv("x", 3, 16, strides=[2, 2]))
    for _ in range(2):
        y = b.node("Clip", b.conv(x, 16, 16), b.constant(np.float32(0)),
                   b.constant(np.float32(6)))
        y = b.node("Relu", b.conv(y, 16, 16, group=16))
        gate = b.node("ReduceMean", y, axes=[1, 2], keepdims=1)
        gate = b.node("Sigmoid", b.conv(b.node("Relu", b.conv(gate, 16, 4, 1)), 4, 16, 1))
        y = b.conv(b.node("Mul", y, gate), 16, 16)
        x = b.node("Relu", b.node("Add", x, y))
    pooled = b.transposed(x, "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Concat", pooled, b.conv(x, 16, 8, strides=[2, 2]), axis=3)
    x = b.node("Pad", x, b.ints(0, 1, 1, 0, 0, 1, 1, 0), b.constant(np.float32(0)))
    x = b.node("Relu", b.conv(x, 24, 24))
    left = b.node("Slice", x, b.ints(0), b.ints(12), b.ints(3))
    right = b.node("Slice", x, b.ints(12), b.ints(24), b.ints(3))
    x = b.node("Softmax", b.node("Concat", b.conv(left, 12, 12), right, axis=3), axis=3)
    x = b.conv(x, 24, 24)
    mean = b.node("ReduceMean", x, axes=[1, 2], keepdims=0)
    b.node("MatMul", mean, b.normal(24, 10), name="scores")
    b.node("Sigmoid", x, name="map")
    b.save(path, {"x": [batch, size, size, 3]}, ["scores", "map"])


def check(path, folder, shapes, *flags):
    """Compares at every size; returns the text of the program."""
    binary = harness.compile_model(path, folder / "model.so", *flags)
    rng = np.random.default_rng(1)
    for shape in shapes:
        inputs = {name: rng.standard_normal(dims).astype(np.float32)
                  for name, dims in shape.items()}
        got, stats = harness.run_model(binary, inputs, folder, "--measure-memory")
        want = harness.run_onnxruntime(str(path), inputs)
        assert harness.relative_error(got, want) <= TOLERANCE
        assert stats["predicted_peak_bytes"] == stats["measured_peak_bytes"]
    text = folder / "model.mlir"
    harness.check(harness.run("cinch-compile", path, "--emit=exec", "-o", text, *flags),
                  "cinch-compile")
    return text.read_text()


def get_kernels(text):
    """The kernel of each call."""
    return re.findall(r"= exec\.kernel @(\w+)", text)


@pytest.mark.parametrize("batch,size,sizes", [
    (1, 16, [(1, 16)]), ("n", 16, [(1, 16), (3, 16)]), ("n", "s", [(1, 8), (2, 12)])])
def test_network(batch, size, sizes, tmp_path):
    path = tmp_path / "model.onnx"
    build_network(path, batch, size)
    text = check(path, tmp_path, [{"x": (n, s, s, 3)} for n, s in sizes])
    # One transpose of the input, one for the map; 44 kernels if all are made.
    kernels = get_kernels(text)
    assert sum("transpose" in kernel for kernel in kernels) == 2
    assert len(kernels) <= 29


def random_network(path, seed):
    """Operations on values of [n, 4, 6, 8] in any order of axes, many between
    two transposes; some values are outputs."""
    b = Builder(seed)
    dims = {"x": ("n", 4, 6, 8), "y": ("n", 8, 4, 6)}
    outputs = []

    def add(op, shape, *inputs, **attributes):
        name = b.node(op, *inputs, **attributes)
        dims[name] = tuple(shape)
        if b.rng.random() < .1:
            outputs.append(name)
        return name

    def pick(of=None):
        names = [n for n in dims if of is None or dims[n] == of]
        return names[b.rng.integers(max(0, len(names) - 8), len(names))]

    def unary(x, shape):
        add(b.rng.choice(["Relu", "Neg", "Tanh", "Sigmoid"]), shape, x)

    def binary(x, shape):
        # Another value, or a constant that lacks leading axes.
        skipped = b.rng.integers(1, 4)
        other = pick(shape) if b.rng.random() < .6 else b.normal(*shape[skipped:])
        operands = [x, other] if b.rng.random() < .5 else [other, x]
        add(b.rng.choice(["Add", "Sub", "Mul"]), shape, *operands)

    def scaled(x, shape):
        # A mean over one axis, perhaps dropped in between.
        axis = int(b.rng.integers(1, 4))
        keeps = int(b.rng.random() < .5)
        mean = b.node("ReduceMean", x, axes=[axis], keepdims=keeps)
        if not keeps:
            mean = b.node("Unsqueeze", mean, b.ints(axis))
        add("Sub", shape, x, mean)

    def softmax(x, shape):
        add("Softmax", shape, x, axis=int(b.rng.integers(1, 4)))

    def cut(x, shape):
        # Two parts in the other order.
        axis = int(b.rng.integers(1, 4))
        size = shape[axis]
        parts = [b.node("Slice", x, b.ints(begin), b.ints(end), b.ints(axis))
                 for begin, end in ((size // 2, size), (0, size // 2))]
        add("Concat", shape, *parts, axis=axis)

    def pad(x, shape):
        axis = int(b.rng.integers(1, 4))
        pads = [0] * 8
        pads[axis], pads[4 + axis] = 1, -1
        add("Pad", shape, x, b.ints(*pads),
            mode=str(b.rng.choice(["constant", "edge"])))

    def conv(x, shape):
        weight = b.normal(shape[1], shape[1], 1, 1, scale=.4)
        add("Conv", shape, x, weight)

    def detour(x, shape):
        # To another order, and often back.
        order = [0, *(1 + b.rng.permutation(3)).tolist()]
        add("Transpose", [shape[a] for a in order], x, perm=order)
        for _ in range(b.rng.integers(1, 4)):
            y = list(dims)[-1]
            inner[b.rng.integers(len(inner))](y, dims[y])
        y = list(dims)[-1]
        if b.rng.random() < .8:
            order = np.argsort(order).tolist()
        add("Transpose", [dims[y][a] for a in order], y, perm=order)

    inner = [unary, binary, scaled, softmax, cut, pad]
    for _ in range(10):
        action = [detour, conv, inner[b.rng.integers(len(inner))]][b.rng.integers(3)]
        x = pick()
        action(x, dims[x])
    last = list(dims)[-1]
    b.save(path, {"x": dims["x"], "y": dims["y"]}, dict.fromkeys([*outputs, last]))


@pytest.mark.parametrize("seed", range(16))
def test_random(seed, tmp_path):
    path = tmp_path / "model.onnx"
    random_network(path, seed)
    check(path, tmp_path, [{"x": (n, 4, 6, 8), "y": (n, 8, 4, 6)} for n in (1, 3)])
