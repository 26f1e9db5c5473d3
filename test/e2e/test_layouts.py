"""Networks of convolutions whose values are stored in blocks of channels, against
ONNX Runtime: borders, strides, dilations, groups, ragged channels, residuals,
concatenations, pooling and resizing in between, batches, static and dynamic sizes.

The tolerance is 1e-5 of the largest output: float32 sums of up to 1,000 products
in another order, through up to five layers (measured: at most 2e-6).
"""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

TOLERANCE = 1e-5


class Network:
    """Builds a graph node by node; a value is its name."""

    def __init__(self, channels, axes, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []
        self.channels, self.axes = channels, axes

    def constant(self, array):
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def add(self, op, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def conv(self, x, channels, filters, kernel, group=1, **attributes):
        kernel = (kernel,) * self.axes if isinstance(kernel, int) else kernel
        shape = (filters, channels // group, *kernel)
        scale = 1 / np.sqrt(np.prod(shape[1:]))
        weight = self.constant(self.rng.standard_normal(shape) * scale)
        bias = self.constant(self.rng.standard_normal(filters))
        return self.add("Conv", x, weight, bias, group=group, **attributes)

    def halves(self, x):
        """The two halves of the channels."""
        names = f"v{len(self.nodes)}", f"w{len(self.nodes)}"
        self.nodes.append(helper.make_node("Split", [x], names, axis=1))
        return names

    def save(self, path, output, sizes):
        graph = helper.make_graph(
            self.nodes, "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], self.constants)
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17)]), path)


def plain(net, kernel=3, channels=32, filters=48, **attributes):
    """Three convolutions; the one in the middle has blocks on both sides."""
    x = net.add("Relu", net.conv("x", net.channels, channels, kernel,
                                 pads=[kernel // 2] * 2 * net.axes))
    x = net.add("Relu", net.conv(x, channels, filters, kernel, **attributes))
    return net.conv(x, filters, 24, 1)


def residual(net):
    x = net.add("Relu", net.conv("x", net.channels, 32, 3, pads=[1] * 4))
    y = net.add("Relu", net.conv(x, 32, 16, 1))
    y = net.conv(y, 16, 32, 3, pads=[1] * 4)
    x = net.add("Relu", net.add("Add", y, x))
    return net.conv(x, 32, 70, 1, strides=[2, 2])


def concatenated(net):
    x = net.add("Relu", net.conv("x", net.channels, 32, 3, pads=[1] * 4))
    parts = [net.add("Relu", net.conv(x, 32, filters, kernel, pads=[kernel // 2] * 4))
             for filters, kernel in ((16, 1), (48, 3), (24, 5))]
    parts.append(net.add("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4))
    x = net.add("Concat", *parts, axis=1)
    return net.conv(x, 120, 16, 3, pads=[0, 1, 2, 1])


def split(net):
    """One part of a concatenation is a view of row-major channels."""
    x = net.add("Relu", net.conv("x", net.channels, 32, 3, pads=[1] * 4))
    x, rest = net.halves(x)
    x = net.add("Concat", net.conv(x, 16, 16, 3, pads=[1] * 4), rest, axis=1)
    return net.conv(x, 32, 32, 3, pads=[1] * 4)


def pooled(net):
    x = net.add("Relu", net.conv("x", net.channels, 40, 3, pads=[1] * 4))
    x = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = net.conv(x, 40, 56, 3, pads=[1] * 4)
    x = net.add("AveragePool", x, kernel_shape=[2, 2], ceil_mode=1, strides=[1, 1])
    x = net.add("Relu", net.conv(x, 56, 64, 1))
    return net.add("GlobalAveragePool", x)


def resized(net):
    x = net.add("Relu", net.conv("x", net.channels, 16, 3, pads=[1] * 4))
    x = net.add("Relu", net.conv(x, 16, 24, 3, pads=[1] * 4))
    x = net.add("Resize", x, "", net.constant([1, 1, 2, 2]), mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return net.conv(x, 24, 16, 3, pads=[1] * 4)


def gated(net):
    """A channel gate, as of a squeeze-and-excitation block."""
    x = net.add("Relu", net.conv("x", net.channels, 48, 3, pads=[1] * 4))
    g = net.add("Relu", net.conv(net.add("GlobalAveragePool", x), 48, 16, 1))
    g = net.add("HardSigmoid", net.conv(g, 16, 48, 1))
    x = net.add("Mul", x, g)
    return net.conv(x, 48, 16, 1)


def grouped(net):
    """Grouped and depthwise convolutions between those that are in blocks."""
    x = net.add("Relu", net.conv("x", net.channels, 32, 3, pads=[1] * 4))
    x = net.add("Relu", net.conv(x, 32, 32, 3, group=4, pads=[1] * 4))
    x = net.add("Relu", net.conv(x, 32, 32, 3, group=32, pads=[1] * 4))
    x = net.add("Relu", net.conv(x, 32, 64, 1))
    return net.conv(x, 64, 16, 3)


def flattened(net):
    """The order of a flattened image is that of ONNX."""
    x = net.add("Relu", net.conv("x", net.channels, 16, 3, pads=[1] * 4))
    x = net.add("Relu", net.conv(x, 16, 16, 3, pads=[1] * 4))
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return net.add("Flatten", x)


# network, channels of the input, axes
CASES = {
    "3x3": (lambda net: plain(net, pads=[1] * 4), 3, 2),
    "1x1": (lambda net: plain(net, kernel=1), 16, 2),
    "1x1_strided": (lambda net: plain(net, kernel=1, strides=[2, 3]), 16, 2),
    "strided": (lambda net: plain(net, pads=[1] * 4, strides=[2, 2]), 3, 2),
    "dilated": (lambda net: plain(net, pads=[2, 3, 2, 3], dilations=[2, 3]), 3, 2),
    "5x5": (lambda net: plain(net, 5, pads=[2] * 4, strides=[1, 2]), 3, 2),
    "unpadded": (lambda net: plain(net), 3, 2),
    "one_side": (lambda net: plain(net, pads=[0, 2, 1, 0]), 3, 2),
    "ragged": (lambda net: plain(net, channels=13, filters=77, pads=[1] * 4), 5, 2),
    "deep": (lambda net: plain(net, channels=600, filters=130, pads=[1] * 4), 3, 2),
    "one_axis": (lambda net: plain(net, pads=[1, 1]), 9, 1),
    "residual": (residual, 3, 2),
    "concatenated": (concatenated, 3, 2),
    "split": (split, 3, 2),
    "pooled": (pooled, 3, 2),
    "resized": (resized, 3, 2),
    "gated": (gated, 3, 2),
    "grouped": (grouped, 3, 2),
    "flattened": (flattened, 3, 2),
}
SIZES = [(1, 14, 9), (2, 7, 33), (1, 40, 68)]


def check(path, binary, shape, folder):
    rng = np.random.default_rng(shape[-1])
    inputs = {"x": rng.standard_normal(shape).astype(np.float32)}
    got, _ = harness.run_model(binary, inputs, folder, "--measure-memory")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= TOLERANCE, shape


def shape_of(case, size):
    _, channels, axes = CASES[case]
    return (size[0], channels, *size[3 - axes:])


# A size may be 1 here, which an unpadded window does not fit into.
@pytest.mark.parametrize("case", [case for case in CASES if case != "unpadded"])
def test_dynamic(case, tmp_path):
    network, channels, axes = CASES[case]
    net, path = Network(channels, axes, len(case)), tmp_path / "model.onnx"
    net.save(path, network(net), ["n", channels, *["h", "w"][2 - axes:]])
    binary = harness.compile_model(path, tmp_path / "model.so")
    for size in SIZES:
        check(path, binary, shape_of(case, size), tmp_path)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_static(case, size, tmp_path):
    network, channels, axes = CASES[case]
    net, path = Network(channels, axes, len(case)), tmp_path / "model.onnx"
    shape = shape_of(case, size)
    net.save(path, network(net), shape)
    for flags in ([], ["--cpu=x86-64-v3"]) if size == SIZES[0] else ([],):
        binary = harness.compile_model(path, tmp_path / "model.so", *flags)
        check(path, binary, shape, tmp_path)
