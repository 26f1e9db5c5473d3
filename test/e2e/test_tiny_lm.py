"""A decoder that was trained on text: what it has learned survives."""
import os

import numpy as np

import harness
import workloads

BITS_PER_BYTE = 1.792758  # of ONNX Runtime on the 32 evaluation windows
LAYERS, KV_HEADS, HEAD = 4, 2, 32


def empty_cache(batch):
    shape = (batch, KV_HEADS, 0, HEAD)
    return {f"past_{kind}_{layer}": np.zeros(shape, np.float32)
            for layer in range(LAYERS) for kind in "kv"}


def step(binary, tokens, position, cache, folder):
    """Returns (logits, cache with the new rows)."""
    positions = np.broadcast_to(np.arange(position, position + tokens.shape[1]),
                                tokens.shape)
    inputs = {"input_ids": tokens.astype(np.int64),
              "position_ids": np.ascontiguousarray(positions, np.int64), **cache}
    outputs, _ = harness.run_model(binary, inputs, folder)
    return outputs["logits"], {name.replace("present", "past"): array
                               for name, array in outputs.items() if name != "logits"}


def bits_per_byte(binary, folder, windows=8):
    """Mean of -log2 p(next byte) on the evaluation text, `windows` at a time."""
    data = os.path.join(os.path.dirname(workloads.__file__), "text.npz")
    text = np.load(data)["evaluation"]
    total = 0.0
    for start in range(0, len(text), windows):
        part = text[start:start + windows].astype(np.int64)
        logits, _ = step(binary, part[:, :-1], 0, empty_cache(len(part)), folder)
        z = logits.astype(np.float64)
        z -= z.max(-1, keepdims=True)
        z -= np.log(np.exp(z).sum(-1, keepdims=True))
        total -= np.take_along_axis(z, part[:, 1:, None], -1).sum()
    return total / (text.shape[0] * (text.shape[1] - 1)) / np.log(2)


def test_bits_per_byte(binaries, tmp_path):
    measured = bits_per_byte(binaries.get("tiny_lm"), tmp_path)
    assert abs(measured - BITS_PER_BYTE) <= 1e-4


def test_decoding_token_by_token_equals_prefill(binaries, tmp_path):
    binary = binaries.get("tiny_lm")
    tokens = np.random.default_rng(0).integers(32, 127, (1, 24))
    whole, whole_cache = step(binary, tokens, 0, empty_cache(1), tmp_path)
    cache, rows = empty_cache(1), []
    for i in range(tokens.shape[1]):
        row, cache = step(binary, tokens[:, i:i + 1], i, cache, tmp_path)
        rows.append(row)
    limit = 1e-4
    assert np.abs(np.concatenate(rows, 1) - whole).max() <= limit * np.abs(whole).max()
    for name, expected in whole_cache.items():
        assert np.abs(cache[name] - expected).max() <= limit * np.abs(expected).max()
