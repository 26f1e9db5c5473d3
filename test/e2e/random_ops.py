"""The operators of random graphs: each function adds one, or nothing where no
value fits. Layers and movement are in random_layers.py and random_movement.py."""
import numpy as np
from onnx import TensorProto

import random_layers
import random_movement

ROUNDING = ["Sigmoid", "Tanh", "Erf", "Softplus", "Elu", "Selu", "HardSigmoid",
            "HardSwish", "Gelu", "Softsign", "Mish", "Sin", "Cos", "Celu"]
EXACT = ["Relu", "Neg", "Abs", "Identity"]
STEPS = ["Floor", "Ceil", "Round", "Sign"]


def unary(draw):
    x = draw.find_float()
    op = draw.pick(ROUNDING + EXACT * 2)
    exact = x.exact and op in EXACT
    if op in ("Sin", "Cos") and x.bound > 50:
        return
    draw.add(op, [x], x.shape, exact=exact,
             bound=x.bound if op != "Sigmoid" else 1.0)


def step(draw):
    if x := draw.find_float(lambda v: v.exact):
        draw.add(draw.pick(STEPS), [x], x.shape, exact=True, bound=x.bound)


def clip(draw):
    x = draw.find_float()
    low, high = sorted(draw.random.uniform(-2, 3, 2).astype(np.float32))
    inputs = [x, draw.weight(low) if draw.chance(.8) else "",
              draw.weight(high) if draw.chance(.8) else ""]
    draw.add("Clip", inputs, x.shape, exact=x.exact, bound=x.bound)


def guarded(draw):
    """An operator that needs a positive operand: |x| + 0.5 first."""
    x = draw.find_float()
    magnitude = draw.add("Abs", [x], x.shape, exact=x.exact, bound=x.bound)
    positive = draw.add("Add", [magnitude, draw.weight(np.float32(0.5))], x.shape,
                        bound=x.bound + 1)
    op = draw.pick(["Sqrt", "Log", "Reciprocal", "Div", "Pow"])
    if op == "Div":
        y, shape = partner(draw, positive)
        draw.add("Div", [y, positive], shape, bound=2 * y.bound)
    elif op == "Pow":
        if x.bound < 30:
            exponent = np.float32(draw.pick([2, 3, 0.5, -1, 1.5]))
            draw.add("Pow", [positive, draw.weight(exponent)], x.shape,
                     bound=(x.bound + 1) ** 3)
    else:
        draw.add(op, [positive], x.shape, bound=x.bound + 2)


def exponential(draw):
    if x := draw.find_float(lambda v: v.bound < 6):
        draw.add("Exp", [x], x.shape, bound=float(np.exp(x.bound)))


def partner(draw, x):
    """Another operand for `x` with the shape of the result: a value that
    broadcasts with it, or a constant."""
    found = draw.find(lambda v: v.kind == x.kind and
                      draw.broadcast(v.shape, x.shape) is not None)
    if found is not None and draw.chance(0.6):
        return found, draw.broadcast(found.shape, x.shape)
    shape = [d[0] if draw.is_fixed(d) and draw.chance(.6) else 1 for d in x.shape]
    shape = shape[draw.integer(0, len(shape)):]
    if draw.chance(0.1):
        shape = [draw.integer(1, 3)] * (len(x.shape) - len(shape)) + shape
        shape = [s if draw.broadcast(draw.dims(shape), x.shape) else 1 for s in shape]
    y = draw.constant(x.kind, shape)
    out = draw.broadcast(x.shape, y.shape)
    if out is None:
        y = draw.constant(x.kind, [])
        out = x.shape
    return y, out


def binary(draw):
    x = draw.find(lambda v: v.kind in "fij")
    y, shape = partner(draw, x)
    op = draw.pick(["Add", "Sub", "Mul", "Min", "Max", "Add", "Mul"])
    bound = x.bound * y.bound if op == "Mul" else x.bound + y.bound
    if bound > 1e4:
        op, bound = "Max", max(x.bound, y.bound)
    inputs = [x, y] if draw.chance(.5) else [y, x]
    draw.add(op, inputs, shape, x.kind, bound=bound,
             exact=(x.exact and y.exact and (op in ("Min", "Max") or x.kind != "f")))


def variadic(draw):
    x = draw.find_float()
    y, _ = partner(draw, x)
    z, _ = partner(draw, x)
    if shape := draw.broadcast(x.shape, y.shape, z.shape):
        draw.add(draw.pick(["Sum", "Mean", "Max", "Min"]), [x, y, z], shape,
                 bound=x.bound + y.bound + z.bound)


def compare(draw):
    if x := draw.find(lambda v: v.kind in "fij" and v.exact):
        y, shape = partner(draw, x)
        if y.exact:
            draw.add(draw.pick(["Greater", "Less", "GreaterOrEqual", "LessOrEqual",
                                "Equal"]), [x, y], shape, "b")


def logic(draw):
    if x := draw.find(lambda v: v.kind == "b"):
        if draw.chance(0.3):
            draw.add("Not", [x], x.shape, "b", exact=True)
            return
        y, shape = partner(draw, x)
        draw.add(draw.pick(["And", "Or", "Xor"]), [x, y], shape, "b", exact=x.exact)


def where(draw):
    condition = draw.find(lambda v: v.kind == "b")
    if condition is None:
        return compare(draw)
    x = draw.find(lambda v: v.kind in "fij" and
                  draw.broadcast(v.shape, condition.shape) is not None)
    if x is None:
        return None
    y, _ = partner(draw, x)
    shape = draw.broadcast(condition.shape, x.shape, y.shape)
    if shape is not None:
        draw.add("Where", [condition, x, y], shape, x.kind,
                 exact=x.exact and y.exact and condition.exact,
                 bound=max(x.bound, y.bound))
    return None


def cast(draw):
    x = draw.find(lambda v: v.exact)
    to = draw.pick([k for k in "fijb" if k != x.kind])
    types = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "j": TensorProto.INT32,
             "b": TensorProto.BOOL}
    draw.add("Cast", [x], x.shape, to, exact=True, bound=x.bound, to=types[to])


REDUCTIONS = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1",
              "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "ReduceLogSum"]


def reduce(draw):
    x = draw.find_float(lambda v: v.rank > 0)
    if x is None:
        return
    op = draw.pick(REDUCTIONS[:4] * 2 + REDUCTIONS)
    count = max(np.prod([max(d) for d in x.shape], dtype=float), 1)
    if op in ("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare") and x.bound > 20:
        return
    axes = sorted(draw.random.choice(x.rank, draw.integer(1, x.rank), False).tolist())
    keeps = draw.chance(.5)
    inputs = [x]
    if op == "ReduceLogSum":
        inputs = [draw.add("Exp", [x], x.shape)] if x.bound < 6 else None
    if inputs is None:
        return
    if draw.chance(0.15):
        axes = list(range(x.rank))
    else:
        given = [a - x.rank if draw.chance(.3) else a for a in axes]
        inputs.append(draw.ints(given))
    shape = [draw.dim(1) if a in axes else d for a, d in enumerate(x.shape)]
    if not keeps:
        shape = [d for a, d in enumerate(x.shape) if a not in axes]
    isExact = op in ("ReduceMax", "ReduceMin") and x.exact
    draw.add(op, inputs, shape, exact=isExact, keepdims=int(keeps),
             bound=x.bound * (count if op not in ("ReduceMax", "ReduceMin",
                                                      "ReduceMean") else 1))


def select(draw):
    """ArgMax, ArgMin or TopK."""
    x = draw.find_float(lambda v: v.exact and v.rank > 0)
    if x is None:
        return
    axis = draw.integer(0, x.rank - 1)
    if draw.chance(.6):
        keeps = draw.chance(.5)
        shape = [draw.dim(1) if a == axis else d for a, d in enumerate(x.shape)
                 if keeps or a != axis]
        draw.add(draw.pick(["ArgMax", "ArgMin"]), [x], shape, "i", exact=True,
                 axis=axis, keepdims=int(keeps), bound=max(x.shape[axis]),
                 select_last_index=draw.integer(0, 1))
        return
    k = draw.integer(1, min(x.shape[axis]))
    shape = [draw.dim(k) if a == axis else d for a, d in enumerate(x.shape)]
    draw.add("TopK", [x, draw.ints([k])], shape, exact=True, outputs=2,
             bound=x.bound, axis=axis, largest=draw.integer(0, 1))
    draw.values[-1].kind = "i"  # the indices


def cumsum(draw):
    x = draw.find_float(lambda v: v.rank > 0 and v.bound < 1e3)
    if x is not None:
        axis = draw.integer(0, x.rank - 1)
        draw.add("CumSum", [x, draw.weight(np.array(axis, np.int64), "c")], x.shape,
                 bound=x.bound * max(x.shape[axis]),
                 exclusive=draw.integer(0, 1), reverse=draw.integer(0, 1))


OPS = [(unary, 7), (step, 1), (clip, 1), (guarded, 2), (exponential, 1), (binary, 8),
       (variadic, 1), (compare, 1), (logic, 1), (where, 2), (cast, 1), (reduce, 4),
       (select, 1), (cumsum, .5)] + random_layers.OPS + random_movement.OPS
