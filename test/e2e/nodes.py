"""The ONNX standard's node tests through the compiled binary.

Every case is one cinch-compile and one cinch-run process. Its outcome is
  pass      the outputs agree
  refused   cinch-compile exits with 77, says why, and leaves no file
  failed    a tool exits with another status
  wrong     the outputs differ
  crash     a tool was ended by a signal
  hang      a tool did not end within its time
"""
import concurrent.futures
import dataclasses
import os
import tempfile

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import harness

OUTCOMES = ["pass", "refused", "failed", "wrong", "crash", "hang"]
SECONDS = 60
LAST_PLACE = {"bfloat16": 2**-7, "float16": 2**-10}


@dataclasses.dataclass
class Outcome:
    name: str
    kind: str
    detail: str = ""


def load_cases():
    import onnx.backend.test.case.node as node
    return node.collect_testcases(None)


def to_array(value):
    return (numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto)
            else np.asarray(value))


def is_tensor(value):
    return (isinstance(value, (onnx.TensorProto, np.ndarray, np.generic))
            and not (isinstance(value, np.ndarray) and value.dtype == object))


def write_tensors(values, folder, prefix):
    for i, value in enumerate(values):
        if not isinstance(value, onnx.TensorProto):
            value = numpy_helper.from_array(np.asarray(value))
        with open(os.path.join(folder, f"{prefix}_{i}.pb"), "wb") as file:
            file.write(value.SerializeToString())


def difference(got, want, rtol, atol):
    """Says how two arrays differ; None if they agree."""
    if got.dtype != want.dtype:
        return f"type {got.dtype}, expected {want.dtype}"
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind in "biu":
        wrong = np.count_nonzero(got != want)
        return f"{wrong} of {want.size} integers differ" if wrong else None
    # Two units in the last place: sums are rounded in another order.
    if want.dtype.name in LAST_PLACE:
        rtol = max(rtol, 2 * LAST_PLACE[want.dtype.name])
    got, want = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(all="ignore"):
        close = np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    worst = np.nanmax(np.abs(got - want)[~close], initial=0.0)
    return f"{np.count_nonzero(~close)} of {want.size} values differ, by up to {worst:g}"


def sample(cases, count):
    """The first `count` cases of every operator, in the order of `cases`."""
    seen, picked = {}, []
    for case in cases:
        kinds = {node.op_type for node in case.model.graph.node}
        if any(seen.get(kind, 0) < count for kind in kinds):
            picked.append(case)
            for kind in kinds:
                seen[kind] = seen.get(kind, 0) + 1
    return picked


def run_case(case, flags=(), run_flags=()):
    """Compiles with `flags`, runs with `run_flags`; returns the Outcome."""
    with tempfile.TemporaryDirectory(prefix="cinch-node-") as folder:
        return _run_case(case, folder, flags, run_flags)


def _ended_badly(name, tool, done):
    if done.status is None:
        return Outcome(name, "hang", tool)
    if done.crashed:
        return Outcome(name, "crash", f"{tool} status {done.status}: {_last(done)}")
    return None


def _last(done):
    lines = done.output.strip().splitlines()
    return lines[0] if lines else "no message"


def _run_case(case, folder, flags, run_flags):
    path = os.path.join(folder, "model.onnx")
    binary = os.path.join(folder, "out", "model.so")
    os.mkdir(os.path.dirname(binary))
    onnx.save(case.model, path)
    done = harness.run("cinch-compile", path, "-o", binary, *flags, timeout=SECONDS)
    bad = _ended_badly(case.name, "cinch-compile", done)
    if bad:
        return bad
    if done.status == harness.UNSUPPORTED:
        left = os.listdir(os.path.dirname(binary))
        if left or not done.output.strip():
            return Outcome(case.name, "failed", f"refused without a word or left {left}")
        return Outcome(case.name, "refused", _last(done))
    if done.status != 0:
        return Outcome(case.name, "failed",
                       f"cinch-compile status {done.status}: {_last(done)}")
    for inputs, outputs in case.data_sets:
        outcome = _run_data_set(case, binary, inputs, outputs, folder, run_flags)
        if outcome.kind != "pass":
            return outcome
    return Outcome(case.name, "pass")


def _run_data_set(case, binary, inputs, outputs, folder, flags):
    if not all(map(is_tensor, [*inputs, *outputs])):
        return Outcome(case.name, "failed", "compiled, but its values are no tensors")
    given, got = (os.path.join(folder, n) for n in ("inputs", "outputs"))
    os.makedirs(given, exist_ok=True)
    write_tensors(inputs, given, "input")
    done = harness.run("cinch-run", binary, "--inputs", given, "--outputs", got,
                       *flags, timeout=SECONDS)
    bad = _ended_badly(case.name, "cinch-run", done)
    if bad:
        return bad
    if done.status != 0:
        return Outcome(case.name, "failed",
                       f"cinch-run status {done.status}: {_last(done)}")
    for i, want in enumerate(outputs):
        tensor = onnx.TensorProto()
        with open(os.path.join(got, f"output_{i}.pb"), "rb") as file:
            tensor.ParseFromString(file.read())
        message = difference(numpy_helper.to_array(tensor), to_array(want),
                             case.rtol, case.atol)
        if message:
            return Outcome(case.name, "wrong", f"output {i}: {message}")
    return Outcome(case.name, "pass")


def start(cases, flags=(), run_flags=(), workers=os.cpu_count()):
    """Starts all cases in parallel; returns (pool, {name: future outcome})."""
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    return pool, {case.name: pool.submit(run_case, case, flags, run_flags)
                  for case in cases}


def run_selected(request, cases, flags=(), run_flags=()):
    """Yields {name: future outcome} of the cases that were selected in the file
    of `request`: the body of its fixture `outcomes`."""
    selected = {item.callspec.params.get("name") for item in request.session.items
                if item.path == request.path and hasattr(item, "callspec")}
    pool, futures = start([case for case in cases if case.name in selected], flags,
                          run_flags)
    yield futures
    pool.shutdown(cancel_futures=True)


def check(outcome):
    """Skips a test whose case is refused, and fails it unless it passed."""
    if outcome.kind == "refused":
        pytest.skip(outcome.detail)
    assert outcome.kind == "pass", outcome.detail


def write_table(outcomes, path):
    """One line a case: name, outcome, detail."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        for outcome in sorted(outcomes, key=lambda o: (OUTCOMES.index(o.kind), o.name)):
            print(outcome.name, outcome.kind, outcome.detail.replace("\t", " "),
                  sep="\t", file=file)


def count(outcomes):
    outcomes = list(outcomes)
    return {kind: sum(o.kind == kind for o in outcomes) for kind in OUTCOMES}
