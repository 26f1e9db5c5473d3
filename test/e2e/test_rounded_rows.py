"""Rows that are rounded to scales computed from them: one kernel has the integers,
the scales, and the exact values where others read these."""
import json

import numpy as np
import pytest

import harness
import models

# The integers are the same; their products are exact in the fused kernel, and summed in
# f32 by the literal one, up to 2600 of them.
TOLERANCE = 1e-5
RNG = np.random.default_rng(3)


def residual(width):
    """y = x + (x w), x = a + b: x has two readers."""
    weight = RNG.standard_normal((width, width)).astype(np.float32)
    return models.graph(
        [models.node("Add", ["a", "b"], ["x"]), models.node("MatMul", ["x", "w"], ["p"]),
         models.node("Add", ["x", "p"], ["y"])],
        [("a", models.F32, ["n", "m", width]), ("b", models.F32, [width])],
        [("y", models.F32, ["n", "m", width])], {"w": weight})


def compile_both(folder, main, *flags, recipe="w8a8-dynamic"):
    path = models.save(folder, main)
    report = folder / "report.json"
    fused = harness.compile_model(path, folder / "fused.so", f"--quantize={recipe}",
                                  f"--report={report}", *flags)
    literal = harness.compile_model(path, folder / "literal.so", "--pipeline=reference",
                                    f"--quantize={recipe}")
    return fused, literal, json.loads(report.read_text())["kernels"]


# 100: no multiple of a vector; 2600: more than a warp's registers.
@pytest.mark.parametrize("width", [64, 100, 2600])
@pytest.mark.parametrize("device", ["cpu", "emulated"])
def test_one_kernel(width, device, tmp_path):
    flags = ["--target=cuda:sm_80"] if device == "emulated" else []
    run_flags = ["--device=emulated"] if device == "emulated" else ["--threads=2"]
    fused, literal, kernels = compile_both(tmp_path, residual(width), *flags)
    assert [kernel["op"] for kernel in kernels] == [
        "add+abs+reduce_max+div+max+quantize", "matmul+cast+mul+mul+add"]
    for rows in (1, 5, 37):
        a = RNG.standard_normal((rows, 3, width)).astype(np.float32)
        a[0, 1] = 0
        a *= np.float32(2.0) ** np.arange(rows, dtype=np.float32)[:, None, None]
        inputs = {"a": a,
                  "b": np.zeros(width, np.float32)}
        got, stats = harness.run_model(fused, inputs, tmp_path, "--measure-memory",
                                       *run_flags)
        want, _ = harness.run_model(literal, inputs, tmp_path)
        assert np.isfinite(want["y"]).all()
        assert harness.relative_error(got, want) <= TOLERANCE
        assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]


# 66: rows are whole bytes, but no whole number of any elements that share one.
@pytest.mark.parametrize("width", [64, 100, 66, 33])
@pytest.mark.parametrize("device", ["cpu", "emulated"])
def test_four_bits(width, device, tmp_path):
    flags = ["--target=cuda:sm_80"] if device == "emulated" else []
    run_flags = ["--device=emulated"] if device == "emulated" else ["--threads=2"]
    fused, literal, kernels = compile_both(tmp_path, residual(width), *flags, recipe="w4a4")
    rounds = [kernel["op"] for kernel in kernels if "quantize" in kernel["op"].split("+")]
    assert ("add+abs+reduce_max+div+max+quantize" in rounds) == (width % 4 == 0)
    inputs = {"a": RNG.standard_normal((7, 3, width)).astype(np.float32),
              "b": np.ones(width, np.float32)}
    got, _ = harness.run_model(fused, inputs, tmp_path, *run_flags)
    want, _ = harness.run_model(literal, inputs, tmp_path)
    assert harness.relative_error(got, want) <= TOLERANCE


@pytest.mark.parametrize("threads", [1, 2])
def test_same_bits_on_any_threads(threads, tmp_path):
    fused, _, _ = compile_both(tmp_path, residual(64))
    inputs = {"a": RNG.standard_normal((40, 30, 64)).astype(np.float32),
              "b": np.ones(64, np.float32)}
    one, _ = harness.run_model(fused, inputs, tmp_path, "--threads=1")
    got, _ = harness.run_model(fused, inputs, tmp_path, f"--threads={threads}")
    assert np.array_equal(got["y"], one["y"])


def test_readers_in_front(tmp_path):
    """What reads the exact values before they are rounded is not behind the kernel: they
    are stored by one of their own."""
    main = residual(64)
    main.node.insert(1, models.node("ReduceMean", ["x"], ["mean"], axes=[2]))
    main.node.append(models.node("Add", ["y", "mean"], ["z"]))
    main.output[0].name = "z"
    fused, literal, _ = compile_both(tmp_path, main)
    inputs = {"a": RNG.standard_normal((4, 3, 64)).astype(np.float32),
              "b": np.ones(64, np.float32)}
    got, _ = harness.run_model(fused, inputs, tmp_path)
    want, _ = harness.run_model(literal, inputs, tmp_path)
    assert harness.relative_error(got, want) <= TOLERANCE
