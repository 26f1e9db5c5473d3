#!/usr/bin/env python3
"""Makes kernels/*.ptx from kernels/*.cu with nvcc.

    regenerate.py [--nvcc PATH]
    regenerate.py --check --tests BINARY [--nvcc PATH]

--check writes nothing: PTX of the compiler release that made the committed
files must be the same text; PTX of another release must pass the tests of
kernels (BINARY: cinch-emulator-tests). Exits with 1 if it does not.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernels")


def compile_all(nvcc, folder):
    """Writes the PTX of every kernel to `folder`."""
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".cu"):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                needed = re.search(r"Needs (sm_\d+)", file.read())
            # No path gets into the text.
            subprocess.run([nvcc, f"-arch={needed[1] if needed else 'sm_80'}", "-std=c++17", "-ptx", name,
                            "-o", os.path.join(folder, name[:-3] + ".ptx")],
                           cwd=FOLDER, check=True)


def read_all(folder):
    texts = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".ptx"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                texts[name] = file.read()
    return texts


def find_release(texts):
    """The release that the first file names, such as "13.0, V13.0.88"."""
    return re.search(r"release (.*)", next(iter(texts.values())))[1]


def check(nvcc, tests):
    with tempfile.TemporaryDirectory() as folder:
        compile_all(nvcc, folder)
        committed, made = read_all(FOLDER), read_all(folder)
        if find_release(committed) == find_release(made):
            different = [name for name in sorted({*committed, *made})
                         if committed.get(name) != made.get(name)]
            for name in different:
                print(f"{name} is not what nvcc makes; run regenerate.py")
            print(f"compared {len(made)} files of release {find_release(made)}")
            return 1 if different else 0
        print(f"running kernels of release {find_release(made)}")
        return subprocess.run(
            [tests, "--gtest_filter=*Kernels.*"],
            env=dict(os.environ, CINCH_TEST_KERNELS=folder)).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tests")
    options = parser.parse_args()
    if options.check:
        return check(options.nvcc, options.tests)
    compile_all(options.nvcc, FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
