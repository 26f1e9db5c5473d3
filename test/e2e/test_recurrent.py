"""LSTM, GRU and RNN against ONNX Runtime: sizes of one block and several, batches,
directions, lengths, peepholes, resets before and after; one kernel per step, and
as much work per step for long sequences as for short ones.

The tolerance is 1e-5 of the largest output: sums of up to 130 products in another
order, handed on over 7 steps (measured: at most 5e-7).
"""
import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

import harness

TOLERANCE = 1e-5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
INPUT = 5


def build(folder, op, hidden, steps="t", batch="b", peephole=False, lengths=False,
          initial=False, **attributes):
    rng = np.random.default_rng(hidden)
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[op] * hidden
    shapes = {"w": (directions, rows, INPUT), "r": (directions, rows, hidden),
              "b": (directions, 2 * rows)}
    if peephole:
        shapes["p"] = (directions, 3 * hidden)
    constants = {name: rng.uniform(-0.3, 0.3, shape) for name, shape in shapes.items()}
    outputs = ["y", "y_h"] + (["y_c"] if op == "LSTM" else [])
    states = outputs[1:] if initial else []
    operands = ["x", "w", "r", "b", "lengths" if lengths else "",
                *(f"initial_{name}" for name in states)]
    if peephole:
        operands += [""] * (7 - len(operands)) + ["p"]
    info, f32 = helper.make_tensor_value_info, TensorProto.FLOAT
    inputs = [info("x", f32, [steps, batch, INPUT])]
    if lengths:
        inputs.append(info("lengths", TensorProto.INT32, [batch]))
    inputs += [info(f"initial_{name}", f32, [directions, batch, hidden]) for name in states]
    graph = helper.make_graph(
        [helper.make_node(op, operands, outputs, hidden_size=hidden, **attributes)], "cell",
        inputs, [info(name, f32, None) for name in outputs],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()])
    path = folder / "model.onnx"
    save(helper.make_model(graph, ir_version=8,
                           opset_imports=[helper.make_opsetid("", 17)]), path)
    return path, harness.compile_model(path, folder / "model.so")


def check(folder, path, binary, hidden, steps, batch, lengths=None, states=()):
    rng = np.random.default_rng(steps)
    inputs = {"x": rng.normal(size=(steps, batch, INPUT)).astype(np.float32)}
    if lengths is not None:
        inputs["lengths"] = np.array(lengths, np.int32)
    for name in states:
        inputs[f"initial_{name}"] = rng.normal(size=(1, batch, hidden)).astype(np.float32)
    got, stats = harness.run_model(binary, inputs, folder, "--measure-memory")
    want = harness.run_onnxruntime(str(path), inputs)
    assert harness.relative_error(got, want) <= TOLERANCE
    assert stats["measured_peak_bytes"] == stats["predicted_peak_bytes"]


FORMS = {
    "lstm": ("LSTM", {}),
    "lstm_reverse": ("LSTM", {"direction": "reverse"}),
    "lstm_both": ("LSTM", {"direction": "bidirectional"}),
    "lstm_peephole": ("LSTM", {"peephole": True}),
    "lstm_coupled": ("LSTM", {"input_forget": 1}),
    "rnn_clipped": ("RNN", {"clip": 0.2}),
    "lstm_relu": ("LSTM", {"activations": ["Sigmoid", "Relu", "Tanh"]}),
    "gru": ("GRU", {}),
    "gru_after": ("GRU", {"linear_before_reset": 1}),
    "gru_after_both": ("GRU", {"linear_before_reset": 1, "direction": "bidirectional"}),
    "rnn": ("RNN", {}),
    "rnn_both": ("RNN", {"direction": "bidirectional"}),
}


@pytest.mark.parametrize("hidden", [1, 20, 64, 130])
@pytest.mark.parametrize("form", FORMS)
def test_agrees_with_onnxruntime(form, hidden, tmp_path):
    op, attributes = FORMS[form]
    path, binary = build(tmp_path, op, hidden, **attributes)
    for steps, batch in ((7, 1), (1, 3), (5, 70)):
        check(tmp_path, path, binary, hidden, steps, batch)


@pytest.mark.parametrize("op", GATES)
def test_static_sizes(op, tmp_path):
    path, binary = build(tmp_path, op, 24, steps=6, batch=1)
    check(tmp_path, path, binary, 24, 6, 1)


@pytest.mark.parametrize("op", GATES)
def test_lengths_and_states(op, tmp_path):
    path, binary = build(tmp_path, op, 24, lengths=True, initial=True)
    states = ["y_h"] + (["y_c"] if op == "LSTM" else [])
    check(tmp_path, path, binary, 24, 6, 3, lengths=[6, 1, 4], states=states)


@pytest.mark.parametrize("form, kernels", [("lstm", 1), ("gru", 3), ("gru_after", 1),
                                           ("rnn", 1)])
def test_kernels_per_step(form, kernels, tmp_path):
    """A GRU that resets before the product multiplies twice, one after the other, and
    both read a copy of the step's part of the projected input."""
    op, attributes = FORMS[form]
    path, binary = build(tmp_path, op, 24, **attributes)
    calls = []
    for steps in (10, 30):
        trace = tmp_path / "trace.json"
        inputs = {"x": np.zeros((steps, 2, INPUT), np.float32)}
        harness.run_model(binary, inputs, tmp_path, f"--profile={trace}", "--threads=1")
        calls.append(len(json.loads(trace.read_text())["traceEvents"]))
    assert calls[1] - calls[0] == 20 * kernels


def test_steps_cost_the_same_in_a_long_sequence(tmp_path):
    """A step writes its own row of the sequence. The time of a run, best of 20, for 4
    times the steps is 4 times as long (measured: 4.0); were all rows written, 16."""
    _, binary = build(tmp_path, "RNN", 4)
    times = []
    for steps in (4000, 16000):
        inputs = {"x": np.zeros((steps, 1, INPUT), np.float32)}
        _, stats = harness.run_model(binary, inputs, tmp_path, "--benchmark=20", "--threads=1")
        times.append(stats["min_ms"])
    assert times[1] < 8 * times[0], times
