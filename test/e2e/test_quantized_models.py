"""`--quantize` on models whose accuracy is known, the search for a recipe, plans and
reports. The bounds are those that the compiler promises (docs/quantization.md)."""
import json
import os
import re
import sys

import pytest

import harness

sys.path.append(os.path.join(harness.ROOT, "test", "models"))

import accuracy  # noqa: E402

THREADS = "--threads=2"


def write_samples(folder, name, count=None):
    for number, sample in enumerate(accuracy.calibration_samples(name, count)):
        harness.write_npz(folder / f"{number:03}.npz", sample)
    return folder


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return {name: write_samples(tmp_path_factory.mktemp(name), name)
            for name in ("tiny_lm", "minilm_l3")}


def compile_quantized(name, folder, *flags):
    """(binary, what was said)."""
    binary = folder / "model.so"
    done = harness.run("cinch-compile", harness.model_path(name), "-o", binary, *flags)
    harness.check(done, f"cinch-compile {name}")
    return binary, done.output


def run_with(binary, folder):
    return lambda inputs: harness.run_model(binary, inputs, folder, THREADS)[0]


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """Bits per byte of tiny_lm, and embeddings by minilm_l3, in f32."""
    folder = tmp_path_factory.mktemp("exact")
    run = run_with(compile_quantized("tiny_lm", folder)[0], folder)
    bits = accuracy.bits_per_byte(run)
    run = run_with(compile_quantized("minilm_l3", folder)[0], folder)
    return bits, accuracy.embeddings(run)


@pytest.mark.parametrize("recipe, more_bits", [
    ("w8a8", 0.003), ("w8a8-dynamic", 0.001), ("w8a16", 0.001), ("w4a16", 0.005),
    ("w4a8", 0.006), ("w4a4", 0.03), ("fp8", 0.01), ("nf4", 0.007), ("mxfp8", 0.005)])
def test_tiny_lm(recipe, more_bits, samples, exact, tmp_path):
    binary, _ = compile_quantized("tiny_lm", tmp_path, f"--quantize={recipe}",
                                  f"--calibration-data={samples['tiny_lm']}")
    assert accuracy.bits_per_byte(run_with(binary, tmp_path)) - exact[0] <= more_bits


@pytest.mark.parametrize("recipe, mean, worst", [
    ("w8a8", 0.9985, 0.996), ("w8a8-dynamic", 0.9995, 0.999), ("w4a16", 0.985, 0.965),
    ("w4a4", 0.965, 0.94)])
def test_minilm(recipe, mean, worst, samples, exact, tmp_path):
    binary, _ = compile_quantized("minilm_l3", tmp_path, f"--quantize={recipe}",
                                  f"--calibration-data={samples['minilm_l3']}")
    got = accuracy.cosine(accuracy.embeddings(run_with(binary, tmp_path)), exact[1])
    assert got[0] >= mean and got[1] >= worst, got


def test_predicted_peak_is_the_peak(samples, tmp_path):
    binary, _ = compile_quantized("tiny_lm", tmp_path, "--quantize=w8a8",
                                  f"--calibration-data={samples['tiny_lm']}")
    sample = next(accuracy.calibration_samples("tiny_lm"))
    _, stats = harness.run_model(binary, sample, tmp_path, "--measure-memory")
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]


def test_same_bytes_each_time(samples, tmp_path):
    """Calibration on two threads included."""
    binaries = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        compile_quantized("tiny_lm", folder, "--quantize=w8a8",
                          f"--calibration-data={samples['tiny_lm']}")
        binaries.append((folder / "model.safetensors").read_bytes())
    assert binaries[0] == binaries[1]


# -- auto ---------------------------------------------------------------------

def test_auto_takes_the_cheapest_that_holds(samples, tmp_path):
    report = tmp_path / "report.json"
    _, said = compile_quantized("tiny_lm", tmp_path, "--quantize=auto",
                                "--accuracy-goal=0.05", f"--report={report}",
                                f"--calibration-data={samples['tiny_lm']}")
    tried = re.findall(r"auto: (\S+) has an error of (\S+) and (\d+) bytes", said)
    errors = [float(error) for _, error, _ in tried]
    assert errors[-1] <= 0.05 < min(errors[:-1], default=1)
    assert f"{tried[-1][2]} bytes of weights: taken" in said
    section = json.loads(report.read_text())["quantization"]
    assert section["recipe"] == tried[-1][0]
    assert [t["recipe"] for t in section["attempts"]] == [t[0] for t in tried]
    assert max(o["rms_error"] for o in section["outputs"]) <= 0.05


def test_no_recipe_holds(samples, tmp_path):
    done = harness.run("cinch-compile", harness.model_path("tiny_lm"), "-o",
                       tmp_path / "model.so", "--quantize=auto", "--accuracy-goal=1e-6",
                       f"--calibration-data={samples['tiny_lm']}")
    assert done.status == 1 and not os.listdir(tmp_path)
    least = min(re.findall(r"has an error of (\S+) and", done.output), key=float)
    assert f"no recipe has an error of at most 1.00e-06; the least was {least}" in done.output


def test_goal_of_one_recipe(samples, tmp_path):
    done = harness.run("cinch-compile", harness.model_path("tiny_lm"), "-o",
                       tmp_path / "model.so", "--quantize=w8a8", "--accuracy-goal=1e-6",
                       f"--calibration-data={samples['tiny_lm']}")
    assert done.status == 1 and "--accuracy-goal: the error of w8a8 is" in done.output
    assert not os.listdir(tmp_path)


# -- Plans and reports ----------------------------------------------------------

def test_plan_is_written_edited_and_obeyed(tmp_path):
    """One weight left out again."""
    plan, edited, report = (tmp_path / n for n in ("p.json", "e.json", "r.json"))
    compile_quantized("tiny_lm", tmp_path, "--quantize=w8a8-dynamic",
                      f"--write-quantization-plan={plan}")
    content = json.loads(plan.read_text())
    weights = [name for name, value in content["values"].items()
               if value["format"] == "i8" and "weight of" in value["reason"]]
    content["values"][weights[0]] = {"format": "none", "reason": "by hand"}
    edited.write_text(json.dumps(content))
    compile_quantized("tiny_lm", tmp_path, "--quantize=w8a8-dynamic",
                      f"--quantization-plan={edited}", f"--report={report}")
    section = json.loads(report.read_text())["quantization"]
    assert len(section["layers"]) == len(weights) - 1
    assert {"name": weights[0], "reason": "by hand"} in section["kept"]


def test_report(samples, tmp_path):
    flags = ["--quantize=w8a8", f"--calibration-data={samples['tiny_lm']}",
             f"--calibration={tmp_path}/s.safetensors"]
    for form in ("json", "txt", "html"):
        compile_quantized("tiny_lm", tmp_path, *flags, f"--report={tmp_path}/r.{form}")
    section = json.loads((tmp_path / "r.json").read_text())["quantization"]
    assert section["calibration_samples"] == 16 and section["samples"] == 16
    assert section["weight_bytes_after"] < 0.35 * section["weight_bytes_before"]
    ratios = [layer["sqnr_db"] for layer in section["layers"] if "sqnr_db" in layer]
    assert len(ratios) >= 24 and 20 < min(ratios) and max(ratios) < 60
    assert all(r["low"] < 0 < r["high"] for r in section["ranges"])
    text, page = ((tmp_path / f"r.{form}").read_text() for form in ("txt", "html"))
    assert "Quantization w8a8\n  calibrated on 16 samples" in text
    assert text.count(" dB\n") == len(ratios)
    assert page.count("<figure>") == len(section["ranges"])
