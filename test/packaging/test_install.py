"""The installed tree serves a program outside of this repository."""
import os
import re
import shutil
import subprocess

import pytest

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
    for tool in ("cinch-compile", "cinch-opt", "cinch-run"):
        assert "0.1.0" in run(str(prefix / "bin" / tool), "--version")


def test_cmake_package(prefix, tmp_path):
    run("cmake", "-S", os.path.join(HERE, "consumer"), "-B", str(tmp_path),
        f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", str(tmp_path))
    for kind in ("cinch_rt", "cinch_rt_static"):
        said = run(str(tmp_path / f"with_{kind}"))
        assert said.startswith("0.1.0: ") and "absent.so" in said


def test_pkg_config_file_is_enough_for_cc(prefix, tmp_path):
    path = find(prefix, "cinch-rt.pc")
    fields = dict(re.findall(r"^(\w+)[:=] ?(.*)$", path.read_text(), re.M))
    fields["pcfiledir"] = str(path.parent)

    def expand(text):
        while "${" in text:
            text = re.sub(r"\$\{(\w+)\}", lambda m: fields[m[1]], text)
        return text.split()

    library = expand("${libdir}")[0]
    program = str(tmp_path / "program")
    run("cc", os.path.join(HERE, "consumer", "main.c"), "-o", program,
        *expand(fields["Cflags"]), *expand(fields["Libs"]), f"-Wl,-rpath,{library}")
    assert run(program).startswith("0.1.0: ")
    assert fields["Version"] == "0.1.0"


@pytest.mark.skipif(not shutil.which("pkg-config"), reason="no pkg-config")
def test_pkg_config(prefix):
    folder = str(find(prefix, "cinch-rt.pc").parent)
    said = run("pkg-config", "--cflags", "--libs", "cinch-rt",
               env={**os.environ, "PKG_CONFIG_PATH": folder})
    assert "-lcinch_rt" in said
