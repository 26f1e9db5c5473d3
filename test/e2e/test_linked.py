"""Models that are linked into programs, and models of one file."""
import os
import struct
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import harness
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = os.path.join(harness.BUILD, "lib")
CC = {"c": ["cc", "-std=c99"], "c++": ["c++", "-std=c++11", "-x", "c++"]}
LOAD, READ = 1, 4


def compile_object(name, path, *flags):
    return harness.compile_model(harness.model_path(name), path, "--emit=obj", *flags)


def link(folder, *objects, language="c", defines=()):
    """The program made of programs/linked.c and `objects`, with plain cc."""
    command = [*CC[language], "-Wall", "-Wextra", "-Wpedantic", "-Werror", *defines,
               "-I", os.path.join(harness.ROOT, "include"), "-I", folder,
               os.path.join(HERE, "programs", "linked.c"), "-x", "none", *objects,
               "-L", LIBRARIES, f"-Wl,-rpath,{LIBRARIES}", "-lcinch_rt", "-lm",
               "-Wl,--fatal-warnings", "-o", os.path.join(folder, "program")]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return command[-1]


def run(program, folder, *arguments):
    return subprocess.run([program, *map(str, arguments)], cwd=folder, text=True,
                          capture_output=True)


def feed(name):
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    return workload, workloads.feed(workload, harness.load_model(name))


def write_inputs(folder, stem, name):
    for index, array in enumerate(feed(name)[1].values()):
        array.tofile(os.path.join(folder, f"{stem}.in.{index}"))


def check_outputs(folder, stem, name):
    workload, inputs = feed(name)
    want = harness.run_onnxruntime(harness.model_path(name), inputs)
    got = {key: np.fromfile(os.path.join(folder, f"{stem}.out.{index}"),
                            array.dtype).reshape(array.shape)
           for index, (key, array) in enumerate(want.items())}
    assert harness.relative_error(got, want) <= workload.tolerance


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("embeds", [True, False], ids=["embedded", "file"])
def test_one_model_linked_in(language, embeds, tmp_path):
    first = compile_object("gen_qdq_cnn", tmp_path / "first.o",
                           *["--embed-weights"] * embeds)
    weights = tmp_path / "first.safetensors"
    assert weights.exists() != embeds
    program = link(tmp_path, first, language=language)
    write_inputs(tmp_path, "first", "gen_qdq_cnn")
    done = run(program, tmp_path, "-" if embeds else weights, "-")
    assert done.returncode == 0, done.stderr
    check_outputs(tmp_path, "first", "gen_qdq_cnn")


def test_two_models_linked_in(tmp_path):
    first = compile_object("gen_qdq_cnn", tmp_path / "first.o", "--embed-weights")
    second = compile_object("magika", tmp_path / "second.o", "--embed-weights")
    program = link(tmp_path, first, second, defines=["-DSECOND"])
    write_inputs(tmp_path, "first", "gen_qdq_cnn")
    write_inputs(tmp_path, "second", "magika")
    done = run(program, tmp_path, "-", "-")
    assert done.returncode == 0, done.stderr
    check_outputs(tmp_path, "first", "gen_qdq_cnn")
    check_outputs(tmp_path, "second", "magika")


def test_weights_of_a_linked_model_are_checked(tmp_path):
    first = compile_object("gen_qdq_cnn", tmp_path / "first.o")
    compile_object("ppocr_cls", tmp_path / "other.o")
    program = link(tmp_path, first)
    for given, message in [("-", "give its path as weights_path"),
                           ("absent.safetensors", "No such file"),
                           ("other.safetensors", "was compiled with")]:
        done = run(program, tmp_path, given, "-")
        assert done.returncode == 1 and message in done.stderr


def test_header_describes_the_signature(tmp_path):
    path = tmp_path / "model.onnx"
    graph = helper.make_graph(
        [helper.make_node("Relu", ["*/x"], ["y"])], "main",
        [helper.make_tensor_value_info("*/x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])])
    onnx.save(helper.make_model(graph, ir_version=8,
                                opset_imports=[helper.make_opsetid("", 17)]), path)
    harness.compile_model(path, tmp_path / "1-a b.o", "--emit=obj", "--dim", "n=2..5")
    header = (tmp_path / "1-a b.h").read_text()
    for text in ("0  * /x: f32 [n, 3]", "0  y: f32 [n, 3]", "n: 2 to 5",
                 "cinch_module_1_a_b", "cinch_load_1_a_b", "No file is read"):
        assert text in header
    # Self-contained, in both languages.
    for flags in CC.values():
        done = subprocess.run(
            [*flags, *(["-x", "c"] if "-x" not in flags else []), "-fsyntax-only",
             "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I",
             os.path.join(harness.ROOT, "include"), "-include",
             tmp_path / "1-a b.h", "/dev/null"], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def segments(path):
    """(type, flags, address, bytes) of the program headers, and the sections."""
    with open(path, "rb") as file:
        data = file.read()
    start, sections = struct.unpack_from("<QQ", data, 32)
    size, count, section_size, section_count, names = struct.unpack_from("<5H", data, 54)
    loads = [struct.unpack_from("<II6Q", data, start + size * i) for i in range(count)]
    headers = [struct.unpack_from("<II4QIIQQ", data, sections + section_size * i)
               for i in range(section_count)]

    def name(header):
        begin = headers[names][4] + header[0]
        return data[begin:data.index(b"\0", begin)].decode()
    return loads, {name(header): header for header in headers}, data


@pytest.mark.parametrize("name", ["gen_qdq_cnn", "minilm_l3"])
def test_one_file(name, binaries, tmp_path):
    one = harness.compile_model(harness.model_path(name), tmp_path / "one.so",
                                "--embed-weights")
    assert os.listdir(tmp_path) == ["one.so"]
    two = binaries.get(name)
    inputs = feed(name)[1]
    flags = ("--measure-memory", "--verify-weights")
    got, stats = harness.run_model(one, inputs, tmp_path, *flags)
    want, want_stats = harness.run_model(two, inputs, tmp_path, *flags)
    for key, array in want.items():
        assert array.tobytes() == got[key].tobytes()
    for key in ("weights_bytes", "predicted_peak_bytes", "measured_peak_bytes"):
        assert stats[key] == want_stats[key]
    # Mapped read-only, in place: the bytes are the weights file.
    loads, sections, data = segments(one)
    _, _, _, address, offset, size, *_ = sections[".lrodata"]
    assert address % 64 == 0
    holder = [load for load in loads if load[0] == LOAD
              and load[3] <= address < load[3] + load[5]]
    assert [load[1] for load in holder] == [READ]
    with open(os.path.splitext(two)[0] + ".safetensors", "rb") as file:
        assert data[offset:offset + size] == file.read()


def test_one_file_takes_no_other_weights(tmp_path):
    one = harness.compile_model(harness.model_path("gen_qdq_cnn"),
                                tmp_path / "one.so", "--embed-weights")
    done = harness.run("cinch-run", one, "--weights", tmp_path / "x.safetensors")
    assert done.status == 1 and "takes no weights_path" in done.output


def test_damaged_embedded_weights(tmp_path):
    one = harness.compile_model(harness.model_path("gen_qdq_cnn"),
                                tmp_path / "one.so", "--embed-weights")
    _, sections, data = segments(one)
    _, _, _, _, offset, size, *_ = sections[".lrodata"]
    damaged = bytearray(data)
    damaged[offset + size // 2] ^= 1
    (tmp_path / "one.so").write_bytes(damaged)
    harness.check(harness.run("cinch-run", one, "--quiet"), "cinch-run")
    done = harness.run("cinch-run", one, "--verify-weights")
    assert done.status == 1 and "damaged data" in done.output


def test_no_weights_to_embed(tmp_path):
    path = tmp_path / "model.onnx"
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])])
    onnx.save(helper.make_model(graph, ir_version=8,
                                opset_imports=[helper.make_opsetid("", 17)]), path)
    one = harness.compile_model(path, tmp_path / "one.so", "--embed-weights")
    x = np.float32([[-1, 0, 1], [2, -3, 4]])
    got, stats = harness.run_model(one, {"x": x}, tmp_path)
    assert np.array_equal(got["y"], np.maximum(x, 0)) and stats["weights_bytes"] == 0


def test_weights_cannot_be_embedded_in_text(tmp_path):
    done = harness.run("cinch-compile", harness.model_path("gen_qdq_cnn"), "-o",
                       tmp_path / "x.ll", "--emit=llvm", "--embed-weights")
    assert done.status == 2 and "a shared library or an object only" in done.output
    assert not os.listdir(tmp_path)
