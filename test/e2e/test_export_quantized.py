"""Quantized graphs as ONNX (QDQ): ONNX Runtime, its optimizations off, computes what
the graph says, and what is read back is the same."""
import collections

import ml_dtypes
import numpy as np
import onnx
import pytest

import harness
import statistics_file
import test_mappings as mappings
import test_quantize as quantization

# Sums of f32 in another order; a number between two steps goes the same way.
TOLERANCE = 2e-6
WIDTH, OUTPUTS, ROWS, GROUP = 512, 256, 64, 64


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layer")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, WIDTH)).astype(np.float32)
    weight = (rng.standard_normal((WIDTH, OUTPUTS)) / np.sqrt(WIDTH)).astype(np.float32)
    program = quantization.write_program(folder / "program.mlir", WIDTH, OUTPUTS, weight,
                                         rows=ROWS)
    statistics = folder / "statistics.safetensors"
    statistics_file.write(statistics, quantization.find_model(program, folder), {"x": [x]})
    return folder, program, statistics, x, weight


def largest(values, axis):
    """As the compiler divides it: a scale in f32 per slice of `axis`."""
    return np.abs(values).max(axis, keepdims=True)


def integers(values, bits, axis=None):
    top = 2**(bits - 1) - 1
    scale = (largest(values, axis) / np.float32(top)).astype(np.float32)
    return quantization.to_grid(values / scale, np.float32(1), -top, top).astype(np.float64) * scale


def floats(values, axis=None):
    scale = (largest(values, axis) / np.float32(448)).astype(np.float32)
    narrow = (values / scale).astype(ml_dtypes.float8_e4m3fn)
    return narrow.astype(np.float64) * scale


def in_groups(values, bits, axis):
    shape = [*values.shape]
    shape[axis:axis + 1] = [-1, GROUP]
    return integers(values.reshape(shape), bits, axis + 1).reshape(values.shape)


def with_half_scales(values):
    """In groups along the first axis."""
    parts = values.reshape(-1, GROUP, values.shape[1])
    scale = (largest(parts, 1) / 7).astype(np.float16).astype(np.float32)
    stored = quantization.to_grid(parts / scale, np.float32(1), -7, 7).astype(np.float64)
    return (stored * scale).reshape(values.shape)


def microscaled(values, axis):
    """f8E4M3FN in groups of 32 with a power of two, of which the largest is 2^8."""
    shape = [*values.shape]
    shape[axis:axis + 1] = [-1, 32]
    parts = values.reshape(shape)
    scale = np.exp2(np.floor(np.log2(largest(parts, axis + 1))) - 8)
    narrow = np.clip(parts / scale, -448, 448).astype(ml_dtypes.float8_e4m3fn)
    return (narrow.astype(np.float64) * scale).reshape(values.shape)


def same(values):
    return values.astype(np.float64)


# What the graph says, in numpy: of x [rows, K] and w [K, N].
RECIPES = {
    "recipe=w8a8": (lambda x: integers(x, 8), lambda w: integers(w, 8, 0)),
    "recipe=w8a8-dynamic": (lambda x: integers(x, 8, 1), lambda w: integers(w, 8, 0)),
    "recipe=w8a8-dynamic granularity=group": (lambda x: in_groups(x, 8, 1),
                                              lambda w: integers(w, 8, 0)),
    "recipe=w8a16": (same, lambda w: integers(w, 8, 0)),
    "recipe=w4a16": (same, with_half_scales),
    "recipe=w4a16 weight-scales=f32": (same, lambda w: in_groups(w, 4, 0)),
    "recipe=w4a8": (lambda x: integers(x, 8, 1), with_half_scales),
    "recipe=w4a4": (lambda x: integers(x, 4, 1), with_half_scales),
    "recipe=fp8": (floats, lambda w: floats(w, 0)),
}


def export(layer, options):
    folder, program, statistics, _, _ = layer
    path = folder / (options.replace(" ", "_") + ".onnx")
    passes = (f"choose-quantization{{{options} calibration={statistics}}},quantize-weights,"
              f"quantize-activations{{calibration={statistics}}}")
    harness.check(harness.run("cinch-opt", program, "-o", path,
                              f"-pass-pipeline=builtin.module(func.func({passes}))"),
                  "cinch-opt")
    return path


@pytest.mark.parametrize("options", RECIPES)
def test_onnxruntime_computes_what_the_graph_says(layer, options):
    _, _, _, x, weight = layer
    path = export(layer, options)
    got = harness.run_onnxruntime(str(path), {"x": x})["y"]
    of_x, of_weight = RECIPES[options]
    want = of_x(x) @ of_weight(weight)
    assert np.abs(got - want).max() <= TOLERANCE * np.abs(want).max()
    # It is not the float model.
    assert np.abs(got - x @ weight).max() > 1e-3 * np.abs(want).max()


@pytest.mark.parametrize("options, kind, size", [
    ("recipe=w8a8", onnx.TensorProto.INT8, 1), ("recipe=w4a16", onnx.TensorProto.INT4, 0.5),
    ("recipe=fp8", onnx.TensorProto.FLOAT8E4M3FN, 1)])
def test_weights_stay_packed(layer, options, kind, size):
    model = onnx.load(export(layer, options))
    codes = [t for t in model.graph.initializer if t.data_type == kind]
    assert [len(t.raw_data) for t in codes] == [size * WIDTH * OUTPUTS]
    assert model.opset_import[0].version == 21
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("options", RECIPES)
def test_what_is_written_reads_back(layer, options):
    """Written, read and written again, it is the same model."""
    folder = layer[0]
    path = export(layer, options)
    again = folder / "again.onnx"
    harness.check(harness.run("cinch-opt", path, "-o", again), "cinch-opt")
    first, second = (onnx.load(p).graph for p in (path, again))
    assert [n.op_type for n in first.node] == [n.op_type for n in second.node]
    codes = [{t.data_type: t.raw_data for t in g.initializer} for g in (first, second)]
    assert codes[0] == codes[1]


@pytest.mark.parametrize("options", RECIPES)
def test_programs_agree(layer, options):
    """What is compiled from the export, against ONNX Runtime."""
    folder, _, _, x, _ = layer
    path = export(layer, options)
    want = harness.run_onnxruntime(str(path), {"x": x})["y"]
    binary = harness.compile_model(path, folder / "program.so", "--quiet",
                                   "--pipeline=reference")
    got = harness.run_model(binary, {"x": x}, folder)[0]["y"]
    assert np.abs(got - want).max() <= TOLERANCE * np.abs(want).max()


@pytest.mark.parametrize("model, recipe, weights", [
    # Products and tables.
    ("minilm_l3", "w8a16", 18 + 2), ("minilm_l3", "w4a16", 18 + 2), ("tiny_lm", "w8a16", 29 + 3),
    ("gen_resnet18_op13", "w8a16", 21)])
def test_models(tmp_path, model, recipe, weights):
    """Rounded weights of whole models, dynamic sizes included: the program from the
    same passes agrees, where it can be compiled."""
    passes = (f"{mappings.GRAPH},choose-quantization{{recipe={recipe}}},quantize-weights,"
              "quantize-activations")
    path = tmp_path / "model.onnx"
    harness.check(harness.run("cinch-opt", harness.model_path(model), "-o", path,
                              f"-pass-pipeline=builtin.module(func.func({passes}))"),
                  "cinch-opt")
    kinds = collections.Counter(node.op_type for node in onnx.load(path).graph.node)
    assert kinds["DequantizeLinear"] == weights
    given = mappings.inputs_of(model)
    got = harness.run_onnxruntime(str(path), given)
    want = harness.run_onnxruntime(harness.model_path(model), given)
    assert got.keys() == want.keys()
    if recipe == "w8a16":
        quantization.optimize(harness.model_path(model), passes, tmp_path / "model.mlir")
        binary = harness.compile_model(tmp_path / "model.mlir", tmp_path / "model.so", "--quiet")
        ours = harness.run_model(binary, given, tmp_path)[0]
        assert harness.relative_error(ours, got) <= 1e-4
