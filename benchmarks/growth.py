#!/usr/bin/env python3
"""How compile time and memory grow with the size of a model.

    growth.py [--nodes N,...] [--kinds NAME,...] [--json FILE.json]

Compiles generated models of about 100, 1,000 and 10,000 ONNX nodes:

  chain        alternating matrix products, additions and activations, every
               layer with its own weights
  transformer  decoder layers of one width, unrolled

and prints seconds, peak RSS and, fitted to the points, the exponent p of
time = c * nodes^p, after the time of the smallest program (one node) is taken
off, and the same for memory. Needs a build (tools/setup.sh).
"""
import argparse
import json
import math
import os
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import compare  # noqa: E402

F32, WIDTH, TOKENS, HEADS = onnx.TensorProto.FLOAT, 32, 16, 2


class Builder:
    """A graph that grows by one value at a time."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.rng = np.random.default_rng(0)

    def op(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def weight(self, *shape, value=None):
        name = f"w{len(self.weights)}"
        if value is None:
            value = (self.rng.standard_normal(shape) / WIDTH).astype(np.float32)
        self.weights.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def save(self, output, path):
        shape = [TOKENS, WIDTH]
        graph = helper.make_graph(
            self.nodes, "growth",
            [helper.make_tensor_value_info("x", F32, shape)],
            [helper.make_tensor_value_info(output, F32, shape)], self.weights)
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17)]), path)
        return len(self.nodes)


def chain(nodes, path):
    build, value = Builder(), "x"
    while len(build.nodes) < nodes:
        value = build.op("MatMul", value, build.weight(WIDTH, WIDTH))
        value = build.op("Add", value, build.weight(WIDTH))
        value = build.op("Relu", value)
    return build.save(value, path)


def transformer(nodes, path):
    build, x = Builder(), "x"
    heads = build.weight(value=np.array([TOKENS, HEADS, WIDTH // HEADS]))
    joined = build.weight(value=np.array([TOKENS, WIDTH]))
    scale = build.weight(value=np.float32((WIDTH // HEADS) ** -0.5))

    def norm(value):
        return build.op("LayerNormalization", value, build.weight(WIDTH),
                        build.weight(WIDTH))

    def project(value, perm):
        value = build.op("MatMul", value, build.weight(WIDTH, WIDTH))
        return build.op("Transpose", build.op("Reshape", value, heads), perm=perm)

    while len(build.nodes) < nodes:
        value = norm(x)
        scores = build.op("MatMul", project(value, [1, 0, 2]), project(value, [1, 2, 0]))
        weights = build.op("Softmax", build.op("Mul", scores, scale), axis=-1)
        value = build.op("MatMul", weights, project(value, [1, 0, 2]))
        value = build.op("Reshape", build.op("Transpose", value, perm=[1, 0, 2]), joined)
        x = build.op("Add", x, build.op("MatMul", value, build.weight(WIDTH, WIDTH)))
        value = build.op("MatMul", norm(x), build.weight(WIDTH, 2 * WIDTH))
        value = build.op("Sigmoid", value)
        x = build.op("Add", x, build.op("MatMul", value, build.weight(2 * WIDTH, WIDTH)))
    return build.save(x, path)


KINDS = {"chain": chain, "transformer": transformer}


def compile_generated(make, nodes, folder):
    """(nodes, seconds, peak RSS in bytes)."""
    path = os.path.join(folder, "model.onnx")
    made = make(nodes, path)
    status, seconds, rss = compare.spawn(
        compare.tool("cinch-compile"), path, "-o", os.path.join(folder, "model.so"),
        "--quiet")
    if status:
        sys.exit(f"growth: cinch-compile: exit status {status}")
    return made, seconds, rss


def fit(points):
    """The slope of the least-squares line through log-log points; NaN where
    fewer than two are above the smallest program."""
    points = [(math.log(x), math.log(y)) for x, y in points if y > 0]
    if len({x for x, _ in points}) < 2:
        return float("nan")
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points))
    return (sum((x - mean_x) * (y - mean_y) for x, y in points)
            / sum((x - mean_x) ** 2 for x, _ in points))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="100,1000,10000", metavar="N,...")
    parser.add_argument("--kinds", default=",".join(KINDS), metavar="NAME,...")
    parser.add_argument("--json", default="", metavar="FILE.json")
    arguments = parser.parse_args()
    counts = [int(text) for text in arguments.nodes.split(",")]
    result = {"load_average": os.getloadavg()}
    rows = []
    with tempfile.TemporaryDirectory(prefix="cinch-growth-") as folder:
        # The second: the first also reads the compiler from the disk.
        base_s, base_rss = map(min, *(compile_generated(chain, 1, folder)[1:]
                                      for _ in range(2)))
        for kind in arguments.kinds.split(","):
            points = [compile_generated(KINDS[kind], nodes, folder) for nodes in counts]
            exponents = [fit([(p[0], p[part] - base) for p in points])
                         for part, base in ((1, base_s), (2, base_rss))]
            result[kind] = {"points": points, "time_exponent": exponents[0],
                            "memory_exponent": exponents[1]}
            for index, (nodes, seconds, rss) in enumerate(points):
                exponent = [f"{e:.2f}" for e in exponents] if not index else ["", ""]
                rows.append([kind, f"{nodes:,}", f"{seconds:.2f}",
                             f"{rss / 2 ** 20:,.0f}", *exponent])
    print(compare.table(["model", "nodes", "seconds", "peak RSS MiB", "time exponent",
                         "memory exponent"], rows))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
