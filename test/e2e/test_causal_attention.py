"""Attention with a causal mask on the emulated CUDA device: keys that are hidden from
all rows of a block are neither read nor multiplied, by the formulas of the record.

The tolerances are those of test_device_attention.
"""
import json
import math
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import harness
from test_device_attention import ELEMENTS, TARGET, TOLERANCES, decode, encode

FUNCTIONS = {"ceildiv": lambda a, b: -(-a // b), "floordiv": lambda a, b: a // b,
             "min": min, "max": max, "sum": sum, "range": range}


def make_model(path, kind, queries="n", keys="n", past=None, heads=2, kv_heads=2,
               size=64):
    """An Attention node with is_causal."""
    element = ELEMENTS[kind]
    inputs = [("q", [1, heads, queries, size]), ("k", [1, kv_heads, keys, size]),
              ("v", [1, kv_heads, keys, size])]
    outputs = [("y", [1, heads, queries, size])]
    names = ["q", "k", "v", ""]
    if past:
        names += ["past_k", "past_v"]
        inputs += [(name, [1, kv_heads, past, size]) for name in names[4:]]
        outputs += [(name, [1, kv_heads, None, size]) for name in ("new_k", "new_v")]
    node = helper.make_node("Attention", names, [name for name, _ in outputs],
                            is_causal=1)
    graph = helper.make_graph([node], "attention", *(
        [helper.make_tensor_value_info(name, element, shape) for name, shape in values]
        for values in (inputs, outputs)))
    onnx.save(helper.make_model(graph, ir_version=11, opset_imports=[
        helper.make_opsetid("", 23)]), path)


def make_inputs(kind, queries, keys, past=0, heads=2, kv_heads=2, size=64):
    rng = np.random.default_rng(queries)
    inputs = {"q": (heads, queries), "k": (kv_heads, keys), "v": (kv_heads, keys)}
    if past:
        inputs |= {"past_k": (kv_heads, past), "past_v": (kv_heads, past)}
    return {name: encode(rng.standard_normal((1, *shape, size)), kind)
            for name, shape in inputs.items()}


def expect(inputs, kind):
    wide = {name: decode(array, kind) for name, array in inputs.items()}
    q, k, v = (wide[name] for name in "qkv")
    past = 0
    if "past_k" in wide:
        past = wide["past_k"].shape[2]
        k = np.concatenate([wide["past_k"], k], axis=2)
        v = np.concatenate([wide["past_v"], v], axis=2)
    k, v = (np.repeat(array, q.shape[1] // k.shape[1], axis=1) for array in (k, v))
    logits = q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])
    shown = np.arange(k.shape[2]) <= np.arange(q.shape[2])[:, None] + past
    weights = np.where(shown, np.exp(logits), 0)
    return weights @ v / weights.sum(-1, keepdims=True)


def find_attention(model, folder):
    """The device function of the attention of a model, and its record."""
    report = folder / "report.json"
    harness.compile_model(model, folder / "m.ptx", TARGET, "--emit=ptx",
                          f"--kernel-report={report}")
    (kernel,) = [kernel for kernel in json.loads(report.read_text())["kernels"]
                 if kernel["gpu"]["record"]["schedule"].startswith("attention")]
    return kernel["function"], kernel["gpu"]["record"]


class Compiled:
    """A model and what the program says of its attention kernel."""

    def __init__(self, folder, kind, **sizes):
        self.folder, self.kind = folder, kind
        model, program = folder / "m.onnx", folder / "m.mlir"
        make_model(model, kind, **sizes)
        self.binary = harness.compile_model(model, folder / "m.so", TARGET)
        self.name, self.record = find_attention(model, folder)
        harness.compile_model(model, program, TARGET, "--emit=exec")
        (signature,) = re.findall(
            rf"func\.func private @{self.name}\((.*?)\) -> .*", program.read_text())
        self.types = re.findall(r"tensor<(.*?)>", signature)

    def words(self, queries, keys):
        """Of a launch; its operands are positions, sizes, a mask, Q, K, V, the result."""
        words = {}
        # Keys and values that several heads read have an axis more, and come first.
        is_grouped = any(text.count("x") == 5 for text in self.types)
        operands = iter([queries, queries] if is_grouped else
                        [queries, keys, keys, queries])
        for text in self.types:
            words[f"word{len(words)}"] = 0  # an address
            if text.count("x") >= 4:
                sizes = [next(operands) if text.count("x") == 4 else keys]
            else:
                sizes = {"?x1xi64": [queries], "?xi64": [keys]}.get(
                    text, [queries, keys])
            for size in sizes[:text.count("?")]:
                words[f"word{len(words)}"] = size
        return words

    def check(self, inputs):
        """Compares the result and the counters with the record; returns them."""
        counters = self.folder / "counters.json"
        given = inputs
        if self.kind == "bf16":  # which numpy does not have
            given = {name: array.view("V2") for name, array in inputs.items()}
        got, _ = harness.run_model(self.binary, given, self.folder,
                                   "--device=emulated", f"--counters={counters}")
        got = decode(got["y"].view(np.uint16) if self.kind == "bf16" else got["y"],
                     self.kind)
        want = expect(inputs, self.kind)
        assert np.abs(got - want).max() <= TOLERANCES[self.kind] * np.abs(want).max()
        kernel = json.loads(counters.read_text())["kernels"][self.name]
        heads, queries = inputs["q"].shape[1:3]
        keys = inputs["k"].shape[2] + (
            inputs["past_k"].shape[2] if "past_k" in inputs else 0)
        group = heads // inputs["k"].shape[1]
        way = self.record
        if "few" in way and queries * group <= way["few"]["rows"]:
            way = way["few"]
        self.way = way
        names = FUNCTIONS | self.words(queries, keys)
        if self.kind != "f32":
            assert kernel["matrix"] == {way["matrix"]: eval(way["matrix_count"], names)}
        self.load_bytes = eval(way["load_bytes"], names)
        return kernel


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("kv_heads", [1, 3])
def test_sizes_at_run_time(kind, kv_heads, tmp_path):
    """Without a past, and with one that is as long as it is (heads in groups of
    three, or not)."""
    for past, cases in [(None, [(1, 0), (15, 0), (64, 0), (200, 0), (257, 0)]),
                        ("p", [(1, 40), (7, 131), (64, 64), (130, 100)])]:
        folder = tmp_path / str(past)
        folder.mkdir()
        compiled = Compiled(folder, kind, past=past, heads=3, kv_heads=kv_heads)
        assert "causal" in compiled.record["reason"]
        for length, before in cases:
            compiled.check(make_inputs(kind, length, length, before, 3, kv_heads))


@pytest.mark.parametrize("kind", ["f32", "f16"])
@pytest.mark.parametrize("queries, keys, past", [
    (256, 256, None), (100, 100, None), (40, 200, None), (200, 40, None),
    (96, 96, 160)], ids=str)
def test_known_sizes(kind, queries, keys, past, tmp_path):
    """The mask is a constant then; more keys than queries, or fewer."""
    compiled = Compiled(tmp_path, kind, queries=queries, keys=keys, past=past)
    assert "causal" in compiled.record["reason"]
    compiled.check(make_inputs(kind, queries, keys, past or 0))


def test_half_is_left_out(tmp_path):
    """Of 1024 positions a block computes those up to its diagonal."""
    compiled = Compiled(tmp_path, "f16")
    kernel = compiled.check(make_inputs("f16", 1024, 1024))
    rows, keys = compiled.way["rows"], compiled.way["keys"]
    steps = sum(math.ceil((tile + 1) * rows / keys) for tile in range(1024 // rows))
    share = steps / ((1024 // rows) * (1024 // keys))
    assert share <= 0.5 + rows / 2048
    whole = 2 * 1024 * 1024 * 64 * 2 * 2 // 4096
    assert sum(kernel["matrix"].values()) == whole * share
    operand = 2 * 1024 * 64 * 2
    assert compiled.load_bytes == operand + 2 * operand * (1024 // rows) * share


# Whether a key is seen, of the positions k, those of queries q, and an input; what it
# is in numpy; whether keys are left out.
FORMS = {
    "at_most": ([("LessOrEqual", "kq")], lambda k, q, given: k <= q, True),
    "less_swapped": ([("Greater", "qk")], lambda k, q, given: q > k, True),
    "not_greater": ([("Greater", "kq"), ("Not", "0")], lambda k, q, given: k <= q, True),
    "ahead": ([("LessOrEqual", "ka")], lambda k, q, given: k <= q + 2, True),
    "and_given": ([("LessOrEqual", "kq"), ("And", "0g")],
                  lambda k, q, given: (k <= q) & given, True),
    "or_given": ([("LessOrEqual", "kq"), ("Or", "0g")],
                 lambda k, q, given: (k <= q) | given, False),
    "from_here": ([("GreaterOrEqual", "kq")], lambda k, q, given: k >= q, False),
    "given": ([("Identity", "g")], lambda k, q, given: given, False),
}


def make_masked(path, form, length, hidden=-np.inf):
    """Scores where a key is seen, else `hidden`; `length` is a number or a symbol."""
    shape, nodes = [1, 2, length, 64], []
    constants = {"axes": np.array([1]), "first": np.int64(0), "one": np.int64(1),
                 "two": np.int64(2), "hidden": np.float32(hidden),
                 "scale": np.float32(0.125)}

    def add(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    for name, array in constants.items():
        add("Constant", [], name, value=onnx.numpy_helper.from_array(array))
    add("Shape", ["q"], "size", start=2, end=3)
    add("Squeeze", ["size"], "length")
    add("Range", ["first", "length", "one"], "k_at")
    add("Unsqueeze", ["k_at", "axes"], "q_at")
    add("Add", ["q_at", "two"], "ahead")
    values = {"k": "k_at", "q": "q_at", "a": "ahead", "g": "given"}
    for number, (op, operands) in enumerate(FORMS[form][0]):
        values[str(number)] = add(op, [values[name] for name in operands], f"c{number}")
    add("Transpose", ["k"], "kt", perm=[0, 1, 3, 2])
    add("MatMul", ["q", "kt"], "s")
    add("Mul", ["s", "scale"], "t")
    add("Where", [f"c{len(FORMS[form][0]) - 1}", "t", "hidden"], "l")
    add("Softmax", ["l"], "p", axis=-1)
    add("MatMul", ["p", "v"], "y")
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
              for name in "qkv"]
    inputs.append(helper.make_tensor_value_info("given", TensorProto.BOOL, [length]))
    graph = helper.make_graph(nodes, "attention", inputs, [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)


@pytest.mark.parametrize("length", ["n", 70])
@pytest.mark.parametrize("form", FORMS)
def test_forms(form, length, tmp_path):
    model = tmp_path / "m.onnx"
    make_masked(model, form, length)
    _, record = find_attention(model, tmp_path)
    assert ("causal" in record["reason"]) == FORMS[form][2]
    inputs = make_inputs("f32", 70, 70)
    inputs["given"] = np.arange(70) < 50
    binary = harness.compile_model(model, tmp_path / "m.so", TARGET)
    got, _ = harness.run_model(binary, inputs, tmp_path, "--device=emulated")
    k, q = np.arange(70), np.arange(70)[:, None]
    wide = {name: inputs[name].astype(np.float64) for name in "qkv"}
    seen = FORMS[form][1](k, q, inputs["given"])
    weights = np.where(seen, np.exp(wide["q"] @ np.swapaxes(wide["k"], 2, 3) / 8), 0)
    with np.errstate(invalid="ignore"):
        want = weights @ wide["v"] / weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(got["y"], want, atol=1e-4)


def test_finite_masks_hide_nothing(tmp_path):
    """A weight of exp(-1e9 - x) is 0 for no reason but the other scores."""
    make_masked(tmp_path / "m.onnx", "at_most", "n", hidden=-1e9)
    _, record = find_attention(tmp_path / "m.onnx", tmp_path)
    assert "causal" not in record["reason"]
