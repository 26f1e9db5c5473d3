"""What makes up for the error of few bits, in whole programs: GPTQ, low-rank
branches and corrections, and bits where they are worth most. The published figures are in test/passes/Quantize/Unit."""
import re

import numpy as np
import pytest

import harness
import statistics_file
from test_quantize import find_model, optimize, run_program, write_program


def relative(y, exact):
    return np.linalg.norm(y - exact) / np.linalg.norm(exact)


def report(text, flag):
    found = re.search(r"graph\.%s_report = \{([^}]*)\}" % flag, text)[1]
    return {k: int(v) for k, v in re.findall(r"(\w+) = (-?\d+)", found)}


class Layer:
    """A product with what samples show of its input."""

    def __init__(self, folder, x, weight):
        self.folder, self.x, self.weight = folder, x.astype(np.float32), weight.astype(np.float32)
        self.program = write_program(folder / "program.mlir", *weight.shape, self.weight,
                                     rows=len(x))
        statistics = folder / "statistics.safetensors"
        statistics_file.write(statistics, find_model(self.program, folder), {"x": [self.x]})
        self.calibration = f"calibration={statistics}"
        self.exact = self.x.astype(np.float64) @ self.weight

    def optimize(self, passes):
        return optimize(self.program, passes, self.folder / "out.mlir")

    def error(self, passes):
        self.optimize(passes)
        y = run_program(self.folder / "out.mlir", self.folder / "out.so", self.x)
        return relative(y, self.exact)


def decaying(rng, rows, columns, decay):
    u, s, v = np.linalg.svd(rng.standard_normal((rows, columns)), full_matrices=False)
    return (u * decay**np.arange(len(s))) @ v


@pytest.fixture(scope="module")
def hot(tmp_path_factory):
    """512 channels, 5 of them 50 times larger, seed 0."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((256, 512))
    x[:, 40::100] *= 50
    return Layer(tmp_path_factory.mktemp("hot"), x,
                 rng.standard_normal((512, 512)))


def test_branch_errs_less_by_rank(hot):
    few = (f"quantize-weights,quantize-activations{{{hot.calibration}}}")
    choose = f"choose-quantization{{recipe=w8a8 {hot.calibration}}}"
    smooth = f"smooth-activations{{{hot.calibration}}}"
    errors = {"plain": hot.error(f"{choose},{few}"),
              "smooth": hot.error(f"{smooth},{choose},{few}")}
    for rank in (8, 32, 128):
        branch = f"add-low-rank-branch{{rank={rank}}}"
        errors[rank] = hot.error(f"{smooth},{choose},{branch},{few}")
    assert sorted(errors, key=errors.get) == [128, 32, 8, "smooth", "plain"]
    # Alone it changes nothing but the rounding of f32.
    assert hot.error(f"{choose},add-low-rank-branch") < 1e-6


def test_branch_lowers_the_error_of_the_outputs(hot):
    choose = "choose-quantization{recipe=w8a16}"
    text = hot.optimize(f"{choose},add-low-rank-branch{{report {hot.calibration}}}")
    counts = report(text, "add_low_rank_branch")
    plain = hot.error(f"{choose},quantize-weights")
    branch = hot.error(f"{choose},add-low-rank-branch{{{hot.calibration}}},quantize-weights")
    assert counts["error_before_ppm"] / 1e6 == pytest.approx(plain, rel=1e-2)
    assert counts["error_ppm"] / 1e6 == pytest.approx(branch, rel=1e-2)
    assert branch < plain
    assert counts["bytes"] == 2 * 32 * 1024


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """256 channels that depend on each other, seed 0."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 256)) @ decaying(rng, 256, 256, 0.97)
    return Layer(tmp_path_factory.mktemp("mixed"), x, rng.standard_normal((256, 64)))


@pytest.mark.parametrize("order", ["false", "true"])
def test_gptq(mixed, order):
    choose = "choose-quantization{recipe=w8a16}"
    plain = mixed.error(f"{choose},quantize-weights")
    gptq = f"quantize-weights{{method=gptq act-order={order} report {mixed.calibration}}}"
    found = mixed.error(f"{choose},{gptq}")
    counts = report((mixed.folder / "out.mlir").read_text(), "quantize_weights")
    assert counts["compensated"] == 1 and counts["unshown"] == 0
    assert found < 0.8 * plain
    assert counts["output_ppm"] / 1e6 == pytest.approx(found / plain, rel=1e-2)


def test_gptq_of_a_transposed_weight(mixed, tmp_path):
    """The same weights, stored by outputs: the same result."""
    choose = "choose-quantization{recipe=w8a16}"
    gptq = f"quantize-weights{{method=gptq {mixed.calibration}}}"
    expected = mixed.error(f"{choose},{gptq}")
    text = mixed.program.read_text()
    bits = mixed.weight.T.astype("<f4").tobytes().hex().upper()
    text = re.sub(r'dense<"0x[0-9A-F]*"> : tensor<256x64xf32>',
                  f'dense<"0x{bits}"> : tensor<64x256xf32>', text)
    text = text.replace("%x by %w {", "%x by %w transposed {")
    text = text.replace("by tensor<256x64xf32>", "by tensor<64x256xf32>")
    program = tmp_path / "program.mlir"
    program.write_text(text)
    statistics = tmp_path / "statistics.safetensors"
    statistics_file.write(statistics, find_model(program, tmp_path), {"x": [mixed.x]})
    optimize(program, f"{choose},quantize-weights{{method=gptq calibration={statistics}}}",
             tmp_path / "out.mlir")
    y = run_program(tmp_path / "out.mlir", tmp_path / "out.so", mixed.x)
    assert relative(y, mixed.exact) == pytest.approx(expected, rel=1e-4)


def test_gptq_refuses_other_channels(mixed, tmp_path):
    statistics = tmp_path / "statistics.safetensors"
    statistics_file.write(statistics, find_model(mixed.program, tmp_path),
                          {"x": [mixed.x[:, :8]]})
    done = harness.run(
        "cinch-opt", mixed.program, "-pass-pipeline=builtin.module(func.func("
        "choose-quantization{recipe=w4a16},"
        f"quantize-weights{{method=gptq calibration={statistics}}}))")
    assert done.status != 0
    assert ("'w' is multiplied by 'x', which has 256 channels, but 8 in the statistics"
            in done.output)


def test_correction(mixed):
    """EoRA: by the errors of outputs it is better than by those of weights."""
    choose = "choose-quantization{recipe=w8a16}"
    keep = f"{choose},quantize-weights{{keep-originals}}"
    plain = mixed.error(f"{choose},quantize-weights")
    errors = {0: plain}
    for rank in (4, 16, 40):
        errors[rank] = mixed.error(
            f"{keep},compensate-low-rank{{rank={rank} report {mixed.calibration}}}")
        counts = report((mixed.folder / "out.mlir").read_text(), "compensate_low_rank")
        assert counts["error_before_ppm"] / 1e6 == pytest.approx(plain, rel=1e-2)
        assert counts["error_ppm"] / 1e6 == pytest.approx(errors[rank], rel=1e-2)
        assert counts["products"] == 1 and counts["unshown"] == 0
        assert counts["bytes"] == 2 * rank * (256 + 64)
    assert sorted(errors, key=errors.get) == [40, 16, 4, 0]
    blind = mixed.error(f"{keep},compensate-low-rank{{rank=16}}")
    assert errors[16] < 0.9 * blind < plain


def test_correction_of_gptq(mixed):
    gptq = (f"choose-quantization{{recipe=w8a16}},"
            f"quantize-weights{{method=gptq keep-originals {mixed.calibration}}}")
    assert (mixed.error(f"{gptq},compensate-low-rank{{rank=16 {mixed.calibration}}}")
            < mixed.error(gptq))


def test_smoothed_values_have_second_moments(hot):
    """GPTQ and branches know what follows from the samples of the value that was."""
    smooth = f"smooth-activations{{{hot.calibration}}},choose-quantization{{recipe=w8a16}}"
    text = hot.optimize(
        f"{smooth},add-low-rank-branch{{rank=8 report {hot.calibration}}}")
    few = hot.error(f"{smooth},quantize-weights")
    counts = report(text, "add_low_rank_branch")
    assert counts["error_before_ppm"] / 1e6 == pytest.approx(few, rel=1e-2)


def test_allocated_bits_know_their_error(mixed):
    choose = "choose-quantization{recipe=w8a16}"
    for method in ("nearest", "gptq"):
        text = mixed.optimize(f"{choose},allocate-bits{{average-bits=8.5 uniform report "
                              f"method={method} {mixed.calibration}}}")
        counts = report(text, "allocate_bits")
        assert counts["i8"] == 1 and counts["bytes"] == 256 * 64 + 4 * 64
        error = mixed.error(
            f"{choose},quantize-weights{{method={method} {mixed.calibration}}}")
        assert counts["error_ppm"] / 1e6 == pytest.approx(error, rel=1e-2)
