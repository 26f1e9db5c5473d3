"""Models larger than protobuf and 32 bits can count, made as sparse files."""
import os
import resource
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper

import harness

ROWS, WIDTH = 9_000_000, 64
TABLE_BYTES = ROWS * WIDTH * 4  # 2.3 GB
IDS = np.array([0, 1, ROWS // 2, ROWS - 1], np.int64)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def graph(initializers=()):
    return helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["y"])], "large",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", WIDTH])],
        initializer=list(initializers))


def row(index):
    return np.full(WIDTH, 1 + index % 97, np.float32)


def write_rows(file, start):
    for index in IDS:
        file.seek(start + int(index) * WIDTH * 4)
        file.write(row(index).tobytes())


def write_inline(path):
    """The table inside the .onnx file, in place of the last field of the last
    message of each level, whose lengths are computed by hand."""
    tensor = TensorProto(dims=[ROWS, WIDTH], data_type=TensorProto.FLOAT,
                         name="table").SerializeToString()
    tensor += b"\x4a" + varint(TABLE_BYTES)  # raw_data
    body = graph().SerializeToString() + b"\x2a" + varint(len(tensor) + TABLE_BYTES)
    body += tensor
    head = onnx.ModelProto(ir_version=8, opset_import=[
        helper.make_opsetid("", 17)]).SerializeToString()
    head += b"\x3a" + varint(len(body) + TABLE_BYTES) + body
    with open(path, "wb") as file:
        file.write(head)
        write_rows(file, len(head))
        file.truncate(len(head) + TABLE_BYTES)


def write_external(path, offset):
    """The table behind `offset` bytes of another file."""
    table = TensorProto(dims=[ROWS, WIDTH], data_type=TensorProto.FLOAT, name="table",
                        data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "table.bin"), ("offset", offset),
                       ("length", TABLE_BYTES)):
        table.external_data.add(key=key, value=str(value))
    model = helper.make_model(graph([table]), ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())
    with open(path.parent / "table.bin", "wb") as file:
        write_rows(file, offset)
        file.truncate(offset + TABLE_BYTES)


def check(path, folder):
    """Compiles within 1 GB of memory beside the mapped file, runs, compares."""
    binary = folder / "large.so"
    command = [os.path.join(harness.BUILD, "bin", "cinch-compile"), path, "-o", binary]
    # Weights are mapped, not read: address space, but no data of the process.
    limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    subprocess.run(command, check=True, preexec_fn=limit, timeout=300)
    got, stats = harness.run_model(binary, {"ids": IDS}, folder)
    assert np.array_equal(got["y"], np.stack([row(i) for i in IDS]))
    assert stats["weights_bytes"] == TABLE_BYTES


def test_over_2_gb_in_the_model(tmp_path):
    path = tmp_path / "large.onnx"
    try:
        write_inline(path)
        check(path, tmp_path)
    finally:
        for file in tmp_path.iterdir():
            file.unlink()


def test_external_data_beyond_32_bits(tmp_path):
    path = tmp_path / "large.onnx"
    try:
        write_external(path, 5 << 30)
        check(path, tmp_path)
    finally:
        for file in tmp_path.iterdir():
            file.unlink()
