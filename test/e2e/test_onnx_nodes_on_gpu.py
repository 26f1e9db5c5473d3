"""The ONNX standard's node tests, compiled for a GPU and run on the emulated one.

What the CPU refuses is refused here too, and nothing else.
"""
import pytest

import nodes

CASES = nodes.load_cases()
AT_LEAST = 1300


@pytest.fixture(scope="module")
def outcomes(request):
    yield from nodes.run_selected(request, CASES, ("--target=cuda:sm_80",),
                                  ("--device=emulated",))


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_node(name, outcomes):
    nodes.check(outcomes[name].result())


def test_enough_pass(outcomes):
    if len(outcomes) < len(CASES):
        pytest.skip("only some of the cases were selected")
    counts = nodes.count(future.result() for future in outcomes.values())
    assert counts["pass"] >= AT_LEAST, counts
