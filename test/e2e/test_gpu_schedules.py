"""What the schedules of contractions do on the emulated device.

Counters are compared with the records of the schedules; ptxas, where it is, says what
is spilled. tf32 has 10 bits of mantissa (2e-3 for short sums).
"""
import math
import os
import re
import shutil
import subprocess

import numpy as np
from onnx import TensorProto, helper
import pytest

from gpu_products import (LAYOUTS, TYPES, Device, count, error, gemm, multiply,
                          random_inputs, save, tiles, value)

CHIPS = ("sm_80", "sm_89", "sm_90")


def test_tf32_is_an_option(tmp_path):
    model = gemm(str(tmp_path / "m.onnx"), 70, 50, 60)
    inputs = random_inputs(model)
    device = Device(model, options="allow-tf32=true")
    assert device.field("matrix") == "m16n8k8.f32.tf32.tf32.f32"
    want = multiply(inputs)
    got, _ = device.launch(str(tmp_path), [inputs["a"], inputs["b"]],
                           want.astype(np.float32), tiles(device, 70, 50))
    assert 1e-6 < error(got, want) < 2e-3
    assert Device(model).field("matrix") is None


@pytest.mark.parametrize("m, n, k", [(512, 512, 512), (256, 384, 128), (96, 96, 100),
                                     (33, 65, 47)])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_matrix_instructions(tmp_path, m, n, k, kind):
    model = gemm(str(tmp_path / "m.onnx"), m, n, k, kind)
    device = Device(model)
    kernel = count(device, str(tmp_path), model, m, n)
    assert kernel["matrix"] == {device.field("matrix"): device.evaluate("matrix_count")}
    rows, columns, depth = map(int, device.field("schedule").split()[1].split("x"))
    assert device.evaluate("matrix_count") == (
        math.ceil(m / rows) * rows // 16 * (math.ceil(n / columns) * columns // 8) *
        (math.ceil(k / depth) * depth // 16))


@pytest.mark.parametrize("kind, m, n, k", [("f16", 512, 512, 512),
                                           ("f32", 256, 256, 256)])
@pytest.mark.parametrize("trans_a, trans_b", LAYOUTS)
def test_traffic(tmp_path, kind, m, n, k, trans_a, trans_b):
    """Every tile is loaded once per block, in whole sectors, and C is stored
    once; shared memory has next to no bank conflicts."""
    model = gemm(str(tmp_path / "m.onnx"), m, n, k, kind, trans_a, trans_b)
    device = Device(model)
    kernel = count(device, str(tmp_path), model, m, n)
    assert kernel["globalLoad"]["sectors"] * 32 == device.evaluate("load_bytes")
    assert kernel["globalStore"]["sectors"] * 32 == device.evaluate("store_bytes")
    for name in ("sharedLoad", "sharedStore"):
        # 128 bytes is the most that a pass over the banks can move.
        shared = kernel[name]
        assert shared["wavefronts"] * 128 <= 1.6 * shared["bytes"], name


def test_windows_share_what_they_read(tmp_path):
    model = save(str(tmp_path / "m.onnx"),
                 [helper.make_node("Conv", ["a", "b"], ["y"], group=8)],
                 [value("a", TensorProto.FLOAT, [1, 8, 34, 34]),
                  value("b", TensorProto.FLOAT, [8, 1, 3, 3])],
                 value("y", TensorProto.FLOAT, [1, 8, 32, 32]))
    device = Device(model)
    assert device.field("schedule") == "windows"
    inputs = random_inputs(model)
    _, counters = device.launch(
        str(tmp_path), [inputs["a"], inputs["b"]],
        np.zeros((1, 8, 32, 32), np.float32), 8 * 32 * 32 // 4 // 128)
    # 4 neighbours read 3 x (4 + 2) elements and 9 taps: 27, not 4 x 18.
    assert counters["globalLoad"]["bytes"] <= 8 * 32 * 32 * 27
    assert counters["globalStore"]["sectors"] * 32 == 8 * 32 * 32 * 4


INTEGERS = """
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func private @k(%a: tensor<35x70x{0}>, %b: tensor<70x44x{0}>,
                     %c: tensor<35x44xi32>) -> tensor<35x44xi32>
    attributes {{exec.kernel_body, exec.kind = "contraction"}} {{
  %zero = arith.constant 0 : i32
  %init = linalg.fill ins(%zero : i32) outs(%c : tensor<35x44xi32>)
      -> tensor<35x44xi32>
  %sum = linalg.generic {{indexing_maps = [#a, #b, #c],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : tensor<35x70x{0}>, tensor<70x44x{0}>)
      outs(%init : tensor<35x44xi32>) {{
  ^bb0(%x: {0}, %y: {0}, %old: i32):
    {1}
    %product = arith.muli %p, %q : i32
    %new = arith.addi %old, %product : i32
    linalg.yield %new : i32
  }} -> tensor<35x44xi32>
  return %sum : tensor<35x44xi32>
}}
"""


@pytest.mark.parametrize("element, extension, matrix", [
    (np.int8, "arith.extsi", "m16n8k32.s32.s8.s8.s32"),
    (np.uint8, "arith.extui", "m16n8k32.s32.u8.u8.s32"), (np.int32, None, None)])
def test_integers_are_exact(tmp_path, element, extension, matrix):
    name = "i8" if extension else "i32"
    body = "\n".join(f"{to} = {extension} {of} : i8 to i32"
                     for to, of in (("%p", "%x"), ("%q", "%y")))
    text = INTEGERS.format(name, body if extension else "")
    if not extension:
        text = text.replace("%p, %q", "%x, %y")
    model = str(tmp_path / "k")
    with open(model + ".mlir", "w") as file:
        file.write(text)
    device = Device(model, program=model + ".mlir")
    assert device.field("matrix") == matrix
    limits = np.iinfo(element if extension else np.int16)
    random = np.random.default_rng(3)
    a = random.integers(limits.min, limits.max, (35, 70), element, endpoint=True)
    b = random.integers(limits.min, limits.max, (70, 44), element, endpoint=True)
    got, counters = device.launch(str(tmp_path), [a, b], np.zeros((35, 44), np.int32),
                                  tiles(device, 35, 44))
    np.testing.assert_array_equal(got, a.astype(np.int32) @ b.astype(np.int32))
    if matrix:
        assert counters["matrix"] == {matrix: device.evaluate("matrix_count")}


@pytest.mark.parametrize("trans_b", [0, 1])
def test_wide_operand_is_read_once(tmp_path, trans_b):
    model = gemm(str(tmp_path / "m.onnx"), 2, 1024, 512, "f16", 0, trans_b)
    device = Device(model)
    wide = int(device.field("schedule").split("x")[1])
    kernel = count(device, str(tmp_path), model, 2, 1024, 1024 // wide)
    # The thin one is read by every warp, from the first level cache.
    assert kernel["globalLoad"]["sectors"] * 32 <= 2.2 * 1024 * 512 * 2
    assert kernel["globalLoad"]["bytes"] >= 1024 * 512 * 2


@pytest.mark.skipif(not shutil.which("ptxas") and
                    not os.path.exists("/usr/local/cuda/bin/ptxas"),
                    reason="there is no ptxas")
@pytest.mark.parametrize("kind", ["f32", "f16"])
@pytest.mark.parametrize("size", [64, 512, 1024, 2048])
def test_nothing_is_spilled(tmp_path, kind, size):
    ptxas = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"
    code = str(tmp_path / "code.ptx")
    for trans_a, trans_b in LAYOUTS:
        model = gemm(str(tmp_path / "m.onnx"), size, size, size, kind, trans_a, trans_b)
        with open(code, "w") as file:
            file.write(Device(model).ptx)
        for chip in CHIPS:
            done = subprocess.run([ptxas, "-v", f"-arch={chip}", code, "-o",
                                   str(tmp_path / "code.cubin")],
                                  stderr=subprocess.PIPE, text=True, check=True)
            assert "0 bytes spill stores, 0 bytes spill loads" in done.stderr, (
                chip, trans_a, trans_b)
            assert int(re.search(r"Used (\d+) registers", done.stderr)[1]) <= 168
