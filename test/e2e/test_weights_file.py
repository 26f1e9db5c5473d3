"""The weights file says of itself what it holds: read with numpy alone, every
tensor is the initializer of the ONNX file."""
import json
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import harness

DTYPES = {"F32": np.float32, "I64": np.int64, "I32": np.int32, "I8": np.int8,
          "U8": np.uint8, "BOOL": np.bool_, "F64": np.float64, "F16": np.float16}


def read(path):
    """({name: array as stored}, {name: layout}) of a weights file."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header, data = json.loads(file.read(size)), file.read()
    layouts = json.loads(header.pop("__metadata__")["cinch_layouts"])
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if not name.startswith("cinch.padding."):
            array = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]])
            tensors[name] = array.reshape(entry["shape"])
    return tensors, layouts


def unpack(packed, layout):
    """The tensor that was packed."""
    if layout["layout"] == "taps-first":
        filters = np.moveaxis(packed, (-2, -1), (0, 1))
        assert list(filters.shape) == layout["shape"]
        return filters
    if layout["layout"].startswith("filter-blocks:"):
        width, part = map(int, layout["layout"].split(":")[1:])
        filters, channels, *kernel = layout["shape"]
        flat, blocks = packed.reshape(-1), []
        for first in range(0, filters, width):
            size = min(width, filters - first)
            block = flat[first * flat.size // filters:(first + size) * flat.size // filters]
            block = block.reshape(channels // part, *kernel, part, size)
            block = np.moveaxis(block, (-1, 0, -2), (0, 1, 2))
            blocks.append(block.reshape(size, channels, *kernel))
        return np.concatenate(blocks)
    blocks, depth, width = packed.shape
    matrix = packed.transpose(1, 0, 2).reshape(depth, blocks * width)
    columns = layout["shape"][{"column-blocks": 1, "row-blocks": 0}[layout["layout"]]]
    assert not matrix[:, columns:].any()  # the padding
    matrix = matrix[:, :columns]
    matrix = matrix if layout["layout"] == "column-blocks" else matrix.T
    assert list(matrix.shape) == layout["shape"]
    return matrix


def compare(binary, model):
    """Compares all tensors that are initializers of `model`; returns the names
    and the layouts."""
    stored, layouts = read(os.path.splitext(binary)[0] + ".safetensors")
    initializers = {tensor.name: onnx.numpy_helper.to_array(tensor)
                    for tensor in model.graph.initializer}
    for name, array in stored.items():
        if name in initializers:
            if name in layouts:
                array = unpack(array, layouts[name])
            assert array.tobytes() == initializers[name].tobytes(), name
    return stored.keys() & initializers.keys(), layouts


@pytest.mark.parametrize("name", ["minilm_l3", "gen_llama_kv_op17", "gen_resnet18_op13"])
def test_packed_weights_are_the_initializers(name, binaries):
    compared, layouts = compare(binaries.get(name), harness.load_model(name))
    assert layouts.keys() & compared
    # What was folded into a weight gives it another name.
    assert all(name.endswith("/filter") for name in layouts.keys() - compared)


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("columns", [17, 64, 100, 130])
def test_every_layout(transposed, columns, tmp_path):
    shape = (columns, 32) if transposed else (32, columns)
    matrix = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], transB=transposed)], "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", columns])],
        [onnx.numpy_helper.from_array(matrix, "w")])
    model = helper.make_model(graph, ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "model.onnx")
    binary = harness.compile_model(tmp_path / "model.onnx", tmp_path / "model.so")
    compared, layouts = compare(binary, model)
    assert compared == {"w"}
    kind = "row-blocks" if transposed else "column-blocks"
    assert layouts == {"w": {"layout": kind, "shape": list(shape)}}
