"""The engines that compare.py runs, and what their sessions hold in memory."""
import os
import subprocess
import sys
import time

import numpy as np
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


# Runs in a process of its own, whose allocator counts.
_MEASURE = """
import ctypes, sys
import numpy as np
import onnxruntime
hooks = ctypes.CDLL(None)
hooks.hooks_start_peak.restype = ctypes.c_long
hooks.hooks_peak_bytes.restype = ctypes.c_long
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[3])
options.log_severity_level = 3
# One allocation for each value, freed after its last use.
options.enable_cpu_mem_arena = False
options.enable_mem_pattern = False
session = onnxruntime.InferenceSession(sys.argv[1], options,
                                       providers=["CPUExecutionProvider"])
binding = session.io_binding()
inputs = dict(np.load(sys.argv[2]))
for name, value in inputs.items():
    binding.bind_cpu_input(name, value)
names = [output.name for output in session.get_outputs()]
for name, value in zip(names, session.run(names, inputs)):
    binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
session.run_with_iobinding(binding)
held = hooks.hooks_start_peak()
session.run_with_iobinding(binding)
print(hooks.hooks_peak_bytes() - held)
"""


def live_peak(path, inputs, folder, threads):
    """Bytes that one run of ONNX Runtime holds at its peak, beside what its session
    holds between runs.

    Seen from its allocations, with its default optimizations but without its arena,
    which would hide when a value ends. Inputs and outputs are the caller's; what
    its kernels allocate for themselves is counted, as Cinch's scratch is. None
    where ONNX Runtime cannot run the model.
    """
    library, given = (os.path.join(folder, name) for name in ("live.so", "live.npz"))
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../test/runtime/Hooks/Hooks.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    np.savez(given, **inputs)
    done = subprocess.run([sys.executable, "-c", _MEASURE, path, given, str(threads)],
                          env=os.environ | {"LD_PRELOAD": library},
                          stdout=subprocess.PIPE, text=True)
    return int(done.stdout) if done.returncode == 0 else None
