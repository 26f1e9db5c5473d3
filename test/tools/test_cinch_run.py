"""cinch-run on models written by hand: files in and out, comparison, statuses."""
import json
import os
import re
import subprocess

import numpy as np
import onnx
import pytest

import fake

X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
Y = fake.compute(X)


def run(*arguments):
    done = subprocess.run([os.path.join(fake.BUILD, "bin", "cinch-run"),
                           *map(str, arguments)], text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def model(tmp_path):
    return fake.make_model(tmp_path)


def write_set(folder, kind, *tensors):
    folder.mkdir(exist_ok=True)
    for index, tensor in enumerate(tensors):
        if isinstance(tensor, np.ndarray):
            tensor = onnx.numpy_helper.from_array(tensor, kind)
        (folder / f"{kind}_{index}.pb").write_bytes(tensor.SerializeToString())
    return folder


def good(*arguments):
    status, out, error = run(*arguments)
    assert status == 0, error
    return out


def bad(status, message, *arguments):
    got, _, error = run(*arguments)
    assert got == status, error
    assert message in error


def test_npz(model, tmp_path):
    np.savez(tmp_path / "in.npz", x=X)
    good(model, "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as out:
        assert out.files == ["y"]
        np.testing.assert_allclose(out["y"], Y, rtol=1e-6)


def test_outputs_are_the_same_bytes(model, tmp_path):
    for name in ("a.npz", "b.npz"):
        good(model, "--dim", "batch=3", "--outputs", tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_compressed_and_column_major(model, tmp_path):
    np.savez_compressed(tmp_path / "in.npz", x=np.asfortranarray(X))
    np.savez(tmp_path / "want.npz", y=Y)
    good(model, "--inputs", tmp_path / "in.npz", "--expect", tmp_path / "want.npz")


def test_npy_per_input(model, tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "want.npz", y=Y)
    good(model, f"--input=x=@{tmp_path}/x.npy", "--expect", tmp_path / "want.npz")
    bad(1, "has no input 'z'", model, f"--input=z=@{tmp_path}/x.npy")


@pytest.mark.parametrize("raw", [True, False])
def test_test_data_set(model, tmp_path, raw):
    typed = onnx.helper.make_tensor("y", onnx.TensorProto.FLOAT, Y.shape, Y.ravel())
    folder = write_set(tmp_path / "set", "input", X)
    write_set(folder, "output", Y if raw else typed)
    good(model, "--inputs", folder, "--expect", folder, "--outputs", tmp_path / "out")
    got = onnx.load_tensor(tmp_path / "out" / "output_0.pb")
    assert got.name == "y"
    np.testing.assert_allclose(onnx.numpy_helper.to_array(got), Y, rtol=1e-6)


@pytest.mark.parametrize("dtype", [
    "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "BOOL",
    "FLOAT16", "DOUBLE", "UINT32", "UINT64", "BFLOAT16"])
@pytest.mark.parametrize("raw", [True, False])
def test_every_type_of_tensor_file_is_read(model, tmp_path, dtype, raw):
    number = getattr(onnx.TensorProto, dtype)
    tensor = onnx.helper.make_tensor("x", number, [2], [0, 1])
    if raw:
        tensor = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), "x")
    folder = write_set(tmp_path / "set", "input", tensor)
    status, _, error = run(model, "--inputs", folder)
    assert status == 1
    # Read in full, and then refused by the runtime: rank before type.
    assert "rank 2 [batch, 4], but rank 1 was given" in error


def test_mismatch_fails_and_says_where(model, tmp_path):
    np.savez(tmp_path / "in.npz", x=X)
    wrong = Y.copy()
    wrong[1, 3] += 5
    np.savez(tmp_path / "want.npz", y=wrong)
    bad(1, "element [1, 3] is ", model, "--inputs", tmp_path / "in.npz",
        "--expect", tmp_path / "want.npz")
    good(model, "--inputs", tmp_path / "in.npz", "--expect", tmp_path / "want.npz",
         "--atol", "5.1")
    wrong[1, 3] = np.nan
    np.savez(tmp_path / "want.npz", y=wrong)
    bad(1, "expected nan", model, "--inputs", tmp_path / "in.npz",
        "--expect", tmp_path / "want.npz", "--atol", "1e9")
    np.savez(tmp_path / "want.npz", y=Y.astype(np.float64))
    bad(1, "is f32 [5, 4], expected f64 [5, 4]", model,
        "--inputs", tmp_path / "in.npz", "--expect", tmp_path / "want.npz")


def test_statistics(model, tmp_path):
    out = good(model, "--dim", "batch=5", "--benchmark", "3", "--measure-memory",
               "--json", tmp_path / "s.json", "--threads", "1", "--profile")
    stats = json.loads((tmp_path / "s.json").read_text())
    assert stats["predicted_peak_bytes"] == stats["measured_peak_bytes"] == 208
    assert stats["lower_bound_bytes"] == 160
    assert stats["weights_bytes"] == 128
    assert stats["benchmark_runs"] == 3
    assert 0 < stats["median_ms"] <= stats["p99_ms"]
    assert stats["load_ms"] > 0
    assert "as predicted" in out and "k2 (matmul, library)" in out
    assert good(model, "--quiet") == ""
    good(model, "--json", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text())["measured_peak_bytes"] is None


def test_measurement_finds_a_broken_kernel(tmp_path):
    bad(1, "of the arena", fake.make_model(tmp_path, "overrun"), "--measure-memory")


@pytest.mark.parametrize("arguments, message", [
    ([], "no model given"), (["a.so", "b.so"], "unexpected argument 'b.so'"),
    (["a.so", "--frob"], "unknown option"), (["a.so", "--rtol"], "needs a value"),
    (["a.so", "--rtol=-1"], "bad value for --rtol"),
    (["a.so", "--threads=0"], "bad value for --threads"),
    (["a.so", "--benchmark=x"], "bad value for --benchmark"),
    (["a.so", "--dim=n"], "bad value for --dim"),
    (["a.so", "--input=x.npy"], "bad value for --input"),
    (["a.so", "--inputs=a.npz", "--dim=n=1"], "--dim is for random inputs"),
    (["a.so", "--quiet=1"], "unknown option")])
def test_wrong_usage(arguments, message):
    bad(2, message, *arguments)


def test_help_and_version():
    assert "--measure-memory" in good("--help")
    assert good("--version").startswith("cinch-run 0.")


def test_bad_inputs(model, tmp_path):
    np.savez(tmp_path / "a.npz", z=X)
    bad(1, "has no input 'x'", model, "--inputs", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=X, z=X)
    bad(1, "the model has no input 'z'", model, "--inputs", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=X.astype(np.int32))
    bad(1, "has type f32, but i32", model, "--inputs", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 5), np.float32))
    bad(1, "[3, 5] was given", model, "--inputs", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 4), np.float32))
    bad(1, "'batch' must be from 1", model, "--inputs", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=np.array(["a"]))
    bad(1, "is not supported", model, "--inputs", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=X.astype(">f4"))
    bad(1, "'>f4' is not supported", model, "--inputs", tmp_path / "a.npz")
    bad(1, "No such file", model, "--inputs", tmp_path / "none.npz")
    folder = write_set(tmp_path / "set", "input", X, X)
    bad(1, "the model has only 1 inputs", model, "--inputs", folder)


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_archives_are_refused(model, tmp_path, compressed):
    path = tmp_path / "in.npz"
    (np.savez_compressed if compressed else np.savez)(path, x=X)
    whole = path.read_bytes()
    for size in range(0, len(whole), 5):
        path.write_bytes(whole[:size])
        assert run(model, "--inputs", path)[0] == 1
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        assert run(model, "--quiet", "--inputs", path)[0] in (0, 1)


def test_damaged_tensor_files_are_refused(model, tmp_path):
    folder = write_set(tmp_path / "set", "input", X)
    path = folder / "input_0.pb"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert run(model, "--inputs", folder)[0] == 1
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(12)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        assert run(model, "--quiet", "--inputs", folder)[0] in (0, 1)


def test_nothing_is_left_where_output_cannot_be_written(model, tmp_path):
    bad(1, "No such file", model, "--outputs", tmp_path / "no" / "out.npz")
    bad(1, "No space left", model, "--json", "/dev/full")
    assert sorted(os.listdir(tmp_path)) == ["dynamic.so", "fake.safetensors"]


@pytest.mark.parametrize("library", ["cinch_rt", "cinch_rt_static"])
def test_c_program(model, library):
    program = os.path.join(fake.BUILD, "unittests", f"c-program-{library}")
    # By hand: (2 x + w0) w1, first and last element.
    assert fake.check(program, model) == "240 4848\n"


@pytest.mark.parametrize("threads", [1, 2])
def test_trace(model, tmp_path, threads):
    path = tmp_path / "trace.json"
    out = good(model, "--dim", "batch=5000", f"--profile={path}", "--benchmark=3",
               "--threads", threads)
    assert "GFLOP/s" in out
    trace = json.loads(path.read_text())
    assert trace["otherData"] == {"dropped_events": 0}
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    named = {event["tid"] for event in trace["traceEvents"] if event["ph"] == "M"}
    assert {event["tid"] for event in events} == named == set(range(threads))
    assert {event["args"]["run"] for event in events} == {0, 1, 2, 3}
    # Calls do not overlap on a thread, and come in the same order in every run.
    orders = {}
    for thread in named:
        end = 0
        for event in (e for e in events if e["tid"] == thread):
            assert event["ts"] >= end and event["dur"] >= 0
            end = event["ts"] + event["dur"]
            orders.setdefault((thread, event["args"]["run"]), []).append(
                event["args"]["kernel"])
    assert all(order == orders[thread, 0] for (thread, _), order in orders.items())
    assert orders[0, 0] == sorted(orders[0, 0]) and len(orders[0, 0]) >= 3
    assert {event["name"] for event in events} <= set(re.findall(r"(\S+) \(.*\)\n", out))


def test_trace_needs_a_json_file(model):
    bad(2, "bad value for --profile", model, "--profile=trace.txt")
    bad(1, "No such file", model, "--profile=/nowhere/trace.json", "--quiet")


def test_long_traces_say_what_they_leave_out(model, tmp_path):
    path = tmp_path / "trace.json"
    status, _, error = run(model, f"--profile={path}", "--benchmark=200000", "--threads=1")
    assert status == 0
    trace = json.loads(path.read_text())
    dropped = trace["otherData"]["dropped_events"]
    assert f"the first 262144 events; {dropped} had no room" in error and dropped > 0
    assert sum(event["ph"] == "X" for event in trace["traceEvents"]) == 2 ** 18


@pytest.fixture
def device_model(tmp_path):
    return fake.make_model(tmp_path, "device")


def test_devices(device_model, tmp_path):
    np.savez(tmp_path / "in.npz", x=X, z=2 * X)
    np.savez(tmp_path / "expected.npz", y=3 * X + fake.BIAS)
    path = tmp_path / "statistics.json"
    out = good(device_model, "--device=emulated", "--inputs", tmp_path / "in.npz",
               "--expect", tmp_path / "expected.npz", "--measure-memory",
               "--profile", f"--json={path}", "--benchmark=2")
    assert "measured   80 bytes, as predicted" in out
    assert "(cuda:sm_80, hand)" in out and "k1 (add, generated)" in out
    statistics = json.loads(path.read_text())
    assert statistics["target"] == "cuda:sm_80"
    assert statistics["device_staging_bytes"] == 64 + 3 * 128
    assert statistics["device_bytes"] == 80 + 64 + 3 * 128 + 128


def test_devices_that_do_not_fit(model, device_model):
    bad(1, "compiled for target 'cpu', which device 'emulated' is not", model,
        "--device=emulated")
    bad(1, "compiled for target 'cuda:sm_80', which device 'cpu' is not",
        device_model, "--device=cpu")
    bad(1, "expected the device 'cpu', 'cuda:N' or 'emulated', but got 'gpu'",
        device_model, "--device=gpu")
    bad(2, "bad value for --device", model, "--device=")


def test_a_driver_that_is_not_there(device_model, monkeypatch):
    monkeypatch.setenv("CINCH_CUDA_DRIVER", "/nowhere/libcuda.so.1")
    bad(1, "the CUDA driver cannot be opened: /nowhere/libcuda.so.1", device_model)
