"""A compiled model allocates nothing while it runs at sizes that it has seen."""
import os
import subprocess

import pytest

import harness
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = os.path.join(harness.BUILD, "lib")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("allocations") / "program"
    subprocess.run(["cc", "-std=gnu11", "-Wall", "-Werror", "-O1", "-rdynamic",
                    "-I", harness.ROOT, "-I", os.path.join(harness.ROOT, "include"),
                    os.path.join(HERE, "programs", "allocations.c"),
                    os.path.join(harness.ROOT, "test/runtime/Hooks/Hooks.c"),
                    "-L", LIBRARIES, f"-Wl,-rpath,{LIBRARIES}", "-lcinch_rt",
                    "-o", path], check=True)
    return path


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda w: w.name)
def test_runs_allocate_nothing(workload, program, binaries):
    binary = binaries.get(workload.model)
    inputs = workloads.feed(workload, harness.load_model(workload.model), 0)
    sizes = [",".join(map(str, array.shape)) for array in inputs.values()]
    done = subprocess.run([program, binary, *sizes], text=True, capture_output=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    first, *later = map(int, done.stdout.split())
    assert later == [0, 0, 0]
    # A first run starts the threads, or plans a size: what is counted is counted.
    assert first > 0 or os.cpu_count() == 1
