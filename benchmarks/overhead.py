#!/usr/bin/env python3
"""What a run costs beside its arithmetic, and what a kernel adds.

    overhead.py [--threads N] [--runs N] [--json FILE.json]

Runs models of 1, 10 and 100 kernels of eight elements each, which cannot share
a kernel:

  sequence  one cumulative sum after the other: one input and one output
  outputs   element-wise kernels of one input: an output each

and prints the median time of a run (cinch_session_run, called from C++ with
contiguous tensors) in microseconds, and what a line through the points says: the
time of a run without kernels and of one more kernel. Needs a build
(tools/setup.sh).
"""
import argparse
import json
import os
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402

COUNTS = [1, 10, 100]
SHAPE = [8]


def sequence(count):
    nodes = [helper.make_node("CumSum", [f"v{i}" if i else "x", "axis"], [f"v{i + 1}"])
             for i in range(count)]
    return nodes, [nodes[-1].output[0]]


def outputs(count):
    nodes = [helper.make_node("Pow", ["x", f"c{i}"], [f"y{i}"]) for i in range(count)]
    return nodes, [node.output[0] for node in nodes]


KINDS = {"sequence": sequence, "outputs": outputs}


def measure(kind, count, folder, threads, runs):
    nodes, results = KINDS[kind](count)
    constants = {"axis": np.array(0)} if kind == "sequence" else {
        f"c{i}": np.float32(2 + i / 8) for i in range(count)}
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, kind, [info("x", onnx.TensorProto.FLOAT, SHAPE)],
        [info(name, onnx.TensorProto.FLOAT, SHAPE) for name in results],
        [onnx.numpy_helper.from_array(v, k) for k, v in constants.items()])
    model = os.path.join(folder, f"{kind}{count}.onnx")
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), model)
    binary = harness.compile_model(model, model[:-5] + ".so")
    record = model[:-5] + ".json"
    harness.check(harness.run("cinch-run", binary, f"--threads={threads}",
                              f"--benchmark={runs}", "--json", record, "--quiet"), kind)
    with open(record, encoding="utf-8") as file:
        return 1e3 * json.load(file)["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--json", help="writes the figures to this file")
    options = parser.parse_args()
    table = {}
    print(f"{'kind':10s}" + "".join(f"{n:>10d}" for n in COUNTS)
          + f"{'a run us':>12s}{'a kernel us':>14s}")
    with tempfile.TemporaryDirectory(prefix="cinch-overhead-") as folder:
        for kind in KINDS:
            times = [measure(kind, n, folder, options.threads, options.runs)
                     for n in COUNTS]
            slope, start = np.polyfit(COUNTS, times, 1)
            table[kind] = {"us": dict(zip(COUNTS, times)), "run_us": start,
                           "kernel_us": slope}
            print(f"{kind:10s}" + "".join(f"{t:10.2f}" for t in times)
                  + f"{start:12.2f}{slope:14.3f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
