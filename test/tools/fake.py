"""The models written by hand in test/runtime/Fake, for tests of the tools.

CINCH_BUILD names the build folder (default: build).
"""
import os
import shutil
import subprocess

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CINCH_BUILD", os.path.join(ROOT, "build")))

BIAS = np.array([10, 20, 30, 40], np.float32)
MATRIX = np.add.outer(np.arange(4), 10 * np.arange(4)).astype(np.float32)


def check(*command):
    """Runs a command that must succeed; returns its standard output."""
    done = subprocess.run(list(map(str, command)), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def compute(x):
    """What a fake model computes."""
    return (2 * x + BIAS) @ MATRIX


def make_model(folder, variant="dynamic"):
    """Puts a variant and its weights into `folder`; returns its path."""
    path = os.path.join(folder, variant + ".so")
    shutil.copy(os.path.join(BUILD, "fake-models", variant + ".so"), path)
    header = (b'{"__metadata__":{"cinch_checksum":"xxh64:deb636ebe6fb6b44"},'
              b'"w0":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
              b'"pad":{"dtype":"U8","shape":[48],"data_offsets":[16,64]},'
              b'"w1":{"dtype":"F32","shape":[4,4],"data_offsets":[64,128]}}')
    header += b" " * (-(8 + len(header)) % 64)
    with open(os.path.join(folder, "fake.safetensors"), "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header + BIAS.tobytes() +
                   bytes(48) + MATRIX.tobytes())
    return path
