"""Random valid ONNX graphs: `make(seed)` gives the same Graph for the same seed.

A graph is made for several sizes of its symbolic dimensions at once: a dimension
is a tuple of its values at each of them. What is drawn is valid at all of them.
"""
import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
MAX_ELEMENTS = 1 << 15  # of a value
TYPES = {"f": (TensorProto.FLOAT, np.float32), "i": (TensorProto.INT64, np.int64),
         "j": (TensorProto.INT32, np.int32), "b": (TensorProto.BOOL, np.bool_)}


@dataclasses.dataclass
class Value:
    """A tensor of the graph.

    exact: computed without rounding, so a discontinuous operator may read it.
    bound: a bound, roughly, of its magnitude.
    """
    name: str
    kind: str  # key of TYPES
    shape: tuple  # of dimensions
    exact: bool = True
    bound: float = 4.0

    @property
    def rank(self):
        return len(self.shape)


@dataclasses.dataclass
class Graph:
    model: onnx.ModelProto
    feeds: list  # {name: array} for each size


class Draw:
    """The state of one graph that is being made."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.values, self.inputs = [], [], [], []
        self.symbols = {}  # name: dimension
        self.count = 0
        self.sizes = 3 if self.chance(0.45) else 1
        if self.sizes > 1:
            self.symbols["n"] = tuple(map(int, self.random.choice(12, 3, False) + 1))
            if self.chance(0.5):
                self.symbols["s"] = tuple(map(int, self.random.choice(20, 3, False) + 1))

    # -- Random choices --

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return items[int(self.random.integers(len(items)))] if len(items) else None

    def integer(self, low, high):
        """From low to high, both inclusive."""
        return int(self.random.integers(low, high + 1))

    def find(self, accepts):
        """A value that `accepts`, new ones more likely; None if there is none."""
        found = [v for v in self.values if accepts(v)]
        if not found:
            return None
        weights = np.arange(1, len(found) + 1) ** 1.5
        return found[self.random.choice(len(found), p=weights / weights.sum())]

    def find_float(self, accepts=lambda v: True):
        return self.find(lambda v: v.kind == "f" and accepts(v))

    # -- Dimensions --

    def dim(self, value):
        """The dimension that is `value` at every size."""
        return (int(value),) * self.sizes

    def dims(self, shape):
        return tuple(self.dim(d) for d in shape)

    @staticmethod
    def is_fixed(dim):
        return len(set(dim)) == 1

    def each(self, function, *dims):
        return tuple(function(*at) for at in zip(*dims))

    def fits(self, shape):
        return all(np.prod([d[k] for d in shape], dtype=float) <= MAX_ELEMENTS
                   for k in range(self.sizes))

    def broadcast(self, *shapes):
        """The shape that `shapes` broadcast to, None if they do not."""
        rank, out = max(map(len, shapes)), []
        for axis in range(-rank, 0):
            dims = {s[axis] for s in shapes if len(s) >= -axis} - {self.dim(1)}
            if len(dims) > 1:
                return None
            out.append(dims.pop() if dims else self.dim(1))
        return tuple(out)

    # -- Building --

    def name(self, base="v"):
        self.count += 1
        return f"{base}{self.count}"

    def weight(self, array, base="w"):
        name = self.name(base)
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def floats(self, shape, scale=1.0):
        """A float weight of a shape of numbers."""
        return self.weight((self.random.standard_normal(shape) * scale)
                           .astype(np.float32))

    def ints(self, values):
        return self.weight(np.array(values, np.int64), "c")

    def constant(self, kind, shape):
        """A weight as a Value."""
        dims = self.dims(shape)
        if kind == "f":
            return Value(self.floats(shape), "f", dims)
        dtype = TYPES[kind][1]
        low, high = (0, 2) if kind == "b" else (-5, 6)
        return Value(self.weight(self.random.integers(low, high, shape).astype(dtype)),
                     kind, dims)

    def add(self, op, inputs, shape, kind="f", exact=False, bound=4.0, outputs=1,
            shapes=None, **attributes):
        """Adds a node of which all outputs have the same shape, or have `shapes`;
        returns the last output."""
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(
            op, [i.name if isinstance(i, Value) else i for i in inputs], names,
            name="n" + names[0][1:], **attributes))
        for name, each in zip(names, shapes or [shape] * outputs):
            self.values.append(Value(name, kind, tuple(each), exact, bound))
        return self.values[-1]

    def add_input(self):
        rank = int(self.random.choice(6, p=[.03, .1, .24, .25, .33, .05]))
        shape = [self.dim(self.pick([1, 1, 2, 3, 4, 5, 7, 8, 12, 16, 17])) for _ in
                 range(rank)]
        for dim in self.symbols.values():
            if rank and self.chance(0.7):
                shape[self.pick([0, 0, self.integer(0, rank - 1)])] = dim
        if not self.fits(shape):
            return
        kind = self.pick(list("ffffffffijb"))
        value = Value(self.name("x"), kind, tuple(shape))
        self.inputs.append(value)
        self.values.append(value)

    def feed(self, size):
        feeds = {}
        for value in self.inputs:
            shape, dtype = [d[size] for d in value.shape], TYPES[value.kind][1]
            if value.kind == "f":
                array = self.random.standard_normal(shape)
            else:
                array = self.random.integers(0, 2 if value.kind == "b" else 9, shape)
            feeds[value.name] = np.asarray(array).astype(dtype)
        return feeds

    def info(self, value, as_input):
        symbols = {dim: name for name, dim in self.symbols.items()}
        shape = [d[0] if self.is_fixed(d) else symbols.get(d) for d in value.shape]
        if as_input or None not in shape:
            return helper.make_tensor_value_info(value.name, TYPES[value.kind][0], shape)
        return helper.make_tensor_value_info(value.name, TYPES[value.kind][0],
                                             [d if d is None or isinstance(d, int)
                                              else None for d in shape])

    def finish(self):
        used = {name for node in self.nodes for name in node.input}
        made = self.values[len(self.inputs):] or self.values
        outputs = [v for v in self.values if v.name not in used and v not in self.inputs]
        outputs += [v for v in made if v.name in used and self.chance(0.08)]
        outputs = outputs[:12]
        graph = helper.make_graph(
            self.nodes, "random", [self.info(v, True) for v in self.inputs],
            [self.info(v, False) for v in outputs], self.weights)
        model = helper.make_model(graph, ir_version=9,
                                  opset_imports=[helper.make_opsetid("", OPSET)])
        return Graph(model, [self.feed(k) for k in range(self.sizes)])


def make(seed):
    """The Graph of `seed`: up to 25 nodes, one to three inputs."""
    import random_ops
    draw = Draw(seed)
    for _ in range(draw.integer(1, 3)):
        draw.add_input()
    while not draw.find_float():
        draw.add_input()
    wanted, tries = draw.pick([2, 3, 5, 8, 12, 16, 25]), 0
    weights = np.array([weight for _, weight in random_ops.OPS], float)
    while len(draw.nodes) < wanted and tries < 300:
        tries += 1
        op = random_ops.OPS[draw.random.choice(len(weights), p=weights / weights.sum())]
        before = len(draw.nodes), len(draw.values), len(draw.weights)
        op[0](draw)
        if any(not draw.fits(v.shape) for v in draw.values[before[1]:]):
            del draw.nodes[before[0]:], draw.values[before[1]:], draw.weights[before[2]:]
    return draw.finish()
