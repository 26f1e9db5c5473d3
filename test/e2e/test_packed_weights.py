"""MatMulNBits of ONNX Runtime: imported as a dequantized constant and a product."""
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import harness
import test_bad_models as bad


def pack(codes, bits):
    """Rows of codes as bytes, the first code in the low bits."""
    rows = codes.reshape(-1, codes.shape[-1]).astype(np.uint8)
    parts = 8 // bits
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % parts)))
    spread = rows.reshape(len(rows), -1, parts)
    return sum(spread[..., i] << bits * i for i in range(parts)).astype(np.uint8)


def make(path, bits, block, width, outputs, zeros=True, bias=False, kind=np.float32,
         change=None):
    """Writes x [2, 3, width] times packed weights; returns (x, exact weights)."""
    rng = np.random.default_rng(bits * block + width)
    blocks = -(-width // block)
    codes = rng.integers(0, 2**bits, (outputs, blocks * block))
    scales = rng.uniform(0.5, 1, (outputs, blocks)).astype(kind) / 2**bits
    zero = rng.integers(0, 2**bits, (outputs, blocks))
    if not zeros:
        zero[:] = 2**(bits - 1)
    exact = (codes - np.repeat(zero, block, 1)) * np.repeat(scales.astype(np.float64), block, 1)
    tensors = {"w": pack(codes, bits).reshape(outputs, blocks, -1), "s": scales.reshape(-1)}
    inputs = ["x", "w", "s"]
    if zeros:
        tensors["z"] = pack(zero, bits).reshape(-1)
    if bias:
        tensors["b"] = rng.standard_normal(outputs).astype(kind)
    inputs += ["z" if zeros else "", "", "b" if bias else ""]
    while not inputs[-1]:
        inputs.pop()
    attributes = dict(K=width, N=outputs, bits=bits, block_size=block)
    if change:
        change(attributes, tensors, inputs)
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    graph = helper.make_graph(
        [helper.make_node("MatMulNBits", inputs, ["y"], domain="com.microsoft", **attributes)],
        "main", [helper.make_tensor_value_info("x", element, [2, 3, width])],
        [helper.make_tensor_value_info("y", element, None)],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()])
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]), path)
    x = rng.standard_normal((2, 3, width)).astype(kind)
    return x, exact[:, :width].T, tensors.get("b", 0)


CASES = [(4, 32, 64, 16, True), (4, 32, 64, 16, False), (4, 16, 40, 8, True),
         (4, 128, 128, 8, False), (4, 32, 96, 5, True), (8, 32, 64, 16, True),
         (8, 32, 48, 16, False)]


@pytest.mark.parametrize("bits, block, width, outputs, zeros", CASES)
def test_it_is_what_onnxruntime_computes(tmp_path, bits, block, width, outputs, zeros):
    """The graph, written as ONNX again (DequantizeLinear), against the node."""
    path = tmp_path / "model.onnx"
    x, weight, _ = make(path, bits, block, width, outputs, zeros)
    exact = x.astype(np.float64) @ weight
    node = harness.run_onnxruntime(str(path), {"x": x})["y"]
    harness.check(harness.run("cinch-opt", path, "-o", tmp_path / "out.onnx"), "cinch-opt")
    written = harness.run_onnxruntime(str(tmp_path / "out.onnx"), {"x": x})["y"]
    for y in (node, written):
        assert np.abs(y - exact).max() <= 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("zeros, bias", [(True, False), (False, True)])
@pytest.mark.parametrize("bits, block, width", [(8, 32, 64), (8, 16, 40), (4, 32, 64),
                                                (4, 16, 40), (2, 16, 64), (2, 32, 48)])
def test_programs(tmp_path, bits, block, width, zeros, bias):
    path = tmp_path / "model.onnx"
    x, weight, b = make(path, bits, block, width, 24, zeros, bias)
    exact = x.astype(np.float64) @ weight + b
    for flags in ((), ("--pipeline=reference",)):
        binary = harness.compile_model(path, tmp_path / "model.so", "--quiet", *flags)
        y = harness.run_model(binary, {"x": x}, tmp_path)[0]["y"]
        assert np.abs(y - exact).max() <= 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("bits, zeros, element", [
    (2, True, "ui2"), (2, False, "i2"), (4, True, "ui4"), (4, False, "i4"),
    (8, True, "ui8"), (8, False, "i8")])
def test_weights_stay_packed(tmp_path, bits, zeros, element):
    path = tmp_path / "model.onnx"
    make(path, bits, 16, 40, 8, zeros)
    done = harness.run("cinch-opt", path)
    harness.check(done, "cinch-opt")
    # Without the elements that fill the last block, and a group of 16 of 40.
    assert f": tensor<8x40x{element}>" in done.output
    assert "{axis = 1 : i64, group_size = 16 : i64" in done.output
    assert "transposed" in done.output


def refusal(tmp_path, change, bits=4):
    path = tmp_path / "model.onnx"
    make(path, bits, 32, 64, 8, True, change=change)
    return bad.refused(path, tmp_path)


def test_refusals(tmp_path):
    def set_bits(attributes, tensors, inputs):
        attributes["bits"] = 3

    def set_block(attributes, tensors, inputs):
        attributes["block_size"] = 24

    def add_order(attributes, tensors, inputs):
        tensors["g"] = np.zeros(64, np.int32)
        inputs += ["g"]

    def cut_codes(attributes, tensors, inputs):
        tensors["w"] = tensors["w"][:-1]

    def cut_scales(attributes, tensors, inputs):
        tensors["s"] = tensors["s"][:-1]

    def float_zeros(attributes, tensors, inputs):
        tensors["z"] = np.zeros((8, 2), np.float32)

    def compute_scales(attributes, tensors, inputs):
        inputs[2] = "x"

    def forget_scales(attributes, tensors, inputs):
        del inputs[2:]

    def forget_width(attributes, tensors, inputs):
        del attributes["K"]

    for change, word in [
            (set_bits, "attribute bits is 3 (2, 4 and 8 are supported)"),
            (set_block, "attribute block_size is 24"),
            (add_order, "input g_idx"),
            (cut_codes, "input B has 224 bytes, expected 256"),
            (cut_scales, "input scales does not have 16 elements"),
            (float_zeros, "input zero_points that is not of uint8"),
            (compute_scales, "input scales does not have 16 elements"),
            (forget_scales, "lacks input 'scales'"),
            (forget_width, "attribute K is 0")]:
        assert word in refusal(tmp_path, change), change.__name__
