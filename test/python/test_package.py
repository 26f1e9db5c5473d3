"""What the wheel has beside the bindings, and its documentation."""
import os
import re
import subprocess
import sys

import cinch
import harness
import package
import small

ENVIRONMENT = {**os.environ, "PYTHONPATH": package.SITE}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=ENVIRONMENT, cwd=harness.ROOT)
    return done.returncode, done.stdout


def test_tools(tmp_path):
    tools = os.path.join(package.SITE, "bin")
    for tool in ("cinch-compile", "cinch-opt", "cinch-run"):
        status, said = run(os.path.join(tools, tool), "--version")
        assert status == 0 and cinch.__version__ in said
    model = small.save(small.linear(1), tmp_path / "m.onnx")
    binary = str(tmp_path / "m.so")
    status, said = run(os.path.join(tools, "cinch-compile"), model, "-o", binary)
    assert status == 0, said
    status, said = run(os.path.join(tools, "cinch-run"), binary)
    assert status == 0 and "output     y: f32 [1, 4]" in said
    assert run(os.path.join(tools, "cinch-compile"), "--no-such-option")[0] == 2


def test_package_is_complete_in_itself():
    """Its libraries come out of the package, not out of the build folder."""
    program = ("import cinch, cinch._compiler\n"
               "print({line.split()[-1] for line in open('/proc/self/maps')\n"
               "       if 'libcinch' in line})")
    status, said = run(sys.executable, "-c", program)
    folder = os.path.join(package.SITE, "cinch", "lib")
    assert status == 0, said
    assert eval(said) == {os.path.join(folder, name)
                          for name in ("libcinch.so.0", "libcinch_rt.so.1")}


def test_example_of_the_documentation():
    harness.model_path("minilm_l3")
    with open(os.path.join(package.PYTHON, "README.md")) as file:
        text = file.read()
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    printed = re.search(r"It prints\n\n```\n(.*?)```", text, re.DOTALL)[1]
    assert run(sys.executable, "-c", program) == (0, printed)
