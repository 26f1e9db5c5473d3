"""The compiler as a C library does what cinch-compile does."""
import json
import os
import subprocess

import numpy as np
import pytest

import harness

NO_PTXAS = {"CINCH_PTXAS": ""}
PROGRAM = os.path.join(harness.BUILD, "unittests", "c-compiler")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("c")
    done = subprocess.run([PROGRAM, harness.model_path("magika"), folder], text=True,
                          capture_output=True, timeout=300,
                          env={**os.environ, **NO_PTXAS})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0.1.0: 0 failures\n"
    return folder


def test_good_and_bad_options(folder):
    # Nothing else, and nothing of what was refused.
    assert sorted(os.listdir(folder)) == [
        "default.safetensors", "default.so", "gpu.json", "gpu.ptx", "kernels.json",
        "kernels.txt", "old.safetensors", "old.so", "options.so", "report.json",
        "thread0.safetensors", "thread0.so", "thread1.safetensors", "thread1.so"]


@pytest.mark.parametrize("name", ["default", "old", "thread0", "thread1"])
def test_same_bytes_as_the_tool(name, folder, tmp_path):
    harness.compile_model(harness.model_path("magika"), tmp_path / f"{name}.so")
    for file in (f"{name}.so", f"{name}.safetensors"):
        assert (folder / file).read_bytes() == (tmp_path / file).read_bytes()


def test_options_are_used(folder, binaries, tmp_path):
    x = np.arange(2048, dtype=np.int32)[None] % 257
    got, stats = harness.run_model(folder / "options.so", {"bytes": x}, tmp_path)
    want, _ = harness.run_model(binaries.get("magika"), {"bytes": x}, tmp_path)
    assert harness.relative_error(got, want) <= 1e-5
    assert stats["guaranteed_peak_bytes"] > 0  # of sizes up to 4
    report = json.loads((folder / "report.json").read_text())
    assert report["memory"]["arena_bytes"] == stats["guaranteed_peak_bytes"]
    kernels = json.loads((folder / "kernels.json").read_text())["kernels"]
    assert [k["name"] for k in kernels] == [k["name"] for k in report["kernels"]]
    done = harness.run("cinch-run", folder / "options.so", "--dim", "unk__214=5")
    assert done.status == 1 and "'unk__214' must be from 1 to 4" in done.output


def test_options_for_a_gpu(folder, tmp_path):
    model = harness.model_path("magika")
    harness.check(harness.run(
        "cinch-compile", model, "-o", tmp_path / "gpu.ptx", "--target=cuda:sm_80",
        "--emit=ptx", "--allow-tf32", f"--kernel-report={tmp_path}/kernels.txt",
        f"--report={tmp_path}/gpu.json", "--report-dim=unk__214=77",
        environment=NO_PTXAS), "cinch-compile")
    for name in ("gpu.ptx", "kernels.txt"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()
    assert "tf32" in (folder / "gpu.ptx").read_text()
    assert json.loads((folder / "gpu.json").read_text())["sizes"] == json.loads(
        (tmp_path / "gpu.json").read_text())["sizes"]
