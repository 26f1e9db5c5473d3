"""The ONNX standard's node tests: each agrees or is refused in words.

All cases run in the background, one worker a core; each test waits for its
own. A refused case counts as skipped. The table of all outcomes is written to
build/test-results/onnx-nodes.tsv.
"""
import os

import pytest

import harness
import nodes

AT_LEAST = 700
CASES = nodes.load_cases()


@pytest.fixture(scope="module")
def outcomes(request):
    yield from nodes.run_selected(request, CASES)


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_node(name, outcomes):
    nodes.check(outcomes[name].result())


def test_enough_pass(outcomes):
    if len(outcomes) < len(CASES):
        pytest.skip("only some of the cases were selected")
    results = [future.result() for future in outcomes.values()]
    nodes.write_table(results,
                      os.path.join(harness.BUILD, "test-results", "onnx-nodes.tsv"))
    counts = nodes.count(results)
    print(counts)
    assert counts["pass"] >= AT_LEAST
