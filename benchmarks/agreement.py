#!/usr/bin/env python3
"""Prints the table of the README: agreement with ONNX Runtime and memory.

    agreement.py [--only NAME,...] [--skip-nodes]

Each model is compiled once and run at every size of test/models/workloads.py;
the error is the largest of all sizes, the bytes are those of the first size.
Peak bytes are of the arena (activations and scratch), measured from outside by
`cinch-run --measure-memory`. Needs a build (tools/setup.sh).
"""
import argparse
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402
import nodes  # noqa: E402
import test_tiny_lm  # noqa: E402
import workloads  # noqa: E402


def exported(workload, folder):
    """How well the model agrees with itself after --emit=onnx, in words."""
    path = os.path.join(folder, "exported.onnx")
    source = harness.model_path(workload.model)
    done = harness.run("cinch-compile", source, "--emit=onnx", "-o", path)
    if done.status != 0:
        return "failed"
    inputs = workloads.feed(workload, harness.load_model(workload.model))
    try:
        got = harness.run_onnxruntime(path, inputs)
    except Exception as error:  # whatever ONNX Runtime says about the file
        print(f"{workload.name}: exported model: {error}", file=sys.stderr)
        return "not loaded"
    error = harness.relative_error(got, harness.run_onnxruntime(source, inputs))
    return f"{error:.1e}"


def row(workload, binary, folder):
    sizes = range(max(1, len(workload.sizes)))
    results = [harness.measure(workload, size, binary, folder) for size in sizes]
    first = results[0]
    equal = all(r.predicted == r.measured for r in results)
    return [workload.name, len(results),
            f"{max(r.error for r in results):.1e}", f"{workload.tolerance:.0e}",
            f"{first.predicted:,}", f"{first.measured:,}", "yes" if equal else "NO",
            f"{max(r.ratio for r in results):.3f}",
            f"{first.stats['weights_bytes']:,}", exported(workload, folder)]


def models(selected):
    header = ["model", "sizes", "error", "allowed", "predicted peak", "measured peak",
              "equal at all sizes", "plan / lower bound", "weights", "export error"]
    print("|", " | ".join(header), "|")
    print("|", " | ".join(["---"] + ["---:"] * (len(header) - 1)), "|")
    binaries = {}
    with tempfile.TemporaryDirectory(prefix="cinch-agreement-") as folder:
        for workload in selected:
            try:
                if workload.model not in binaries:
                    path = os.path.join(folder, f"{workload.model}.so")
                    binaries[workload.model] = harness.compile_model(
                        harness.model_path(workload.model), path)
                cells = row(workload, binaries[workload.model], folder)
            except AssertionError as error:
                print(f"{workload.name}: {error}", file=sys.stderr)
                cells = [workload.name, *["failed"] * (len(header) - 1)]
            print("|", " | ".join(map(str, cells)), "|", flush=True)
        if "tiny_lm" in binaries:
            bits = test_tiny_lm.bits_per_byte(binaries["tiny_lm"], folder)
            print(f"\ntiny_lm: {bits:.6f} bits per byte on the evaluation text "
                  f"(ONNX Runtime: {test_tiny_lm.BITS_PER_BYTE})")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME,...")
    parser.add_argument("--skip-nodes", action="store_true")
    arguments = parser.parse_args()
    for tool in ("cinch-compile", "cinch-run"):
        if not os.path.exists(os.path.join(harness.BUILD, "bin", tool)):
            sys.exit(f"agreement: no {tool} in {harness.BUILD}/bin: run tools/setup.sh")
    only = set(filter(None, arguments.only.split(",")))
    models([w for w in workloads.WORKLOADS
            if not only or w.name in only or w.model in only])
    if arguments.skip_nodes:
        return
    cases = nodes.load_cases()
    pool, futures = nodes.start(cases)
    results = [future.result() for future in futures.values()]
    pool.shutdown()
    table = os.path.join(harness.BUILD, "test-results", "onnx-nodes.tsv")
    nodes.write_table(results, table)
    counts = ", ".join(f"{n} {kind}" for kind, n in nodes.count(results).items())
    print(f"\nONNX node tests, {len(results)} cases: {counts}")


if __name__ == "__main__":
    main()
