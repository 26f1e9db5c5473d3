"""A decoder that was trained on text: what it has learned survives."""
import numpy as np

import accuracy
import harness

BITS_PER_BYTE = 1.792758  # of ONNX Runtime on the 32 evaluation windows


def step(binary, tokens, position, cache, folder):
    """Returns (logits, cache with the new rows)."""
    outputs, _ = harness.run_model(
        binary, accuracy.lm_inputs(tokens, position, cache), folder)
    return outputs["logits"], {name.replace("present", "past"): array
                               for name, array in outputs.items() if name != "logits"}


def test_bits_per_byte(binaries, tmp_path):
    binary = binaries.get("tiny_lm")
    measured = accuracy.bits_per_byte(
        lambda inputs: harness.run_model(binary, inputs, tmp_path)[0])
    assert abs(measured - BITS_PER_BYTE) <= 1e-4


def test_decoding_token_by_token_equals_prefill(binaries, tmp_path):
    binary = binaries.get("tiny_lm")
    tokens = np.random.default_rng(0).integers(32, 127, (1, 24))
    whole, whole_cache = step(binary, tokens, 0, accuracy.empty_cache(1), tmp_path)
    cache, rows = accuracy.empty_cache(1), []
    for i in range(tokens.shape[1]):
        row, cache = step(binary, tokens[:, i:i + 1], i, cache, tmp_path)
        rows.append(row)
    limit = 1e-4
    assert np.abs(np.concatenate(rows, 1) - whole).max() <= limit * np.abs(whole).max()
    for name, expected in whole_cache.items():
        assert np.abs(cache[name] - expected).max() <= limit * np.abs(expected).max()
