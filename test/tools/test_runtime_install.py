"""The installed runtime serves C programs, through CMake and pkg-config."""
import os
import subprocess

import pytest

import fake

CONSUMER = os.path.join(fake.ROOT, "test", "runtime", "Install", "consumer.c")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    fake.check("cmake", "--install", fake.BUILD, "--prefix", folder,
               "--component", "runtime")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return fake.make_model(tmp_path_factory.mktemp("model"))


EXPECTED = "240 4848\n"  # by hand: (2 x + w0) w1, first and last element


def test_pkg_config(prefix, model, tmp_path):
    environment = {**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "cinch-runtime"],
                           env=environment, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    program = tmp_path / "consumer"
    fake.check("cc", "-Wall", "-Werror", "-std=c99", CONSUMER, "-o", program, *flags,
               f"-Wl,-rpath,{prefix}/lib")
    assert fake.check(program, model) == EXPECTED


@pytest.mark.parametrize("target", ["cinch_rt", "cinch_rt_static"])
def test_cmake_package(prefix, model, tmp_path, target):
    (tmp_path / "CMakeLists.txt").write_text(f"""
cmake_minimum_required(VERSION 3.25)
project(Consumer C CXX)
find_package(CinchRuntime 0.1 REQUIRED)
add_executable(consumer {CONSUMER})
target_link_libraries(consumer PRIVATE Cinch::{target})
set_target_properties(consumer PROPERTIES LINKER_LANGUAGE CXX)
""")
    fake.check("cmake", "-S", tmp_path, "-B", tmp_path / "build",
               f"-DCMAKE_PREFIX_PATH={prefix}")
    fake.check("cmake", "--build", tmp_path / "build")
    assert fake.check(tmp_path / "build" / "consumer", model) == EXPECTED
