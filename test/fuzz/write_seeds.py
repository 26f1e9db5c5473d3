#!/usr/bin/env python3
"""Writes the seed corpora of the fuzzers: write_seeds.py FOLDER

FOLDER/import gets the small models of the ONNX standard's node tests, without
repeats of one operator with the same attributes; FOLDER/load and FOLDER/expr
what the runtime reads, written by hand; FOLDER/ptx the kernels of the tests.
"""
import glob
import hashlib
import json
import os
import struct
import sys

MAX_BYTES = 3000

EXPRESSIONS = [
    "4*batch*seq + floordiv(seq, 2)", "max(0, n - 3)", "min(n, 5)*ceildiv(n, 4)",
    "mod(n, 7)", "-3*n*n + 1", "9223372036854775807", "floordiv(n + 1, m) - 2",
    "max(min(a, b), -1)", "0", "2*floordiv(2*n + 2, 3)*m"]

MANIFEST = {
    "abi": 4, "model": "m", "target": "cpu", "cpu": "x86-64-v3", "producer": "p",
    "symbols": [{"name": "batch", "min": 1, "max": 8, "input": 0, "axis": 0}],
    "inputs": [{"name": "x", "dtype": "f32", "dims": ["batch", 4]}],
    "outputs": [{"name": "y", "dtype": "i1", "dims": ["batch", "2*batch+1"]}],
    "states": [],
    "slots": [{"name": "h", "bytes": "16*batch", "first": 0, "last": 1},
              {"name": "g", "bytes": "max(8, batch)", "first": 1, "last": 2}],
    "plan": {"offsets": [0, 128], "peak": 136, "lower_bound": 136, "method": "hand"},
    "alignment": 64,
    "weights": {"file": "m.safetensors", "bytes": 128, "checksum": "xxh64:0"},
    "kernels": [{"name": "k", "op": "matmul", "kind": "generic", "flops": "8*batch",
                 "bytes": 0}]}

NOTE = {"abi": 4, "target": "cpu", "cpu": "x86-64-v3", "features": ["avx2", "+fma"],
        "weights_checksum": "", "weights_bytes": 0}

HEADER = {"__metadata__": {"cinch_checksum": "xxh64:deb636ebe6fb6b44"},
          "w": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]},
          "v": {"dtype": "U8", "shape": [64], "data_offsets": [64, 128]}}


def models():
    """The bytes of small models, one for each operator and set of attributes."""
    import onnx.backend.test.case.node as node
    seen = set()
    for case in node.collect_testcases(None):
        model = case.model
        key = str([(n.op_type, sorted(a.name for a in n.attribute),
                    len(n.input), len(n.output)) for n in model.graph.node])
        data = model.SerializeToString()
        if key not in seen and len(data) <= MAX_BYTES:
            seen.add(key)
            yield data


def loads():
    """(kind of LoadFuzzer.cpp, bytes)."""
    yield 0, json.dumps(MANIFEST).encode()
    yield 0, json.dumps({**MANIFEST, "plan": None, "weights": None}).encode()
    yield 1, json.dumps(NOTE).encode()
    header = json.dumps(HEADER).encode()
    header += b" " * (-(len(header) + 8) % 64)
    yield 3, struct.pack("<Q", len(header)) + header + bytes(128)
    # A library with a note: an ELF header, one PT_LOAD and one PT_NOTE.
    note = json.dumps(NOTE).encode()
    note += b" " * (-len(note) % 4)
    body = struct.pack("<III", 6, len(note), 1) + b"Cinch\0\0\0" + note
    elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64,
                      56, 2, 64, 0, 0)
    for kind in (1, 4):
        elf += struct.pack("<IIQQQQQQ", kind, 4, 176, 176, 176, len(body), len(body), 4)
    yield 2, elf + body


def kernels():
    """PTX that nvcc made."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for path in sorted(glob.glob(f"{root}/runtime/Emulator/kernels/*.ptx")):
        with open(path, "rb") as file:
            yield file.read()


def write(folder, seeds):
    os.makedirs(folder, exist_ok=True)
    count = 0
    for count, data in enumerate(seeds, 1):
        name = hashlib.sha1(data).hexdigest()
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    print(f"{count} seeds in {folder}")


def main(folder):
    write(os.path.join(folder, "import"), models())
    write(os.path.join(folder, "load"), (bytes([k]) + data for k, data in loads()))
    write(os.path.join(folder, "expr"), (text.encode() for text in EXPRESSIONS))
    write(os.path.join(folder, "ptx"), kernels())


if __name__ == "__main__":
    main(sys.argv[1])
