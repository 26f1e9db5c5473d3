"""Models of one kernel each, with their floating point operations."""
import numpy as np
import onnx
from onnx import helper

F32 = onnx.TensorProto.FLOAT


def _save(path, nodes, inputs, output, weights=()):
    graph = helper.make_graph(
        nodes, "kernel",
        [helper.make_tensor_value_info(name, F32, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", F32, output)],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights])
    model = helper.make_model(graph, ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, path)
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape, dtype=np.float32)
            for name, shape in inputs.items()}


def gemm(path, size=1024):
    """x [size, size] by a constant [size, size]; returns (inputs, FLOPs)."""
    weight = np.random.default_rng(1).standard_normal((size, size), dtype=np.float32)
    inputs = _save(path, [helper.make_node("MatMul", ["x", "w"], ["y"])],
                   {"x": [size, size]}, [size, size], [("w", weight)])
    return inputs, 2 * size ** 3


def attention(path, heads=8, tokens=512, width=64):
    """softmax(q k^T / sqrt(width)) v of [1, heads, tokens, width]; returns
    (inputs, FLOPs of the two products)."""
    scale = np.array(width ** -0.5, np.float32)
    nodes = [helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2]),
             helper.make_node("MatMul", ["q", "kt"], ["scores"]),
             helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
             helper.make_node("Softmax", ["scaled"], ["weights"], axis=-1),
             helper.make_node("MatMul", ["weights", "v"], ["y"])]
    shape = [1, heads, tokens, width]
    inputs = _save(path, nodes, {"q": shape, "k": shape, "v": shape}, shape,
                   [("scale", scale)])
    return inputs, 4 * heads * tokens * tokens * width


KERNELS = {"GEMM 1024x1024x1024": gemm, "attention 1x8x512x64": attention}
