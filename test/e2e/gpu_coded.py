"""Products of operands in few bits for a GPU: models of them, and what they compute.

Codes times codes, and codes times 16-bit floats, are exact in the products; the errors
are otherwise those of gpu_products.py.
"""
import re

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import harness
from gpu_products import TYPES, value

CODES = {"i4": ml_dtypes.int4, "u4": ml_dtypes.uint4, "i8": np.int8, "u8": np.uint8,
         "e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2}
node = helper.make_node


def random_codes(random, code, shape):
    kind = CODES[code]
    if code.startswith("e"):
        return random.uniform(-4, 4, shape).astype(kind)
    info = ml_dtypes.iinfo(kind)
    return random.integers(info.min, info.max, shape, endpoint=True).astype(kind)


def pack(codes):
    """The bytes of codes, in which two of 4 bits share one."""
    if codes.dtype not in (ml_dtypes.int4, ml_dtypes.uint4):
        return codes
    nibbles = codes.reshape(-1).astype(np.int8).view(np.uint8) & 15
    return nibbles[::2] | nibbles[1::2] << 4


def make_scale(random, shape, depth_axis, group):
    """Scales that are powers of two for codes of `shape`, what they are of each code,
    and the attributes: for groups of `group` along the depth, 0: for all of it, None:
    one for everything."""
    if group is None:
        scale = np.array(0.25)
        return scale, np.broadcast_to(scale, shape), {}
    sizes = list(shape)
    sizes[depth_axis] = -(-sizes[depth_axis] // group) if group else 1
    scale = 2.0 ** random.integers(-4, 0, sizes)
    wide = np.repeat(scale, group or shape[depth_axis], depth_axis)
    wide = wide[:shape[0], :shape[1]]
    if group:
        return scale, wide, {"axis": depth_axis, "block_size": group}
    return scale.reshape(-1), wide, {"axis": 1 - depth_axis}


def save(path, nodes, x, y, constants):
    graph = helper.make_graph(nodes, "g", [x], [y], [
        numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in constants.items()])
    onnx.save(helper.make_model(graph, ir_version=10,
                                opset_imports=[helper.make_opsetid("", 21)]), path)


class WeightProduct:
    """x [m, k] times a dequantized matrix of codes, [n, k] if `transposed`, and with
    `bias` relu(product + bias). `m` None: unknown. Groups as of make_scale."""

    def __init__(self, path, m, n, k, kind="f16", code="i4", group=64, bias=False,
                 transposed=False, scale_kind=None):
        random = np.random.default_rng(0)
        element, self.dtype, self.bound = TYPES[kind]
        self.path, self.m, self.k = str(path), m, k
        codes = random_codes(random, code, (n, k) if transposed else (k, n))
        scale, wide, attributes = make_scale(random, codes.shape, int(transposed), group)
        self.right = codes.astype(np.float64) * wide
        self.right = self.right.T if transposed else self.right
        constants = {"w": codes, "s": scale.astype(TYPES[scale_kind or kind][1])}
        self.codes, self.scale = pack(codes), constants["s"]
        nodes = [node("DequantizeLinear", ["w", "s"], ["d"], **attributes)]
        if constants["s"].dtype != self.dtype:
            nodes += [node("Cast", ["d"], ["c"], to=element)]
        nodes += [node("Gemm", ["x", nodes[-1].output[0]], ["p" if bias else "y"],
                       transB=int(transposed))]
        self.bias = None
        if bias:
            self.bias = constants["b"] = random.uniform(-1, 1, n).astype(self.dtype)
            nodes += [node("Add", ["p", "b"], ["t"]), node("Relu", ["t"], ["y"])]
        save(self.path, nodes, value("x", element, [m or "m", k]),
             value("y", element, [m or "m", n]), constants)

    def make_inputs(self, m=None):
        random = np.random.default_rng(1)
        return {"x": random.uniform(-1, 1, (m or self.m, self.k)).astype(self.dtype)}

    def compute(self, inputs):
        product = inputs["x"].astype(np.float64) @ self.right
        if self.bias is None:
            return product
        return np.maximum(product + self.bias.astype(np.float64), 0)


class CodedProduct:
    """x [m, k], rounded to codes, times a matrix [k, n] of codes. All numbers are on
    the grid, and the sums are exact."""
    dtype = np.float32

    def __init__(self, path, m, n, k, codes=("i4", "i4"), groups=(0, 64),
                 transposed=False):
        random = np.random.default_rng(0)
        self.path = str(path)
        left = random_codes(random, codes[0], (m, k))
        scale, wide, attributes = make_scale(random, left.shape, 1, groups[0])
        self.x = (left.astype(np.float64) * wide).astype(np.float32)
        right = random_codes(random, codes[1], (n, k) if transposed else (k, n))
        right_scale, right_wide, right_attributes = make_scale(
            random, right.shape, int(transposed), groups[1])
        whole = right.astype(np.float64) * right_wide
        self.want = self.x.astype(np.float64) @ (whole.T if transposed else whole)
        constants = {"xs": scale.astype(np.float32), "w": right,
                     "ws": right_scale.astype(np.float32)}
        element = helper.np_dtype_to_tensor_dtype(left.dtype)
        nodes = [node("QuantizeLinear", ["x", "xs"], ["q"], output_dtype=element,
                      **attributes),
                 node("DequantizeLinear", ["q", "xs"], ["xd"], **attributes),
                 node("DequantizeLinear", ["w", "ws"], ["wd"], **right_attributes),
                 node("Gemm", ["xd", "wd"], ["y"], transB=int(transposed))]
        save(self.path, nodes, value("x", TensorProto.FLOAT, [m, k]),
             value("y", TensorProto.FLOAT, [m, n]), constants)


def get_record(case, chip="sm_80"):
    """The fields of the record of the kernel that multiplies."""
    program = harness.compile_model(case.path, case.path + ".mlir", "--emit=exec",
                                    f"--target=cuda:{chip}")
    done = harness.run("cinch-opt", program,
                       f"-lower-kernels-to-gpu=chip={chip}")
    harness.check(done, case.path)
    text = next(t for name, t in re.findall(r'\bname = "(\w+)", record = {(.*?)}',
                                            done.output) if "matmul" in name)
    return dict(re.findall(r'(\w+) = "([^"]*)"', text))
