"""cinch.compile."""
import gc
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from onnx import TensorProto, helper

import cinch
import harness
import package
import small


@pytest.fixture
def model(tmp_path):
    return small.save(small.linear(), tmp_path / "linear.onnx")


def check_linear(compiled, batch=3):
    x = small.values(batch, 8)
    y, z = cinch.InferenceSession(compiled).run(None, {"x": x})
    np.testing.assert_array_equal(y, x @ small.WEIGHT)
    np.testing.assert_array_equal(z, -x)


def test_path(model, tmp_path):
    output = tmp_path / "out.so"
    compiled = cinch.compile(pathlib.Path(model), output)
    assert os.fspath(compiled) == str(output)
    assert (tmp_path / "out.safetensors").exists()
    check_linear(compiled)


def test_names_that_are_not_utf8(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    compiled = cinch.compile(small.save(small.linear(), name + ".onnx"), name + ".so",
                             embed_weights=True)
    check_linear(compiled)
    with pytest.raises(cinch.CompileError, match="\ufffdabsent.onnx"):
        cinch.compile(name + "absent.onnx", tmp_path / "m.so")


def test_null_characters_are_refused(model, tmp_path):
    for options in ({"output": f"{tmp_path}/m.so\0"}, {"cpu": "native\0"},
                    {"dims": {"batch\0": 1}}, {"report": f"{tmp_path}/r.txt\0"}):
        with pytest.raises(ValueError, match="null"):
            cinch.compile(model, **{"output": tmp_path / "m.so", **options})
    with pytest.raises(ValueError, match="null"):
        cinch.InferenceSession(f"{tmp_path}/m.so\0")
    assert os.listdir(tmp_path) == ["linear.onnx"]


def test_default_output_is_in_the_working_folder(model, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert cinch.compile(model).path == "linear.so"
    assert sorted(os.listdir()) == ["linear.safetensors", "linear.so"]


@pytest.mark.parametrize("convert", [lambda m: m, lambda m: m.SerializeToString()])
def test_model_in_memory(convert, tmp_path):
    compiled = cinch.compile(convert(small.linear()))
    folder = os.path.dirname(compiled.path)
    assert sorted(os.listdir(folder)) == ["model.safetensors", "model.so"]
    check_linear(compiled)
    del compiled
    gc.collect()
    assert not os.path.exists(folder)  # with the object that owned it
    named = cinch.compile(convert(small.linear()), tmp_path / "named.so")
    del named
    gc.collect()
    check_linear(tmp_path / "named.so")


def test_model_in_memory_that_fails_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(cinch.CompileError):
        cinch.compile(b"no model")
    with pytest.raises(TypeError, match="but got int"):
        cinch.compile(5)
    assert not os.listdir(tmp_path)


def test_options_are_used(model, tmp_path):
    report = tmp_path / "report.json"
    compiled = cinch.compile(model, tmp_path / "m.so", cpu="x86-64-v3",
                             dims={"batch": (1, 16)}, memory_budget="1MiB",
                             report=report, embed_weights=True)
    session = cinch.InferenceSession(compiled)
    assert session.info.cpu == "x86-64-v3"
    assert session.get_inputs()[0].bounds == ((1, 16), (8, 8))
    assert session.info.guaranteed_peak_bytes == (
        json.loads(report.read_text())["memory"]["arena_bytes"])
    assert not (tmp_path / "m.safetensors").exists()
    pinned = cinch.compile(model, tmp_path / "n.so", dims={"batch": 2},
                           pipeline="reference")
    assert cinch.InferenceSession(pinned).get_inputs()[0].shape == (2, 8)
    open_ended = cinch.compile(model, tmp_path / "o.so", dims={"batch": (2, None)})
    assert cinch.InferenceSession(open_ended).get_inputs()[0].bounds[0] == (2, None)


@pytest.mark.parametrize("emit, start", [
    ("obj", b"\x7fELF"), ("llvm", b"; ModuleID"), ("exec", b"#map"),
    ("mlir", b"module"), ("onnx", b"\x08"), ("ptx", b"//\n// Generated")])
def test_emit(emit, start, model, tmp_path):
    target = "cuda:sm_80" if emit == "ptx" else "cpu"
    cinch.compile(model, tmp_path / "out", emit=emit, target=target)
    assert (tmp_path / "out").read_bytes().startswith(start)


def test_kernel_report(model, tmp_path, capfd):
    for name in ("k.json", "k.txt"):
        cinch.compile(model, tmp_path / "m.so", kernel_report=tmp_path / name)
    kernels = json.loads((tmp_path / "k.json").read_text())["kernels"]
    assert [k["name"] for k in kernels] == [
        k.name for k in cinch.InferenceSession(tmp_path / "m.so").kernels]
    cinch.compile(model, tmp_path / "m.so", kernel_report="-")
    assert capfd.readouterr().out == (tmp_path / "k.txt").read_text()


def test_sizes_of_reports(model, tmp_path):
    for sizes, size in ({"batch": 7}, 7), (None, 128):
        report = tmp_path / "r.json"
        cinch.compile(model, tmp_path / "m.so", report=report, report_dims=sizes)
        assert json.loads(report.read_text())["sizes"] == {"batch": size}
    with pytest.raises(cinch.CompileError, match="no dimension 'time'"):
        cinch.compile(model, tmp_path / "m.so", report=report, report_dims={"time": 7})


def test_options_for_a_gpu(tmp_path, monkeypatch):
    model = small.make([helper.make_node("MatMul", ["x", "x"], ["p"]),
                        helper.make_node("CumSum", ["p", "axis"], ["y"])],
                       [("x", TensorProto.FLOAT, [64, 64])],
                       [("y", TensorProto.FLOAT, [64, 64])],
                       [helper.make_tensor("axis", TensorProto.INT64, [], [0])])
    options = {"target": "cuda:sm_80", "emit": "ptx"}
    output = tmp_path / "m.ptx"
    compiled = cinch.compile(model, output, **options)
    assert "tf32" not in output.read_text()
    assert any(severity == "remark" and "no schedule for the GPU: 'y'" in text
               for severity, text in compiled.diagnostics)
    cinch.compile(model, output, allow_tf32=True, **options)
    assert "tf32" in output.read_text()
    with pytest.raises(cinch.UnsupportedError, match="no schedule for the GPU: 'y'"):
        cinch.compile(model, tmp_path / "n.ptx", fail_on_fallback=True, **options)
    monkeypatch.setenv("CINCH_PTXAS", "")
    with pytest.raises(cinch.CompileError, match="found no ptxas"):
        cinch.compile(model, tmp_path / "n.so", target="cuda:sm_80", embed_cubin=True)
    assert os.listdir(tmp_path) == ["m.ptx"]


@pytest.mark.parametrize("options, text", [
    ({"target": "toaster"}, "unknown target 'toaster'"),
    ({"cpu": "toaster"}, "unknown CPU 'toaster'"),
    ({"pipeline": "no-such-pass"}, "no-such-pass"),
    ({"report": "report.pdf"}, "report.pdf"),
    ({"emit": "wasm"}, "unknown emit 'wasm'"),
    ({"emit": "llvm", "embed_weights": True}, "embedded"),
    ({"kernel_report": "k.html"}, "k.html"),
    ({"embed_cubin": True}, "cubin"),
    ({"fail_on_fallback": True}, "fallbacks to fail on"),
    ({"allow_tf32": True}, "TF32"),
    ({"report_dims": {"batch": (1, 2)}}, "min == max"),
    ({"dims": {"batch": (3, 2)}}, "for 'batch', but got 3..2"),
    ({"memory_budget": "many"}, "but got 'many'"),
    ({"memory_budget": 0}, "but got 0")])
def test_wrong_usage(options, text, model, tmp_path):
    with pytest.raises(cinch.UsageError, match=text) as caught:
        cinch.compile(model, tmp_path / "m.so", **options)
    assert isinstance(caught.value, ValueError)
    assert caught.value.status == "wrong usage"
    assert caught.value.diagnostics[0].severity == "error"
    assert os.listdir(tmp_path) == ["linear.onnx"]


def test_failure_has_every_diagnostic(model, tmp_path):
    with pytest.raises(cinch.CompileError, match="note: ") as caught:
        cinch.compile(model, tmp_path / "m.so", dims={"batch": 1}, memory_budget=1)
    assert type(caught.value) is cinch.CompileError
    assert caught.value.status == "failed"
    severities = [severity for severity, _ in caught.value.diagnostics]
    assert severities[0] == "error" and "note" in severities
    assert "the budget is 1" in caught.value.diagnostics[0].message
    assert os.listdir(tmp_path) == ["linear.onnx"]
    with pytest.raises(cinch.CompileError, match="absent.onnx"):
        cinch.compile("absent.onnx", tmp_path / "m.so")


def test_unsupported_model_is_told_apart():
    model = small.make([helper.make_node("StringNormalizer", ["x"], ["y"])],
                       [("x", TensorProto.STRING, [2])],
                       [("y", TensorProto.STRING, [2])])
    with pytest.raises(cinch.UnsupportedError, match="(?i)string") as caught:
        cinch.compile(model)
    assert caught.value.status == "unsupported"


def test_progress(model, tmp_path):
    told = []
    cinch.compile(model, tmp_path / "m.so",
                  progress=lambda phase, share: told.append((phase, share)))
    assert told[0] == ("import", 0.0)
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert 0.5 < told[-1][1] <= 1


def test_progress_that_raises(model, tmp_path):
    calls = []

    def fail(phase, share):
        calls.append(phase)
        raise KeyError(phase)
    with pytest.raises(KeyError, match="import"):
        cinch.compile(model, tmp_path / "m.so", progress=fail)
    assert calls == ["import"]


def test_other_threads_run_meanwhile(tmp_path):
    """Two compilations at once, and this thread counts."""
    failures = []

    def work(number):
        try:
            cinch.compile(harness.model_path("magika"), tmp_path / f"{number}.so")
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    turns = 0
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
        turns += 1
    assert not failures
    assert turns >= 20  # a lock held by the compiler leaves two or three
    assert (tmp_path / "0.so").stat().st_size == (tmp_path / "1.so").stat().st_size


def test_without_llvm_models_run_and_compile_says_why(model, tmp_path):
    compiled = cinch.compile(model, tmp_path / "m.so")
    site = tmp_path / "site"
    shutil.copytree(package.SITE, site)
    library = site / "cinch" / "lib" / "libcinch.so.0"
    library.write_bytes(library.read_bytes().replace(b"libMLIR.so", b"libNONE.so"))
    program = ("import sys, numpy, cinch\n"
               "session = cinch.InferenceSession(sys.argv[1])\n"
               "print(session.run(['z'], {'x': numpy.ones((1, 8), 'f')})[0])\n"
               "try:\n  cinch.compile(sys.argv[2])\n"
               "except RuntimeError as error:\n  print(error)\n")
    done = subprocess.run([sys.executable, "-c", program, compiled.path, model],
                          env={**os.environ, "PYTHONPATH": str(site)}, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    ran, said = done.stdout.splitlines()
    assert ran == "[[-1. -1. -1. -1. -1. -1. -1. -1.]]"
    assert said.startswith("cinch.compile needs LLVM and MLIR 22 of the system")
    assert "libNONE.so.22.1" in said
