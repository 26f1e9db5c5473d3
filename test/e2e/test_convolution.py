"""Convolutions with constant filters, against ONNX Runtime: widths of one block
and several, static and dynamic, strides, dilations, borders, ragged channels.

The tolerance is 1e-5 of the largest output: float32 sums of up to 2,000 products
in another order (measured: at most 1.7e-6).
"""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

TOLERANCE = 1e-5
# kernel, strides, dilations, pads (begins, ends), channels, filters; depthwise
# where the filters are negative: one (or more) for each channel
CASES = {
    "3x3": ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), 8, 16),
    "ragged": ((3, 3), (1, 1), (1, 1), (0, 2, 1, 1), 13, 70),
    "deep": ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), 200, 5),
    "many_filters": ((2, 2), (1, 1), (1, 1), (0, 0, 0, 0), 4, 300),
    "5x5_dilated": ((5, 5), (1, 1), (2, 3), (4, 6, 4, 6), 6, 9),
    "strided": ((3, 3), (2, 2), (1, 1), (1, 1, 1, 1), 16, 24),
    "7x7_by_3": ((7, 7), (3, 3), (1, 1), (3, 2, 3, 4), 3, 64),
    "row": ((1, 5), (1, 1), (1, 1), (0, 2, 0, 2), 10, 12),
    "column": ((5, 1), (1, 2), (1, 1), (2, 0, 2, 0), 10, 12),
    "one_axis": ((4,), (1,), (1,), (1, 2), 30, 33),
    "one_axis_strided": ((3,), (2,), (3,), (2, 1), 67, 70),
    "one_axis_wide": ((3,), (1,), (1,), (1, 1), 20, 300),
    "one_axis_pointwise": ((1,), (1,), (1,), (0, 0), 20, 33),
    "one_channel": ((50,), (20,), (1,), (0, 0), 1, 70),
    "one_channel_dense": ((50,), (3,), (1,), (0, 0), 1, 9),
    "one_channel_padded": ((32,), (16,), (1,), (7, 9), 1, 70),
    "depthwise": ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), 9, -1),
    "depthwise_5x5": ((5, 5), (2, 2), (1, 1), (2, 2, 2, 2), 4, -1),
    "depthwise_dilated": ((3, 2), (1, 1), (2, 3), (0, 3, 2, 0), 5, -1),
    "depthwise_by_axis": ((3, 5), (2, 3), (1, 1), (1, 0, 0, 4), 5, -1),
    "depthwise_twice": ((3, 3), (1, 2), (1, 1), (1, 1, 1, 1), 6, -2),
    "one_output": ((2,), (3,), (1,), (0, 0), 2, 16),
    "three_axes": ((2, 3, 3), (1, 2, 1), (1, 1, 1), (0, 1, 1, 1, 1, 1), 5, 7),
}
WIDTHS = [1, 7, 20, 57, 97, 130]


def build(path, case, width):
    """conv, bias, residual and relu; `width` None: all spatial sizes dynamic."""
    kernel, strides, dilations, pads, channels, filters = CASES[case]
    rng = np.random.default_rng(len(case))
    rank = len(kernel)
    space = [f"d{i}" for i in range(rank)] if width is None else [9] * (rank - 1) + [width]
    group = channels if filters < 0 else 1
    filters = -filters * channels if filters < 0 else filters
    constants = {"w": rng.standard_normal((filters, channels // group, *kernel)),
                 "b": rng.standard_normal(filters), "half": np.array(0.5)}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=strides,
                          dilations=dilations, pads=pads, group=group),
         helper.make_node("Mul", ["c", "half"], ["m"]),
         helper.make_node("Relu", ["m"], ["y"])], "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, *space])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)


def fits(case, width):
    kernel, _, dilations, pads, *_ = CASES[case]
    sizes = [9] * (len(kernel) - 1) + [width]
    return all(s + pads[i] + pads[len(kernel) + i] >= (kernel[i] - 1) * dilations[i] + 1
               for i, s in enumerate(sizes))


def check(path, binary, case, width, folder):
    kernel, *_, channels, _ = CASES[case]
    rng = np.random.default_rng(width)
    x = rng.standard_normal((2, channels, *[9] * (len(kernel) - 1), width))
    inputs = {"x": x.astype(np.float32)}
    got, _ = harness.run_model(binary, inputs, folder, "--measure-memory")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= TOLERANCE, width


@pytest.mark.parametrize("case", CASES)
def test_dynamic_width(case, tmp_path):
    path = tmp_path / "model.onnx"
    build(path, case, None)
    binary = harness.compile_model(path, tmp_path / "model.so")
    for width in WIDTHS:
        if fits(case, width):
            check(path, binary, case, width, tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", ["3x3", "ragged", "5x5_dilated", "strided", "one_axis",
                                  "one_axis_strided", "one_channel", "depthwise", "depthwise_5x5"])
def test_static_width(case, width, tmp_path):
    if not fits(case, width):
        pytest.skip("the kernel is larger than the padded input")
    path = tmp_path / "model.onnx"
    build(path, case, width)
    binary = harness.compile_model(path, tmp_path / "model.so")
    check(path, binary, case, width, tmp_path)


def test_one_output_of_a_wider_image(tmp_path):
    """The filter then reads a part of each row, although it is at one place."""
    build(tmp_path / "model.onnx", "one_output", 4)
    binary = harness.compile_model(tmp_path / "model.onnx", tmp_path / "model.so")
    check(tmp_path / "model.onnx", binary, "one_output", 4, tmp_path)


def test_a_bias_is_exported_as_an_input(tmp_path):
    """What spreads it over the rows inside the compiler is not left behind."""
    build(tmp_path / "model.onnx", "3x3", 20)
    harness.check(harness.run("cinch-opt", tmp_path / "model.onnx", "-o",
                              tmp_path / "exported.onnx"), "cinch-opt")
    exported = onnx.load(tmp_path / "exported.onnx").graph
    assert [node.op_type for node in exported.node] == ["Conv", "Mul", "Relu"]
