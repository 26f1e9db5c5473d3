"""Contractions compiled for a GPU, run on the emulated device.

Results are compared with float64, or with ONNX Runtime; gpu_products.py has the
bounds of the errors.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper
import pytest

import harness
from gpu_products import (LAYOUTS, TYPES, error, gemm, multiply, random_inputs, run,
                          save, value)

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
    "of_each_channel_dilated": ([2, 5, 19, 17], [5, 1, 5, 3],
                                dict(pads=[4, 1, 4, 1], dilations=[2, 1],
                                     strides=[1, 2], group=5)),
    "of_each_channel_not_padded": ([1, 6, 12, 14], [6, 1, 3, 3], dict(group=6)),
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
