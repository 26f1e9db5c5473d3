#!/usr/bin/env python3
"""Writes calibration statistics (docs/formats.md) with numpy.

    statistics_file.py OUT CINCH_OPT MODEL.mlir NAME=LARGEST,LARGEST,...

One sample of two rows for each value: the largest magnitudes of its channels,
and half of them, negated.
"""
import json
import re
import struct
import subprocess
import sys

import numpy as np

NUM_BINS = 4096


def find_model(cinch_opt, program, folder):
    """The model that statistics of `program` must name: a refusal says it."""
    wrong = f"{folder}/other.safetensors"
    write(wrong, "0" * 16, {})
    flag = f"quantize-activations{{calibration={wrong}}}"
    done = subprocess.run(
        [cinch_opt, program, f"-pass-pipeline=builtin.module(func.func({flag}))"],
        capture_output=True, text=True)
    return re.search(r"this is ([0-9a-f]{16})", done.stderr)[1]


def count(numbers):
    """(counts, exponent) of the numbers in bins of a power of two."""
    largest = np.abs(numbers).max()
    exponent = int(np.frexp(largest)[1]) if largest > 0 else -149
    width = 2.0**exponent / (NUM_BINS // 2)
    bins = np.floor(numbers.astype(np.float64) / width).astype(np.int64) + NUM_BINS // 2
    return np.bincount(bins.ravel(), minlength=NUM_BINS), exponent


def describe(samples, axis, has_moment):
    """The entries of a value with float32 `samples`, channels along `axis`."""
    rows = [np.moveaxis(s, axis, -1).reshape(-1, s.shape[axis]) for s in samples]
    together = np.concatenate(rows).astype(np.float64)
    counts, exponent = count(together)
    entries = {
        "samples": np.int64(len(samples)), "elements": np.int64(together.size),
        "min": np.float64(together.min()), "max": np.float64(together.max()),
        "min_sum": np.float64(sum(r.min().astype(np.float64) for r in rows)),
        "max_sum": np.float64(sum(r.max().astype(np.float64) for r in rows)),
        "channel_max": np.abs(together).max(0).astype(np.float32),
        "channel_sum": together.sum(0), "channel_square_sum": (together**2).sum(0),
        "histogram": counts.astype(np.int64), "histogram_exponent": np.int64(exponent)}
    if has_moment:
        entries["second_moment"] = together.T @ together
    return entries


def write(path, model, values, axes=None, has_moment=True):
    """`values`: name -> list of float32 arrays; `axes`: name -> channel axis."""
    header, data = {}, b""
    header["__metadata__"] = {"cinch_statistics": "2", "model": model,
                              "samples": str(max(map(len, values.values()), default=0))}
    for name, samples in values.items():
        axis = (axes or {}).get(name, -1)
        for entry, value in describe(samples, axis, has_moment and axis == -1).items():
            value = np.asarray(value)
            kind = {"f8": "F64", "f4": "F32", "i8": "I64"}[value.dtype.str[1:]]
            header[f"{name}/{entry}"] = {
                "dtype": kind, "shape": list(value.shape),
                "data_offsets": [len(data), len(data) + value.nbytes]}
            data += value.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """(metadata, {NAME/entry: array}) of such a file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__")
    return metadata, {
        name: np.frombuffer(data[slice(*entry["data_offsets"])],
                            {"F64": "f8", "F32": "f4", "I64": "i8"}[entry["dtype"]])
        .reshape(entry["shape"]) for name, entry in header.items()}


def main(out, cinch_opt, program, *values):
    samples = {}
    for value in values:
        name, numbers = value.split("=")
        row = np.array([float(n) for n in numbers.split(",")], np.float32)
        samples[name] = [np.stack([row, -row / 2])]
    folder = out.rsplit("/", 1)[0]
    write(out, find_model(cinch_opt, program, folder), samples)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
