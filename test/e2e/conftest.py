"""Compiled models, each made once for the whole test run."""
import os

import pytest

import harness


class Binaries:
    def __init__(self, folder):
        self.folder, self.made = folder, {}

    def get(self, name, *flags):
        """The path of model `name` compiled with `flags`; a failure to compile
        fails every test that asks for it."""
        key = (name, flags)
        if key not in self.made:
            path = os.path.join(self.folder, f"{name}-{len(self.made)}.so")
            try:
                harness.compile_model(harness.model_path(name), path, *flags)
                self.made[key] = path
            except AssertionError as error:
                self.made[key] = error
        if isinstance(self.made[key], AssertionError):
            raise AssertionError(str(self.made[key]))
        return self.made[key]


@pytest.fixture(scope="session")
def binaries(tmp_path_factory):
    return Binaries(tmp_path_factory.mktemp("binaries"))


@pytest.fixture(scope="session", autouse=True)
def tools_are_built():
    for tool in ("cinch-compile", "cinch-run"):
        if not os.access(os.path.join(harness.BUILD, "bin", tool), os.X_OK):
            pytest.exit(f"no {tool} in {harness.BUILD}/bin: run tools/setup.sh", 1)
