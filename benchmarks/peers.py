"""The engines that compare.py runs, and what their sessions hold in memory."""
import json
import os
import time

import numpy as np
import onnx
import onnxruntime

try:
    import openvino
except ImportError:
    openvino = None


class OnnxRuntime:
    """ONNX Runtime with its default optimizations."""
    name = "ONNX Runtime"

    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        start = time.perf_counter()
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"])
        self.load_ms = 1000 * (time.perf_counter() - start)

    def run(self, inputs):
        return self.session.run(None, inputs)


class OpenVino:
    """OpenVINO's CPU device for latency, computing in f32."""
    name = "OpenVINO"

    def __init__(self, path, threads):
        core = openvino.Core()
        start = time.perf_counter()
        self.model = core.compile_model(path, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32"})
        self.load_ms = 1000 * (time.perf_counter() - start)
        self.request = self.model.create_infer_request()

    def run(self, inputs):
        return self.request.infer(inputs)


PEERS = [OnnxRuntime] + ([OpenVino] if openvino else [])


def time_runs(engine, inputs, runs):
    """Milliseconds of each of `runs` runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        engine.run(inputs)
        times.append(1000 * (time.perf_counter() - start))
    return times


_BYTES = {"float": 4, "double": 8, "float16": 2, "bfloat16": 2, "bool": 1,
          "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4,
          "uint32": 4, "int64": 8, "uint64": 8}


def _bytes(type_and_shape):
    (dtype, shape), = type_and_shape.items()
    return _BYTES[dtype] * int(np.prod(shape, dtype=np.int64))


def _profile(path, inputs):
    """{node name: (start, bytes of its outputs)} of one run of the graph as it
    is in `path`."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    options.profile_file_prefix = os.path.splitext(path)[0]
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options,
                                           providers=["CPUExecutionProvider"])
    session.run(None, inputs)
    with open(session.end_profiling()) as file:
        events = json.load(file)
    suffix = "_kernel_time"
    return {event["name"][:-len(suffix)]:
            (event["ts"], [_bytes(o) for o in event["args"]["output_type_shape"]])
            for event in events if event.get("cat") == "Node"
            and event["name"].endswith(suffix)}


def live_peak(path, inputs, folder):
    """Bytes of activations that ONNX Runtime must hold at once.

    The graph that its default optimizations make is saved, its nodes get unique
    names, and one profiled run of it gives the order of the nodes and the shapes
    of their outputs. A value is alive from its node to its last reader; a node
    may write its outputs over all inputs that nobody reads after it, the best
    that reuse can do. Inputs, outputs and weights of the model are not counted,
    nor is what kernels allocate inside: the true peak is at least this. None where
    the graph has bodies (If, Loop), which the profile does not tell apart, or
    cannot be saved.
    """
    optimized = os.path.join(folder, "optimized.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = optimized
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        model = onnx.load(optimized)
        for index, node in enumerate(model.graph.node):
            node.name = f"node{index}"
        # Weights that were optimized away may be left as inputs.
        given = inputs.keys() | {weight.name for weight in model.graph.initializer}
        for value in [v for v in model.graph.input if v.name not in given]:
            model.graph.input.remove(value)
        if any(a.g.node for node in model.graph.node for a in node.attribute):
            return None
        onnx.save(model, optimized)
        executed = _profile(optimized, inputs)
    except Exception as error:  # whatever ONNX Runtime says about the file
        print(f"no live peak of {os.path.basename(path)}: {error}")
        return None
    nodes = sorted((node for node in model.graph.node if node.name in executed),
                   key=lambda node: executed[node.name][0])
    returned = {output.name for output in model.graph.output}
    size, last = {}, {}
    for step, node in enumerate(nodes):
        names = [name for name in node.output if name]
        for name, count in zip(names, executed[node.name][1]):
            size[name] = 0 if name in returned else count
            last[name] = step
        for name in node.input:
            last[name] = step
    alive, peak = set(), 0
    for step, node in enumerate(nodes):
        ending = {name for name in alive if last[name] == step}
        staying = sum(size[name] for name in alive - ending)
        made = {name for name in node.output if name in size}
        peak = max(peak, staying + max(sum(size[name] for name in ending),
                                       sum(size[name] for name in made)))
        alive = (alive - ending) | {name for name in made if last[name] > step}
    return peak
