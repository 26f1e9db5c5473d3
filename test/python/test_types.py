"""The types of the package, checked by mypy as a user's program sees them."""
import os
import subprocess
import sys

import harness
import package

GOOD = '''
import os
import numpy as np
import cinch

def tell(phase: str, share: float) -> None: ...

compiled: cinch.CompiledModel = cinch.compile(
    "m.onnx", dims={"batch": 1, "seq": (1, 512)}, memory_budget="1MiB", progress=tell)
path: str = os.fspath(compiled)
session = cinch.InferenceSession(compiled, threads=2)
name: str = session.get_inputs()[0].name
shape: tuple[int | str, ...] = session.get_outputs()[0].shape
outputs = session.run([name], {"x": np.zeros(3)})
peak: int = session.memory.predicted_peak_bytes
measured: int | None = session.memory.measured_peak_bytes
runs: int = session.share().counters.runs
try:
    cinch.compile(b"")
except cinch.UnsupportedError as error:
    messages: list[str] = [d.message for d in error.diagnostics]
except cinch.SessionError as error:
    status: str = error.status
'''

BAD = '''
import cinch
cinch.compile(5)
cinch.compile("m.onnx", memory_bugdet=1)
cinch.compile("m.onnx", dims={"batch": "1"})
session = cinch.InferenceSession("m.so", threads="2")
peak: str = session.memory.predicted_peak_bytes
session.run("y", 5)
session.memory()
'''


def run_mypy(*arguments, folder):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary",
         "--cache-dir", os.path.join(harness.BUILD, "python", "mypy"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env={**os.environ, "MYPYPATH": package.SITE})
    return done.stdout.splitlines()


def test_package(tmp_path):
    assert run_mypy("--warn-unreachable", "-p", "cinch", folder=tmp_path) == []


def test_right_use(tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    assert run_mypy("good.py", folder=tmp_path) == []


def test_wrong_use(tmp_path):
    (tmp_path / "bad.py").write_text(BAD)
    said = run_mypy("bad.py", folder=tmp_path)
    lines = {int(line.split(":")[1]) for line in said if ": error: " in line}
    assert lines == {3, 4, 5, 6, 7, 8, 9}, said
