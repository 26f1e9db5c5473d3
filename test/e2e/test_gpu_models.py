"""Real models compiled for a GPU, on the emulated one, against the CPU target.

The errors allowed are those of sums in another order, of the largest output. The
largest networks run with CINCH_TEST_ALL=1 (`test/run.sh --all`): the emulated
device does a few million warp instructions a second.
"""
import json
import os

import numpy as np
import pytest

import harness
import workloads

TOLERANCE = 1e-4
LARGE = {"light_vgg19", "light_resnet50", "gen_resnet18_op13", "light_inception_v1",
         "light_squeezenet", "light_zfnet512", "light_bvlc_alexnet"}
# Sizes that are fast enough; the others are the first.
SIZES = {"ppocr_det": 3, "gen_llama_kv_op17@prefill": 3, "tiny_lm": 2, "magika": 0}
CASES = [pytest.param(w, SIZES.get(w.name, 0), id=w.name) for w in workloads.WORKLOADS]
GPU = ("--target=cuda:sm_80",)


def skip_if_large(model):
    if model in LARGE and not os.environ.get("CINCH_TEST_ALL"):
        pytest.skip("large: CINCH_TEST_ALL=1 runs it")


@pytest.mark.parametrize("workload, size", CASES)
def test_agrees_with_the_cpu(workload, size, binaries, tmp_path):
    skip_if_large(workload.model)
    inputs = workloads.feed(workload, harness.load_model(workload.model), size)
    want, _ = harness.run_model(binaries.get(workload.model), inputs, tmp_path)
    binary = binaries.get(workload.model, *GPU)
    got, stats = harness.run_model(binary, inputs, tmp_path, "--device=emulated")
    assert harness.relative_error(got, want) <= TOLERANCE
    assert stats["device_bytes"] == (
        stats["predicted_peak_bytes"] + stats["device_staging_bytes"] +
        stats["weights_bytes"])


def get_f16_flags(workload, size, folder):
    """A text detector, whose logits magnify any rounding, needs a goal."""
    if workload.name != "ppocr_det":
        return ()
    model = harness.load_model(workload.model)
    samples = [workloads.feed(workload, model, size, seed)["x"] for seed in (100, 101)]
    np.savez(folder / "samples.npz", x=np.stack(samples))
    return (f"--precision-samples={folder}/samples.npz", "--precision-goal=0.01")


@pytest.mark.parametrize("workload, size", CASES)
def test_f16_is_near_f32(workload, size, binaries, tmp_path):
    """Products of f16 on tensor cores, against f32 on the CPU: the largest error of
    an output over its largest value."""
    skip_if_large(workload.model)
    inputs = workloads.feed(workload, harness.load_model(workload.model), size)
    want, _ = harness.run_model(binaries.get(workload.model), inputs, tmp_path)
    binary = binaries.get(workload.model, *GPU, "--precision=f16",
                          *get_f16_flags(workload, size, tmp_path))
    got, _ = harness.run_model(binary, inputs, tmp_path, "--device=emulated")
    assert harness.relative_error(got, want) <= 1e-2


@pytest.mark.parametrize("name", ["minilm_l3", "gen_llama_kv_op17@decode",
                                  "silero_vad_op18_ifless"])
def test_arena_is_that_of_the_plan(name, binaries, tmp_path):
    workload = next(w for w in workloads.WORKLOADS if w.name == name)
    size = len(workload.sizes) - 1
    inputs = workloads.feed(workload, harness.load_model(workload.model), size)
    _, stats = harness.run_model(binaries.get(workload.model, *GPU), inputs, tmp_path,
                                 "--device=emulated", "--measure-memory")
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]


def test_launches_of_a_transformer_layer(binaries, tmp_path):
    """Three layers of a sentence encoder; what is around them is not counted."""
    counters = os.path.join(tmp_path, "counters.json")
    workload = next(w for w in workloads.WORKLOADS if w.name == "minilm_l3")
    inputs = workloads.feed(workload, harness.load_model(workload.model), 3)
    harness.run_model(binaries.get(workload.model, *GPU), inputs, tmp_path,
                      "--device=emulated", f"--counters={counters}")
    with open(counters) as file:
        kernels = json.load(file)["kernels"]
    layers = sum(k["launches"] for k in kernels.values() if k["launches"] >= 3)
    assert layers % 3 == 0 and layers // 3 <= 8
