"""Products of operands in few bits compiled for a GPU, on the emulated device: the
tiles in shared memory hold the codes, which are decoded, or multiplied, as they are."""
import json
import math
import os

import numpy as np
import pytest

import harness
from device_kernel import PTXAS, assemble
from gpu_coded import CodedProduct, WeightProduct, get_record
from gpu_products import Device, error
from test_gpu_faults import check_mutants


def run(case, folder, inputs, chip="sm_80"):
    """The result, and the counters of the kernel that multiplies."""
    binary = harness.compile_model(case.path, f"{folder}/m.so", f"--target=cuda:{chip}")
    counters = f"{folder}/counters.json"
    outputs, _ = harness.run_model(binary, inputs, folder, "--device=emulated",
                                   f"--counters={counters}")
    with open(counters) as file:
        kernels = json.load(file)["kernels"]
    return outputs["y"], next(k for name, k in kernels.items() if "matmul" in name)


# Around tiles and steps; groups that end within steps, and steps within groups.
WEIGHTS = [(64, 64, 64, 64), (70, 96, 192, 32), (131, 128, 320, 64), (37, 40, 128, 128),
           (65, 72, 256, 256), (64, 128, 160, 0), (33, 64, 96, 16), (48, 136, 200, None),
           (128, 64, 97, 0), (31, 32, 100, 32), (40, 33, 64, 0), (40, 50, 72, 24)]


@pytest.mark.parametrize("code", ["i4", "u4", "i8", "u8", "e4m3", "e5m2"])
@pytest.mark.parametrize("kind", ["f16", "f32"])
@pytest.mark.parametrize("m, n, k, group", WEIGHTS[:3])
def test_weights(tmp_path, m, n, k, group, kind, code):
    case = WeightProduct(tmp_path / "m.onnx", m, n, k, kind, code, group,
                         bias=m % 2 == 1)
    inputs = case.make_inputs()
    got, kernel = run(case, str(tmp_path), inputs)
    assert error(got, case.compute(inputs)) < case.bound
    if kind == "f16":
        assert list(kernel["matrix"]) == ["m16n8k16.f32.f16.f16.f32"]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("kind", ["f16", "f32"])
@pytest.mark.parametrize("m, n, k, group", WEIGHTS)
def test_sizes(tmp_path, m, n, k, group, kind, transposed):
    case = WeightProduct(tmp_path / "m.onnx", m, n, k, kind, "i4", group,
                         transposed=transposed)
    inputs = case.make_inputs()
    got, _ = run(case, str(tmp_path), inputs)
    assert error(got, case.compute(inputs)) < case.bound


SHAPES = [(64, 64, 128), (67, 40, 256), (33, 72, 192)]


@pytest.mark.parametrize("codes, matrix", [
    (("i4", "i4"), "m16n8k64.s32.s4.s4.s32"), (("u4", "i4"), "m16n8k64.s32.u4.s4.s32"),
    (("i8", "i4"), "m16n8k32.s32.s8.s8.s32"), (("u8", "u4"), "m16n8k32.s32.u8.u8.s32"),
    (("i8", "i8"), "m16n8k32.s32.s8.s8.s32")], ids=lambda v: "".join(v)[-8:])
@pytest.mark.parametrize("groups", [(0, 0), (None, 64), (0, 64), (64, 64), (64, 0)])
@pytest.mark.parametrize("m, n, k", SHAPES)
def test_integers_are_exact(tmp_path, m, n, k, groups, codes, matrix):
    case = CodedProduct(tmp_path / "m.onnx", m, n, k, codes, groups)
    got, kernel = run(case, str(tmp_path), {"x": case.x})
    np.testing.assert_array_equal(got, case.want)
    assert list(kernel["matrix"]) == [matrix]


@pytest.mark.parametrize("chip, matrix", [
    ("sm_80", "m16n8k16.f32.f16.f16.f32"), ("sm_89", "m16n8k32.f32.e4m3.e5m2.f32")])
@pytest.mark.parametrize("groups", [(None, None), (0, 0), (0, 64), (32, 32)])
@pytest.mark.parametrize("m, n, k", SHAPES)
def test_floats_of_8_bits(tmp_path, monkeypatch, m, n, k, groups, chip, matrix):
    monkeypatch.setenv("CINCH_EMULATOR_ARCH", chip)
    case = CodedProduct(tmp_path / "m.onnx", m, n, k, ("e4m3", "e5m2"), groups,
                        transposed=True)
    got, kernel = run(case, str(tmp_path), {"x": case.x}, chip)
    assert error(got, case.want) < 1e-5
    assert list(kernel["matrix"]) == [matrix]


@pytest.mark.parametrize("kind", ["f16", "f32"])
@pytest.mark.parametrize("code", ["i4", "u8", "e4m3"])
@pytest.mark.parametrize("m, n, k, group", [
    (1, 512, 256, 64), (3, 72, 136, 0), (8, 264, 100, 32), (2, 8, 96, None),
    (1, 100, 66, 6)])
def test_few_rows(tmp_path, m, n, k, group, code, kind):
    case = WeightProduct(tmp_path / "m.onnx", m, n, k, kind, code, group)
    inputs = case.make_inputs()
    got, _ = run(case, str(tmp_path), inputs)
    assert error(got, case.compute(inputs)) < case.bound


def test_few_rows_read_codes_once(tmp_path):
    m, n, k = 1, 1024, 512
    case = WeightProduct(tmp_path / "m.onnx", m, n, k, "f16", "i4", 64)
    _, kernel = run(case, str(tmp_path), case.make_inputs())
    weights = n * k // 2 + n * k // 64 * 2
    # The row is read by every warp, from the first level cache.
    assert kernel["globalLoad"]["sectors"] * 32 <= 1.6 * weights


@pytest.mark.parametrize("m", [1, 31, 65])
def test_rows_of_unknown_number(tmp_path, m):
    case = WeightProduct(tmp_path / "m.onnx", None, 96, 128)
    inputs = case.make_inputs(m)
    got, kernel = run(case, str(tmp_path), inputs)
    assert error(got, case.compute(inputs)) < case.bound
    assert kernel["matrix"]


@pytest.mark.parametrize("kind, code, group, share", [
    ("f16", "i4", 64, 1 / 4), ("f16", "i4", 0, 1 / 4), ("f16", "i8", 128, 1 / 2),
    ("f16", "e4m3", None, 1 / 2), ("f32", "i4", 64, 1 / 8)])
def test_traffic_of_weights(tmp_path, kind, code, group, share):
    """Tiles are loaded once per block, in whole sectors: the codes are so much of what
    the floats would be, and the scales of groups are loaded once per tile of rows."""
    m, n, k = 128, 256, 512
    case = WeightProduct(tmp_path / "m.onnx", m, n, k, kind, code, group)
    record = get_record(case)
    _, kernel = run(case, str(tmp_path), case.make_inputs())
    rows, columns, depth = map(int, record["schedule"].split()[1].split("x"))
    size = case.dtype().itemsize
    tiles = n // columns * m * k * size
    weights = m // rows * k * n * size
    scales = m // rows * k // group * n * size if group else 0
    assert eval(record["load_bytes"]) == tiles + share * weights + scales
    once = n * size * m // 8 if group == 0 else 0  # behind the sums, at most
    loaded = kernel["globalLoad"]["sectors"] * 32
    assert 0 <= loaded - eval(record["load_bytes"]) <= once
    if kind == "f16":
        assert kernel["matrix"] == {record["matrix"]: m * n * k // 2048}
    for name in ("sharedLoad", "sharedStore"):
        assert kernel[name]["wavefronts"] * 128 <= 1.6 * kernel[name]["bytes"], name


@pytest.mark.parametrize("codes, per", [(("i4", "i4"), 8192), (("i8", "i4"), 4096),
                                        (("i8", "i8"), 4096)])
def test_instructions_of_codes(tmp_path, codes, per):
    m, n, k = 128, 128, 256
    case = CodedProduct(tmp_path / "m.onnx", m, n, k, codes, (0, 64))
    record = get_record(case)
    _, kernel = run(case, str(tmp_path), {"x": case.x})
    assert kernel["matrix"] == {record["matrix"]: m * n * k // per}
    assert eval(record["matrix_count"]) == m * n * k // per


@pytest.mark.skipif(not os.path.exists(PTXAS), reason="there is no ptxas")
@pytest.mark.parametrize("codes, kind", [
    (("", "i4"), "f16"), (("", "i8"), "f16"), (("", "e4m3"), "f16"), (("", "i4"), "f32"),
    (("i4", "i4"), ""), (("i8", "i4"), ""), (("i8", "i8"), ""), (("e4m3", "e4m3"), "")])
def test_nothing_is_spilled(tmp_path, codes, kind):
    for size in (64, 512, 2048):
        if kind:
            case = WeightProduct(tmp_path / "m.onnx", size, size, 256, kind, codes[1])
        else:
            case = CodedProduct(tmp_path / "m.onnx", size, size, 256, codes, (64, 64))
        for chip in ("sm_80", "sm_89", "sm_90"):
            ptx = harness.compile_model(case.path, tmp_path / "m.ptx", "--emit=ptx",
                                        f"--target=cuda:{chip}")
            assert assemble(ptx, chip)[1] == 0, (size, chip)


class Damaged:
    """A product whose device code is changed; `is_right` as of test_gpu_faults."""

    def __init__(self, folder, case, inputs, want, bound):
        self.case, self.folder, self.inputs = case, str(folder), inputs
        self.want, self.bound = want, bound
        self.device = Device(case.path)
        self.ptx = self.device.ptx

    def is_right(self, ptx):
        schedule = self.device.field("schedule").split()[1].split("x")
        blocks = math.prod(-(-size // int(tile))
                           for size, tile in zip(self.want.shape, schedule))
        got, _ = self.device.launch(self.folder, self.inputs, self.want, blocks, ptx)
        return got is not None and error(got, self.want) < self.bound


@pytest.mark.parametrize("kind, code", [("f16", "i4"), ("f16", "i8"), ("f32", "i4")])
def test_faults_are_noticed(tmp_path, kind, code):
    case = WeightProduct(tmp_path / "m.onnx", 35, 40, 320, kind, code, 32)
    inputs = case.make_inputs()
    want = case.compute(inputs).astype(case.dtype)
    check_mutants(Damaged(tmp_path, case, [case.codes, case.scale, inputs["x"]], want,
                          case.bound), step=2)
