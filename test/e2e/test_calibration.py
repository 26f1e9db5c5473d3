"""Calibration against numpy: what the observers see, resumed and refused."""
import os

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import harness
import statistics_file

WIDTH, HIDDEN, OUT = 64, 96, 48


def make_weights(seed=0):
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) / 8
            for shape in ((WIDTH, HIDDEN), (HIDDEN, OUT))]


def write_model(path, weights):
    """y = relu(x w0) w1, with rows of any number."""
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["h"]),
             helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("MatMul", ["r", "w1"], ["y"])]
    graph = helper.make_graph(
        nodes, "layers",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["rows", OUT])],
        [numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def make_samples(count, seed=1):
    """Of different sizes and magnitudes, one without rows."""
    generator = np.random.default_rng(seed)
    rows = [3, 1, 0, 17, 5, 8, 2, 30][:count]
    return [(generator.standard_normal((n, WIDTH)) * 2.0**i).astype(np.float32)
            for i, n in enumerate(rows)]


def write_samples(folder, samples):
    folder.mkdir()
    for number, sample in enumerate(samples):
        harness.write_npz(folder / f"{number}.npz", {"x": sample})
    return folder


def quantize(model, output, *flags):
    return harness.run("cinch-compile", model, "-o", output, *flags)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    weights = make_weights()
    model = write_model(folder / "model.onnx", weights)
    samples = make_samples(8)
    data = write_samples(folder / "samples", samples)
    statistics = folder / "statistics.safetensors"
    harness.check(quantize(model, folder / "q.so", "--quantize=w8a8",
                           f"--calibration-data={data}", f"--calibration={statistics}"),
                  "cinch-compile")
    return folder, model, weights, samples, data, statistics


def test_what_observers_see(calibrated, tmp_path):
    """The same numbers as numpy's, of the same samples; sums in f32 to 1e-5."""
    folder, model, weights, samples, _, statistics = calibrated
    hidden = [np.maximum(x @ weights[0], 0) for x in samples]
    want_file = tmp_path / "want.safetensors"
    metadata, got = statistics_file.read(statistics)
    shown = [x for x in samples if x.size], [h for h in hidden if h.size]
    statistics_file.write(want_file, metadata["model"],
                          {"x": shown[0], "r": shown[1]}, has_moment=True)
    assert metadata["samples"] == str(len(samples))
    _, want = statistics_file.read(want_file)
    assert got.keys() == want.keys()
    for key, expected in want.items():
        if key == "r/histogram":  # a sum may be in the next bin
            assert np.abs(np.cumsum(got[key]) - np.cumsum(expected)).max() <= 2
        elif key.endswith(("histogram", "samples", "elements", "exponent")):
            assert np.array_equal(got[key], expected), key
        else:
            np.testing.assert_allclose(got[key], expected, err_msg=key, rtol=1e-4,
                                       atol=1e-4 * np.abs(expected).max())


def test_goes_on_where_it_was(calibrated, tmp_path):
    """The file of 5 samples, gone on from, is that of all 8, to the bit."""
    _, model, _, samples, data, statistics = calibrated
    resumed = tmp_path / "resumed.safetensors"
    first = write_samples(tmp_path / "first", samples[:5])
    for folder, count in ((first, 5), (data, 8)):
        done = quantize(model, tmp_path / "q.so", "--quantize=w8a8",
                        f"--calibration-data={folder}", f"--calibration={resumed}")
        harness.check(done, "cinch-compile")
        assert statistics_file.read(resumed)[0]["samples"] == str(count)
    assert resumed.read_bytes() == statistics.read_bytes()
    # More samples done than there are.
    done = quantize(model, tmp_path / "q.so", "--quantize=w8a8",
                    f"--calibration-data={first}", f"--calibration={resumed}")
    assert done.status == 1 and "is of 8 samples, but" in done.output


def test_a_file_instead_of_samples(calibrated, tmp_path):
    """Extremes of smoothed values follow from it; no sample is run."""
    _, model, weights, samples, _, statistics = calibrated
    harness.check(quantize(model, tmp_path / "q.so", "--quantize=w8a8",
                           f"--calibration={statistics}"), "cinch-compile")
    got, _ = harness.run_model(tmp_path / "q.so", {"x": samples[7]}, tmp_path)
    want = np.maximum(samples[7] @ weights[0], 0) @ weights[1]
    assert np.linalg.norm(got["y"] - want) <= 0.03 * np.linalg.norm(want)


def test_memory_does_not_grow_with_samples(calibrated, tmp_path):
    _, model, _, _, _, _ = calibrated
    many = tmp_path / "many"
    many.mkdir()
    sample = np.ones((200, 16, WIDTH), np.float32)
    sizes = []
    for count in (1, 4):
        for number in range(count):
            harness.write_npz(many / f"{number}.npz", {"x": sample})
        file = tmp_path / f"{count}.safetensors"
        harness.check(quantize(model, tmp_path / "q.so", "--quantize=w8a8",
                               f"--calibration-data={many}", f"--calibration={file}"),
                      "cinch-compile")
        sizes.append(os.path.getsize(file))
    assert abs(sizes[1] - sizes[0]) < 16  # digits of the number of samples


# -- Bad input ----------------------------------------------------------------

@pytest.mark.parametrize("flags, status, message", [
    (["--quantize=w8a8"], 2, "expected --calibration-data=SAMPLES"),
    (["--quantize=w5a5"], 2, "unknown quantization 'w5a5'; there are: w4a4"),
    (["--quantize=auto"], 2, "auto needs an accuracy goal"),
    (["--quantize=auto", "--accuracy-goal=2"], 2, "above 0 and below 1"),
    (["--calibration-data=x.npz"], 2, "is for a quantization, but there is none"),
    (["--accuracy-goal=0.1"], 2, "is for a quantization"),
    (["--quantize="], 2, "expected a value"),
    (["--quantize=w8a8-dynamic", "--emit=mlir"], 2, "imported graph is not quantized"),
    (["--quantize=w8a8-dynamic", "--pipeline=builtin.module()"], 2, "textual"),
    (["--quantize=w8a8", "--calibration-data=absent.npz"], 1, "absent.npz"),
    (["--quantize=w8a8", "--calibration=absent.safetensors"], 1, "absent.safetensors"),
    (["--quantize=w8a8-dynamic", "--quantization-plan=absent.json"], 1, "absent.json"),
])
def test_options(calibrated, flags, status, message, tmp_path):
    done = quantize(calibrated[1], tmp_path / "q.so", *flags)
    assert done.status == status and message in done.output, done.output
    assert not os.listdir(tmp_path)


def spoil(sample, what):
    if what == "name":
        return {"z": sample}
    if what == "shape":
        return {"x": sample[:, :-1]}
    if what == "type":
        return {"x": sample.astype(np.float64)}
    sample = sample.copy()
    sample[1, 2] = {"nan": np.nan, "inf": np.inf}[what]
    return {"x": sample}


@pytest.mark.parametrize("what, message", [
    ("name", "'x'"), ("shape", "expected input 'x' to be f32 [rows, 64]"),
    ("type", "expected input 'x' to be f32"), ("nan", "NaN or infinity at element 66"),
    ("inf", "NaN or infinity at element 66")])
def test_bad_samples(calibrated, what, message, tmp_path):
    file = tmp_path / "bad.npz"
    harness.write_npz(file, spoil(calibrated[3][0], what))
    done = quantize(calibrated[1], tmp_path / "q.so", "--quantize=w8a8",
                    f"--calibration-data={file}")
    assert done.status == 1 and message in done.output, done.output
    assert "--calibration-data: " in done.output and os.listdir(tmp_path) == ["bad.npz"]


def test_infinities_inside(calibrated, tmp_path):
    """Of finite inputs."""
    file = tmp_path / "large.npz"
    harness.write_npz(file, {"x": np.full((2, WIDTH), 3e38, np.float32)})
    done = quantize(calibrated[1], tmp_path / "q.so", "--quantize=w8a8",
                    f"--calibration-data={file}")
    assert done.status == 1 and "sample 0 of" in done.output
    assert "'x' has an infinity or NaN" in done.output or "'r' has" in done.output


def test_statistics_of_another_model(calibrated, tmp_path):
    other = write_model(tmp_path / "other.onnx", make_weights(seed=5))
    for flags in ([], [f"--calibration-data={calibrated[4]}"]):
        done = quantize(other, tmp_path / "q.so", "--quantize=w8a8",
                        f"--calibration={calibrated[5]}", *flags)
        assert done.status == 1 and "another model" in done.output, done.output
    assert os.listdir(tmp_path) == ["other.onnx"]


def test_empty_samples(calibrated, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    done = quantize(calibrated[1], tmp_path / "q.so", "--quantize=w8a8",
                    f"--calibration-data={empty}")
    assert done.status == 1 and "no .npz file" in done.output


def test_zero_channels_and_no_rows(calibrated, tmp_path):
    """A channel that is always 0, and one sample without any row."""
    _, model, weights, samples, _, _ = calibrated
    x = samples[3].copy()
    x[:, 7] = 0
    data = write_samples(tmp_path / "zero", [x, x[:0]])
    harness.check(quantize(model, tmp_path / "q.so", "--quantize=w8a8",
                           f"--calibration-data={data}"), "cinch-compile")
    got, _ = harness.run_model(tmp_path / "q.so", {"x": x}, tmp_path)
    want = np.maximum(x @ weights[0], 0) @ weights[1]
    assert np.linalg.norm(got["y"] - want) <= 0.03 * np.linalg.norm(want)
