#!/usr/bin/env python3
"""Compares compiled models with ONNX Runtime and OpenVINO on this machine.

    compare.py [--only NAME,...] [--tokens N] [--rounds N] [--threads N]
               [-o FILE.md] [--json FILE.json]

Every model of test/models/workloads.py at its first size, and a few kernels; with
--tokens, the models of text with so many tokens at once. The engines take turns in
rounds: cinch-run in a process of its own, the others in this one, whose threads
sleep meanwhile. A round times as many runs as fit into the same fraction of a second
for all, and takes their median; the table has the median over the rounds, ratios are
those of the same rounds. Memory is the arena
(cinch-run --measure-memory) against the live peak of ONNX Runtime, seen from its
allocations (peers.py; needs a C compiler). OpenVINO takes part if it is installed:
pip install -r benchmarks/requirements.txt. Needs a build (tools/setup.sh).

Trust no ratio of a load average above the number of cores.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402
import kernels  # noqa: E402
import peers  # noqa: E402
import workloads  # noqa: E402

ROUND_MS = 150


# The peak of a process counts what its parent had when it was made, so that the
# parent has to be a small one.
LAUNCHER = """
import json, os, resource, sys, time
start = time.perf_counter()
_, status = os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, 1024 * peak]))
"""


def spawn(*command):
    """Runs a command that prints nothing; returns (exit status, seconds, peak RSS
    in bytes)."""
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, *map(str, command)],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def tool(name):
    return os.path.join(harness.BUILD, "bin", name)


class Cinch:
    """A compiled model and its inputs, run by cinch-run."""

    def __init__(self, model, inputs, folder, threads):
        self.binary = os.path.join(folder, "model.so")
        status, self.compile_s, self.compile_rss = spawn(
            tool("cinch-compile"), model, "-o", self.binary, "--quiet")
        if status:
            raise RuntimeError(f"cinch-compile: exit status {status}")
        self.given = os.path.join(folder, "in.npz")
        self.stats = os.path.join(folder, "stats.json")
        self.threads = threads
        harness.write_npz(self.given, inputs)

    def run(self, *flags):
        status, _, _ = spawn(tool("cinch-run"), self.binary, "--inputs", self.given,
                             "--json", self.stats, "--quiet", "--threads",
                             self.threads, *flags)
        if status:
            raise RuntimeError(f"cinch-run: exit status {status}")
        with open(self.stats) as file:
            return json.load(file)


def take_turns(cinch, engines, inputs, rounds):
    """{engine: [median ms of each round]}, cinch's included; sets load times."""
    names = ["cinch"] + [engine.name for engine in engines]
    times = {name: [] for name in names}
    loads = []
    first = [cinch.run("--benchmark=2")["median_ms"]] + [
        statistics.median(peers.time_runs(engine, inputs, 3)) for engine in engines]
    runs = [max(1, min(1000, int(ROUND_MS / max(ms, 1e-3)))) for ms in first]
    for _ in range(rounds):
        stats = cinch.run(f"--benchmark={runs[0]}")
        times["cinch"].append(stats["median_ms"])
        loads.append(stats["load_ms"])
        for engine, count in zip(engines, runs[1:]):
            engine.run(inputs)  # wakes its threads
            times[engine.name].append(
                statistics.median(peers.time_runs(engine, inputs, count)))
            time.sleep(0.02)  # until they sleep again
    return times, statistics.median(loads)


def compare(model, inputs, arguments):
    """The record of one model."""
    with tempfile.TemporaryDirectory(prefix="cinch-compare-") as folder:
        cinch = Cinch(model, inputs, folder, arguments.threads)
        engines = []
        for peer in peers.PEERS:
            try:
                engine = peer(model, arguments.threads)
                engine.run(inputs)
                engines.append(engine)
            except Exception as error:  # whatever the peer says about the model
                print(f"{peer.name}: {os.path.basename(model)}: {error}", file=sys.stderr)
        times, load_ms = take_turns(cinch, engines, inputs, arguments.rounds)
        memory = cinch.run("--measure-memory")
        record = {"rounds": times, "load_ms": {"cinch": load_ms},
                  "compile_s": cinch.compile_s, "compile_rss": cinch.compile_rss,
                  "arena_bytes": memory["measured_peak_bytes"],
                  "peer_live_bytes": peers.live_peak(model, inputs, folder,
                                                     arguments.threads)}
        record["load_ms"].update({engine.name: engine.load_ms for engine in engines})
    record["ms"] = {name: statistics.median(all) for name, all in times.items()}
    record["ratio"] = {  # over 1: cinch is faster
        name: statistics.median(b / a for a, b in zip(times["cinch"], times[name]))
        for name in times if name != "cinch"}
    return record


def geometric_mean(values):
    values = [value for value in values if value]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def cell(value, digits=2):
    return "–" if value is None else f"{value:,.{digits}f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |",
             "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def format_models(models, names):
    header = ["model", "cinch ms"]
    for name in names:
        header += [f"{name} ms", f"{name} / cinch"]
    header += ["arena KiB", "peer live KiB", "peer / arena", "compile s", "compile MiB",
               "load ms", "peer load ms"]
    rows, memory = [], []
    for model, record in models.items():
        row = [model, cell(record["ms"]["cinch"], 3)]
        for name in names:
            row += [cell(record["ms"].get(name), 3), cell(record["ratio"].get(name))]
        arena, live = record["arena_bytes"], record["peer_live_bytes"]
        memory.append(live / arena if live and arena else None)
        row += [cell(arena / 1024, 0), cell(live / 1024 if live is not None else None, 0),
                cell(memory[-1]), cell(record["compile_s"]),
                cell(record["compile_rss"] / 2 ** 20, 0), cell(record["load_ms"]["cinch"]),
                cell(record["load_ms"].get("ONNX Runtime"))]
        rows.append(row)
    mean = ["geometric mean", ""]
    for name in names:
        mean += ["", cell(geometric_mean(r["ratio"].get(name) for r in models.values()))]
    rows.append(mean + ["", "", cell(geometric_mean(memory)), "", "", "", ""])
    return table(header, rows)


def format_kernels(records, names):
    rows = [[kernel] + [cell(record["gflops"].get(name), 1) for name in ["cinch"] + names]
            for kernel, record in records.items()]
    return table(["GFLOP/s"] + ["cinch"] + names, rows)


def write(result, arguments):
    """Writes the files that were asked for; returns the table."""
    result["load_average"][1:] = [os.getloadavg()]
    names = [peer.name for peer in peers.PEERS]
    first, last = (load[0] for load in result["load_average"])
    text = (f"{arguments.threads} threads, medians of {arguments.rounds} rounds; load "
            f"average {first:.1f} before, {last:.1f} after.\n\n"
            + format_models(result["models"], names) + "\n"
            + (format_kernels(result["kernels"], names) if result["kernels"] else ""))
    if arguments.output:
        with open(arguments.output, "w") as file:
            file.write(text)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)
    return text


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME,...")
    parser.add_argument("--tokens", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", dest="output", default="", metavar="FILE.md")
    parser.add_argument("--json", default="", metavar="FILE.json")
    arguments = parser.parse_args()
    for name in ("cinch-compile", "cinch-run"):
        if not os.path.exists(tool(name)):
            sys.exit(f"compare: no {name} in {harness.BUILD}/bin: run tools/setup.sh")
    only = set(filter(None, arguments.only.split(",")))
    result = {"threads": arguments.threads, "rounds": arguments.rounds,
              "load_average": [os.getloadavg()], "models": {}, "kernels": {}}
    for workload in workloads.WORKLOADS:
        if only and not {workload.name, workload.model} & only:
            continue
        if arguments.tokens:
            workload = workloads.with_tokens(workload, arguments.tokens)
            if not workload:
                continue
        inputs = workloads.feed(workload, harness.load_model(workload.model))
        try:
            result["models"][workload.name] = compare(
                harness.model_path(workload.model), inputs, arguments)
        except RuntimeError as error:
            print(f"{workload.name}: {error}", file=sys.stderr)
        write(result, arguments)  # what there is, should it be interrupted
        print(workload.name, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="cinch-kernels-") as folder:
        for name, make in kernels.KERNELS.items():
            if arguments.tokens or only and name.split()[0] not in only:
                continue
            path = os.path.join(folder, "kernel.onnx")
            inputs, flops = make(path)
            record = compare(path, inputs, arguments)
            record["gflops"] = {engine: flops / ms / 1e6
                                for engine, ms in record["ms"].items()}
            result["kernels"][name] = record
        write(result, arguments)
    print(write(result, arguments))


if __name__ == "__main__":
    main()
