"""Chains of convolutions and pooling in bands of rows, against ONNX Runtime and in
exactly the memory that is planned: rows that no number of bands divides, other
padding above than below, strides, dilations, pooling of every kind, groups,
residuals, an unknown number of images.

The tolerance is 1e-5 of the largest output: float32 sums of up to 1,000 products
in another order, through up to six layers (measured: at most 1e-6).
"""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

TOLERANCE = 1e-5
# The default pipeline, with bands however small the values are.
BANDS = ("--pipeline=cinch-graph,func.func(stream-rows{min-bytes=0 max-extra-percent=60 "
         "report}),cinch-exec,cinch-lower")


class Chain:
    """A graph that grows at its last value, of `channels` x `height` x `width`."""

    def __init__(self, seed, channels, height, width):
        self.rng, self.seed = np.random.default_rng(seed), seed
        self.nodes, self.constants = [], []
        self.value, self.channels = "x", channels
        self.given = (channels, height, width)

    def constant(self, array):
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def add(self, op, *inputs, **attributes):
        self.value = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.value], **attributes))
        return self.value

    def conv(self, filters, kernel, group=1, **attributes):
        shape = (filters, self.channels // group, *kernel)
        weight = self.rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        bias = self.constant(self.rng.standard_normal(filters))
        self.channels = filters
        self.add("Conv", self.value, self.constant(weight), bias, group=group, **attributes)
        return self

    def relu(self):
        self.add("Relu", self.value)
        return self

    def pool(self, kind, kernel, **attributes):
        self.add(kind, self.value, kernel_shape=kernel, **attributes)
        return self

    def save(self, path, batch=1):
        sizes = [batch, *self.given]
        graph = helper.make_graph(
            self.nodes, "chain", [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
            [helper.make_tensor_value_info(self.value, TensorProto.FLOAT, None)], self.constants)
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17)]), path)


def check(chain, folder, batch=1, images=1, flags=(BANDS,)):
    """Compiles and compares; returns the peak and the counts of the pass."""
    folder = folder / str(chain.seed)
    folder.mkdir()
    path, binary, report = (str(folder / n) for n in ("m.onnx", "m.so", "report.json"))
    chain.save(path, batch)
    harness.compile_model(path, binary, "--report", report, *flags)
    inputs = {"x": chain.rng.standard_normal((images, *chain.given), np.float32)}
    got, stats = harness.run_model(binary, inputs, folder, "--measure-memory")
    assert harness.relative_error(got, harness.run_onnxruntime(path, inputs)) <= TOLERANCE
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]
    with open(report) as file:
        passes = json.load(file)["passes"]
    counts = next(p["counts"] for p in passes if p["pass"] == "stream-rows")
    return stats["predicted_peak_bytes"], counts


def stem(chain, **pooling):
    chain.conv(16, (7, 7), strides=[2, 2], pads=[3] * 4).relu()
    pooling = {"strides": [2, 2], "pads": [1] * 4, **pooling}
    chain.pool("MaxPool", [3, 3], **pooling)
    return chain.conv(8, (1, 1)).relu()


@pytest.mark.parametrize("height", [61, 64, 97])
def test_ragged_rows(tmp_path, height):
    peak, counts = check(stem(Chain(height, 3, height, 33)), tmp_path)
    assert counts["chains"] == 1
    assert peak <= 0.65 * 4 * 16 * (height + 1) // 2 * 17 * 1.25


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 0, 1], [0, 1, 1, 0], [2, 1, 1, 2]])
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_padding(tmp_path, kind, pads):
    chain = Chain(1, 3, 50, 21).conv(24, (5, 3), pads=pads, strides=[1, 2]).relu()
    chain.pool(kind, [3, 3], strides=[2, 1], pads=pads).conv(8, (3, 3))
    assert check(chain, tmp_path)[1]["chains"] == 1


@pytest.mark.parametrize("attributes", [
    {"ceil_mode": 1}, {"ceil_mode": 1, "pads": [0, 0, 1, 1]}, {"dilations": [2, 1]},
    {"auto_pad": "SAME_UPPER", "pads": None}, {"auto_pad": "SAME_LOWER", "pads": None}])
def test_max_pooling(tmp_path, attributes):
    attributes = {"pads": [0] * 4, "strides": [2, 2], **attributes}
    attributes = {k: v for k, v in attributes.items() if v is not None}
    chain = Chain(2, 3, 54, 22).conv(16, (3, 3), pads=[1] * 4).relu()
    chain.pool("MaxPool", [3, 3], **attributes).conv(8, (1, 1))
    assert check(chain, tmp_path)[1]["chains"] == 1


@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("ceil", [0, 1])
def test_average_pooling(tmp_path, include, ceil):
    """What a window that ends behind the padding counts depends on the whole image."""
    chain = Chain(3, 3, 52, 24).conv(16, (3, 3), pads=[1] * 4).relu()
    chain.pool("AveragePool", [3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=ceil,
               count_include_pad=include).conv(8, (1, 1))
    assert check(chain, tmp_path)[1]["chains"] == (0 if ceil else 1)


def test_dilated_and_depthwise(tmp_path):
    chain = Chain(4, 3, 64, 24).conv(32, (3, 3), dilations=[3, 2], pads=[3, 2, 3, 2]).relu()
    chain.conv(32, (3, 3), group=32, strides=[2, 2], pads=[1] * 4).relu()
    chain.conv(16, (3, 3), group=4, pads=[1] * 4).conv(8, (1, 1)).relu().conv(8, (1, 1))
    assert check(chain, tmp_path)[1]["chains"] >= 1


def test_residual(tmp_path):
    """A value that two operations of the chain read at different rows."""
    chain = Chain(5, 3, 48, 20).conv(8, (3, 3), pads=[1] * 4, strides=[2, 1]).relu()
    chain.conv(64, (1, 1)).relu()
    left = chain.value
    chain.conv(64, (3, 3), pads=[1] * 4)
    chain.add("Relu", chain.add("Add", chain.value, left))
    chain.pool("MaxPool", [2, 2], strides=[2, 2]).conv(8, (1, 1)).conv(8, (1, 1))
    assert check(chain, tmp_path)[1]["chains"] >= 1


def test_residual_that_is_read_in_bands_has_rows_of_its_own(tmp_path):
    """It would lie under the sum without bands, but not under the joined rows of it."""
    chain = Chain(6, 3, 48, 20).conv(64, (1, 1))
    for _ in range(2):
        left = chain.value
        chain.conv(16, (1, 1)).relu().conv(16, (3, 3), pads=[1] * 4).relu().conv(64, (1, 1))
        chain.add("Relu", chain.add("Add", chain.value, left))
    chain.add("GlobalAveragePool", chain.value)
    peak, counts = check(chain, tmp_path)
    assert peak == counts["peak"] < counts["peak_before"]


@pytest.mark.parametrize("images", [1, 3])
def test_unknown_number_of_images(tmp_path, images):
    peak, counts = check(stem(Chain(6, 3, 96, 40)), tmp_path, "batch", images)
    assert counts["chains"] == 1
    assert peak <= images * 4 * 16 * 48 * 20 * 0.75


def test_several_images_are_left_alone(tmp_path):
    assert check(stem(Chain(7, 3, 64, 40)), tmp_path, 2, 2)[1]["chains"] == 0


def test_products_of_matrices(tmp_path):
    rng = np.random.default_rng(8)
    weights = {name: rng.standard_normal(shape).astype(np.float32) / 8 for name, shape in (
        ("a", (64, 512)), ("b", (512, 64)), ("c", (64, 8)))}
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]),
             helper.make_node("Sigmoid", ["h"], ["s"]), helper.make_node("Mul", ["h", "s"], ["g"]),
             helper.make_node("MatMul", ["g", "b"], ["y"]), helper.make_node("MatMul", ["y", "c"], ["z"])]
    graph = helper.make_graph(
        nodes, "ffn", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 301, 64])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    path, binary = str(tmp_path / "m.onnx"), str(tmp_path / "m.so")
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    harness.compile_model(path, binary, BANDS)
    inputs = {"x": rng.standard_normal((1, 301, 64), np.float32)}
    got, stats = harness.run_model(binary, inputs, tmp_path, "--measure-memory")
    assert harness.relative_error(got, harness.run_onnxruntime(path, inputs)) <= TOLERANCE
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"] <= 301 * 512 * 4 // 2


def random_chain(seed):
    rng = np.random.default_rng(seed)

    def pick(*values):
        return values[rng.integers(len(values))]

    chain = Chain(seed, int(pick(1, 3, 8)), int(rng.integers(30, 70)), int(rng.integers(9, 40)))
    for layer in range(int(rng.integers(2, 6))):
        kernel = [int(pick(1, 2, 3, 3, 5)), int(pick(1, 3))]
        pads = [int(rng.integers(0, kernel[i % 2])) for i in range(4)]
        strides = [int(pick(1, 1, 1, 2)), int(pick(1, 1, 2))]
        if layer == 0 or rng.random() < 0.6:
            filters = int(pick(8, 16, 24, 40))
            group = chain.channels if filters == chain.channels and rng.random() < 0.5 else 1
            chain.conv(filters, kernel, group, pads=pads, strides=strides,
                       dilations=[int(pick(1, 1, 2)), 1])
        else:
            chain.pool(pick("MaxPool", "AveragePool"), kernel, pads=pads, strides=strides,
                       ceil_mode=int(pick(0, 0, 1)))
        if rng.random() < 0.7:
            # Used twice: x * sigmoid(x).
            value = chain.value
            chain.add("Mul", value, chain.add("Sigmoid", value)) if rng.random() < 0.5 else chain.relu()
    return chain.conv(8, (1, 1))


def test_random_chains(tmp_path):
    chains = 0
    for seed in range(24):
        chains += check(random_chain(seed), tmp_path)[1]["chains"]
    assert chains >= 12, chains


def test_peak_of_a_model(tmp_path):
    """The stem is the peak of a SqueezeNet; without bands it needs 3,928,576 bytes."""
    path, binary = harness.model_path("light_squeezenet"), str(tmp_path / "m.so")
    harness.compile_model(path, binary)
    inputs = {"data_0": np.ones((1, 3, 224, 224), np.float32)}
    stats = harness.run_model(binary, inputs, tmp_path, "--measure-memory")[1]
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"] <= 2_000_000


def bottlenecks(chain, blocks, stride):
    """Blocks as in a ResNet: all read their input by rows, but for the 3 x 3 inside."""
    chain.conv(8, (3, 3), pads=[1] * 4).relu()
    for block in range(blocks):
        left, channels = chain.value, chain.channels
        chain.conv(8, (1, 1)).relu().conv(8, (3, 3), pads=[1] * 4).relu().conv(48, (1, 1))
        if block == 0:
            right, chain.value, chain.channels = chain.value, left, channels
            chain.conv(48, (1, 1))
            left, chain.value = chain.value, right
        chain.add("Relu", chain.add("Add", chain.value, left))
    left, channels = chain.value, chain.channels
    chain.conv(32, (1, 1)).relu().conv(32, (3, 3), pads=[1] * 4, strides=[stride] * 2).relu()
    chain.conv(64, (1, 1))
    right, chain.value, chain.channels = chain.value, left, channels
    chain.conv(64, (1, 1), strides=[stride] * 2)
    chain.add("Relu", chain.add("Add", right, chain.value))
    chain.channels = 64
    return chain.conv(8, (1, 1)).relu().conv(8, (1, 1))


@pytest.mark.parametrize("height, stride, apart", [
    (40, 2, True), (56, 2, True), (48, 2, True), (35, 2, False), (37, 2, False)])
def test_values_in_bands(tmp_path, height, stride, apart):
    """Rows that bands do not divide, or strides from their odd rows, are joined."""
    chain = bottlenecks(Chain(height, 3, height, 24), 2, stride)
    # No rows are computed twice: chains are left alone.
    counts = check(chain, tmp_path, flags=(BANDS.replace("percent=60", "percent=0"),))[1]
    assert (counts["values"] > 0) == apart, counts


def test_peak_of_a_residual_network(tmp_path):
    """The sums of the first blocks stay in bands; without, 5,218,304 bytes are needed."""
    path, binary = harness.model_path("light_resnet50"), str(tmp_path / "m.so")
    harness.compile_model(path, binary)
    inputs = {"gpu_0/data_0": np.ones((1, 3, 224, 224), np.float32)}
    stats = harness.run_model(binary, inputs, tmp_path, "--measure-memory")[1]
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"] <= 4_183_000
