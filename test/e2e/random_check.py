#!/usr/bin/env python3
"""Compiles random graphs, runs them and compares with ONNX Runtime.

    random_check.py [--count N] [--seed FIRST] [--flags=--pipeline=reference]
                    [--failures FOLDER] [--only SEED] [--no-minimize]

Prints a line for each failure, with its seed, and saves the model, its inputs
and a smaller model that fails in the same way. Exits with 1 if there are any.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import os
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import helper

HERE = os.path.dirname(os.path.abspath(__file__))
if __name__ == "__main__":
    sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "models")]

import harness  # noqa: E402
import random_graphs  # noqa: E402
from random_graphs import TYPES  # noqa: E402

SECONDS = 60
TOLERANCE = 2e-5
TRIALS = 3


class Failure(Exception):
    """What went wrong: the text begins with its kind and a colon."""

    @property
    def kind(self):
        return str(self).split(":")[0]


class PeerFailure(Exception):
    """ONNX Runtime does not run the model."""


def run_peer(model, feeds):
    """{output name: array} by ONNX Runtime with its optimizations off."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return [dict(zip(names, session.run(names, feed))) for feed in feeds]
    except Exception as error:  # its exceptions have no common base
        raise PeerFailure(str(error)) from None


def spread(model, feed, want):
    """How far the outputs move when the inputs do by a few units in the last
    place: {name: array}. What an ill-conditioned model may be wrong by."""
    random = np.random.default_rng(1)
    moved = {}
    for _ in range(TRIALS):
        inputs = {name: (array + 1e-6 * (1 + np.abs(array)) * random.standard_normal(
            array.shape)).astype(array.dtype) if array.dtype == np.float32 else array
                  for name, array in feed.items()}
        for name, array in run_peer(model, [inputs])[0].items():
            if array.dtype == np.float32:
                distance = np.abs(array - want[name]).max(initial=0.0)
                moved[name] = np.fmax(moved.get(name, 0.0), distance)
    return moved


def is_standard(model, feed, name, actual, largest):
    """Whether the standard's own implementation agrees with `actual`: ONNX
    Runtime rounds worse where a normalization meets equal values."""
    from onnx.reference import ReferenceEvaluator
    try:
        expected = ReferenceEvaluator(model).run([name], feed)[0]
    except Exception:  # it lacks operators, and raises what it likes
        return False
    return expected.shape == actual.shape and bool(
        np.abs(actual - expected).max(initial=0.0) <= TOLERANCE * largest)


def compare(model, feed, got, want):
    """Raises Failure where an output differs."""
    moved = None
    for name, expected in want.items():
        actual = got.get(name)
        if actual is None or actual.shape != expected.shape or (
                actual.dtype != expected.dtype):
            raise Failure(f"wrong: output {name} is "
                          f"{'missing' if actual is None else (actual.dtype, actual.shape)}"
                          f", expected {expected.dtype, expected.shape}")
        if expected.dtype != np.float32:
            if not np.array_equal(actual, expected):
                raise Failure(f"wrong: {np.count_nonzero(actual != expected)} of "
                              f"{expected.size} integers of {name} differ")
            continue
        if not np.array_equal(np.isfinite(actual), np.isfinite(expected)):
            raise Failure(f"wrong: NaNs or infinities of {name} differ")
        finite = np.isfinite(expected)
        error = np.abs(np.where(finite, actual, 0) - np.where(finite, expected, 0)).max(
            initial=0.0)
        largest = np.abs(expected[finite]).max(initial=0.0)
        if error <= TOLERANCE * largest:
            continue
        if moved is None:
            moved = spread(model, feed, want)
        if not (error <= TOLERANCE * largest + 30 * moved[name] or
                is_standard(model, feed, name, actual, largest)):
            raise Failure(f"wrong: {name} differs by {error:g}, its largest value is "
                          f"{largest:g}")


def ended(done, tool):
    if done.status is None:
        raise Failure(f"hang: {tool}")
    if done.crashed or "Sanitizer" in done.output:
        raise Failure(f"crash: {tool} status {done.status}: {done.output[-2000:]}")
    if done.status == harness.UNSUPPORTED:
        raise Failure(f"refused: {done.output[:600]}")
    if done.status != 0:
        raise Failure(f"{tool} failed: status {done.status}: {done.output[:600]}")


def judge(graph, flags=()):
    """Raises Failure if Cinch does not compute `graph` right, in exactly the
    memory that it plans, at each of its sizes."""
    want = run_peer(graph.model, graph.feeds)
    with tempfile.TemporaryDirectory(prefix="cinch-random-") as folder:
        path, binary, given, got, stats = (os.path.join(folder, name) for name in (
            "model.onnx", "model.so", "in.npz", "out.npz", "stats.json"))
        onnx.save(graph.model, path)
        ended(harness.run("cinch-compile", path, "-o", binary, *flags, timeout=SECONDS),
              "cinch-compile")
        for feed, expected in zip(graph.feeds, want):
            harness.write_npz(given, feed)
            ended(harness.run("cinch-run", binary, "--inputs", given, "--outputs", got,
                              "--json", stats, "--measure-memory", timeout=SECONDS),
                  "cinch-run")
            compare(graph.model, feed, harness.read_npz(got), expected)
            with open(stats) as file:
                memory = harness.json.load(file)
            if memory["predicted_peak_bytes"] != memory["measured_peak_bytes"]:
                raise Failure(f"memory: predicted {memory['predicted_peak_bytes']}, "
                              f"measured {memory['measured_peak_bytes']}")


# -- Smaller models that fail alike ------------------------------------------------


def values_of(graph):
    """[{name: array}] of every value of the graph, by ONNX Runtime."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    known = {output.name for output in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in known:
                model.graph.output.add().name = name
    return [{**feed, **values}
            for feed, values in zip(graph.feeds, run_peer(model, graph.feeds))]


def restrict(graph, values, nodes, outputs):
    """The graph of `nodes` alone, at its first size: what they read and none of
    them makes becomes an input."""
    weights = {w.name: w for w in graph.model.graph.initializer}
    made = {name for node in nodes for name in node.output}
    read = [name for node in nodes for name in node.input if name]
    given = [n for n in dict.fromkeys(read) if n not in made and n not in weights]
    kinds = {np.dtype(d): t for t, d in TYPES.values()}

    def info(name):
        array = values[name]
        return helper.make_tensor_value_info(name, kinds[array.dtype], array.shape)

    main = helper.make_graph(nodes, "smaller", [info(n) for n in given],
                             [info(n) for n in outputs],
                             [weights[n] for n in dict.fromkeys(read) if n in weights])
    model = helper.make_model(main, ir_version=graph.model.ir_version,
                              opset_imports=graph.model.opset_import)
    return random_graphs.Graph(model, [{n: values[n] for n in given}])


def minimize(graph, kind, flags=(), seconds=90):
    """A graph of fewer nodes that fails with `kind`; None if no smaller one does."""
    end = time.monotonic() + seconds

    def fails(candidate):
        try:
            judge(candidate, flags)
        except Failure as failure:
            return failure.kind == kind
        except (PeerFailure, ValueError):
            pass
        return False

    best = None
    for values in values_of(graph):
        nodes = list(graph.model.graph.node)
        at = len(nodes)
        while at > 0 and time.monotonic() < end:
            at = min(at, len(nodes)) - 1
            left = nodes[:at] + nodes[at + 1:]
            read = {name for node in left for name in node.input}
            outputs = [n for node in left for n in node.output if n and n not in read]
            if left and fails(restrict(graph, values, left, outputs)):
                nodes, best = left, restrict(graph, values, left, outputs)
        if best:
            return best
    return None


def save(graph, folder, name):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    onnx.save(graph.model, path + ".onnx")
    for size, feed in enumerate(graph.feeds):
        harness.write_npz(f"{path}.in{size}.npz", feed)
    return path + ".onnx"


@dataclasses.dataclass
class Outcome:
    seed: int
    failure: str = ""  # empty: right
    peer: str = ""  # why ONNX Runtime does not run it
    saved: str = ""


def run_seed(seed, flags=(), failures=None, minimizes=True):
    """The Outcome of the graph of `seed`; what fails is saved in `failures`."""
    graph = random_graphs.make(seed)
    try:
        judge(graph, flags)
    except PeerFailure as error:
        return Outcome(seed, peer=str(error))
    except Failure as failure:
        outcome = Outcome(seed, failure=str(failure))
        if failures:
            outcome.saved = save(graph, failures, f"seed{seed}")
            smaller = minimizes and minimize(graph, failure.kind, flags)
            if smaller:
                outcome.saved = save(smaller, failures, f"seed{seed}-small")
        return outcome
    return Outcome(seed)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--flags", default="", help="for cinch-compile")
    parser.add_argument("--failures", default="random-failures")
    parser.add_argument("--only", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-minimize", action="store_true")
    arguments = parser.parse_args()
    seeds = ([arguments.only] if arguments.only is not None else
             range(arguments.seed, arguments.seed + arguments.count))
    kinds, start = collections.Counter(), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(lambda s: run_seed(
                s, arguments.flags.split(), arguments.failures,
                not arguments.no_minimize), seeds):
            kinds[outcome.failure.split(":")[0] or
                  ("not run by the peer" if outcome.peer else "right")] += 1
            if outcome.failure or outcome.peer:
                print(f"seed {outcome.seed}: {outcome.failure or outcome.peer}\n"
                      f"  {outcome.saved}", flush=True)
    print(f"{len(seeds)} graphs in {time.monotonic() - start:.0f} s: "
          + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    return 1 if any(k not in ("right", "not run by the peer") for k in kinds) else 0


if __name__ == "__main__":
    sys.exit(main())
