"""What a compressed model is still worth, on text that it was not calibrated on.

    tiny_lm    bits per byte of the 32 evaluation windows (less is better)
    minilm_l3  cosine of the sentence embeddings to those of the float model, mean
               and worst of the 200 evaluation sentences

A model is a function from {input: array} to {output: array}.
"""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS, KV_HEADS, HEAD = 4, 2, 32  # of tiny_lm


def empty_cache(batch):
    shape = (batch, KV_HEADS, 0, HEAD)
    return {f"past_{kind}_{layer}": np.zeros(shape, np.float32)
            for layer in range(LAYERS) for kind in "kv"}


def lm_inputs(tokens, position=0, cache=None):
    """Inputs of tiny_lm for `tokens` [batch, length] from `position` on."""
    positions = np.broadcast_to(np.arange(position, position + tokens.shape[1]),
                                tokens.shape)
    return {"input_ids": tokens.astype(np.int64),
            "position_ids": np.ascontiguousarray(positions, np.int64),
            **(cache or empty_cache(len(tokens)))}


def bits_per_byte(model, batch=8):
    """Mean of -log2 p(next byte), `batch` windows at a time."""
    text = np.load(os.path.join(HERE, "text.npz"))["evaluation"]
    total = 0.0
    for start in range(0, len(text), batch):
        part = text[start:start + batch].astype(np.int64)
        z = model(lm_inputs(part[:, :-1]))["logits"].astype(np.float64)
        z -= z.max(-1, keepdims=True)
        z -= np.log(np.exp(z).sum(-1, keepdims=True))
        total -= np.take_along_axis(z, part[:, 1:, None], -1).sum()
    return total / (text.shape[0] * (text.shape[1] - 1)) / np.log(2)


def embeddings(model, batch=50):
    """Embeddings [200, 384] of the evaluation sentences, of length 1."""
    data = np.load(os.path.join(HERE, "sentences.npz"))
    rows = []
    for start in range(0, len(data["evaluation_ids"]), batch):
        ids, mask = (data[f"evaluation_{kind}"][start:start + batch].astype(np.int64)
                     for kind in ("ids", "mask"))
        tokens = model({"input_ids": ids, "attention_mask": mask})["onnx::Shape_422"]
        mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        rows.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    return np.concatenate(rows)


def cosine(got, want):
    """(mean, worst) cosine of embeddings."""
    cosines = (got * want).sum(1)
    return float(cosines.mean()), float(cosines.min())


def calibration_samples(name, count=None):
    """Yields {input: array} of the calibration text, one sample at a time: every
    fourth window for tiny_lm, sentences without their padding for minilm_l3."""
    if name == "tiny_lm":
        text = np.load(os.path.join(HERE, "text.npz"))["calibration"][::4]
        for window in text[:count]:
            yield lm_inputs(window[None])
    elif name == "minilm_l3":
        data = np.load(os.path.join(HERE, "sentences.npz"))
        for ids, mask in list(zip(data["calibration_ids"],
                                  data["calibration_mask"]))[:count]:
            length = int(mask.sum())
            yield {"input_ids": ids[None, :length].astype(np.int64),
                   "attention_mask": mask[None, :length].astype(np.int64)}
    else:
        raise ValueError(f"no calibration text for {name}")
