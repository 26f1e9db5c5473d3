"""The installed tree serves a program outside of this repository."""
import os
import re
import shutil
import subprocess

import onnx
import pytest
from onnx import TensorProto, helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CINCH_BUILD", os.path.join(ROOT, "build")))
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", str(folder))
    return folder


def find(prefix, name):
    found = list(prefix.rglob(name))
    assert found, f"no {name} installed"
    return found[0]


def test_tools_run_from_the_installed_tree(prefix):
    for tool in ("cinch-compile", "cinch-opt", "cinch-run", "cinch-emulate"):
        assert "0.1.0" in run(str(prefix / "bin" / tool), "--version")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small model with weights."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor("w", TensorProto.FLOAT, [8, 4], [0.5] * 32)])
    onnx.save(helper.make_model(graph, ir_version=8,
                                opset_imports=[helper.make_opsetid("", 17)]), path)
    return str(path)


def test_installed_compiler_links_models(prefix, model, tmp_path):
    run(str(prefix / "bin" / "cinch-compile"), model, "-o", str(tmp_path / "m.so"))
    assert "output     y" in run(str(prefix / "bin" / "cinch-run"), str(tmp_path / "m.so"))


def test_cmake_package(prefix, model, tmp_path):
    run("cmake", "-G", "Ninja", "-S", os.path.join(HERE, "consumer"), "-B", str(tmp_path),
        f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", str(tmp_path))
    for kind in ("cinch_rt", "cinch_rt_static"):
        said = run(str(tmp_path / f"with_{kind}"))
        assert said.startswith("0.1.0: ") and "absent.so" in said
    assert run(str(tmp_path / "both"), model, str(tmp_path / "m.so")) == "0.1.0 0.1.0: y\n"
    assert run(str(tmp_path / "emulator")) == "0.1.0: 1\n"


def read_pkg_config(prefix, name):
    """(compiler flags, linker flags, folder of the library) of NAME.pc, read as
    pkg-config does, which not every machine has."""
    path = find(prefix, name + ".pc")
    fields = dict(re.findall(r"^([\w.]+)[:=] ?(.*)$", path.read_text(), re.M))
    fields["pcfiledir"] = str(path.parent)
    assert fields["Version"] == "0.1.0"

    def expand(text):
        while "${" in text:
            text = re.sub(r"\$\{(\w+)\}", lambda m: fields[m[1]], text)
        return text.split()
    return expand(fields["Cflags"]), expand(fields["Libs"]), expand("${libdir}")[0]


def test_pkg_config_files_are_enough_for_cc(prefix, model, tmp_path):
    program = str(tmp_path / "program")
    flags, libraries, folder = read_pkg_config(prefix, "cinch-rt")
    run("cc", os.path.join(HERE, "consumer", "main.c"), "-o", program, *flags,
        *libraries, f"-Wl,-rpath,{folder}")
    assert run(program).startswith("0.1.0: ")
    more_flags, more_libraries, _ = read_pkg_config(prefix, "cinch")
    run("cc", os.path.join(HERE, "consumer", "both.c"), "-o", program, *flags,
        *more_flags, *more_libraries, *libraries, f"-Wl,-rpath,{folder}")
    assert run(program, model, str(tmp_path / "m.so")) == "0.1.0 0.1.0: y\n"


@pytest.mark.skipif(not shutil.which("pkg-config"), reason="no pkg-config")
@pytest.mark.parametrize("names", [["cinch-rt"], ["cinch", "cinch-rt"]])
def test_pkg_config(prefix, model, tmp_path, names):
    folder = str(find(prefix, "cinch-rt.pc").parent)
    flags = run("pkg-config", "--cflags", "--libs", *names,
                env={**os.environ, "PKG_CONFIG_PATH": folder}).split()
    source = "both.c" if "cinch" in names else "main.c"
    program = str(tmp_path / "program")
    run("cc", os.path.join(HERE, "consumer", source), "-o", program, *flags,
        f"-Wl,-rpath,{os.path.dirname(folder)}")
    arguments = [model, str(tmp_path / "m.so")] if "cinch" in names else []
    assert run(program, *arguments).startswith("0.1.0")
