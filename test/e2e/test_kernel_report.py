"""What is said of kernels, cubins, and kernels that a GPU has no schedule for."""
import json
import os
import shutil
import stat
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

GPU = "--target=cuda:sm_80"
PTXAS = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"
needs_ptxas = pytest.mark.skipif(not os.access(PTXAS, os.X_OK), reason="no ptxas here")
NONE = {"CINCH_PTXAS": ""}


def save(nodes, inputs, outputs, path, constants=()):
    def value(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "main", [value(*x) for x in inputs],
                              [value(*x) for x in outputs], list(constants))
    onnx.save(helper.make_model(graph, ir_version=8,
                                opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def model(tmp_path):
    """Rows whose sum is that of threads in shared memory, and a sum along them,
    which is computed by one thread."""
    return save([helper.make_node("Softmax", ["x"], ["p"], axis=1),
                 helper.make_node("CumSum", ["p", "axis"], ["y"])],
                [("x", [4, 4096])], [("y", [4, 4096])], tmp_path / "m.onnx",
                [numpy_helper.from_array(np.array(1), "axis")])


@pytest.fixture
def plain(tmp_path):
    return save([helper.make_node("Relu", ["x"], ["y"])], [("x", [64])], [("y", [64])],
                tmp_path / "p.onnx")


def compile(model, output, *flags, status=0, environment=None):
    done = harness.run("cinch-compile", model, "-o", output, "--quiet", *flags,
                       environment=environment)
    assert done.status == status, done.output
    return done.output


def report(model, folder, *flags, environment=None):
    path = folder / "k.json"
    compile(model, folder / "m.ll", "--emit=llvm", f"--kernel-report={path}", *flags,
            environment=environment)
    return json.loads(path.read_text())


def ptxas_stub(folder, script):
    """A program in place of ptxas."""
    path = folder / "ptxas"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"CINCH_PTXAS": str(path)}


def test_records_without_ptxas(model, tmp_path):
    rows, sums = report(model, tmp_path, GPU, environment=NONE)["kernels"]
    assert (rows["name"], rows["op"]) == ("p", "softmax")
    gpu = rows["gpu"]
    assert gpu["threads"] % 32 == 0 and gpu["record"]["schedule"] == "rows"
    assert gpu["static_shared_bytes"] > 0  # declared in the PTX
    assert gpu["registers"] is gpu["spill_bytes"] is gpu["occupancy"] is None
    assert "fallback" not in gpu["record"]
    assert sums["name"] == "y" and sums["gpu"]["threads"] == 1
    assert sums["gpu"]["record"] == {
        "fallback": True, "reason": "its loops depend on each other",
        "schedule": "one thread"}


@needs_ptxas
@pytest.mark.parametrize("chip", ["sm_80", "sm_86", "sm_89", "sm_90", "sm_120"])
def test_ptxas_agrees_with_the_declarations(chip, model, tmp_path):
    flag = f"--target=cuda:{chip}"
    with_ptxas = report(model, tmp_path, flag, environment={"CINCH_PTXAS": PTXAS})
    without = report(model, tmp_path, flag, environment=NONE)
    assert with_ptxas["gpu"] == chip
    for one, other in zip(with_ptxas["kernels"], without["kernels"], strict=True):
        gpu = one["gpu"]
        assert gpu["static_shared_bytes"] == other["gpu"]["static_shared_bytes"]
        assert 0 < gpu["registers"] <= 255 and gpu["spill_bytes"] == 0
        occupancy = gpu["occupancy"]
        threads = 1536 if chip in ("sm_86", "sm_89", "sm_120") else 2048
        warps = occupancy["blocks"] * -(-gpu["threads"] // 32)
        assert 0 < occupancy["share"] == warps / (threads // 32) <= 1


def test_table_on_the_standard_output(model, tmp_path):
    text = compile(model, tmp_path / "m.ptx", "--emit=ptx", GPU, "--kernel-report",
                   environment=NONE)
    heading, *rows = text.splitlines()
    assert heading.split()[:4] == ["kernel", "operators", "function", "schedule"]
    assert [row.split()[0] for row in rows] == ["p", "y"]
    assert rows[0].split()[6:9] == ["-", "-", "-"]
    assert rows[1].endswith("fallback: its loops depend on each other")
    assert rows[0].index("softmax") == rows[1].index("cum") == heading.index("operators")


def test_kernels_of_a_cpu(model, tmp_path):
    rows, sums = report(model, tmp_path)["kernels"]
    assert rows["kind"] == "generated" and rows["grain"] >= 1
    assert "gpu" not in rows and sums["function"] != rows["function"]
    text = compile(model, tmp_path / "m.ll", "--emit=llvm", "--kernel-report")
    assert text.splitlines()[0].split() == ["kernel", "operators", "function", "kind",
                                            "grain"]


def test_fallbacks_are_told_or_refused(model, plain, tmp_path):
    output = tmp_path / "out.ptx"
    done = harness.run("cinch-compile", model, "-o", output, "--emit=ptx", GPU)
    line = ("1 kernel has no schedule for the GPU: 'y' (its loops depend on each other)")
    assert done.status == 0 and f"remark: {line}\n" in done.output
    assert done.output.count("no schedule") == 1
    os.remove(output)
    text = compile(model, output, "--emit=ptx", GPU, "--fail-on-fallback",
                   status=harness.UNSUPPORTED)
    assert f"error: {line}\n" in text and not output.exists()
    assert compile(plain, output, "--emit=ptx", GPU, "--fail-on-fallback") == ""
    assert output.exists()


@needs_ptxas
def test_cubins_are_reproducible(model, tmp_path):
    use = {"CINCH_PTXAS": PTXAS}
    cubins = []
    for name in ("a", "b"):
        compile(model, tmp_path / f"{name}.cubin", "--emit=cubin", GPU, environment=use)
        cubins.append((tmp_path / f"{name}.cubin").read_bytes())
    assert cubins[0] == cubins[1] and cubins[0].startswith(b"\x7fELF")
    assert b"softmax" in cubins[0]
    binaries = []
    for _ in range(2):
        compile(model, tmp_path / "m.so", GPU, "--embed-cubin", environment=use)
        binaries.append((tmp_path / "m.so").read_bytes())
    assert binaries[0] == binaries[1]
    start = binaries[0].find(cubins[0])
    assert start > 0 and start % 64 == 0  # the very same, in place
    compile(model, tmp_path / "m.so", GPU, environment=use)
    assert cubins[0] not in (tmp_path / "m.so").read_bytes()  # only if asked for


@needs_ptxas
def test_emulated_device_takes_the_ptx(model, tmp_path):
    compile(model, tmp_path / "m.so", GPU, "--embed-cubin",
            environment={"CINCH_PTXAS": PTXAS})
    x = np.random.default_rng(0).standard_normal((4, 4096)).astype(np.float32)
    outputs, _ = harness.run_model(tmp_path / "m.so", {"x": x}, tmp_path,
                                   "--device=emulated")
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(outputs["y"], np.cumsum(e / e.sum(1, keepdims=True), 1),
                               rtol=1e-4)


def test_ptxas_that_is_missing_or_fails(model, tmp_path):
    output = tmp_path / "m.cubin"
    def refuse(environment):
        text = compile(model, output, "--emit=cubin", GPU, status=1,
                       environment=environment)
        assert sorted(os.listdir(tmp_path)) == files
        return text
    files = sorted(os.listdir(tmp_path))
    assert "install NVIDIA's CUDA toolkit or the PyPI package" in refuse(NONE)
    assert "is not a program" in refuse({"CINCH_PTXAS": "/nonexistent"})
    failing = ptxas_stub(tmp_path, 'echo "no such opcode" >&2; exit 255\n')
    files = sorted(os.listdir(tmp_path))
    assert "assembling PTX failed: no such opcode" in refuse(failing)
    text = harness.run("cinch-compile", model, "-o", tmp_path / "m.ptx", "--emit=ptx", GPU,
                       f"--kernel-report={tmp_path}/k.txt", environment=failing)
    assert text.status == 0
    assert "remark: registers are not reported: assembling PTX failed: no such" in text.output
    silent = ptxas_stub(tmp_path, "true\n")
    files = sorted(os.listdir(tmp_path))
    assert "wrote no cubin" in refuse(silent)


PACKAGES = "venv/lib/python3.11/site-packages/nvidia"


@pytest.mark.parametrize("places", [
    ["path", "home/bin", f"{PACKAGES}/cu13/bin"], ["home/bin", f"{PACKAGES}/cu13/bin"],
    [f"{PACKAGES}/{folder}/bin" for folder in ("cu13", "cuda_nvcc", "nvrtc")],
    [f"{PACKAGES}/{folder}/bin" for folder in ("cu100", "cu13")],
    [f"{PACKAGES}/cuda_nvcc/bin"]])
def test_places_of_ptxas(places, model, tmp_path):
    for place in places:  # the first is taken
        folder = tmp_path / place
        folder.mkdir(parents=True)
        ptxas_stub(folder, f"echo found in {place}; exit 1\n")
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("CINCH_PTXAS", "CUDA_PATH")}
    environment |= {"PATH": str(tmp_path / "path"), "CUDA_HOME": str(tmp_path / "home"),
                    "VIRTUAL_ENV": str(tmp_path / "venv")}
    done = subprocess.run([os.path.join(harness.BUILD, "bin", "cinch-compile"), model, "-o",
                           tmp_path / "m.cubin", "--emit=cubin", GPU], env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"assembling PTX failed: found in {places[0]}" in done.stderr


@pytest.mark.parametrize("flags, text", [
    (["--emit=cubin"], "there is a cubin for a target such as cuda:sm_80 only"),
    (["--embed-cubin"], "there is a cubin for a target such as cuda:sm_80 only"),
    (["--embed-cubin", GPU, "--emit=ptx"], "a cubin can be embedded in"),
    (["--fail-on-fallback"], "has fallbacks to fail on"),
    (["--fail-on-fallback", GPU, "--emit=exec"], "has fallbacks to fail on"),
    (["--allow-tf32"], "there is TF32 on a target such as cuda:sm_80 only"),
    (["--kernel-report", "--emit=onnx"], "needs compiled kernels"),
    (["--kernel-report=nowhere/k.html"], "expected a .txt or .json kernel report")])
def test_wrong_usage(flags, text, plain, tmp_path):
    assert text in compile(plain, tmp_path / "out", *flags, status=2)


def test_tf32_is_passed_on(tmp_path):
    model = save([helper.make_node("MatMul", ["a", "b"], ["y"])],
                 [("a", [128, 128]), ("b", [128, 128])], [("y", [128, 128])],
                 tmp_path / "mm.onnx")
    exact, fast = (report(model, tmp_path, GPU, *flags, environment=NONE)["kernels"][0]["gpu"]
                   for flags in ([], ["--allow-tf32"]))
    assert "matrix" not in exact["record"]
    assert "tf32" in fast["record"]["matrix"] and int(fast["record"]["matrix_count"]) > 0
    ptx = tmp_path / "mm.ptx"
    compile(model, ptx, "--emit=ptx", GPU, "--allow-tf32")
    assert "tf32" in ptx.read_text()


def test_general_reports_have_it_too(model, tmp_path):
    texts = {}
    for extension in ("json", "txt", "html"):
        path = tmp_path / f"r.{extension}"
        compile(model, tmp_path / "m.ptx", "--emit=ptx", GPU, f"--report={path}",
                environment=NONE)
        texts[extension] = path.read_text()
    data = json.loads(texts["json"])
    assert data["gpu"] == "sm_80"
    assert [k["gpu"]["record"]["schedule"] for k in data["kernels"]] == ["rows", "one thread"]
    assert "Kernels of the GPU sm_80\nkernel " in texts["txt"]
    assert '<table id="gpu"' in texts["html"] and "<h2>GPU kernels</h2>" in texts["html"]
    assert "<b>fallback</b>: one thread" in texts["html"]
    compile(model, tmp_path / "m.ll", "--emit=llvm", f"--report={tmp_path}/c.html")
    assert "GPU kernels" not in (tmp_path / "c.html").read_text()
