"""The wheel of python/, installed into build/python/site for the tests here."""
import fcntl
import os
import subprocess
import sys

import pytest

import harness

PYTHON = os.path.join(harness.ROOT, "python")
SITE = os.path.join(harness.BUILD, "python", "site")
STAMP = os.path.join(harness.BUILD, "python", "installed")


def _sources():
    for folder, folders, files in os.walk(PYTHON):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in files)
    for name in ("bin/cinch-compile", "bin/cinch-opt", "bin/cinch-run",
                 "lib/libcinch.so", "lib/libcinch_rt.so"):
        yield os.path.join(harness.BUILD, name)


def install():
    """Makes the wheel again if the package or what it carries has changed."""
    os.makedirs(os.path.dirname(STAMP), exist_ok=True)
    with open(STAMP + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes share the folder
        _install()


def _install():
    if (os.path.exists(STAMP) and
            max(map(os.path.getmtime, _sources())) < os.path.getmtime(STAMP)):
        return
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation",
         "--disable-pip-version-check", "--no-deps", "--upgrade", "--target", SITE,
         f"--config-settings=cmake.define.CINCH_BUILD={harness.BUILD}", PYTHON],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        pytest.exit(f"the wheel of python/ cannot be built:\n{done.stdout}", 1)
    open(STAMP, "w").close()
