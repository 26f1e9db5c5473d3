"""Real models, compiled once each and run at several sizes, agree with ONNX
Runtime and use exactly the memory that was promised."""
import os

import pytest

import harness
import workloads

CASES = [pytest.param(w, size, id=f"{w.name}-{size}")
         for w in workloads.WORKLOADS for size in range(max(1, len(w.sizes)))]


@pytest.mark.parametrize("workload, size", CASES)
def test_agrees_and_fits(workload, size, binaries, tmp_path):
    binary = binaries.get(workload.model)
    result = harness.measure(workload, size, binary, tmp_path)
    assert result.error <= workload.tolerance
    assert result.measured == result.predicted
    assert result.lower_bound <= result.predicted
    assert result.ratio <= 1.05


@pytest.mark.parametrize("name", workloads.MODELS)
def test_exported_model_gives_the_same_result(name, tmp_path):
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    exported = os.path.join(tmp_path, "exported.onnx")
    harness.compile_model(harness.model_path(name), exported, "--emit=onnx")
    inputs = workloads.feed(workload, harness.load_model(name))
    got = harness.run_onnxruntime(exported, inputs)
    want = harness.run_onnxruntime(harness.model_path(name), inputs)
    assert harness.relative_error(got, want) <= workload.tolerance


def test_same_bits_for_any_number_of_threads(binaries, tmp_path):
    workload = next(w for w in workloads.WORKLOADS if w.model == "minilm_l3")
    inputs = workloads.feed(workload, harness.load_model(workload.model))
    one, two = (harness.run_model(binaries.get(workload.model), inputs, tmp_path,
                                  "--threads", n)[0] for n in (1, 2))
    for name, array in one.items():
        assert array.tobytes() == two[name].tobytes()


def test_bounded_dimension_is_guaranteed(tmp_path):
    """A plan at the bound holds for every smaller size."""
    workload = next(w for w in workloads.WORKLOADS if w.model == "minilm_l3")
    binary = harness.compile_model(
        harness.model_path(workload.model), os.path.join(tmp_path, "bounded.so"),
        "--dim", "batch_size=1", "--dim", "sequence_length=1..128")
    small = next(i for i, s in enumerate(workload.sizes)
                 if s["input_ids"] == [1, 1])
    at_bound = harness.measure(workload, 0, binary, tmp_path)
    below = harness.measure(workload, small, binary, tmp_path)
    assert at_bound.error <= 1e-4 and below.error <= 1e-4
    assert at_bound.measured == at_bound.predicted
    assert below.measured <= at_bound.predicted


def test_budget_is_checked(tmp_path):
    model = harness.model_path("gen_qdq_cnn")
    output = os.path.join(tmp_path, "x.so")
    done = harness.run("cinch-compile", model, "-o", output, "--memory-budget", "64K")
    assert done.status == 1, done.output
    assert "lower bound" in done.output
    assert not os.listdir(tmp_path)
    harness.compile_model(model, output, "--memory-budget", "1G")
