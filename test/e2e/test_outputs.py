"""Files that cannot be written, and tools that are ended in the middle: a
message, a status, and nothing partial under the name of an output."""
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import onnx
import pytest
from onnx import TensorProto, helper

import harness

MODEL = "gen_qdq_cnn"  # weights: 589,504 bytes; code: less
TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp")


def start(tool, *arguments, environment=None, **options):
    return subprocess.Popen(
        [os.path.join(harness.BUILD, "bin", tool), *map(str, arguments)],
        env={**os.environ, **(environment or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def finish(process):
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def limit_files(size):
    """For preexec_fn: no file may become larger. A write fails as on a full disk,
    with another message."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    return harness.compile_model(harness.model_path(MODEL),
                                 tmp_path_factory.mktemp("model") / "model.so")


BINARIES = [[], ["--emit=obj"], ["--embed-weights"], ["--emit=obj", "--embed-weights"]]
TEXTS = [["--emit=exec"], ["--emit=llvm"]]


@pytest.mark.parametrize("size, flags", [
    pytest.param(size, flags, id=f"{size}-{' '.join(flags)}")
    for sizes, kinds in (((0, 4096), BINARIES + TEXTS), ((300_000,), BINARIES))
    for size in sizes for flags in kinds])
def test_full_disk(flags, size, tmp_path):
    output = tmp_path / "output"
    status, said = finish(start("cinch-compile", harness.model_path(MODEL), "-o", output,
                                *flags, preexec_fn=limit_files(size)))
    assert status == 1 and "output" in said, said
    assert "File too large" in said or "linking failed" in said
    assert not os.listdir(tmp_path)


def test_full_disk_for_the_report(tmp_path):
    """Nothing appears unless all can be written."""
    os.symlink("/dev/full", tmp_path / "full.txt")
    status, said = finish(start("cinch-compile", harness.model_path(MODEL), "-o",
                                tmp_path / "model.so", "--report",
                                tmp_path / "full.txt"))
    assert status == 1 and "No space left on device" in said
    assert os.listdir(tmp_path) == ["full.txt"]


@pytest.mark.parametrize("emit", ["mlir", "exec", "llvm", "onnx"])
def test_devices_are_written_to_and_not_replaced(emit, tmp_path):
    full, null = tmp_path / "full", tmp_path / "null"
    for link in (full, null):  # links, which an error may replace
        link.symlink_to("/dev/" + link.name)
    command = ["cinch-compile", harness.model_path(MODEL), f"--emit={emit}", "-o"]
    status, said = finish(start(*command, full))
    assert status == 1 and "No space left on device" in said
    assert finish(start(*command, null))[0] == 0
    status, said = finish(start(*command[:2], "-o", null))
    assert status == 1 and "is not a regular file" in said
    assert full.is_char_device() and null.is_char_device()


@pytest.mark.parametrize("flags", [[], ["--emit=obj"], ["--emit=onnx"]], ids=" ".join)
def test_output_is_a_folder(flags, tmp_path):
    (tmp_path / "model.so").mkdir()
    status, said = finish(start("cinch-compile", harness.model_path(MODEL), "-o",
                                tmp_path / "model.so", *flags))
    assert status == 1 and "is a directory" in said
    assert os.listdir(tmp_path) == ["model.so"] and not os.listdir(tmp_path / "model.so")


def test_one_of_several_outputs_is_a_folder(tmp_path):
    """The others do not appear either."""
    (tmp_path / "model.h").mkdir()
    status, said = finish(start("cinch-compile", harness.model_path(MODEL), "-o",
                                tmp_path / "model.o", "--emit=obj"))
    assert status == 1 and "model.h': is a directory" in said
    assert os.listdir(tmp_path) == ["model.h"]


def test_folder_is_missing_or_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("absent", "file"):
        status, said = finish(start("cinch-compile", harness.model_path(MODEL), "-o",
                                    tmp_path / folder / "model.so"))
        assert status == 1 and f"{folder}' is not a directory" in said
    assert os.listdir(tmp_path) == ["file"]


def test_folder_is_read_only(binary):
    """As another user where this one may write anywhere."""
    user = {"user": 65534} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as folder, \
            tempfile.TemporaryDirectory() as models:
        copy = shutil.copy(binary, models)
        shutil.copy(os.path.splitext(binary)[0] + ".safetensors", models)
        os.chmod(models, 0o755)
        os.chmod(folder, 0o555)
        for command in (["cinch-compile", harness.model_path(MODEL), "-o"],
                        ["cinch-run", copy, "--json"]):
            try:
                status, said = finish(start(*command, f"{folder}/output.so", **user))
            except PermissionError:
                pytest.skip("the tools cannot be executed by another user")
            assert status == 1 and "output.so" in said and "Permission denied" in said
        assert not os.listdir(folder)


def end(process, number):
    process.send_signal(number)
    status, _ = finish(process)
    return status


@pytest.mark.parametrize("seconds", [0.02, 0.2, 1, 3, 5])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL],
                         ids=lambda number: number.name)
def test_ended_compilation(number, seconds, tmp_path):
    process = start("cinch-compile", harness.model_path("ppocr_det"), "-o",
                    tmp_path / "model.so", "--emit=obj")
    time.sleep(seconds)
    status = end(process, number)
    left = sorted(os.listdir(tmp_path))
    if number == signal.SIGKILL:  # which no process can answer
        left = [name for name in left if not TEMPORARY.search(name)]
    # It was done before, or the signal came behind the last file: all or none.
    assert status in (0, -number)
    assert left == ["model.h", "model.safetensors", "model.so"] or (status and not left)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL],
                         ids=lambda number: number.name)
def test_ended_while_linking(number, tmp_path):
    """All files are there under temporary names, and a second process runs."""
    started, ended = tmp_path / "started", tmp_path / "ended"
    linker = tmp_path / "linker"
    linker.write_text(f"#!/bin/sh\ntrap 'echo >{ended}; exit 1' TERM\n"
                      f"echo >{started}\nfor i in $(seq 1200); do sleep 0.05; done\n")
    linker.chmod(0o755)
    folder = tmp_path / "out"
    folder.mkdir()
    process = start("cinch-compile", harness.model_path(MODEL), "-o", folder / "model.so",
                    environment={"CINCH_LLD": str(linker)}, start_new_session=True)
    wait_for(started)
    left = os.listdir(folder)
    assert len(left) == 3 and all(TEMPORARY.search(name) for name in left)
    assert end(process, number) == -number
    wait_for(ended)  # the linker does not outlive the compiler
    left = os.listdir(folder)
    if number != signal.SIGKILL:
        assert not left
    assert all(TEMPORARY.search(name) for name in left)
    harness.compile_model(harness.model_path(MODEL), folder / "model.so")


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"no {path} after 30 s")


def test_linker_fails_or_is_missing(tmp_path):
    linker = tmp_path / "linker"
    linker.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    linker.chmod(0o755)
    for lld, message in [(linker, "linking failed: out of luck"),
                         (tmp_path / "absent", "install lld-22")]:
        status, said = finish(start("cinch-compile", harness.model_path(MODEL), "-o",
                                    tmp_path / "model.so",
                                    environment={"CINCH_LLD": str(lld)}))
        assert status == 1 and message in said
    assert os.listdir(tmp_path) == ["linker"]


@pytest.mark.parametrize("option, name", [("--outputs", "out.npz"), ("--outputs", "out"),
                                          ("--json", "stats.json")])
def test_run_on_a_full_disk(option, name, binary, tmp_path):
    status, said = finish(start("cinch-run", binary, option, tmp_path / name,
                                preexec_fn=limit_files(8)))
    assert status == 1 and "File too large" in said
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("option, path, message", [
    ("--outputs", "absent/out.npz", "No such file"), ("--outputs", "absent/out", "No such"),
    ("--json", "absent/s.json", "No such file"), ("--outputs", "absent/x/y", "No such"),
    ("--json", "full", "No space left"), ("--json", ".", "Is a directory"),
    ("--outputs", "folder.npz", "Is a directory")])
def test_run_to_a_bad_place(option, path, message, binary, tmp_path):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "full").symlink_to("/dev/full")
    status, said = finish(start("cinch-run", binary, option, path, cwd=tmp_path))
    assert status == 1 and message in said
    assert sorted(os.listdir(tmp_path)) == ["folder.npz", "full"]
    assert (tmp_path / "full").is_char_device() and not os.listdir(tmp_path / "folder.npz")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_ended_while_writing_results(number, tmp_path):
    """The signal comes when the first temporary file is there."""
    shape = [4096, 4096]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)])
    onnx.save(helper.make_model(graph, ir_version=8,
                                opset_imports=[helper.make_opsetid("", 17)]),
              tmp_path / "model.onnx")
    binary = harness.compile_model(tmp_path / "model.onnx", tmp_path / "model.so")
    folder = tmp_path / "out"
    folder.mkdir()
    process = start("cinch-run", binary, "--outputs", folder / "y.npz")
    while not os.listdir(folder) and process.poll() is None:
        pass
    assert end(process, number) in (0, -number)
    assert os.listdir(folder) in ([], ["y.npz"])
    if os.listdir(folder):
        assert harness.read_npz(folder / "y.npz")["y"].shape == tuple(shape)
