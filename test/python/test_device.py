"""Sessions on the emulated CUDA device, of a model written by hand."""
import os
import sys

import numpy as np
import pytest

import cinch
import harness

sys.path.insert(0, os.path.join(harness.ROOT, "test", "tools"))
import fake  # noqa: E402

X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)


@pytest.fixture
def path(tmp_path):
    return fake.make_model(tmp_path, "device")


def test_runs_on_the_emulated_device(path):
    session = cinch.InferenceSession(path, device="emulated")
    assert session.info.target == "cuda:sm_80"
    for current in (session, session.share()):
        (y,) = current.run(None, {"x": X, "z": X.T.copy().T})
        np.testing.assert_array_equal(y, X + X + fake.BIAS)
        memory = current.measure_memory({"x": X, "z": X})
        assert memory.measured_peak_bytes == memory.arena_bytes == 80
        assert memory.device_staging_bytes == memory.staging_bytes == 64 + 3 * 128
        assert memory.device_bytes == 80 + 64 + 3 * 128 + 128


def test_names_the_device_in_errors(path, monkeypatch):
    with pytest.raises(cinch.SessionError, match="which device 'cpu' is not"):
        cinch.InferenceSession(path, device="cpu")
    monkeypatch.setenv("CINCH_CUDA_DRIVER", "/nowhere")
    with pytest.raises(cinch.SessionError, match="cannot be opened") as failure:
        cinch.InferenceSession(path)
    assert failure.value.status == "device"
