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


def attention(path, heads=8, queries=512, keys=512, width=64, key_heads=8):
    """softmax(q k^T / sqrt(width)) v of q [1, key_heads, heads / key_heads, queries,
    width], k and v [1, key_heads, 1, keys, width]; returns (inputs, FLOPs of the two
    products)."""
    scale = np.array(width ** -0.5, np.float32)
    nodes = [helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 2, 4, 3]),
             helper.make_node("MatMul", ["q", "kt"], ["scores"]),
             helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
             helper.make_node("Softmax", ["scaled"], ["weights"], axis=-1),
             helper.make_node("MatMul", ["weights", "v"], ["y"])]
    shape = [1, key_heads, heads // key_heads, queries, width]
    shared = [1, key_heads, 1, keys, width]
    inputs = _save(path, nodes, {"q": shape, "k": shared, "v": shared}, shape,
                   [("scale", scale)])
    return inputs, 4 * heads * queries * keys * width


def grouped_attention(path):
    """Four heads share keys and values."""
    return attention(path, key_heads=2)


def grouped_decode(path):
    """The same with one query and more keys."""
    return attention(path, queries=1, keys=1024, key_heads=2)


KERNELS = {"GEMM 1024x1024x1024": gemm, "attention 1x8x512x64": attention,
           "attention 1x8x512x64, 2 key heads": grouped_attention,
           "attention 1x8x1x64, 2 key heads, 1024 keys": grouped_decode}
