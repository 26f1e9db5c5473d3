"""Random valid graphs against ONNX Runtime, in exactly the memory that is planned.

CINCH_RANDOM_GRAPHS: how many (default 300). random_check.py does the same by hand,
saves what fails and makes it smaller.
"""
import concurrent.futures
import os

import pytest

import harness
import random_check

COUNT = int(os.environ.get("CINCH_RANDOM_GRAPHS", "300"))
GROUP = 25
REFERENCE = 50  # also through the reference pipeline
FAILURES = os.path.join(harness.ROOT, "build", "random-failures")


def run(first, count, flags=()):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(
            lambda seed: random_check.run_seed(seed, flags, FAILURES),
            range(first, min(first + GROUP, count))))
    bad = [f"seed {o.seed}: {o.failure}\n{o.saved}" for o in outcomes if o.failure]
    assert not bad, "\n".join(bad)
    assert sum(bool(o.peer) for o in outcomes) <= 1, [o.peer for o in outcomes]


@pytest.mark.parametrize("first", range(0, COUNT, GROUP))
def test_against_onnxruntime(first):
    run(first, COUNT)


@pytest.mark.parametrize("first", range(0, REFERENCE, GROUP))
def test_reference_pipeline(first):
    run(first, REFERENCE, ("--pipeline=reference",))
