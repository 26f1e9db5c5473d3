#!/usr/bin/env python3
"""Says where the time of each model goes: the table of docs/performance.md.

    kernel_shares.py [--only NAME,...] [--threads N]

Every model of test/models/workloads.py at its first size, run ten times with
`cinch-run --profile`. Shares are of the time in kernels; GFLOP/s are the operations
of all kernels of a kind over their time. Needs a build (tools/setup.sh).
"""
import argparse
import collections
import re
import subprocess
import tempfile

from compare import Cinch, harness, tool, workloads

# us/call, calls, GFLOP/s, GB/s, name (operators, kind)
LINE = re.compile(r"\s+([\d.]+)\s+(\d+)\s+([\d.]+)\s+([\d.]+)\s+\S+ \((.+), (\w+)\)$")
KINDS = ["convolution", "matmul", "attention", "the rest"]


def kind_of(operators, kind):
    names = operators.split("+")
    if kind == "library" and "softmax" in names:
        return "attention"
    if any(name.startswith("conv") for name in names):
        return "convolution"
    return "matmul" if kind == "library" else "the rest"


def measure(workload, threads):
    """{kind: (microseconds, floating-point operations)} of one run."""
    model = harness.model_path(workload.model)
    inputs = workloads.feed(workload, harness.load_model(workload.model))
    sums = collections.defaultdict(lambda: [0.0, 0.0])
    with tempfile.TemporaryDirectory(prefix="cinch-shares-") as folder:
        cinch = Cinch(model, inputs, folder, threads)
        text = subprocess.run(
            [tool("cinch-run"), cinch.binary, "--inputs", cinch.given, "--threads",
             str(threads), "--benchmark=10", "--profile"],
            stdout=subprocess.PIPE, text=True, check=True).stdout
    for match in filter(None, map(LINE.match, text.splitlines())):
        time = float(match[1]) * int(match[2])
        total = sums[kind_of(match[5], match[6])]
        total[0] += time
        total[1] += float(match[3]) * 1e3 * time
    return sums


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME,...")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    print("| model | " + " | ".join(KINDS) + " |")
    print("| --- |" + " --- |" * len(KINDS))
    for workload in workloads.WORKLOADS:
        if only and workload.name not in only:
            continue
        sums = measure(workload, arguments.threads)
        total = sum(time for time, _ in sums.values())
        cells = []
        for kind in KINDS:
            time, flops = sums[kind]
            cell = f"{100 * time / total:.0f} %" if time else "–"
            if time >= 0.05 * total and flops and kind != "the rest":
                cell += f", {flops / time / 1e3:.0f} GFLOP/s"
            cells.append(cell)
        print(f"| {workload.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
