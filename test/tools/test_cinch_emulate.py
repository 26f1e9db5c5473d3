"""cinch-emulate: kernels on files, counters, and what it says of bad input."""
import json
import os
import subprocess

import numpy as np
import pytest

import fake

KERNELS = os.path.join(fake.ROOT, "test", "runtime", "Emulator", "kernels")


def run(*arguments):
    done = subprocess.run([os.path.join(fake.BUILD, "bin", "cinch-emulate"),
                           *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


def ptx(name):
    return os.path.join(KERNELS, name + ".ptx")


def good(*arguments):
    status, out, error = run(*arguments)
    assert status == 0, error
    return out


def bad(status, message, *arguments):
    got, out, error = run(*arguments)
    assert got == status, (out, error)
    assert message in error


@pytest.fixture
def pair(tmp_path):
    """Two vectors of 100 in files, as --arg takes them."""
    a, b = np.arange(100, dtype=np.float32), np.full(100, 0.5, np.float32)
    np.save(tmp_path / "a.npy", a)
    b.tofile(tmp_path / "b.bin")
    return [f"--arg=in:{tmp_path}/a.npy", f"--arg=in:{tmp_path}/b.bin"]


def test_raw_output(pair, tmp_path):
    good(ptx("vector_add"), "--grid=2", "--block=64", *pair,
         f"--arg=out:{tmp_path}/c:400", "--arg=i32:100")
    np.testing.assert_array_equal(np.fromfile(tmp_path / "c", np.float32),
                                  np.arange(100, dtype=np.float32) + 0.5)


def test_npy_keeps_its_shape(tmp_path):
    x = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
    np.save(tmp_path / "x.npy", x)
    good(ptx("saxpy"), "--kernel=saxpy", "--block=32", "--arg=f32:2",
         f"--arg=in:{tmp_path}/x.npy",
         f"--arg=inout:{tmp_path}/x.npy:{tmp_path}/y.npy", "--arg=i32:24")
    y = np.load(tmp_path / "y.npy", allow_pickle=False)
    assert y.shape == (4, 6)
    np.testing.assert_allclose(y, 3 * x, rtol=1e-6)


def test_counters(pair, tmp_path):
    command = [ptx("vector_add"), "--grid=2", "--block=64", *pair,
               "--arg=zeros:400", "--arg=i32:100"]
    counters = json.loads(good(*command, "--counters=json"))
    assert counters["launches"] == 1
    assert counters["globalLoad"]["bytes"] == 800
    # Three warps of 128 bytes and one of 16.
    assert counters["globalStore"]["sectors"] == 3 * 4 + 1
    assert counters["divergentBranches"] == 1
    text = good(*command, "--counters")
    assert "divergent branches 1" in text
    assert "global stores" in text
    for threads in (1, 3):
        assert counters == json.loads(
            good(*command, "--counters=json", f"--threads={threads}"))


def test_values_of_every_type(tmp_path):
    x = np.arange(8, dtype=np.float16)
    x.tofile(tmp_path / "x")
    # half2 values as bytes: (2, 2) and (1, 1).
    good(ptx("half2"), "--block=4", f"--arg=in:{tmp_path}/x", "--arg=hex:00400040",
         "--arg=hex:003c003c", f"--arg=out:{tmp_path}/y:16",
         f"--arg=out:{tmp_path}/sums:8", "--arg=i32:0x4")
    np.testing.assert_array_equal(np.fromfile(tmp_path / "y", np.float16), 2 * x + 1)


def test_list():
    out = good(ptx("sgemm"), "--list")
    assert out.startswith("sgemm\n")
    assert "sgemm_param_5" in out
    assert "shared memory" in out and "2048 bytes" in out
    assert "at most 256 x 1 x 1" in out
    assert good(ptx("reduce"), "--list").count("_sum\n") == 2


def test_help():
    assert "--arg=inout:FILE:FILE" in good("--help")
    assert good("--version").startswith("cinch-emulate ")


def test_faults_leave_no_output(pair, tmp_path):
    before = sorted(os.listdir(tmp_path))
    # 128 threads of 100 elements; the parameter says 128.
    bad(1, "kernel vector_add, line", ptx("vector_add"), "--grid=2", "--block=64",
        *pair, f"--arg=out:{tmp_path}/c:400", "--arg=i32:128")
    assert sorted(os.listdir(tmp_path)) == before
    # The second output cannot be written: the first is not either.
    bad(1, "cannot write", ptx("double"), "--block=1", "--arg=zeros:8",
        f"--arg=out:{tmp_path}/c:8", f"--arg=out:{tmp_path}/no/c:8",
        "--arg=zeros:4", "--arg=zeros:8", "--arg=i32:1")
    assert sorted(os.listdir(tmp_path)) == before


def test_limit_of_instructions(tmp_path):
    path = tmp_path / "loop.ptx"
    path.write_text(".version 8.0\n.target sm_80\n.address_size 64\n"
                    ".visible .entry loop() {\nagain:\nbra again;\n}\n")
    bad(1, "1000", path, "--max-instructions=1000")


@pytest.mark.parametrize("message, arguments", [
    ("no PTX file", []),
    ("unknown option --gird", ["x.ptx", "--gird=1"]),
    ("--grid needs a value", ["x.ptx", "--grid"]),
    ("bad value for --grid: '1,2,3,4'", ["x.ptx", "--grid=1,2,3,4"]),
    ("bad value for --block: '-1'", ["x.ptx", "--block=-1"]),
    ("bad value for --arch: 'sm_70'", ["x.ptx", "--arch=sm_70"]),
    ("'3000000000' is no i32", ["x.ptx", "--arg=i32:3000000000"]),
    ("'-1' is no u8", ["x.ptx", "--arg=u8:-1"]),
    ("'12x' is no f32", ["x.ptx", "--arg=f32:12x"]),
    ("'abc' is no hex", ["x.ptx", "--arg=hex:abc"]),
    ("expected out:FILE:BYTES", ["x.ptx", "--arg=out:c"]),
    ("must not end with .npy", ["x.ptx", "--arg=out:c.npy:4"]),
    ("expected inout:FILE:FILE", ["x.ptx", "--arg=inout:c"]),
    ("expected zeros:BYTES", ["x.ptx", "--arg=zeros:0"]),
    ("expected in:, inout:", ["x.ptx", "--arg=file:c"]),
    ("unexpected argument 'y.ptx'", ["x.ptx", "y.ptx"]),
])
def test_wrong_usage(message, arguments):
    bad(2, message, *arguments)


def test_wrong_input(pair, tmp_path):
    bad(1, "cannot open", tmp_path / "none.ptx")
    bad(1, "has 2 kernels; choose one with --kernel", ptx("saxpy"))
    bad(1, "has no kernel gemm", ptx("saxpy"), "--kernel=gemm")
    bad(1, "has 4 parameters, but --arg was given 2 times", ptx("vector_add"), *pair)
    bad(1, "is 4 bytes, but parameter 2 (vector_add_param_2) is 8",
        ptx("vector_add"), *pair, "--arg=i32:1", "--arg=i32:1")
    bad(1, "0 x 1 x 1", ptx("vector_add"), "--grid=0", *pair, "--arg=zeros:4",
        "--arg=i32:1")
    (tmp_path / "bad.ptx").write_text("not PTX")
    bad(1, "bad.ptx: line 1", tmp_path / "bad.ptx", "--list")
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY")
    bad(1, "is not a .npy file", ptx("vector_add"), f"--arg=in:{tmp_path}/bad.npy",
        "--arg=zeros:4", "--arg=zeros:4", "--arg=i32:1")
    np.save(tmp_path / "f.npy", np.asfortranarray(np.ones((2, 3), np.float32)))
    bad(1, "stored by columns", ptx("vector_add"), f"--arg=in:{tmp_path}/f.npy",
        "--arg=zeros:4", "--arg=zeros:4", "--arg=i32:1")
