"""Wrong inputs and wrong files end with a message and exit status 1, without a
crash and without a partial file."""
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import harness

GOOD = {"image": np.zeros((1, 3, 64, 64), np.float32)}


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qdq")
    return harness.compile_model(harness.model_path("gen_qdq_cnn"),
                                 os.path.join(folder, "model.so"))


def copy(binary, folder):
    """A copy of the binary and its weights that may be damaged."""
    for path in (binary, weights(binary)):
        shutil.copy(path, folder)
    return os.path.join(folder, os.path.basename(binary))


def weights(binary):
    return os.path.splitext(binary)[0] + ".safetensors"


def refused(*arguments):
    done = harness.run("cinch-run", *arguments, timeout=60)
    assert done.status == 1, f"status {done.status}\n{done.output}"
    assert done.output.strip(), "failed without a word"
    return done.output


def run_with(binary, arrays, folder):
    given, got = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
    harness.write_npz(given, arrays)
    message = refused(binary, "--inputs", given, "--outputs", got)
    assert not os.path.exists(got)
    return message


@pytest.mark.parametrize("arrays", [
    {}, {"picture": GOOD["image"]}, {**GOOD, "more": GOOD["image"]},
    {"image": GOOD["image"].astype(np.float64)},
    {"image": GOOD["image"].astype(np.int32)}, {"image": GOOD["image"][0]},
    {"image": GOOD["image"][None]}, {"image": GOOD["image"][:, :, :-1]},
    {"image": np.zeros((0, 3, 64, 64), np.float32)}, {"image": np.float32(1)}],
    ids=["none", "name", "too many", "f64", "i32", "rank 3", "rank 5", "size",
         "empty", "scalar"])
def test_wrong_inputs(arrays, binary, tmp_path):
    assert "image" in run_with(binary, arrays, tmp_path) or "more" in arrays


def test_dimensions_that_contradict_each_other(binaries, tmp_path):
    ids = np.zeros((1, 8), np.int64)
    run_with(binaries.get("minilm_l3"),
             {"input_ids": ids, "attention_mask": np.ones((1, 9), np.int64)}, tmp_path)


def test_size_above_the_bound(tmp_path):
    model = harness.compile_model(
        harness.model_path("minilm_l3"), os.path.join(tmp_path, "model.so"),
        "--dim", "batch_size=1", "--dim", "sequence_length=1..16")
    ids = np.zeros((1, 17), np.int64)
    run_with(model, {"input_ids": ids, "attention_mask": ids + 1}, tmp_path)


def test_inputs_file_is_damaged(binary, tmp_path):
    given = tmp_path / "in.npz"
    harness.write_npz(given, GOOD)
    data = given.read_bytes()
    for cut in (0, 10, len(data) // 2, len(data) - 30):
        given.write_bytes(data[:cut])
        refused(binary, "--inputs", given)
    refused(binary, "--inputs", tmp_path / "absent.npz")


@pytest.mark.parametrize("text", [b"", b"not a library", b"\x7fELF" + b"\0" * 100])
def test_not_a_binary(text, tmp_path):
    path = tmp_path / "model.so"
    path.write_bytes(text)
    refused(path)


def test_library_of_someone_else(tmp_path):
    source = subprocess.run(["gcc", "-print-file-name=libm.so.6"], text=True,
                            capture_output=True, check=True).stdout.strip()
    shutil.copy(source, tmp_path / "model.so")
    refused(tmp_path / "model.so")


def test_truncated_binary(binary, tmp_path):
    path = copy(binary, tmp_path)
    size = os.path.getsize(path)
    for share in (0.9, 0.5, 0.1, 0.01):
        os.truncate(path, int(size * share))
        refused(path)


def test_weights_missing(binary, tmp_path):
    path = copy(binary, tmp_path)
    os.remove(weights(path))
    assert "safetensors" in refused(path)


def test_weights_truncated(binary, tmp_path):
    path = copy(binary, tmp_path)
    os.truncate(weights(path), os.path.getsize(weights(path)) - 1)
    refused(path)
    os.truncate(weights(path), 4)
    refused(path)


def test_weights_of_another_model(binary, binaries, tmp_path):
    path = copy(binary, tmp_path)
    shutil.copy(weights(binaries.get("ppocr_cls")), weights(path))
    refused(path)


@pytest.mark.parametrize("old, new, message", [
    (rb'{"abi":\d', b'{"abi":9', "compiled for module ABI 9"),
    (b'"avx2"', b'"avx9"', "lacks: avx9"),
    (b'"target":"cpu"', b'"target":"gpu"', "for target 'gpu'"),
    (rb'("weights_bytes":\d*)\d', rb"\g<1>7", "disagree")],
    ids=["version", "cpu", "target", "weights"])
def test_binary_of_another_version_or_machine(old, new, message, binary, tmp_path):
    path = copy(binary, tmp_path)
    with open(path, "rb") as file:
        data = file.read()
    note = re.search(rb'{"abi":\d,"target"', data).start()  # the note comes before the manifest
    assert re.search(old, data[note:note + 2000])
    with open(path, "wb") as file:
        file.write(data[:note] + re.sub(old, new, data[note:], count=1))
    assert message in refused(path)


@pytest.mark.parametrize("tool", ["cinch-compile", "cinch-run", "cinch-opt"])
@pytest.mark.parametrize("flag", ["--no-such-flag"])
def test_wrong_usage(tool, flag):
    done = harness.run(tool, flag)
    assert done.status == 2 and done.output.strip()


@pytest.mark.parametrize("tool", ["cinch-compile", "cinch-run", "cinch-opt"])
def test_version(tool):
    done = harness.run(tool, "--version")
    assert done.status == 0 and "0.1.0" in done.output
