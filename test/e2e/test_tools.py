"""What the tools show at a terminal, and cinch-run with every form of inputs and
outputs on compiled models."""
import json
import os
import pty
import re
import subprocess
import time

import numpy as np
import onnx
import pytest

import harness
import workloads

TOOLS = ["cinch-compile", "cinch-run", "cinch-opt"]
LINE = re.compile(r"\r\x1b\[K([^\r\n]*): ([^\r\n]*), (\d+) %, "
                  r"(about \d+ s left|time left unknown)")


def on_terminal(tool, *arguments):
    """(status, what came on the standard error, which is a terminal, seconds)."""
    terminal, end = pty.openpty()
    start = time.monotonic()
    process = subprocess.Popen(
        [os.path.join(harness.BUILD, "bin", tool), *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=end)
    os.close(end)
    said = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # nobody has it open any more
            break
        if not part:
            break
        said += part
    os.close(terminal)
    return process.wait(), said.decode(), time.monotonic() - start


def check_progress(said, title, phases):
    lines = LINE.findall(said)
    assert lines, said
    assert all(line[0] == title for line in lines)
    assert {re.sub(r"\d+ of \d+", "", line[1]) for line in lines} <= phases
    shares = [int(line[2]) for line in lines]
    assert shares == sorted(shares) and shares[-1] < 100
    assert any(line[3] != "time left unknown" for line in lines)
    assert said.endswith("\r\x1b[K")  # nothing stays


def test_progress_of_a_compilation(tmp_path):
    command = ["cinch-compile", harness.model_path("ppocr_det"), "-o", tmp_path / "m.so"]
    status, said, seconds = on_terminal(*command)
    assert status == 0
    if seconds < 3:
        pytest.skip("this machine is too fast for this model")
    check_progress(said, "compiling ppocr_det.onnx",
                   {"import", "simplify", "plan memory", "lower", "read weights",
                    "optimize", "generate code", "write"})
    status, said, _ = on_terminal(*command, "--quiet")
    assert status == 0 and not said
    assert not harness.run(*command).output  # no terminal


def test_no_progress_of_a_short_compilation(tmp_path):
    status, said, seconds = on_terminal("cinch-compile", harness.model_path("gen_qdq_cnn"),
                                        "-o", tmp_path / "m.so")
    assert status == 0
    assert seconds > 2 or not said


def test_progress_of_a_benchmark(binaries):
    binary = binaries.get("gen_qdq_cnn")
    stats = os.path.splitext(binary)[0] + ".json"
    harness.check(harness.run("cinch-run", binary, "--benchmark=20", "--json", stats),
                  "cinch-run")
    with open(stats) as file:
        runs = int(4000 / json.load(file)["median_ms"]) + 1
    command = ["cinch-run", binary, f"--benchmark={runs}", "--measure-memory"]
    status, said, _ = on_terminal(*command)
    assert status == 0
    check_progress(said, "running " + os.path.basename(binary),
                   {"load", "first run", "run ", "measure memory"})
    status, said, _ = on_terminal(*command, "--quiet")
    assert status == 0 and not said


@pytest.mark.parametrize("tool, texts", [
    ("cinch-compile", ["--dim", "--memory-budget", "--embed-weights", "--report",
                       "cinch-compile model.onnx --emit=obj", "exit status"]),
    ("cinch-run", ["--expect", "--benchmark", "--json", "cinch-run m.so --inputs=in.npz",
                   "Exit status"]),
    ("cinch-opt", ["--pass-pipeline", "--plan-memory", "cinch-opt model.onnx",
                   "exit status"])])
def test_help_has_options_and_examples(tool, texts):
    done = harness.run(tool, "--help")
    assert done.status == 0
    for text in texts:
        assert text in done.output


@pytest.mark.parametrize("passes", [
    [], ["-graph-simplify"], ["-cinch-graph"], ["-pass-pipeline=builtin.module(cinch-graph)"]],
    ids=" ".join)
def test_cinch_opt_from_onnx_to_onnx(passes, tmp_path):
    """The examples of the help."""
    harness.check(harness.run("cinch-opt", harness.model_path("gen_qdq_cnn"), *passes,
                              "-o", tmp_path / "out.onnx"), "cinch-opt")
    inputs, want = expected("gen_qdq_cnn")
    got = harness.run_onnxruntime(str(tmp_path / "out.onnx"), inputs)
    assert harness.relative_error(got, want) <= 1e-4


@pytest.mark.parametrize("arguments", [
    ["cinch-opt", "--pass-pipeline=no-such"], ["cinch-opt", "--no-such-pass"],
    ["cinch-opt", "--pass-pipeline=builtin.module(no-such)"], ["cinch-opt", "a", "b"],
    ["cinch-opt", "--check-budget=budget-bytes=x"], ["cinch-compile"],
    ["cinch-compile", "a.onnx", "b.onnx"], ["cinch-compile", "a.onnx", "--emit=exe"],
    ["cinch-compile", "a.txt"], ["cinch-compile", "a.onnx", "--target=toaster"],
    ["cinch-compile", "a.onnx", "--cpu=toaster"], ["cinch-run"],
    ["cinch-run", "a.so", "--threads=0"]], ids=" ".join)
def test_wrong_usage_is_status_2(arguments):
    done = harness.run(*arguments)
    assert done.status == 2 and done.output.strip()


@pytest.mark.parametrize("arguments", [
    ["cinch-opt", "absent.mlir"], ["cinch-opt", "absent.onnx"],
    ["cinch-compile", "absent.onnx"], ["cinch-run", "absent.so"]], ids=" ".join)
def test_missing_files_are_status_1(arguments):
    done = harness.run(*arguments)
    assert done.status == 1 and "absent" in done.output


@pytest.mark.parametrize("tool", ["cinch-compile", "cinch-opt"])
def test_unsupported_is_status_77(tool, tmp_path):
    path = tmp_path / "model.onnx"
    text = onnx.TensorProto.STRING
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "main",
        [onnx.helper.make_tensor_value_info("x", text, [2])],
        [onnx.helper.make_tensor_value_info("y", text, [2])])
    onnx.save(onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
    done = harness.run(tool, path, "-o", tmp_path / "out.mlir")
    assert done.status == 77 and "unsupported" in done.output


# cinch-run on compiled models.

MODELS = ["gen_qdq_cnn", "minilm_l3"]  # one output; several, with odd names


def expected(name):
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    inputs = workloads.feed(workload, harness.load_model(name))
    return inputs, harness.run_onnxruntime(harness.model_path(name), inputs)


def write_protos(folder, kind, arrays):
    folder.mkdir(exist_ok=True)
    for index, (name, array) in enumerate(arrays.items()):
        tensor = onnx.numpy_helper.from_array(np.asarray(array), name)
        (folder / f"{kind}_{index}.pb").write_bytes(tensor.SerializeToString())
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_folders_of_tensors(name, binaries, tmp_path):
    inputs, want = expected(name)
    folder = write_protos(tmp_path / "set", "input", inputs)
    write_protos(folder, "output", want)
    done = harness.run("cinch-run", binaries.get(name), "--inputs", folder, "--expect",
                       folder, "--rtol=1e-4", "--atol=1e-5", "--outputs", tmp_path / "out")
    harness.check(done, "cinch-run")
    got = {}
    for index in range(len(want)):
        tensor = onnx.load_tensor(tmp_path / "out" / f"output_{index}.pb")
        got[tensor.name] = onnx.numpy_helper.to_array(tensor)
    assert list(got) == list(want)
    assert harness.relative_error(got, want) <= 1e-4


@pytest.mark.parametrize("name", MODELS)
def test_npz_and_npy(name, binaries, tmp_path):
    inputs, want = expected(name)
    harness.write_npz(tmp_path / "want.npz", want)
    flags = []
    for number, (key, array) in enumerate(inputs.items()):
        np.save(tmp_path / f"{number}.npy", array)
        flags += ["--input", f"{key}=@{tmp_path}/{number}.npy"]
    done = harness.run("cinch-run", binaries.get(name), *flags, "--expect",
                       tmp_path / "want.npz", "--rtol=1e-4", "--atol=1e-5")
    harness.check(done, "cinch-run")
    # --input wins over --inputs.
    key = next(iter(inputs))
    harness.write_npz(tmp_path / "in.npz", {**inputs, key: np.zeros_like(inputs[key])})
    done = harness.run("cinch-run", binaries.get(name), "--inputs", tmp_path / "in.npz",
                       *flags[:2], "--expect", tmp_path / "want.npz", "--rtol=1e-4",
                       "--atol=1e-5")
    harness.check(done, "cinch-run")


def test_tolerances_decide(binaries, tmp_path):
    inputs, want = expected("gen_qdq_cnn")
    (name, array), = want.items()
    harness.write_npz(tmp_path / "in.npz", inputs)
    place = np.unravel_index(np.abs(array).argmax(), array.shape)
    wrong = array.copy()
    wrong[place] *= 1.01
    harness.write_npz(tmp_path / "want.npz", {name: wrong})
    command = ["cinch-run", binaries.get("gen_qdq_cnn"), "--inputs", tmp_path / "in.npz",
               "--expect", tmp_path / "want.npz"]
    gap = float(abs(wrong[place] - array[place]))
    for flags, status in [([], 1), (["--rtol=0.011"], 0), (["--rtol=0.009"], 1),
                          (["--rtol=0", f"--atol={1.1 * gap}"], 0),
                          (["--rtol=0", f"--atol={0.9 * gap}"], 1)]:
        done = harness.run(*command, *flags)
        assert done.status == status, (flags, done.output)
        assert ("(1 elements differ)" in done.output) == bool(status)
        assert (f"element [{', '.join(map(str, place))}]" in done.output) == bool(status)


def test_random_inputs_have_a_seed(binaries, tmp_path):
    binary, outputs = binaries.get("gen_qdq_cnn"), {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        harness.check(harness.run("cinch-run", binary, "--seed", seed, "--outputs",
                                  tmp_path / f"{name}.npz"), "cinch-run")
        outputs[name] = (tmp_path / f"{name}.npz").read_bytes()
    assert outputs["a"] == outputs["b"] != outputs["c"]


@pytest.mark.parametrize("threads", [1, 2])
def test_statistics(threads, binaries, tmp_path):
    path = tmp_path / "s.json"
    harness.check(harness.run(
        "cinch-run", binaries.get("minilm_l3"), "--dim=batch_size=1",
        "--dim=sequence_length=32", "--benchmark", 7, "--measure-memory", "--json", path,
        "--threads", threads), "cinch-run")
    stats = json.loads(path.read_text())
    assert stats["predicted_peak_bytes"] == stats["measured_peak_bytes"] > 0
    assert 0 < stats["lower_bound_bytes"] <= stats["predicted_peak_bytes"]
    weights = os.path.splitext(binaries.get("minilm_l3"))[0] + ".safetensors"
    with open(weights, "rb") as file:
        header = int.from_bytes(file.read(8), "little")
    assert stats["weights_bytes"] == os.path.getsize(weights) - 8 - header
    assert stats["threads"] == threads and stats["benchmark_runs"] == 7
    assert 0 < stats["min_ms"] <= stats["median_ms"] <= stats["p99_ms"]
    assert stats["load_ms"] > 0 and stats["first_run_ms"] > 0
    assert stats["inputs_bytes"] == 2 * 32 * 8
    assert [output["shape"] for output in stats["outputs"]][-1] == [1, 384]
