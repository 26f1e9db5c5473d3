#!/usr/bin/env python3
"""Static quantization in 8 bits against ONNX Runtime's own.

    quantization_peer.py accuracy [--models ...] [--samples N] [--layers]
    quantization_peer.py latency  [--models ...] [--samples N] [--rounds N]

Both sides take the same calibration samples (samples.py) in the same run:
cinch-compile with `--quantize=w8a8` and FLAGS, and quantize_static of ONNX Runtime
with QDQ, weights per channel, activations per tensor by minmax, in unsigned integers,
as it recommends for x86; where the model has batch normalizations, after its
quant_pre_process, which folds them.

accuracy  The signal-to-noise ratio of every product that both quantize, matched by
          the names of its result, on the first 4 calibration samples: ours from the
          report, ONNX Runtime's from the same tensors of the float and the quantized
          model, its optimizations off. And the error of all float outputs over their
          norm on samples that are not for calibration. --layers lists the products.
latency   Rounds in which our f32, our w8a8 and ONNX Runtime's model in 8 bits (its
          default optimizations) take turns; ratios are medians of those of a round.

Needs a build (tools/setup.sh).
"""
import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime import quantization as ort
from onnxruntime.quantization.shape_inference import quant_pre_process

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402
import peers  # noqa: E402
import samples  # noqa: E402

ACCURACY_MODELS = "minilm_l3,ppocr_det,gen_resnet18_op13,magika"
LATENCY_MODELS = "minilm_l3,gen_gpt2_op17,tiny_lm"
LAYER_SAMPLES = 4  # as many as the report of cinch-compile takes
EVALUATED = 16
RUN_MS = 200  # about so long does an engine run in a round
PER_CHANNEL_OPSET = 13  # the first whose QuantizeLinear has an axis


# -- ONNX Runtime -------------------------------------------------------------

class Reader(ort.CalibrationDataReader):
    def __init__(self, given):
        self.given = iter(given)

    def get_next(self):
        return next(self.given, None)


def prepare(name, folder):
    """Path of the float model that ONNX Runtime quantizes."""
    model = onnx.load(harness.model_path(name))
    version = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if version < PER_CHANNEL_OPSET:
        model = onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)
    path = os.path.join(folder, "float.onnx")
    onnx.save(model, path)
    if any(node.op_type == "BatchNormalization" for node in model.graph.node):
        quant_pre_process(path, path, skip_symbolic_shape=True)
    return path


def quantize(path, given, folder):
    logging.disable(logging.WARNING)  # it recommends what is done, or useless
    quantized = os.path.join(folder, "quantized.onnx")
    ort.quantize_static(path, quantized, Reader(given), per_channel=True,
                        activation_type=ort.QuantType.QUInt8)
    return quantized


def read_tensors(path, names, given):
    """Yields {name: array} of inner tensors for every sample."""
    model = onnx.load(path)
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names
                              if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    for sample in given:
        yield dict(zip(names, session.run(names, sample)))


# -- Products -----------------------------------------------------------------

def find_products(path, layers):
    """{layer: (tensor, bias)} of those products of ours that the model at `path` has
    under the same name. The result of a product of ours may lack the bias, which a
    convolution of ONNX adds: it is no part of the signal then."""
    graph = onnx.load(path).graph
    makers = {output: node for node in graph.node for output in node.output}
    constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    products = ("MatMul", "Gemm", "Conv", "ConvTranspose")
    found = {}
    for layer in layers:
        name = next((n for n in (layer, layer.removesuffix("/linear"),
                                 layer.removesuffix("/matmul"),
                                 layer.removesuffix("/conv")) if n in makers), None)
        node = makers.get(name)
        if node is not None and node.op_type == "Add" and name != layer:
            name = next((i for i in node.input if i in makers), None)
            node = makers.get(name)
        if node is None or node.op_type not in products:
            continue
        bias = constants.get(node.input[2]) if len(node.input) > 2 else None
        if bias is not None and name == layer:
            bias = None
        if bias is not None and "Conv" in node.op_type:
            bias = bias.reshape(-1, *[1] * len(node.attribute and constants[
                node.input[1]].shape[2:]))
        found[layer] = name, bias
    return found


def peer_ratios(exact, quantized, layers, given):
    """{layer: signal-to-noise ratio in dB} of ONNX Runtime's quantized model."""
    found = find_products(exact, layers)
    made = {o for node in onnx.load(quantized).graph.node for o in node.output}
    found = {layer: at for layer, at in found.items() if at[0] in made}
    names = [name for name, _ in found.values()]
    signal, noise = np.zeros(len(names)), np.zeros(len(names))
    for want, got in zip(read_tensors(exact, names, given),
                         read_tensors(quantized, names, given)):
        for number, (name, bias) in enumerate(found.values()):
            value = want[name].astype(np.float64)
            noise[number] += ((got[name] - value) ** 2).sum()
            signal[number] += ((value - (0 if bias is None else bias)) ** 2).sum()
    return dict(zip(found, 10 * np.log10(signal / np.maximum(noise, 1e-300))))


# -- Accuracy -----------------------------------------------------------------

def output_error(runs, exact, given):
    """The largest error of a float output over its norm, over all samples."""
    sums = {}
    for sample in given:
        want, got = harness.run_onnxruntime(exact, sample), runs(sample)
        for name, value in want.items():
            # What is no result of a product, or not a float, is not compared.
            if name in got and value.dtype == np.float32:
                error = np.square((got[name] - value).astype(np.float64)).sum()
                total = sums.setdefault(name, [0.0, 0.0])
                total[0] += error
                total[1] += np.square(value.astype(np.float64)).sum()
    return max((error / norm) ** 0.5 for error, norm in sums.values() if norm)


def compile_ours(name, output, data, flags):
    path = harness.model_path(name)
    return harness.compile_model(path, output, "--quantize=w8a8",
                                 f"--calibration-data={data}", *flags)


def measure_accuracy(name, options, flags, folder):
    given = list(samples.calibration(name, options.samples))
    report = os.path.join(folder, "report.json")
    binary = compile_ours(name, os.path.join(folder, "ours.so"),
                          samples.write(given, os.path.join(folder, "samples")),
                          [f"--report={report}", *flags])
    exact = prepare(name, folder)
    quantized = quantize(exact, given, folder)
    with open(report) as file:
        layers = json.load(file)["quantization"]["layers"]
    ours = {layer["name"]: layer["sqnr_db"] for layer in layers
            if layer.get("sqnr_db") is not None}
    theirs = peer_ratios(exact, quantized, ours, given[:LAYER_SAMPLES])
    gains = {layer: ours[layer] - theirs[layer] for layer in theirs}
    if options.layers:
        for layer, gain in gains.items():
            print(f"{name}: {layer}: {ours[layer]:.1f} dB, ONNX Runtime "
                  f"{theirs[layer]:.1f}, {gain:+.1f}", file=sys.stderr)
    path, fresh = harness.model_path(name), list(samples.evaluation(name, EVALUATED))
    errors = [output_error(run, path, fresh) for run in (
        lambda sample: harness.run_model(binary, sample, folder)[0],
        lambda sample: harness.run_onnxruntime(quantized, sample))]
    worst = min(gains, key=gains.get)
    return (f"| {name} | {len(gains)} of {len(layers)} | "
            f"{statistics.mean(ours[layer] for layer in gains):.1f} | "
            f"{statistics.mean(theirs.values()):.1f} | {gains[worst]:+.1f} | "
            f"{sum(gain < 0 for gain in gains.values())} | "
            f"{errors[0]:.4f} | {errors[1]:.4f} |")


# -- Latency ------------------------------------------------------------------

class Ours:
    def __init__(self, binary, inputs, folder, threads):
        self.binary, self.inputs, self.folder = binary, inputs, folder
        self.threads = threads

    def measure(self, runs):
        return harness.run_model(self.binary, self.inputs, self.folder,
                                 f"--threads={self.threads}", f"--benchmark={runs}",
                                 "--quiet")[1]["median_ms"]


class Peer:
    def __init__(self, path, inputs, threads):
        self.engine, self.inputs = peers.OnnxRuntime(path, threads), inputs

    def measure(self, runs):
        self.engine.run(self.inputs)  # wakes its threads
        median = statistics.median(peers.time_runs(self.engine, self.inputs, runs))
        time.sleep(0.02)  # until they sleep again
        return median


def measure_latency(name, options, flags, folder):
    given = list(samples.calibration(name, options.samples))
    data = samples.write(given, os.path.join(folder, "samples"))
    path = harness.model_path(name)
    engines = [
        Ours(harness.compile_model(path, os.path.join(folder, "f32.so")), None, folder,
             options.threads),
        Ours(compile_ours(name, os.path.join(folder, "w8a8.so"), data, flags), None,
             folder, options.threads),
        Peer(quantize(prepare(name, folder), given, folder), None, options.threads),
        Peer(path, None, options.threads)]
    inputs = samples.workloads.feed(samples.workload(name), harness.load_model(name))
    for engine in engines:
        engine.inputs = inputs
    runs = [max(3, min(500, int(RUN_MS / max(engine.measure(3), 1e-3))))
            for engine in engines]
    rounds = []
    for _ in range(options.rounds):
        rounds.append([engine.measure(n) for engine, n in zip(engines, runs)])
    medians = [statistics.median(times) for times in zip(*rounds)]
    over = [statistics.median(times[1] / times[i] for times in rounds) for i in (0, 2)]
    return (f"| {name} | " + " | ".join(f"{ms:.2f}" for ms in medians)
            + f" | {over[0]:.2f} | {over[1]:.2f} |")


HEADERS = {
    "accuracy": "| model | products | ours, dB | ONNX Runtime | least gain | worse | "
                "error of outputs | ONNX Runtime |\n|---|---|---|---|---|---|---|---|",
    "latency": "| model | f32, ms | w8a8 | ONNX Runtime, 8 bits | its f32 | w8a8 / f32 | "
               "w8a8 / ONNX Runtime |\n|---|---|---|---|---|---|---|"}


def main():
    arguments, flags = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, flags = arguments[:split], arguments[split + 1:]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=HEADERS)
    parser.add_argument("--models")
    parser.add_argument("--samples", type=int, default=16, help="for calibration")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", action="store_true")
    options = parser.parse_args(arguments)
    measure = measure_accuracy if options.what == "accuracy" else measure_latency
    models = options.models or (ACCURACY_MODELS if options.what == "accuracy"
                                else LATENCY_MODELS)
    print(HEADERS[options.what], flush=True)
    for name in models.split(","):
        with tempfile.TemporaryDirectory(prefix="cinch-peer-") as folder:
            print(measure(name, options, flags, folder), flush=True)
    if options.what == "latency":
        print(f"\n{options.threads} threads, medians of {options.rounds} rounds; load "
              f"average {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
