"""Compiles and runs a model and compares it with ONNX Runtime.

    quickstart.py MODEL.onnx FOLDER [--batch N] [--length N]
"""
import argparse
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import onnxruntime

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 1e-4  # of the largest value of an output


def run(tool, *arguments):
    print("$", shlex.join([f"build/bin/{tool}", *arguments]), flush=True)
    done = subprocess.run([os.path.join(ROOT, "build", "bin", tool), *arguments])
    if done.returncode:
        sys.exit(done.returncode)


def tokens(batch, length):
    rng = np.random.default_rng(0)
    return {"input_ids": rng.integers(0, 4000, (batch, length)),
            "attention_mask": np.ones((batch, length), np.int64)}


def reference(model, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options,
                                           providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("folder")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=128)
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    binary, given, got, report, stats = (
        os.path.relpath(os.path.join(arguments.folder, name))
        for name in ("model.so", "in.npz", "out.npz", "report.txt", "stats.json"))

    inputs = tokens(arguments.batch, arguments.length)
    np.savez(given, **inputs)
    model = os.path.relpath(arguments.model)
    run("cinch-compile", model, "-o", binary, f"--report={report}")
    run("cinch-run", binary, "--inputs", given, "--outputs", got,
        "--measure-memory", "--json", stats)

    worst = 0.0
    outputs = np.load(got)
    for name, want in reference(model, inputs).items():
        difference = np.abs(outputs[name].astype(np.float64) - want).max()
        worst = max(worst, difference / max(np.abs(want).max(), 1e-30))
    with open(stats) as file:
        measured = json.load(file)
    print(f"\ncompared with ONNX Runtime {onnxruntime.__version__} (optimizations "
          f"off): largest error {worst:.1e} of the largest value")
    for key, what in (("predicted_peak_bytes", "predicted peak"),
                      ("measured_peak_bytes", "measured peak"),
                      ("lower_bound_bytes", "lower bound"),
                      ("weights_bytes", "weights")):
        print(f"{what:15s}{measured[key]:>12,} bytes")
    print(f"the whole report is in {report}")
    if worst > LIMIT:
        sys.exit(f"quickstart: the error is above {LIMIT}")
    if measured["predicted_peak_bytes"] != measured["measured_peak_bytes"]:
        sys.exit("quickstart: the measured peak is not the predicted one")


if __name__ == "__main__":
    main()
