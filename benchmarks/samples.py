"""Inputs that models are calibrated on, and others that they are measured on.

Text for tiny_lm and minilm_l3 (test/models), files of this repository for magika,
which guesses what is in a file, and seeded inputs (test/models/workloads.py) for the
others.
"""
import glob
import os

import numpy as np

import accuracy
import harness
import workloads

CALIBRATION_SEED, EVALUATION_SEED = 1000, 2000
SIZES = {"ppocr_det": 1}  # size index of the workload: its first one is slow


def workload(name):
    return next(w for w in workloads.WORKLOADS if name in (w.name, w.model))


def _seeded(name, first, count):
    model = harness.load_model(name)
    for seed in range(first, first + count):
        yield workloads.feed(workload(name), model, SIZES.get(name, 0), seed)


def _files(parity, count):
    """The first and the last 1024 bytes of every other source file, padded by 256."""
    paths = sorted(path for kind in ("cpp", "h", "td", "md", "py", "mlir")
                   for path in glob.glob(f"{harness.ROOT}/[dlprt]*/**/*.{kind}",
                                         recursive=True))
    for path in paths[parity::2 * max(1, len(paths) // (2 * count))][:count]:
        with open(path, "rb") as file:
            data = np.frombuffer(file.read(), np.uint8)
        window = np.full(2048, 256, np.int32)
        window[:min(1024, data.size)] = data[:1024]
        window[2048 - min(1024, data.size):] = data[-1024:]
        yield {"bytes": window[None]}


def calibration(name, count):
    """Yields {input: array}, one sample at a time."""
    if name in ("tiny_lm", "minilm_l3"):
        yield from accuracy.calibration_samples(name, count)
    elif name == "magika":
        yield from _files(0, count)
    else:
        yield from _seeded(name, CALIBRATION_SEED, count)


def evaluation(name, count):
    """Samples that are not among those of `calibration`."""
    if name == "tiny_lm":
        text = np.load(os.path.join(accuracy.HERE, "text.npz"))["evaluation"]
        for window in text[:count]:
            yield accuracy.lm_inputs(window[None, :-1])
    elif name == "minilm_l3":
        data = np.load(os.path.join(accuracy.HERE, "sentences.npz"))
        for ids, mask in zip(data["evaluation_ids"][:count],
                             data["evaluation_mask"]):
            length = int(mask.sum())
            yield {"input_ids": ids[None, :length].astype(np.int64),
                   "attention_mask": mask[None, :length].astype(np.int64)}
    elif name == "magika":
        yield from _files(1, count)
    else:
        yield from _seeded(name, EVALUATION_SEED, count)


def write(samples, folder):
    """Writes one .npz file for each sample, as cinch-compile reads them."""
    os.makedirs(folder, exist_ok=True)
    for number, sample in enumerate(samples):
        harness.write_npz(os.path.join(folder, f"{number:04}.npz"), sample)
    return folder
