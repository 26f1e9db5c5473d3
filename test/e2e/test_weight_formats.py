"""Weights and activations in the formats of the plan, with scales in each type, against
numpy: the reference pipeline, fused kernels on the CPU and on the emulated device, and
what is exported."""
import ml_dtypes
import numpy as np
import onnx
import pytest

import harness
import test_few_bit_products as products
import test_quantize as quantization

TARGETS = {"reference": (["--pipeline=reference"], []), "cpu": ([], ["--threads=2"]),
           "gpu": (["--target=cuda:sm_80"], ["--device=emulated"])}
# Sums of f32 in another order, of up to 160 products.
TOLERANCE = 1e-5

NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0], np.float32)
FLOATS = {"f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2,
          "f4E2M1FN": ml_dtypes.float4_e2m1fn}
BITS = {"i8": 8, "i4": 4, "i3": 3, "i2": 2, "nf4": 4, "f8E4M3FN": 8, "f8E5M2": 8,
        "f4E2M1FN": 4}


def largest_number(name):
    if name in FLOATS:
        return float(ml_dtypes.finfo(FLOATS[name]).max)
    return 1.0 if name == "nf4" else 2.0**(BITS[name] - 1) - 1


def make_scale(largest, name, kind):
    """The definition of docs/quantization.md, of magnitudes above 0."""
    top = largest_number(name)
    if kind == "f8E8M0FNU":
        return np.exp2(np.floor(np.log2(largest)) - np.floor(np.log2(top))).astype(np.float32)
    exact = largest.astype(np.float64) / top
    return exact.astype(np.float16 if kind == "f16" else np.float32).astype(np.float32)


def round_to(x, name, is_weight=True):
    """Numbers that were divided by their scale; weights saturate at both ends alike."""
    if name == "nf4":
        return NF4[np.abs(x[..., None] - NF4).argmin(-1)]
    top = np.float32(largest_number(name))
    low = -top - (name[0] == "i" and not is_weight)
    clipped = np.clip(x, low, top)
    return (clipped.astype(FLOATS[name]).astype(np.float32) if name in FLOATS
            else np.round(clipped))


def in_groups(x, name, kind, group, is_weight=True):
    """x [K, N] as it is stored, in groups along K, of which the last may be short."""
    parts = []
    for at in range(0, len(x), group):
        part = x[at:at + group]
        scale = make_scale(np.abs(part).max(0), name, kind)
        parts.append(round_to(part / scale, name, is_weight) * scale)
    return np.concatenate(parts).astype(np.float64)


def member(kind):
    return "" if kind == "f32" else f', scales = "{kind}"'


def plan_program(folder, weight, plan, rows):
    program = quantization.write_program(folder / "program.mlir", *weight.shape, weight, rows)
    program.write_text(program.read_text().replace(
        "{graph.entry}", "{graph.entry, graph.quantization_plan = {%s}}" % plan))
    path = folder / "planned.mlir"
    quantization.optimize(program, "quantize-weights,quantize-activations", path)
    return path


def run(path, folder, target, x):
    flags, running = TARGETS[target]
    binary = harness.compile_model(path, folder / "program.so", "--quiet", *flags)
    return harness.run_model(binary, {"x": x}, folder, *running)[0]["y"]


def check(got, want, size):
    assert np.abs(got - want).max() <= TOLERANCE * size.max()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["f32", "f16", "f8E8M0FNU"])
@pytest.mark.parametrize("name", ["i4", "i3", "nf4", "f4E2M1FN", "f8E4M3FN"])
# Whole blocks; a short group and rows that end within a byte.
@pytest.mark.parametrize("shape", [(128, 64), (160, 33)])
def test_weights(name, kind, shape, target, tmp_path):
    rng = np.random.default_rng(1)
    weight = (rng.standard_normal(shape) * rng.uniform(0.1, 3, shape[1])).astype(np.float32)
    x = rng.standard_normal((5, shape[0])).astype(np.float32)
    path = plan_program(tmp_path, weight, f'w = {{format = "{name}", granularity = "group", '
                        f"group = 64 : i64{member(kind)}}}", 5)
    stored = in_groups(weight, name, kind, 64)
    check(run(path, tmp_path, target, x), x @ stored, np.abs(x) @ np.abs(stored))
    if target == "cpu" and shape == (128, 64):
        sizes = {entry: end - begin for entry, (begin, end) in (
            (key, value["data_offsets"])
            for key, value in harness_header(tmp_path).items())}
        assert sizes["w/q"] == weight.size * BITS[name] // 8
        assert sizes["w/scale"] == weight.size // 64 * {"f32": 4, "f16": 2,
                                                        "f8E8M0FNU": 1}[kind]


def harness_header(folder):
    (folder / "model.safetensors").symlink_to(folder / "program.safetensors")
    return products.read_weights(folder)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["f4E2M1FN", "f8E4M3FN", "f8E5M2", "i8", "i4"])
def test_microscaling(name, target, tmp_path):
    """Both sides in groups of 32 with a power of two; a group of zeros, and one of numbers
    that are far smaller than the others."""
    rng = np.random.default_rng(2)
    weight = rng.standard_normal((160, 48)).astype(np.float32)
    x = rng.standard_normal((7, 160)).astype(np.float32)
    x[2, 32:64] = 0
    x[3, 64:96] *= 1e-20
    entry = (f'{{format = "{name}", granularity = "group", group = 32 : i64, '
             'scales = "f8E8M0FNU"%s}')
    path = plan_program(tmp_path, weight, f"w = {entry % ''}, x = {entry % ', dynamic = true'}", 7)
    x_stored = np.zeros(x.shape)
    for row, at in np.ndindex(7, 5):
        part = x[row, at * 32:(at + 1) * 32]
        if part.any():
            x_stored[row, at * 32:(at + 1) * 32] = in_groups(part[:, None], name, "f8E8M0FNU",
                                                             32, is_weight=False)[:, 0]
    stored = in_groups(weight, name, "f8E8M0FNU", 32)
    check(run(path, tmp_path, target, x), x_stored @ stored, np.abs(x_stored) @ np.abs(stored))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["i4", "i3", "nf4"])
def test_tables(name, target, tmp_path):
    """Rows are looked up in groups, and as many bytes are stored."""
    rng = np.random.default_rng(3)
    table = rng.standard_normal((50, 80)).astype(np.float32)
    bits = table.tobytes().hex().upper()
    path = tmp_path / "table.mlir"
    path.write_text(f"""
func.func @main(%at: tensor<4xi64> {{graph.name = "at"}})
    -> (tensor<4x80xf32> {{graph.name = "y"}}) attributes {{graph.entry, graph.quantization_plan =
    {{t = {{format = "{name}", granularity = "group", group = 32 : i64, scales = "f16"}}}}}} {{
  %t = graph.constant dense<"0x{bits}"> : tensor<50x80xf32> {{names = ["t"]}}
  %y = graph.gather %t at %at {{axis = 0 : i64, names = ["y"]}} : tensor<50x80xf32>, tensor<4xi64> -> tensor<4x80xf32>
  return %y : tensor<4x80xf32>
}}
""")
    quantization.optimize(path, "quantize-weights", tmp_path / "planned.mlir")
    flags, running = TARGETS[target]
    binary = harness.compile_model(tmp_path / "planned.mlir", tmp_path / "program.so",
                                   "--quiet", *flags)
    at = np.array([0, 49, 7, 7])
    got, stats = harness.run_model(binary, {"at": at}, tmp_path, *running)
    want = in_groups(np.ascontiguousarray(table.T), name, "f16", 32).T[at]
    np.testing.assert_allclose(got["y"], want, rtol=1e-6)
    if target != "reference":
        assert stats["arena_bytes"] == 0


def test_two_readers_of_three_bits(tmp_path):
    """Each product unpacks its own."""
    rng = np.random.default_rng(4)
    weight = rng.standard_normal((96, 64)).astype(np.float32)
    x = rng.standard_normal((6, 96)).astype(np.float32)
    bits = weight.tobytes().hex().upper()
    path = tmp_path / "program.mlir"
    path.write_text(f"""
func.func @main(%x: tensor<6x96xf32> {{graph.name = "x"}})
    -> (tensor<6x64xf32> {{graph.name = "y"}}, tensor<6x64xf32> {{graph.name = "z"}}) attributes {{graph.entry,
    graph.quantization_plan = {{w = {{format = "i3", granularity = "channel"}}}}}} {{
  %w = graph.constant dense<"0x{bits}"> : tensor<96x64xf32> {{names = ["w"]}}
  %n = graph.neg %x {{names = ["n"]}} : tensor<6x96xf32> -> tensor<6x96xf32>
  %y = graph.matmul %x by %w {{names = ["y"]}} : tensor<6x96xf32> by tensor<96x64xf32> -> tensor<6x64xf32>
  %z = graph.matmul %n by %w {{names = ["z"]}} : tensor<6x96xf32> by tensor<96x64xf32> -> tensor<6x64xf32>
  return %y, %z : tensor<6x64xf32>, tensor<6x64xf32>
}}
""")
    quantization.optimize(path, "quantize-weights", tmp_path / "planned.mlir")
    binary = harness.compile_model(tmp_path / "planned.mlir", tmp_path / "program.so")
    got, stats = harness.run_model(binary, {"x": x}, tmp_path)
    stored = in_groups(weight, "i3", "f32", 96)
    check(got["y"], x @ stored, np.abs(x) @ np.abs(stored))
    np.testing.assert_array_equal(got["z"], -got["y"])
    assert stats["arena_bytes"] <= 6 * 96 * 4  # n at most


@pytest.mark.parametrize("target", TARGETS)
def test_attention_probabilities(target, tmp_path):
    """In logarithms, of 4 bits; what a mask leaves out is 0."""
    rng = np.random.default_rng(6)
    x = (4 * rng.standard_normal((6, 40))).astype(np.float32)
    x[:, 30:] = -1e9
    values = rng.standard_normal((40, 24)).astype(np.float32)
    path = tmp_path / "program.mlir"
    path.write_text("""
func.func @main(%x: tensor<6x40xf32> {graph.name = "x"}, %v: tensor<40x24xf32> {graph.name = "v"})
    -> (tensor<6x24xf32> {graph.name = "y"}) attributes {graph.entry,
    graph.quantization_plan = {p = {format = "log2"}}} {
  %p = graph.softmax %x {axis = 1 : i64, names = ["p"]} : tensor<6x40xf32> -> tensor<6x40xf32>
  %y = graph.matmul %p by %v {names = ["y"]} : tensor<6x40xf32> by tensor<40x24xf32> -> tensor<6x24xf32>
  return %y : tensor<6x24xf32>
}
""")
    quantization.optimize(path, "quantize-activations", tmp_path / "planned.mlir")
    flags, running = TARGETS[target]
    binary = harness.compile_model(tmp_path / "planned.mlir", tmp_path / "program.so",
                                   "--quiet", *flags)
    got, stats = harness.run_model(binary, {"x": x, "v": values}, tmp_path, *running)
    exact = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    exact /= exact.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        codes = np.clip(np.round(-np.log2(exact)), 0, 15)
    stored = np.where(codes == 15, 0, np.exp2(-codes))
    check(got["y"], stored @ values, stored @ np.abs(values))
    assert np.abs(stored / exact.clip(1e-300) - 1)[codes < 15].max() < 2**0.5 - 1 + 1e-9
    if target == "cpu":
        assert stats["arena_bytes"] <= 192  # 6 x 40 codes of 4 bits, and alignment


@pytest.mark.parametrize("name, kind", [("i3", "f16"), ("nf4", "f16"), ("nf4", "f32")])
def test_export(name, kind, tmp_path):
    """What ONNX has no type for is exported as the arithmetic that decodes it."""
    rng = np.random.default_rng(5)
    weight = rng.standard_normal((160, 33)).astype(np.float32)
    x = rng.standard_normal((5, 160)).astype(np.float32)
    path = plan_program(tmp_path, weight, f'w = {{format = "{name}", granularity = "group", '
                        f"group = 32 : i64{member(kind)}}}", 5)
    exported = tmp_path / "model.onnx"
    harness.check(harness.run("cinch-opt", path, "-o", exported), "cinch-opt")
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    codes = next(t for t in model.graph.initializer if t.name == "w/q")
    assert len(codes.raw_data) == (160 * 13 if name == "i3" else 160 * 33 // 2)
    got = harness.run_onnxruntime(str(exported), {"x": x})["y"]
    stored = in_groups(weight, name, kind, 32)
    check(got, x @ stored, np.abs(x) @ np.abs(stored))
    # What is read back is the same function.
    binary = harness.compile_model(exported, tmp_path / "again.so", "--quiet")
    check(harness.run_model(binary, {"x": x}, tmp_path)[0]["y"], x @ stored,
          np.abs(x) @ np.abs(stored))
