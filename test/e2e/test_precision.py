"""Models with f32 values and weights stored in 16 bits, against f32.

A value in f16 has 11 bits, so a rounding changes it by at most 2^-11 = 5e-4 of
itself; networks add up some tens of them. The bound is 1e-2 of the largest
output, and 8 times that for bf16, which has 8 bits. The weights of the light
models are of one value, so that sums grow up to 1e31: f16 has no such numbers.
"""
import json
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import harness
import workloads

BOUNDS = {"f16": 1e-2, "bf16": 8e-2}
MODELS = ["gen_gpt2_op17", "gen_llama_kv_op17", "gen_qdq_cnn", "gen_resnet18_op13",
          "light_bvlc_alexnet", "light_inception_v1", "light_resnet50",
          "light_squeezenet", "light_vgg19", "light_zfnet512",
          "magika", "minilm_l3", "ppocr_cls", "romanizer_enc",
          "silero_vad_op18_ifless", "tiny_lm"]


def compile_both(path, tmp_path, precision, *flags):
    return [harness.compile_model(path, tmp_path / f"{name}.so", f"--precision={name}",
                                  *flags) for name in ("f32", precision)]


def make_inputs(name, path):
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    return workloads.feed(workload, onnx.load(path))


def weights_bytes(binary):
    return os.path.getsize(str(binary).replace(".so", ".safetensors"))


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("name", MODELS)
def test_models(name, precision, tmp_path):
    path = harness.model_path(name)
    inputs = make_inputs(name, path)
    exact, rounded = compile_both(path, tmp_path, precision)
    want, _ = harness.run_model(exact, inputs, tmp_path)
    got, _ = harness.run_model(rounded, inputs, tmp_path)
    assert {k: v.dtype for k, v in got.items()} == {k: v.dtype for k, v in want.items()}
    assert harness.relative_error(got, want) <= BOUNDS[precision]


def make_page(seed):
    """Lines of glyphs for the text detector, 96 x 160."""
    workload = next(w for w in workloads.WORKLOADS if w.model == "ppocr_det")
    inputs = workloads.feed(workload, harness.load_model("ppocr_det"), 2, seed)
    return {"x": inputs["x"][:1]}


def norm_error(got, want):
    """The norm of the difference over the norm of what is wanted."""
    return max(np.linalg.norm(got[name] - want[name]) / np.linalg.norm(want[name])
               for name in want)


@pytest.fixture(scope="module")
def detectors(tmp_path_factory):
    """The text detector in f32, in f16, and in f16 with an error goal."""
    folder = tmp_path_factory.mktemp("detectors")
    path = harness.model_path("ppocr_det")
    samples = np.stack([make_page(seed)["x"] for seed in (100, 101)])
    np.savez_compressed(folder / "pages.npz", x=samples)
    exact, rounded = compile_both(path, folder, "f16")
    report, binary = folder / "report.json", folder / "goal.so"
    done = harness.run("cinch-compile", path, "-o", binary, "--precision=f16",
                       f"--precision-samples={folder}/pages.npz",
                       "--precision-goal=0.01", f"--report={report}")
    harness.check(done, "cinch-compile")
    return exact, rounded, binary, done.output, json.loads(report.read_text())


@pytest.mark.parametrize("seed", range(5))
def test_goal_holds_on_other_inputs(detectors, seed, tmp_path):
    """The logits reach 140, so that a rounding of 2e-3 of that moves the sigmoid of
    the few pixels at the edges of letters by up to 7e-2."""
    exact, rounded, goal, _, _ = detectors
    inputs = make_page(seed)
    want, plain, kept = (harness.run_model(binary, inputs, tmp_path)[0]
                         for binary in (exact, rounded, goal))
    assert max(value.max() for value in want.values()) > 0.99  # letters are found
    assert harness.relative_error(kept, want) <= 1e-2
    assert norm_error(plain, want) <= 5e-3
    assert norm_error(kept, want) <= 1e-3 < norm_error(plain, want)


def test_goal_in_the_report(detectors):
    exact, rounded, goal, said, report = detectors
    data = report["precision"]
    assert data["goal"] == 0.01 and data["samples"] == 2
    assert data["source"].endswith("pages.npz")
    assert all(0 < output["max_error"] <= 1e-2 for output in data["outputs"])
    assert all(0 < output["rms_error"] <= 1e-3 for output in data["outputs"])
    kept = [value for value in data["kept"] if value["reason"] == "the error goal"]
    assert kept and "products stay in f32 for the error goal" in said
    assert weights_bytes(rounded) < weights_bytes(goal) < weights_bytes(exact)


def write_product(path, *steps):
    """y = steps of (operator, constant, type or None) on x times the identity."""
    nodes, tensors, last = [], [], "p"
    for number, (operator, operand) in enumerate(steps):
        name = f"s{number}"
        if operator == "Cast":
            nodes.append(helper.make_node("Cast", [last], [name], to=operand))
        elif operand is None:
            nodes.append(helper.make_node(operator, [last], [name]))
        else:
            tensors.append(helper.make_tensor(f"c{number}", TensorProto.FLOAT, [], [operand]))
            nodes.append(helper.make_node(operator, [last, f"c{number}"], [name]))
        last = name
    nodes.insert(0, helper.make_node("MatMul", ["x", "w"], ["p"]))
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    tensors.append(helper.make_tensor("w", TensorProto.FLOAT, [4, 4],
                                      np.eye(4, dtype=np.float32).ravel()))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])
              for name in "xy"]
    graph = helper.make_graph(nodes, "steps", values[:1], values[1:], tensors)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)


@pytest.mark.parametrize("flags, device", [((), ()), (("--target=cuda:sm_80",),
                                                      ("--device=emulated",))])
@pytest.mark.parametrize("precision, step", [("f16", 1.0), ("bf16", 8.0)])
def test_rounds_where_it_stores(precision, step, flags, device, tmp_path):
    """Behind a sum with 2000 the last bit of 16 is `step`; in one kernel it stays
    f32. What the model casts is rounded all the same."""
    path = tmp_path / "model.onnx"
    half = TensorProto.FLOAT16 if precision == "f16" else TensorProto.BFLOAT16
    x = np.linspace(0, 1, 32, dtype=np.float32).reshape(8, 4)
    for steps, bound in (((), 4e-3), ([("Cast", half), ("Cast", TensorProto.FLOAT)], step)):
        # The activation keeps sums from being folded into each other.
        write_product(path, ("Add", 2000.0), ("Relu", None), *steps, ("Sub", 2000.0))
        binary = harness.compile_model(path, tmp_path / "m.so", f"--precision={precision}",
                                       *flags)
        got, _ = harness.run_model(binary, {"x": x}, tmp_path, *device)
        error = np.abs(got["y"] - x).max()
        assert error <= bound and (not steps or error > 0.2), steps


SAMPLES = {  # arrays of the file, and what is said
    "missing": ({"z": np.zeros((1, 4), np.float32)}, "has no input 'x'"),
    "unknown": ({"x": np.zeros((1, 4), np.float32), "z": np.zeros(1)},
                "the model has no input 'z'"),
    "type": ({"x": np.zeros((1, 4))}, "to be f32 [n, 4], or one axis more for several "
                                      "sets, but got f64 [1, 4]"),
    "shape": ({"x": np.zeros((1, 5), np.float32)}, "but got f32 [1, 5]"),
    "rank": ({"x": np.zeros(4, np.float32)}, "but got f32 [4]"),
    "nan": ({"x": np.full((1, 4), np.nan, np.float32)},
            "input 'x' has NaN or infinity at element 0"),
    "empty": ({"x": np.zeros((0, 1, 4), np.float32)}, "has no set of inputs"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_wrong_samples(name, tmp_path):
    arrays, message = SAMPLES[name]
    write_product(tmp_path / "model.onnx", ("Add", 1.0))
    np.savez(tmp_path / "in.npz", **arrays)
    done = harness.run("cinch-compile", tmp_path / "model.onnx", "-o", tmp_path / "m.so",
                       "--precision=f16", f"--precision-samples={tmp_path}/in.npz")
    assert done.status == 1 and message in done.output
    assert "--precision-samples: " in done.output and not (tmp_path / "m.so").exists()


def test_folder_of_samples(tmp_path):
    """Each file is a set, or several; the largest magnitude is that of all."""
    write_growing_model(tmp_path / "model.onnx")
    folder, report = tmp_path / "samples", tmp_path / "report.json"
    folder.mkdir()

    def compile_with(*flags):
        return harness.run("cinch-compile", tmp_path / "model.onnx", "-o", tmp_path / "m.so",
                           "--precision=f16", f"--precision-samples={folder}", *flags)

    done = compile_with()
    assert done.status == 1 and "has no .npz file and no folder" in done.output
    np.savez(folder / "a.npz", x=np.full((3, 2, 4), 1e-3, np.float32))
    harness.check(compile_with(f"--report={report}"), "cinch-compile")
    data = json.loads(report.read_text())["precision"]
    assert data["samples"] == 3 and [value["name"] for value in data["kept"]] == ["c"]
    case = folder / "test_data_set_0"
    case.mkdir()
    tensor = onnx.numpy_helper.from_array(np.ones((1, 4), np.float32), "x")
    onnx.save_tensor(tensor, case / "input_0.pb")
    harness.check(compile_with(f"--report={report}"), "cinch-compile")
    data = json.loads(report.read_text())["precision"]
    assert data["samples"] == 4 and [value["name"] for value in data["kept"]] == ["b", "c"]


def test_goal_that_cannot_hold(tmp_path):
    """Products in loops have no choice: 1/3 is off by 2^-13 of itself in f16."""
    def value(name, shape, dtype=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, dtype, shape)

    body = helper.make_graph(
        [helper.make_node("MatMul", ["v", "w"], ["next"]),
         helper.make_node("Identity", ["go"], ["again"])], "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL),
         value("v", ["n", 4])], [value("again", [], TensorProto.BOOL), value("next", ["n", 4])])
    tensors = [helper.make_tensor("w", TensorProto.FLOAT, [4, 4], [1 / 3] * 16),
               helper.make_tensor("count", TensorProto.INT64, [], [3]),
               helper.make_tensor("start", TensorProto.BOOL, [], [True])]
    graph = helper.make_graph(
        [helper.make_node("Loop", ["count", "start", "x"], ["y"], body=body)], "loop",
        [value("x", ["n", 4])], [value("y", ["n", 4])], tensors)
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)
    for goal, status in (("1e-2", 0), ("1e-6", 1)):
        done = harness.run("cinch-compile", path, "-o", tmp_path / "m.so",
                           "--precision=f16", f"--precision-goal={goal}")
        assert done.status == status, done.output
    assert "even with all products in f32, of which 0 were not; expected" in done.output


@pytest.mark.parametrize("flags, message", [
    (["--precision-goal=0.01"], "an error goal is for a precision such as f16"),
    (["--precision=f16", "--precision-goal=-1"], "expected an error goal above 0"),
    (["--precision=f16", "--precision-goal=0.1", "--precision-samples=0"],
     "an error goal needs samples")])
def test_wrong_goals(flags, message, tmp_path):
    write_growing_model(tmp_path / "model.onnx")
    done = harness.run("cinch-compile", tmp_path / "model.onnx", "-o", tmp_path / "m.so",
                       *flags)
    assert done.status == 2 and message in done.output


@pytest.mark.parametrize("name", ["gen_gpt2_op17", "gen_resnet18_op13"])
def test_weights_take_half_the_bytes(name, tmp_path):
    exact, rounded = compile_both(harness.model_path(name), tmp_path, "f16")
    assert weights_bytes(rounded) <= 0.52 * weights_bytes(exact)


@pytest.mark.parametrize("name", ["minilm_l3", "gen_gpt2_op17"])
def test_exported_model_gives_the_same_result(name, tmp_path):
    path = harness.model_path(name)
    inputs = make_inputs(name, path)
    exported = tmp_path / "exported.onnx"
    harness.compile_model(path, exported, "--emit=onnx", "--precision=f16")
    _, binary = compile_both(path, tmp_path, "f16")
    got, _ = harness.run_model(binary, inputs, tmp_path)
    want = harness.run_onnxruntime(str(exported), inputs)
    assert harness.relative_error(got, want) <= 5e-3  # both round, in another order


def test_states_stay_bound(tmp_path):
    path = harness.model_path("gen_llama_kv_op17")
    report = {}
    for precision in ("f32", "f16"):
        text = tmp_path / f"{precision}.mlir"
        harness.compile_model(path, text, "--emit=exec", f"--precision={precision}")
        report[precision] = text.read_text().count("{axis = ")
    assert report["f32"] == report["f16"] > 0


def test_report_has_the_error(tmp_path):
    report = tmp_path / "report.json"
    done = harness.run("cinch-compile", harness.model_path("minilm_l3"), "-o",
                       tmp_path / "m.so", "--precision=bf16", f"--report={report}")
    harness.check(done, "cinch-compile")
    data = json.loads(report.read_text())["precision"]
    assert data["type"] == "bf16" and data["samples"] == 1
    assert [output["name"] for output in data["outputs"]]
    for output in data["outputs"]:
        assert 0 < output["rms_error"] and 1e-5 < output["max_error"] <= 8e-2
        assert f"output '{output['name']}' is within" in done.output
        assert "norm of the error" in done.output
    harness.compile_model(harness.model_path("minilm_l3"), tmp_path / "n.so",
                          "--precision=bf16", f"--report={report}",
                          "--precision-samples=0")
    assert json.loads(report.read_text())["precision"]["outputs"] == []


def write_growing_model(path):
    """An input times 300, three times: 2.7e7 leaves f16, the result does not."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]),
             helper.make_node("MatMul", ["a", "w"], ["b"]),
             helper.make_node("MatMul", ["b", "w"], ["c"]),
             helper.make_node("MatMul", ["c", "small"], ["y"])]
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, [4, 4],
                                  scale * np.eye(4, dtype=np.float32).ravel())
               for name, scale in (("w", 300), ("small", 1e-4))]
    graph = helper.make_graph(nodes, "grows", [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])], tensors)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)


def test_values_out_of_range_stay_f32(tmp_path):
    path, report = tmp_path / "model.onnx", tmp_path / "report.json"
    write_growing_model(path)
    done = harness.run("cinch-compile", path, "-o", tmp_path / "m.so", "--precision=f16",
                       f"--report={report}", "--report-dim=n=64")
    harness.check(done, "cinch-compile")
    assert "kept in f32: 2 out of range; the largest magnitude of 'c' is" in done.output
    data = json.loads(report.read_text())
    assert [value["name"] for value in data["precision"]["kept"]] == ["b", "c"]
    assert all("out of range" in value["reason"] for value in data["precision"]["kept"])
    inputs = {"x": np.full((3, 4), 0.7, np.float32)}
    got, _ = harness.run_model(tmp_path / "m.so", inputs, tmp_path)
    want = {"y": inputs["x"] * np.float32(300.0 ** 3 * 1e-4)}
    assert harness.relative_error(got, want) <= 2e-3  # of x, a, and the last weight: 5e-4 each
    # Without samples nothing is known: infinities.
    binary = harness.compile_model(path, tmp_path / "n.so", "--precision=f16",
                                   "--precision-samples=0")
    got, _ = harness.run_model(binary, inputs, tmp_path)
    assert not np.isfinite(got["y"]).any()


def test_model_that_runs_on_no_random_inputs(tmp_path):
    """A frame of one sample is less than its padding by reflection copies."""
    path = harness.model_path("silero_vad_op18_ifless")
    said = "f16: no ranges of values are known, as the model cannot be run"
    for sizes, is_told in (["--report-dim=sequence=576"], False), ([], True):
        done = harness.run("cinch-compile", path, "-o", tmp_path / "m.so",
                           "--precision=f16", *sizes)
        harness.check(done, "cinch-compile")
        assert (said in done.output) == is_told


def test_wrong_usage(tmp_path):
    path = harness.model_path("minilm_l3")
    for flags, message in ((["--precision=f8"], "unknown precision 'f8'"),
                           (["--precision=f16", "--emit=mlir"], "a precision is for")):
        done = harness.run("cinch-compile", path, "-o", tmp_path / "m.mlir", *flags)
        assert done.status == 2 and message in done.output


@pytest.mark.parametrize("dtype", [np.float16, "bfloat16"])
@pytest.mark.parametrize("m,n,k", [(1, 8, 4096), (5, 1, 2048), (67, 33, 1030), (3, 5, 0)])
def test_sums_are_f32(m, n, k, dtype, tmp_path):
    """A sum of k ones stays exact beyond 2048, where f16 could count no further."""
    element = TensorProto.FLOAT16 if dtype == np.float16 else TensorProto.BFLOAT16
    graph = helper.make_graph(
        [helper.make_node("Cast", ["a"], ["x"], to=element),
         helper.make_node("Cast", ["b"], ["w"], to=element),
         helper.make_node("MatMul", ["x", "w"], ["p"]),
         helper.make_node("Cast", ["p"], ["y"], to=TensorProto.FLOAT)], "sums",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [m, k]),
         helper.make_tensor_value_info("b", TensorProto.FLOAT, [k, n])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [m, n])])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17)]), path)
    inputs = {"a": np.ones((m, k), np.float32), "b": np.ones((k, n), np.float32)}
    text = harness.compile_model(path, tmp_path / "m.mlir", "--emit=exec").read_text()
    assert 'exec.kind = "contraction"' in text
    got, _ = harness.run_model(harness.compile_model(path, tmp_path / "m.so"), inputs, tmp_path)
    bound = 0 if dtype == np.float16 else k / 256  # bf16 has 8 bits
    assert np.abs(got["y"] - k).max() <= bound
