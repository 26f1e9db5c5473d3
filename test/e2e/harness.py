"""Runs the built tools on models and compares with ONNX Runtime.

CINCH_BUILD names the build folder (default: build).
"""
import dataclasses
import errno
import functools
import io
import json
import os
import subprocess
import zipfile

import numpy as np
import onnx
import onnxruntime

import fetch
import workloads

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CINCH_BUILD", os.path.join(ROOT, "build")))

UNSUPPORTED = 77  # exit status: the model is valid, something in it is unsupported


@dataclasses.dataclass
class Done:
    """A finished command; status None: it did not end in time."""
    status: int | None
    output: str

    @property
    def crashed(self):
        return self.status is not None and (self.status < 0 or self.status in
                                            (134, 135, 136, 139))


def _start(command, **options):
    """subprocess.run. Some kernels refuse now and then, with EFAULT, to start one
    from several threads at once: then it is tried again."""
    for _ in range(4):
        try:
            return subprocess.run(command, **options)
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise
    return subprocess.run(command, **options)


def run(tool, *arguments, timeout=600, environment=None):
    """Runs build/bin/TOOL; never raises on a failure of the tool."""
    command = [os.path.join(BUILD, "bin", tool), *map(str, arguments)]
    try:
        done = _start(command, stdout=subprocess.PIPE, timeout=timeout,
                      stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                      env=environment and {**os.environ, **environment})
    except subprocess.TimeoutExpired as error:
        return Done(None, (error.output or b"").decode(errors="replace"))
    return Done(done.returncode, done.stdout.decode(errors="replace"))


def check(done, what):
    assert done.status is not None, f"{what} did not end in time\n{done.output}"
    assert done.status == 0, f"{what} exited with {done.status}\n{done.output}"


def model_path(name):
    return fetch.fetch(name, os.path.join(ROOT, "build", "models"))


def compile_model(path, output, *flags):
    check(run("cinch-compile", path, "-o", output, *flags),
          f"cinch-compile {os.path.basename(path)}")
    return output


def write_npz(path, arrays):
    """Like numpy.savez, for any key."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(array), allow_pickle=False)
            archive.writestr(name + ".npy", data.getvalue())


def read_npz(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def run_model(binary, inputs, folder, *flags):
    """Runs a compiled model on {name: array}; returns (outputs, stats)."""
    given, got, stats = (os.path.join(folder, n)
                         for n in ("in.npz", "out.npz", "stats.json"))
    write_npz(given, inputs)
    check(run("cinch-run", binary, "--inputs", given, "--outputs", got,
              "--json", stats, *flags), f"cinch-run {os.path.basename(binary)}")
    with open(stats) as file:
        return read_npz(got), json.load(file)


@functools.lru_cache(maxsize=2)
def _session(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options,
                                        providers=["CPUExecutionProvider"])


def run_onnxruntime(path, inputs):
    """{name: array} by ONNX Runtime with its optimizations off."""
    session = _session(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def relative_error(got, want):
    """The largest difference over the largest value of the expected output,
    the worst of all outputs; infinity where shapes, types or NaNs differ."""
    if got.keys() != want.keys():
        return float("inf")
    worst = 0.0
    for name, expected in want.items():
        actual = got[name]
        if actual.shape != expected.shape or actual.dtype != expected.dtype:
            return float("inf")
        if not expected.size:
            continue
        actual, expected = (np.asarray(a, np.float64) for a in (actual, expected))
        if not np.array_equal(np.isfinite(actual), np.isfinite(expected)):
            return float("inf")
        finite = np.isfinite(expected)
        if not np.array_equal(actual[~finite], expected[~finite], equal_nan=True):
            return float("inf")
        difference = np.abs(actual - expected)[finite].max(initial=0.0)
        if difference:
            largest = np.abs(expected)[finite].max()
            worst = max(worst, difference / largest if largest else float("inf"))
    return worst


@functools.lru_cache(maxsize=2)
def load_model(name):
    return onnx.load(model_path(name))


@dataclasses.dataclass
class Measurement:
    error: float
    predicted: int
    measured: int
    lower_bound: int
    stats: dict

    @property
    def ratio(self):
        """The plan over the lower bound."""
        if not self.lower_bound:
            return 1.0 if not self.predicted else float("inf")
        return self.predicted / self.lower_bound


def measure(workload, size, binary, folder, *flags):
    """Runs a compiled workload at a size index and compares it."""
    inputs = workloads.feed(workload, load_model(workload.model), size)
    got, stats = run_model(binary, inputs, folder, "--measure-memory", *flags)
    want = run_onnxruntime(model_path(workload.model), inputs)
    return Measurement(relative_error(got, want), stats["predicted_peak_bytes"],
                       stats["measured_peak_bytes"], stats["lower_bound_bytes"], stats)
