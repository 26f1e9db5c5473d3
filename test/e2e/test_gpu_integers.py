"""Products of 8-bit integers compiled for a GPU, on the emulated device: exact, and by
the matrix instruction of their signs."""
import numpy as np
import pytest

import harness
import integer_models as models
from gpu_products import Device

KINDS = [("u8", "i8"), ("i8", "i8"), ("i8", "u8"), ("u8", "u8")]


def check(folder, path, compute, inputs):
    binary = harness.compile_model(path, f"{folder}/m.so", "--target=cuda:sm_80")
    got, _ = harness.run_model(binary, inputs, folder, "--device=emulated")
    np.testing.assert_array_equal(got["y"], compute(inputs)["y"])


@pytest.mark.parametrize("kinds", KINDS, ids="".join)
@pytest.mark.parametrize("constant", [True, False], ids=["weights", "inputs"])
@pytest.mark.parametrize("size, zeros", [
    ((64, 96, 72, ()), (None, None)), ((35, 70, 44, (2,)), (3, None)),
    ((None, 130, 40, ()), ("input", None)), ((3, 200, 33, ()), ("input", "input"))],
    ids=["even", "ragged", "dynamic", "thin"])
def test_matmul(tmp_path, size, zeros, constant, kinds):
    rows, depth, columns, batch = size
    rng = np.random.default_rng(1)
    path = f"{tmp_path}/m.onnx"
    compute = models.matmul_integer(path, rows, depth, columns, kinds, zeros, batch,
                                    constant=constant)
    inputs = {"x": models.random_bytes(rng, kinds[0], (*batch, rows or 67, depth))}
    if not constant:
        inputs["w"] = models.random_bytes(rng, kinds[1], (*batch, depth, columns))
    for name, kind, zero in zip("xw", kinds, zeros):
        if zero == "input":
            inputs[name + "_zero"] = models.random_bytes(rng, kind, ())
    check(tmp_path, path, compute, inputs)


@pytest.mark.parametrize("kinds", KINDS, ids="".join)
def test_conv(tmp_path, kinds):
    shape, filters, kernel = (1, 9, 10, 13), 21, (3, 3)
    path = f"{tmp_path}/m.onnx"
    compute = models.conv_integer(path, shape, filters, kernel, kinds,
                                  ("input", None), pads=(1, 0, 1, 2), strides=(1, 2))
    rng = np.random.default_rng(2)
    check(tmp_path, path, compute, {
        "x": models.random_bytes(rng, kinds[0], shape),
        "x_zero": models.random_bytes(rng, kinds[0], ())})


@pytest.mark.parametrize("kinds, matrix", [
    (("u8", "i8"), "m16n8k32.s32.u8.s8.s32"), (("i8", "i8"), "m16n8k32.s32.s8.s8.s32"),
    (("i8", "u8"), "m16n8k32.s32.s8.u8.s32"), (("u8", "u8"), "m16n8k32.s32.u8.u8.s32")])
def test_matrix_instructions(tmp_path, kinds, matrix):
    """As many are executed as the record of the kernel says."""
    rows, depth, columns = 70, 100, 44
    path = f"{tmp_path}/m.onnx"
    compute = models.matmul_integer(path, rows, depth, columns, kinds, constant=False)
    device = Device(path)
    assert device.field("matrix") == matrix
    rng = np.random.default_rng(3)
    x, w = (models.random_bytes(rng, kind, shape) for kind, shape in
            zip(kinds, ((rows, depth), (depth, columns))))
    tile = [int(size) for size in device.field("schedule").split()[1].split("x")]
    blocks = -(-rows // tile[0]) * -(-columns // tile[1])
    got, counters = device.launch(str(tmp_path), [x, w],
                                  np.zeros((rows, columns), np.int32), blocks)
    np.testing.assert_array_equal(got, compute({"x": x, "w": w})["y"])
    assert counters["matrix"] == {matrix: device.evaluate("matrix_count")}


def test_dequantized(tmp_path):
    """One kernel, with the scales, bias and quantization behind the sum."""
    path = f"{tmp_path}/m.onnx"
    compute, step, zero = models.qdq_matmul(path, 40, 96, 64)
    inputs = {"x": np.random.default_rng(4).standard_normal((40, 96)).astype(np.float32)}
    binary = harness.compile_model(path, f"{tmp_path}/m.so", "--target=cuda:sm_80")
    got, _ = harness.run_model(binary, inputs, tmp_path, "--device=emulated")
    codes = np.clip(compute(inputs)["y"] / step + zero, 0, 255)
    assert np.abs(got["y"] - codes).max() < 0.5 + 1e-3
