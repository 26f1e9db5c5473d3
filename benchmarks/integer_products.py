#!/usr/bin/env python3
"""Products of 8-bit integers against those of f32 and against ONNX Runtime.

    integer_products.py [--sizes MxKxN,...] [--threads N] [--rounds N] [--json FILE]

Quantizes a matmul [M, K] by a constant [K, N] with onnxruntime.quantization
(unsigned activations, signed weights with a scale for each column, quantized
result) and prints the median milliseconds of a run: of the f32 model and of the
quantized one, compiled for this machine, and of the quantized one by ONNX Runtime.
They take turns. Needs a build (tools/setup.sh).
"""
import argparse
import json
import os
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime import quantization

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402

SIZES = "128x384x384,128x384x1536,128x1024x1024,1024x1024x1024,1x1024x1024"


class Samples(quantization.CalibrationDataReader):
    def __init__(self, rng, shape):
        self.samples = iter([{"x": rng.standard_normal(shape).astype(np.float32)}
                             for _ in range(3)])

    def get_next(self):
        return next(self.samples, None)


def build(folder, rows, depth, columns):
    """The paths of the f32 and of the quantized model."""
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((depth, columns)) / np.sqrt(depth)).astype(np.float32)
    info, kind = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "product",
        [info("x", kind, [rows, depth])], [info("y", kind, [rows, columns])],
        [numpy_helper.from_array(weights, "w")])
    real, quantized = (os.path.join(folder, f"{name}.onnx") for name in ("f32", "int8"))
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 17)]), real)
    quantization.quantize_static(
        real, quantized, Samples(rng, (rows, depth)), per_channel=True,
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8)
    return real, quantized


def time_cinch(binary, threads, runs):
    stats = binary + ".json"
    harness.check(harness.run("cinch-run", binary, f"--threads={threads}", "--quiet",
                              f"--benchmark={runs}", "--json", stats), binary)
    with open(stats) as file:
        return json.load(file)["median_ms"]


def time_onnxruntime(session, inputs, runs):
    session.run(None, inputs)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def measure(folder, size, threads, rounds):
    rows, depth, columns = size
    models = build(folder, *size)
    binaries = [harness.compile_model(model, model + ".so") for model in models]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(models[1], options,
                                           providers=["CPUExecutionProvider"])
    inputs = {"x": np.random.default_rng(1).standard_normal(
        (rows, depth)).astype(np.float32)}
    runs = int(np.clip(2e10 / (rows * depth * columns), 10, 200))
    times = np.array([[*(time_cinch(binary, threads, runs) for binary in binaries),
                       time_onnxruntime(session, inputs, runs)]
                      for _ in range(rounds)])
    real, ours, peer = np.median(times, axis=0)
    return {"size": "x".join(map(str, size)), "f32_ms": real, "int8_ms": ours,
            "onnxruntime_ms": peer,
            "int8_to_f32": float(np.median(times[:, 1] / times[:, 0])),
            "int8_to_onnxruntime": float(np.median(times[:, 1] / times[:, 2]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    results = []
    print("| size | f32 ms | int8 ms | ONNX Runtime int8 ms | int8 / f32 | "
          "int8 / ONNX Runtime |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for text in options.sizes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            size = [int(number) for number in text.split("x")]
            row = measure(folder, size, options.threads, options.rounds)
        results.append(row)
        print(f"| {row['size']} | {row['f32_ms']:.3f} | {row['int8_ms']:.3f} | "
              f"{row['onnxruntime_ms']:.3f} | {row['int8_to_f32']:.2f} | "
              f"{row['int8_to_onnxruntime']:.2f} |", flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
