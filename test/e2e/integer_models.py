"""Models of products of 8-bit integers, and what they compute, in numpy."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 21
TYPES = {"i8": (np.int8, TensorProto.INT8), "u8": (np.uint8, TensorProto.UINT8)}


def random_bytes(rng, kind, shape):
    info = np.iinfo(TYPES[kind][0])
    return rng.integers(info.min, info.max + 1, shape).astype(TYPES[kind][0])


def save(path, nodes, inputs, outputs, constants):
    """inputs, outputs: (name, type, shape); constants: {name: array}."""
    def value(entry):
        return helper.make_tensor_value_info(*entry)
    graph = helper.make_graph(
        nodes, "integers", [value(i) for i in inputs], [value(o) for o in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()])
    model = helper.make_model(graph, ir_version=10,
                              opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def less_zeros(known):
    """x and w as 64-bit integers, less their zero points, if there are any."""
    return [known[n].astype(np.int64) - known.get(n + "_zero", np.int64(0)).astype(np.int64)
            for n in "xw"]


def matmul_integer(path, rows, depth, columns, kinds, zeros=(None, None), batch=(),
                   constant=True, seed=0):
    """MatMulInteger of x [batch, rows, depth] by w [depth, columns] (an input [batch,
    depth, columns] if not `constant`). A zero point is a number, "input" or, of w,
    "columns". `rows` None: dynamic. Returns a function of the inputs."""
    rng = np.random.default_rng(seed)
    types = [TYPES[kind] for kind in kinds]
    inputs = [("x", types[0][1], [*batch, rows or "rows", depth])]
    constants, names = {}, ["x", "w", "", ""]
    if constant:
        constants["w"] = random_bytes(rng, kinds[1], (depth, columns))
    else:
        inputs.append(("w", types[1][1], [*batch, depth, columns]))
    for i, zero in enumerate(zeros):
        if zero is None:
            continue
        names[2 + i] = "xw"[i] + "_zero"
        if zero == "input":
            inputs.append((names[2 + i], types[i][1], []))
        elif zero == "columns":
            constants[names[2 + i]] = rng.integers(
                0, 9, columns).astype(types[i][0])
        else:
            constants[names[2 + i]] = np.array(zero, types[i][0])
    while not names[-1]:
        names.pop()
    save(path, [helper.make_node("MatMulInteger", names, ["y"])], inputs,
         [("y", TensorProto.INT32, [*batch, rows or "rows", columns])], constants)

    def compute(given):
        x, w = less_zeros({**constants, **given})
        return {"y": (x @ w).astype(np.int32)}
    return compute


def conv_integer(path, shape, filters, kernel, kinds, zeros=(None, None), pads=None,
                 strides=None, dilations=None, seed=0):
    """ConvInteger of x `shape`; a zero point is a number or "input"."""
    rng = np.random.default_rng(seed)
    rank = len(kernel)
    types = [TYPES[kind] for kind in kinds]
    constants = {"w": random_bytes(rng, kinds[1], (filters, shape[1], *kernel))}
    inputs, names = [("x", types[0][1], list(shape))], ["x", "w", "", ""]
    for i, zero in enumerate(zeros):
        if zero is None:
            continue
        names[2 + i] = "xw"[i] + "_zero"
        if zero == "input":
            inputs.append((names[2 + i], types[i][1], []))
        else:
            constants[names[2 + i]] = np.array(zero, types[i][0])
    while not names[-1]:
        names.pop()
    pads = pads or (0,) * (2 * rank)
    strides, dilations = strides or (1,) * rank, dilations or (1,) * rank
    out = [(shape[2 + i] + pads[i] + pads[rank + i] - (kernel[i] - 1) * dilations[i] - 1)
           // strides[i] + 1 for i in range(rank)]
    save(path, [helper.make_node("ConvInteger", names, ["y"], pads=pads, strides=strides,
                                 dilations=dilations)], inputs,
         [("y", TensorProto.INT32, [shape[0], filters, *out])], constants)

    def compute(given):
        x, w = less_zeros({**constants, **given})
        x = np.pad(x, [(0, 0), (0, 0)] + [(pads[i], pads[rank + i]) for i in range(rank)])
        y = np.zeros((shape[0], filters, *out), np.int64)
        for tap in np.ndindex(*kernel):
            window = x[(slice(None), slice(None)) + tuple(
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(tap, dilations, out, strides))]
            y += np.einsum("nc...,fc->nf...", window, w[(...,) + tap])
        return {"y": y.astype(np.int32)}
    return compute


def qdq_matmul(path, rows, depth, columns, kinds=("u8", "i8"), zeros=(120, 0),
               per_column=True, requantizes=True, seed=0):
    """relu(dq(q(x)) by dq(w) + b), quantized again if `requantizes`. Returns a
    function that computes it in float64, and the step of the result."""
    rng = np.random.default_rng(seed)
    types = [TYPES[kind] for kind in kinds]
    w = random_bytes(rng, kinds[1], (depth, columns))
    scale = rng.uniform(0.5, 2, columns if per_column else ()).astype(np.float32)
    scale /= np.float32(90 * np.sqrt(depth))
    constants = {
        "xs": np.float32(3 / 127), "xz": np.array(zeros[0], types[0][0]), "w": w,
        "ws": scale, "wz": np.full(scale.shape, zeros[1], types[1][0]),
        "b": rng.standard_normal(columns).astype(np.float32),
        "ys": np.float32(8 / 255), "yz": np.array(3, np.uint8)}
    node = helper.make_node
    nodes = [node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
             node("DequantizeLinear", ["xq", "xs", "xz"], ["xd"]),
             node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=1),
             node("MatMul", ["xd", "wd"], ["p"]), node("Add", ["p", "b"], ["s"]),
             node("Relu", ["s"], ["r" if requantizes else "y"])]
    if requantizes:
        nodes += [node("QuantizeLinear", ["r", "ys", "yz"], ["y"])]
    save(path, nodes, [("x", TensorProto.FLOAT, [rows or "rows", depth])],
         [("y", TensorProto.UINT8 if requantizes else TensorProto.FLOAT,
           [rows or "rows", columns])], constants)

    def compute(given):
        info = np.iinfo(types[0][0])
        q = np.rint(given["x"] / constants["xs"]) + zeros[0]
        x = (np.clip(q, info.min, info.max) - zeros[0]) * np.float64(constants["xs"])
        real = x @ ((w.astype(np.float64) - zeros[1]) * scale.astype(np.float64))
        return {"y": np.maximum(real + constants["b"], 0)}
    return compute, constants["ys"], constants["yz"]
