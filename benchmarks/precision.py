#!/usr/bin/env python3
"""What 16 bits cost in accuracy: the table of docs/precision.md.

    precision.py [--models NAME,...] [--device cpu|emulated] [--goal ERROR]

Per workload of test/models and precision: the largest error of an output over its
largest value, and the norm of the error over the norm of the output, both against
f32 on the CPU, on five seeded inputs. On the emulated device the last, smallest
size runs, once, and a model that takes longer than a minute is left out. With a
goal, two other seeds of the last size are the samples of --precision-goal, and five
inputs of that size are compared.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402
import workloads  # noqa: E402


def measure(got, want):
    """(largest error over largest value, norm over norm), the worst of all outputs."""
    errors = [(0.0, 0.0)]
    for name, exact in want.items():
        if exact.dtype.kind == "f" and exact.size:
            exact = exact.astype(np.float64)
            error = np.abs(got[name] - exact)
            errors.append((error.max() / max(np.abs(exact).max(), 1e-30),
                           np.linalg.norm(error) / max(np.linalg.norm(exact), 1e-30)))
    return tuple(map(max, zip(*errors)))


def compile_goal(workload, model, size, goal, folder):
    """The flags of a goal, with two samples of other seeds."""
    sets = [workloads.feed(workload, model, size, seed) for seed in (100, 101)]
    np.savez(f"{folder}/samples.npz", **{k: np.stack([s[k] for s in sets]) for k in sets[0]})
    return [f"--precision-goal={goal}", f"--precision-samples={folder}/samples.npz"]


def compare(workload, precision, options, folder):
    path, model = harness.model_path(workload.model), harness.load_model(workload.model)
    is_cpu = options.device == "cpu"
    is_last = workload.sizes and not (is_cpu and options.goal is None)
    size = len(workload.sizes) - 1 if is_last else 0
    flags = [] if is_cpu else ["--target=cuda:sm_80"]
    if options.goal:
        flags += compile_goal(workload, model, size, options.goal, folder)
    exact = harness.compile_model(path, f"{folder}/f32.so")
    rounded = harness.compile_model(path, f"{folder}/16.so", f"--precision={precision}", *flags)
    errors = []
    for seed in range(5 if is_cpu else 1):
        inputs = workloads.feed(workload, model, size, seed)
        want, _ = harness.run_model(exact, inputs, folder)
        got, _ = harness.run_model(rounded, inputs, folder,
                                   *([] if is_cpu else ["--device=emulated"]))
        errors.append(measure(got, want))
    return tuple(map(max, zip(*errors)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", help="names, separated by commas")
    parser.add_argument("--device", choices=["cpu", "emulated"], default="cpu")
    parser.add_argument("--goal", type=float)
    options = parser.parse_args()
    names = options.models.split(",") if options.models else None
    print("| model | f16 largest | f16 norm | bf16 largest | bf16 norm |")
    print("|---|---|---|---|---|")
    for workload in workloads.WORKLOADS:
        if names and workload.name not in names:
            continue
        cells = []
        for precision in ("f16", "bf16"):
            with tempfile.TemporaryDirectory() as folder:
                cells += compare(workload, precision, options, folder)
        print(f"| {workload.name} | " + " | ".join(f"{c:.1e}" for c in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
