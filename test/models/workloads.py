"""What the models are run on: sizes and seeded inputs.

A workload is NAME or NAME@KIND (two workloads of one file); its first size is
the one that benchmarks report, the other three show that one binary serves
every size. Models with static shapes have one size.
"""
import dataclasses

import numpy as np
import onnx


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    sizes: tuple  # of {input: shape}; empty: the shapes in the file
    tolerance: float = 1e-4  # of the largest value of an output

    @property
    def model(self):
        return self.name.split("@")[0]


def _tokens(*sizes):
    return tuple({"input_ids": [b, s], "attention_mask": [b, s]} for b, s in sizes)


def _decoder(kv_heads, *sizes):
    """Sizes are (batch, tokens, cached tokens)."""
    return tuple({"input_ids": [b, s], "position_ids": [b, s]}
                 | {f"past_{kind}_{layer}": [b, kv_heads, past, 32]
                    for layer in range(4) for kind in "kv"}
                 for b, s, past in sizes)


def _single(name, *shapes):
    return tuple({name: list(shape)} for shape in shapes)


def _silero(*sizes):
    """Sizes are (batch, samples)."""
    return tuple({"input": [b, n], "state": [2, b, 128], "sr": []} for b, n in sizes)


WORKLOADS = [
    # ONNX Runtime differs by 5e-3 from itself here (with optimizations).
    Workload("ppocr_det", _single("x", (1, 3, 640, 640), (1, 3, 320, 480),
                                  (2, 3, 96, 160), (1, 3, 256, 64)), 5e-3),
    # Height 32 would leave the last pooling no full window: 0 rows by the
    # standard's floor, where ONNX Runtime makes one.
    Workload("ppocr_cls", _single("x", (1, 3, 48, 192), (2, 3, 48, 192),
                                  (3, 3, 48, 100), (1, 3, 64, 320))),
    Workload("minilm_l3", _tokens((1, 128), (2, 17), (3, 64), (1, 1))),
    Workload("magika", _single("bytes", *((b, 2048) for b in (1, 2, 3, 5)))),
    Workload("silero_vad_op18_ifless", _silero((1, 576), (2, 576), (1, 288), (5, 288))),
    Workload("romanizer_enc", tuple({"src": [b, n], "src_mask": [b, n]}
                                    for b, n in ((1, 16), (2, 5), (3, 31), (1, 1)))),
    Workload("gen_llama_kv_op17@decode",
             _decoder(4, (1, 1, 127), (2, 1, 5), (1, 1, 0), (3, 1, 200))),
    Workload("gen_llama_kv_op17@prefill",
             _decoder(4, (1, 128, 0), (2, 7, 0), (1, 33, 12), (3, 5, 40))),
    Workload("gen_gpt2_op17", ()),
    Workload("gen_resnet18_op13", _single("image", *((b, 3, 224, 224)
                                                     for b in (1, 2, 3, 5)))),
    Workload("gen_qdq_cnn", ()),
    Workload("light_bvlc_alexnet", ()),
    Workload("light_inception_v1", ()),
    Workload("light_resnet50", ()),
    Workload("light_squeezenet", ()),
    Workload("light_vgg19", ()),
    Workload("light_zfnet512", ()),
    Workload("tiny_lm", _decoder(2, (1, 128, 0), (1, 1, 127), (2, 9, 0), (3, 5, 40))),
]
MODELS = sorted({w.model for w in WORKLOADS})

def with_tokens(workload, tokens):
    """The workload with one size, its first with `tokens` tokens; None where it is
    not about several tokens, or has a fixed number of them."""
    sizes = workload.sizes[0] if workload.sizes else {}
    ids = sizes.get("input_ids")
    if ids is None or ids[1] == 1:
        return None
    return dataclasses.replace(workload, sizes=(
        {name: [ids[0], tokens] if shape == ids else shape
         for name, shape in sizes.items()},))


# Exclusive upper end of random integers, by input.
_LIMITS = {"bytes": 257, "input_ids": 4000, "src": 40}
_VOCABULARY = {"tiny_lm": 128}


def _page(shape, rng):
    """Lines of random glyphs, dark on white, normalized: what a text detector
    is for. On noise its outputs are nearly zero."""
    batch, channels, height, width = shape
    image = np.full((batch, 1, height, width), 2.0)
    for page in image[:, 0]:
        for top in range(8, height - 14, 24):
            for left in range(8, width - 10, 10):
                glyph = (rng.random((6, 4)) < 0.4).repeat(2, 0).repeat(2, 1)
                page[top:top + 12, left:left + 8] -= 4.0 * glyph
    return np.broadcast_to(image, shape)


def _values(workload, name, shape, dtype, sizes, rng):
    if name == "position_ids":
        past = sizes["past_k_0"][2]
        return np.broadcast_to(np.arange(past, past + shape[1]), shape)
    if name == "sr":  # samples a second; the model's window is 32 ms + context
        return np.array(16000 if sizes["input"][1] == 576 else 8000)
    if "mask" in name:
        mask = np.ones(shape)
        if shape[0] > 1 and shape[1] > 1:
            mask[-1, -(shape[1] // 2):] = 0  # the last row is padded
        return mask
    if dtype.kind in "iu":
        limit = _VOCABULARY.get(workload.model, _LIMITS.get(name, 100))
        return rng.integers(0, limit, shape)
    if workload.model == "ppocr_det":
        return _page(shape, rng)
    if name in ("image", "x", "images", "input1"):
        return rng.random(shape)
    return 0.5 * rng.standard_normal(shape)


def feed(workload, model, size=0, seed=0):
    """Seeded inputs {name: array} of `model` (a ModelProto) at a size index."""
    rng = np.random.default_rng(seed)
    sizes = workload.sizes[size] if workload.sizes else {}
    weights = {i.name for i in model.graph.initializer}
    inputs = {}
    for value in model.graph.input:
        if value.name in weights:
            continue
        tensor = value.type.tensor_type
        shape = sizes.get(value.name, [d.dim_value for d in tensor.shape.dim])
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        array = _values(workload, value.name, shape, dtype, sizes, rng)
        inputs[value.name] = np.asarray(array).astype(dtype)
    return inputs
