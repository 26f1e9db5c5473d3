"""Attention on the emulated CUDA device: one kernel, with an online softmax.

Tolerances, of the largest output: f32 1e-5 (sums in another order, ex2.approx
within 2^-22; measured: at most 1.1e-6), f16 4e-3 and bf16 5e-2 (scores and weights
are rounded to 10 and 7 bits; measured: at most 2.3e-3 and 3.5e-2).
"""
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import harness
import test_attention
from device_kernel import DeviceKernel, ceil_div

TARGET = "--target=cuda:sm_80"
TOLERANCES = {"f32": 1e-5, "f16": 4e-3, "bf16": 5e-2}
ELEMENTS = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16,
            "bf16": TensorProto.BFLOAT16}


@pytest.mark.parametrize("form", [
    test_attention.plain, test_attention.scaled_and_masked,
    test_attention.boolean_mask, test_attention.scaled_operands,
    test_attention.grouped, test_attention.grouped_by_broadcast,
    test_attention.multiple_queries, test_attention.shared_keys,
    test_attention.rows_by_token, test_attention.keys_in_columns],
    ids=lambda f: f.__name__)
def test_form(form, tmp_path):
    path = tmp_path / "model.onnx"
    form(path)
    binary = harness.compile_model(path, tmp_path / "model.so", TARGET)
    for queries, keys in [(1, 1), (1, 300), (7, 33), (70, 131)]:
        inputs = test_attention.feed(path, {"b": 2, "q": queries, "k": keys})
        got, _ = harness.run_model(binary, inputs, tmp_path, "--device=emulated")
        want = harness.run_onnxruntime(str(path), inputs)
        assert harness.relative_error(got, want) <= TOLERANCES["f32"], (queries, keys)


@pytest.mark.parametrize("added", ["x", "q"])
def test_result_takes_the_place_of_the_queries(added, tmp_path):
    path = tmp_path / "model.onnx"
    test_attention.layer(path, added)
    binary = harness.compile_model(path, tmp_path / "model.so", TARGET)
    inputs = {"x": np.random.default_rng(1).standard_normal((2, 37, 48)).astype(
        np.float32)}
    got, _ = harness.run_model(binary, inputs, tmp_path, "--device=emulated")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= TOLERANCES["f32"]


def encode(values, kind):
    if kind != "bf16":
        return values.astype({"f32": np.float32, "f16": np.float16}[kind])
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def decode(values, kind):
    if kind == "bf16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float64)


class Attention:
    """softmax(q k^T / root(size) + mask) v as a model of one kernel. Queries
    [b, heads, group, q, size]; keys and values without the group. A mask of None,
    "causal" (a boolean operand) or "added"; sizes q and k that are symbols, or
    numbers if `fixed`."""

    def __init__(self, folder, kind="f16", size=64, value_size=None, heads=1, group=1,
                 mask=None, fixed=None):
        self.kind, self.size, self.heads, self.group = kind, size, heads, group
        self.value_size, self.mask = value_size or size, mask
        element = ELEMENTS[kind]
        q, k = fixed or ("q", "k")
        constants = [helper.make_tensor("scale", element, [], [size ** -0.5])]
        nodes = [helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 1, 2, 4, 3]),
                 helper.make_node("MatMul", ["q", "kt"], ["s"]),
                 helper.make_node("Mul", ["s", "scale"], ["t"])]
        operands = [("q", element, ["b", heads, group, q, size]),
                    ("k", element, ["b", heads, 1, k, size]),
                    ("v", element, ["b", heads, 1, k, self.value_size])]
        if mask == "causal":
            operands.append(("mask", TensorProto.BOOL, [1, 1, 1, q, k]))
            constants.append(helper.make_tensor("never", element, [], [-np.inf]))
            nodes.append(helper.make_node("Where", ["mask", "t", "never"], ["l"]))
        elif mask == "added":
            operands.append(("mask", element, ["b", 1, 1, 1, k]))
            nodes.append(helper.make_node("Add", ["t", "mask"], ["l"]))
        nodes += [helper.make_node("Softmax", ["l" if mask else "t"], ["p"], axis=-1),
                  helper.make_node("MatMul", ["p", "v"], ["y"])]
        graph = helper.make_graph(
            nodes, "attention", [helper.make_tensor_value_info(*o) for o in operands],
            [helper.make_tensor_value_info(
                "y", element, ["b", heads, group, q, self.value_size])],
            initializer=constants)
        path = folder / "model.onnx"
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid("", 17)]), path)
        self.kernel = DeviceKernel(path, folder)

    def make_inputs(self, batch, queries, keys):
        rng = np.random.default_rng(queries * 1000 + keys)

        def draw(*shape):
            return encode(rng.standard_normal((batch, self.heads) + shape), self.kind)

        inputs = {"q": draw(self.group, queries, self.size),
                  "k": draw(1, keys, self.size), "v": draw(1, keys, self.value_size)}
        if self.mask == "causal":
            last = np.arange(queries)[:, None] + max(keys - queries, 0)
            inputs["mask"] = (np.arange(keys) <= last)[None, None, None]
        elif self.mask == "added":
            hidden = rng.random((batch, 1, 1, 1, keys)) < 0.3
            inputs["mask"] = encode(np.where(hidden, -1e4, 0.0), self.kind)
        return inputs

    def get_way(self, queries):
        """The part of the record for so many queries."""
        record = self.kernel.record
        few = record.get("few")
        return few if few and queries * self.group <= few["rows"] else record

    def run(self, inputs, ptx=None):
        batch, _, _, queries, _ = inputs["q"].shape
        keys = inputs["k"].shape[3]
        rows = self.get_way(queries)["rows"]
        blocks = batch * self.heads * ceil_div(queries * self.group, rows)
        got, counters = self.kernel.run(
            inputs, {"b": batch, "q": queries, "k": keys}, blocks, ptx)
        return decode(got, self.kind), counters

    def expect(self, inputs):
        q, k, v = (decode(inputs[name], self.kind) for name in "qkv")
        logits = q @ np.swapaxes(k, -1, -2) * self.size ** -0.5
        if self.mask == "causal":
            logits = np.where(inputs["mask"], logits, -np.inf)
        elif self.mask == "added":
            logits = logits + decode(inputs["mask"], self.kind)
        largest = logits.max(axis=-1, keepdims=True, initial=-np.inf)
        with np.errstate(invalid="ignore"):
            weights = np.exp(logits - np.where(np.isinf(largest), 0, largest))
            return weights @ v / weights.sum(axis=-1, keepdims=True)

    def check(self, inputs, ptx=None):
        """Whether the result is right."""
        got, self.counters = self.run(inputs, ptx)
        want = self.expect(inputs)
        if not np.array_equal(np.isfinite(got), np.isfinite(want)):
            return False
        finite = np.isfinite(want)
        error = np.abs(got - want)[finite].max(initial=0)
        return error <= TOLERANCES[self.kind] * np.abs(want)[finite].max(initial=1e-9)


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("size,value_size", [(1, 1), (8, 8), (24, 72), (40, 40),
                                             (64, 64), (80, 80), (128, 128), (256, 256)])
def test_head_sizes(kind, size, value_size, tmp_path):
    """Decode and prefill; what is read and multiplied is what the record says."""
    case = Attention(tmp_path, kind, size, value_size, heads=2)
    for queries, keys in [(1, 67), (37, 131)]:
        assert case.check(case.make_inputs(1, queries, keys)), (queries, keys)
        way, counters = case.get_way(queries), case.counters
        evaluate = case.kernel.evaluate
        if kind == "f32":
            assert not counters["matrix"]
        else:
            assert counters["matrix"] == {
                way["matrix"]: evaluate(way["matrix_count"])}
        element = 4 if kind == "f32" else 2
        if size * element % 32 == value_size * element % 32 == 0:
            # Every operand is read as often as the tiles ask for.
            assert counters["globalLoad"]["sectors"] * 32 == evaluate(way["load_bytes"])
        # Accesses to shared memory do not wait for banks, but where a copy goes on in
        # the next row, which is often in small heads.
        for traffic in ("sharedLoad", "sharedStore"):
            if size >= 64:
                assert counters[traffic]["wavefronts"] * 128 <= (
                    1.6 * counters[traffic]["bytes"]), traffic


@pytest.mark.parametrize("kind", ["f32", "f16"])
@pytest.mark.parametrize("mask", ["causal", "added"])
@pytest.mark.parametrize("group", [1, 3])
def test_masks(kind, mask, group, tmp_path):
    case = Attention(tmp_path, kind, heads=2, group=group, mask=mask)
    for queries, keys in [(1, 150), (5, 5), (67, 67), (129, 131)]:
        assert case.check(case.make_inputs(1, queries, keys)), (queries, keys)


@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_masked_rows(kind, tmp_path):
    """A row of which nothing is left is not a number, also where other warps have
    other keys; a finite mask, however large, leaves the softmax of the scores."""
    case = Attention(tmp_path, kind, heads=1, mask="causal")
    for queries, keys in [(3, 200), (70, 70)]:
        inputs = case.make_inputs(1, queries, keys)
        inputs["mask"][..., 1, :] = False
        inputs["mask"][..., 2, : keys // 2] = False
        assert case.check(inputs)
        assert np.isnan(case.run(inputs)[0][:, :, :, 1]).all()
    (tmp_path / "added").mkdir()
    case = Attention(tmp_path / "added", kind, mask="added")
    lowest = {"f32": -3.4028234663852886e38, "f16": -65504.0}[kind]
    for queries, keys in [(2, 90), (70, 70)]:
        inputs = case.make_inputs(1, queries, keys)
        inputs["q"][:] = 0  # scores are 0, so every logit is the mask
        inputs["mask"][:] = lowest
        got, _ = case.run(inputs)
        mean = decode(inputs["v"], kind).mean(axis=3, keepdims=True)
        assert np.abs(got - mean).max() <= TOLERANCES[kind]


def test_without_keys(tmp_path):
    """0 / 0, as on the CPU."""
    for kind in ("f32", "f16"):
        (tmp_path / kind).mkdir()
        case = Attention(tmp_path / kind, kind)
        for queries in (2, 20):
            assert np.isnan(case.run(case.make_inputs(1, queries, 0))[0]).all()


@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_long_sequence(kind, tmp_path):
    """512 queries and keys of 64: each operand is read as often as there are
    blocks, nothing else but the result is stored, and code for known sizes has no
    branch that parts threads."""
    length = 512 if kind == "f16" else 256
    case = Attention(tmp_path, kind, fixed=(length, length))
    assert case.check(case.make_inputs(1, length, length))
    record, counters = case.kernel.record, case.counters
    element = 4 if kind == "f32" else 2
    blocks = length // record["rows"]
    rows = length * 64 * element
    assert counters["globalLoad"]["sectors"] * 32 == rows + blocks * 2 * rows
    assert counters["globalStore"]["sectors"] * 32 == rows
    assert counters["divergentBranches"] == 0
    if kind == "f16":
        assert sum(counters["matrix"].values()) == length ** 2 * 64 * 2 // 2048
    for traffic in ("sharedLoad", "sharedStore"):
        assert counters[traffic]["wavefronts"] * 128 == counters[traffic]["bytes"]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_89", "sm_90"])
@pytest.mark.parametrize("kind,size,mask", [
    ("f16", 64, None), ("bf16", 64, "causal"), ("f16", 128, "added"),
    ("f16", 256, "causal"), ("f32", 64, "causal"), ("f32", 128, "added"),
    ("f32", 256, "causal")])
def test_registers(architecture, kind, size, mask, tmp_path):
    case = Attention(tmp_path, kind, size, group=2, mask=mask)
    assembled = case.kernel.assemble(architecture)
    if assembled is None:
        pytest.skip("there is no ptxas")
    assert assembled[1] == 0, f"{assembled[0]} registers"
