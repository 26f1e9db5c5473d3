"""Many sessions of many models on many threads give what one thread gives.

With a build of the preset `tsan` beside build/, once more under ThreadSanitizer:
the runtime and the program are instrumented, the models are not.
"""
import os
import subprocess

import pytest

import harness
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
TSAN = os.environ.get("CINCH_TSAN_BUILD", os.path.join(harness.ROOT, "build-tsan"))
THREADS, SESSIONS, ROUNDS = 8, 4, 3
# Convolutions, a transformer with dynamic sizes, and one that only reads bytes.
MODELS = ("ppocr_cls", "romanizer_enc", "magika")
SIZE = 1  # of each workload


def build(folder, library, *flags):
    program = os.path.join(folder, "stress")
    subprocess.run(["cc", "-std=gnu11", "-Wall", "-Werror", "-O1", "-g", *flags,
                    "-I", os.path.join(harness.ROOT, "include"),
                    os.path.join(HERE, "programs", "stress.c"),
                    "-L", library, f"-Wl,-rpath,{library}", "-lcinch_rt", "-lpthread",
                    "-o", program], check=True)
    return program


def run(program, binaries, rounds):
    command = [program, str(THREADS), str(SESSIONS), str(rounds)]
    for name in MODELS:
        workload = next(w for w in workloads.WORKLOADS if w.name == name)
        inputs = workloads.feed(workload, harness.load_model(name), SIZE)
        command += [binaries.get(name),
                    *(",".join(map(str, a.shape)) for a in inputs.values()), "--"]
    done = subprocess.run(command[:-1], text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = THREADS * SESSIONS * len(MODELS) * rounds
    assert done.stdout == f"{runs} runs, 0 wrong\n", done.stderr


def test_sessions_do_not_disturb_each_other(binaries, tmp_path):
    run(build(tmp_path, os.path.join(harness.BUILD, "lib")), binaries, ROUNDS)


def test_sessions_do_not_race(binaries, tmp_path):
    library = os.path.join(TSAN, "lib")
    if not os.path.exists(os.path.join(library, "libcinch_rt.so")):
        pytest.skip("no build of the preset tsan")
    run(build(tmp_path, library, "-fsanitize=thread"), binaries, 1)
