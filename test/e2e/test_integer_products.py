"""Products of 8-bit integers, exact, against numpy: every instruction of the CPU that
they are made of, ragged sizes, batches, dynamic rows, zero points, any operand
constant or not, and convolutions of every form."""
import re

import numpy as np
import pytest

import harness
import integer_models as models

# vpdpbusd of AVX-512 where this machine has it, vpmaddwd of AVX-512 and of AVX2
CPUS = ["native", "x86-64-v4", "x86-64-v3"]
KINDS = [("u8", "i8"), ("i8", "i8"), ("i8", "u8"), ("u8", "u8")]
#   rows, depth, columns, batch
SIZES = [(1, 64, 64, ()), (7, 37, 19, ()), (1, 1023, 100, ()), (65, 384, 130, ()),
         (None, 70, 48, ()), (130, 1001, 10, ()), (5, 1, 33, ()), (9, 50, 66, (2, 3)),
         (None, 400, 300, (2,))]
ZEROS = [(None, None), (3, None), ("input", None), (130, 128), ("input", "columns"),
         (None, 7)]


def check(folder, path, compute, inputs, *flags):
    binary = harness.compile_model(path, f"{folder}/m.so", *flags)
    want = compute(inputs)
    for threads in (1, 2):
        got, _ = harness.run_model(binary, inputs, folder, f"--threads={threads}")
        assert got["y"].dtype == want["y"].dtype
        np.testing.assert_array_equal(got["y"], want["y"])


def zero_for(kind, zero):
    return zero - 128 if kind == "i8" and isinstance(zero, int) else zero


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kinds", KINDS, ids="".join)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: "x".join(map(str, s[:3])))
def test_matmul(tmp_path, size, kinds, cpu):
    rows, depth, columns, batch = size
    rng = np.random.default_rng(1)
    zeros = ZEROS[(depth + len(cpu) + KINDS.index(kinds)) % len(ZEROS)]
    zeros = tuple(zero_for(kind, zero) for kind, zero in zip(kinds, zeros))
    path = f"{tmp_path}/m.onnx"
    compute = models.matmul_integer(path, rows, depth, columns, kinds, zeros, batch)
    inputs = {"x": models.random_bytes(rng, kinds[0], (*batch, rows or 71, depth))}
    if zeros[0] == "input":
        inputs["x_zero"] = models.random_bytes(rng, kinds[0], ())
    check(tmp_path, path, compute, inputs, f"--cpu={cpu}")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kinds", KINDS, ids="".join)
@pytest.mark.parametrize("zeros", [(None, None), ("input", "input")],
                         ids=["symmetric", "zeros"])
def test_two_inputs(tmp_path, zeros, kinds, cpu):
    """No operand is packed before the run."""
    rng = np.random.default_rng(2)
    path = f"{tmp_path}/m.onnx"
    batch, rows, depth, columns = (3,), None, 131, 77
    compute = models.matmul_integer(path, rows, depth, columns, kinds, zeros, batch,
                                    constant=False)
    inputs = {"x": models.random_bytes(rng, kinds[0], (*batch, 140, depth)),
              "w": models.random_bytes(rng, kinds[1], (*batch, depth, columns))}
    for name, kind, zero in zip("xw", kinds, zeros):
        if zero:
            inputs[name + "_zero"] = models.random_bytes(rng, kind, ())
    check(tmp_path, path, compute, inputs, f"--cpu={cpu}")


#    shape, filters, kernel, pads, strides, dilations
CONVS = {
    "3x3": ((1, 16, 20, 23), 33, (3, 3), (1, 1, 1, 1), (1, 1), (1, 1)),
    "pointwise": ((2, 33, 9, 11), 150, (1, 1), (0, 0, 0, 0), (1, 1), (1, 1)),
    "strided": ((1, 7, 19, 30), 5, (5, 3), (2, 0, 1, 2), (2, 3), (1, 2)),
    "few_positions": ((2, 70, 3, 3), 40, (2, 2), (0, 0, 0, 0), (1, 1), (1, 1)),
    "line": ((1, 12, 50), 20, (4,), (3, 0), (2,), (1,)),
}


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kinds", KINDS, ids="".join)
@pytest.mark.parametrize("case", CONVS)
def test_conv(tmp_path, case, kinds, cpu):
    shape, filters, kernel, pads, strides, dilations = CONVS[case]
    rng = np.random.default_rng(3)
    zeros = [(None, None), (5, None), ("input", None), (131, 128)][
        (len(case) + len(cpu)) % 4]
    zeros = tuple(zero_for(kind, zero) for kind, zero in zip(kinds, zeros))
    path = f"{tmp_path}/m.onnx"
    compute = models.conv_integer(path, shape, filters, kernel, kinds, zeros, pads,
                                  strides, dilations)
    inputs = {"x": models.random_bytes(rng, kinds[0], shape)}
    if zeros[0] == "input":
        inputs["x_zero"] = models.random_bytes(rng, kinds[0], ())
    check(tmp_path, path, compute, inputs, f"--cpu={cpu}")


@pytest.mark.parametrize("flags", [("--cpu=native",), ("--cpu=x86-64-v3",),
                                   ("--pipeline=reference",)], ids="".join)
@pytest.mark.parametrize("kinds, zeros", [(("u8", "i8"), (120, 0)),
                                          (("i8", "i8"), (0, 0)),
                                          (("i8", "i8"), (-7, 0)),
                                          (("u8", "u8"), (128, 129))],
                         ids=["unsigned", "signed", "shifted", "both_unsigned"])
@pytest.mark.parametrize("per_column", [False, True], ids=["tensor", "column"])
def test_dequantized(tmp_path, per_column, kinds, zeros, flags):
    """The sum of the integers is exact; then come three roundings to f32 (the sum,
    two factors, the bias: 4 * 2^-24 of the largest term), and of the literal graph
    (the reference pipeline) a sum of 300 products of f32, so 300 * 2^-24 at most."""
    path = f"{tmp_path}/m.onnx"
    rng = np.random.default_rng(4)
    inputs = {"x": rng.standard_normal((33, 300)).astype(np.float32)}
    compute, step, zero = models.qdq_matmul(path, None, 300, 70, kinds, zeros,
                                            per_column, requantizes=False)
    want = compute(inputs)["y"]
    binary = harness.compile_model(path, f"{tmp_path}/m.so", *flags)
    got, _ = harness.run_model(binary, inputs, tmp_path)
    bound = (300 if "reference" in flags[0] else 4) * 2.0**-24
    assert np.abs(got["y"] - want).max() < bound * np.abs(want).max()
    # Quantized again, by the same rounding but for ties.
    compute, step, zero = models.qdq_matmul(path, None, 300, 70, kinds, zeros, per_column)
    binary = harness.compile_model(path, f"{tmp_path}/m.so", *flags)
    got, _ = harness.run_model(binary, inputs, tmp_path)
    codes = np.clip(compute(inputs)["y"] / step + zero, 0, 255)
    assert np.abs(got["y"] - codes).max() < 0.5 + 1e-3


def test_no_operand_is_widened(tmp_path):
    """Weights stay bytes, and no value between kernels has more than its own."""
    path = f"{tmp_path}/m.onnx"
    models.qdq_matmul(path, 16, 256, 64)
    listing = harness.run("cinch-compile", path, "--emit=exec", "-o",
                          f"{tmp_path}/m.mlir")
    harness.check(listing, "cinch-compile")
    with open(f"{tmp_path}/m.mlir") as file:
        program = [line for line in file if "exec." in line and "func" not in line]
    text = "".join(program)
    assert "tensor<1x64x64x4xi8>" in text  # 256 x 64, packed
    assert not re.search(r"\dx\d+xi32>", text)  # the correction is one row
    assert "tensor<16x256xi8>" in text
