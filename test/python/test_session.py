"""cinch.InferenceSession."""
import threading
import time

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper

import cinch
import harness
import small
from small import values


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    return cinch.compile(small.linear(), tmp_path_factory.mktemp("m") / "linear.so")


@pytest.fixture
def session(linear):
    return cinch.InferenceSession(linear)


@pytest.fixture(scope="module")
def long_model():
    """A model that takes tens of milliseconds."""
    return cinch.compile(small.powers(30, 512))


def test_names_shapes_and_types(session):
    assert session.get_inputs() == [cinch.ValueInfo(
        "x", ("batch", 8), "tensor(float)", "float32", ((0, None), (8, 8)))]
    assert [(o.name, o.shape, o.type) for o in session.get_outputs()] == [
        ("y", ("batch", 4), "tensor(float)"), ("z", ("batch", 8), "tensor(float)")]
    info = session.info
    assert info.target == "cpu" and info.producer == "cinch " + cinch.__version__
    assert info.weights_bytes == small.WEIGHT.nbytes
    assert info.kernel_count == 2 and info.guaranteed_peak_bytes == 0


def test_run_selects_outputs_by_name(session):
    x = values(3, 8)
    y, z = session.run(None, {"x": x})
    np.testing.assert_array_equal(y, x @ small.WEIGHT)
    got = session.run(["z", "y"], {"x": x})
    assert len(got) == 2
    np.testing.assert_array_equal(got[0], z)
    np.testing.assert_array_equal(got[1], y)
    assert session.run([], {"x": x}) == []
    assert session.run(["y"], {"x": values(0, 8)})[0].shape == (0, 4)


@pytest.mark.parametrize("model", ["magika", "silero_vad_op18_ifless"])
def test_agrees_with_onnxruntime(model, tmp_path):
    import workloads
    workload = next(w for w in workloads.WORKLOADS if w.model == model)
    inputs = workloads.feed(workload, harness.load_model(model), 0)
    session = cinch.InferenceSession(
        cinch.compile(harness.model_path(model), tmp_path / "m.so"))
    names = [output.name for output in session.get_outputs()]
    got = dict(zip(names, session.run(None, inputs)))
    want = harness.run_onnxruntime(harness.model_path(model), inputs)
    assert harness.relative_error(got, want) <= 1e-4


@pytest.mark.parametrize("names, feeds, status, text", [
    (None, {}, "invalid argument", "input 'x' is not given"),
    (None, {"q": 1}, "invalid argument", "no input 'q'; the inputs are: x"),
    (["q"], {"x": values(1, 8)}, "invalid argument", "no output 'q'"),
    (None, {"x": values(1, 7)}, "shape", "x"),
    (None, {"x": values(8)}, "shape", "x"),
    (None, {"x": values(1, 8).astype(np.int32)}, "shape", "input 'x' has type f32"),
    (None, {"x": np.array(["a"])}, "buffer", "input 'x'")])
def test_wrong_feeds(names, feeds, status, text, session):
    with pytest.raises(cinch.SessionError, match=text) as caught:
        session.run(names, feeds)
    assert caught.value.status == status


def test_what_is_no_array_is_refused(session):
    with pytest.raises(TypeError, match="input 'x': expected an array .* got list"):
        session.run(None, {"x": [[1.0] * 8]})


def test_files_that_cannot_be_loaded(linear, tmp_path):
    for path, status in [(tmp_path / "absent.so", "io"), (__file__, "format")]:
        with pytest.raises(cinch.SessionError) as caught:
            cinch.InferenceSession(path)
        assert caught.value.status == status
    with pytest.raises(cinch.SessionError) as caught:
        cinch.InferenceSession(linear, weights=tmp_path / "absent.safetensors")
    assert caught.value.status == "io"
    cinch.InferenceSession(linear, verify_weights=True)


# -- Arrays ------------------------------------------------------------------

def test_contiguous_arrays_are_used_in_place(session):
    x = values(64, 8)
    x.flags.writeable = False
    y, z = np.empty((64, 4), np.float32), np.empty((64, 8), np.float32)
    got = session.run(None, {"x": x}, out={"y": y, "z": z})
    assert got[0] is y and got[1] is z
    assert session.counters.copied_bytes == 0
    np.testing.assert_array_equal(y, x @ small.WEIGHT)
    assert session.memory.staging_bytes == 0


def test_strided_arrays_are_staged(session):
    x = values(8, 64).T
    z = np.zeros((64, 16), np.float32)
    y, got = session.run(None, {"x": x}, out={"z": z[:, ::2]})
    np.testing.assert_array_equal(y, x @ small.WEIGHT)
    np.testing.assert_array_equal(z[:, ::2], -x)
    np.testing.assert_array_equal(z[:, 1::2], 0)
    assert session.counters.copied_bytes >= x.nbytes + got.nbytes
    assert session.memory.staging_bytes > 0


@pytest.mark.parametrize("wrap", [small.Old, lambda a: small.Foreign(a, 2, 32)])
def test_dlpack_objects_are_used_in_place(wrap, session):
    x, z = values(2, 8), np.empty((2, 8), np.float32)
    session.run(None, {"x": wrap(x)}, out={"z": wrap(z)})
    np.testing.assert_array_equal(z, -x)
    assert session.counters.copied_bytes == 0


def test_outputs_export_dlpack(session):
    y, z = session.run(None, {"x": values(2, 8)})
    view = np.from_dlpack(z)
    assert np.shares_memory(view, z)
    # An output can be the next input, and arrays outlive their session.
    np.testing.assert_array_equal(session.run(["z"], {"x": z})[0], values(2, 8))
    del session
    np.testing.assert_array_equal(view, -values(2, 8))


def test_inputs_are_given_back(session):
    import sys
    x = values(2, 8)
    before = sys.getrefcount(x)
    for _ in range(3):
        session.run(None, {"x": x})
    assert sys.getrefcount(x) == before


@pytest.mark.parametrize("out, status, text", [
    ({"q": values(2, 8)}, "invalid argument", "no output 'q'"),
    ({"z": values(3, 8)}, "shape", "z"),
    ({"z": values(2, 8).astype(np.float64)}, "shape", "z")])
def test_wrong_outputs(out, status, text, session):
    with pytest.raises(cinch.SessionError, match=text) as caught:
        session.run(None, {"x": values(2, 8)}, out=out)
    assert caught.value.status == status


def test_read_only_and_overlapping_outputs_are_refused(session):
    z = values(2, 8)
    with pytest.raises(cinch.SessionError, match="overlap"):
        session.run(None, {"x": z}, out={"z": z})
    z.flags.writeable = False
    with pytest.raises(cinch.SessionError, match="output 'z': .*read-only"):
        session.run(None, {"x": values(2, 8)}, out={"z": z})


def test_memory_of_another_device_is_refused(session):
    foreign = small.Foreign(values(2, 8), 2, 32, device_type=2)
    with pytest.raises(cinch.SessionError, match="input 'x': .*on the CPU"):
        session.run(None, {"x": foreign})


@pytest.mark.parametrize("onnx_type, name", [
    ("DOUBLE", "float64"), ("FLOAT16", "float16"), ("BFLOAT16", "bfloat16"),
    ("FLOAT", "float32"), ("BOOL", "bool"), ("INT8", "int8"), ("INT16", "int16"),
    ("INT32", "int32"), ("INT64", "int64"), ("UINT8", "uint8"),
    ("UINT16", "uint16"), ("UINT32", "uint32"), ("UINT64", "uint64"), ("INT4", "int4"),
    ("UINT4", "uint4"), ("INT2", "int2"), ("UINT2", "uint2"),
    ("FLOAT4E2M1", "float4_e2m1fn"), ("FLOAT8E4M3FN", "float8_e4m3fn"),
    ("FLOAT8E5M2", "float8_e5m2"), ("FLOAT8E8M0", "float8_e8m0fnu")])
def test_types(onnx_type, name):
    element = getattr(TensorProto, onnx_type)
    session = cinch.InferenceSession(cinch.compile(small.swap(element)))
    x = np.array([1, 2, 4, 1]).astype(np.dtype(getattr(ml_dtypes, name, name)))
    y, = session.run(None, {"x": x})
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x[[0, 2, 1, 3]])
    info = session.get_inputs()[0]
    assert info.dtype == name
    names = {"float32": "float", "float64": "double", "float8_e4m3fn": "float8e4m3fn",
             "float8_e5m2": "float8e5m2", "float8_e8m0fnu": "float8e8m0",
             "float4_e2m1fn": "float4e2m1"}
    assert info.type == f"tensor({names.get(name, name)})"


def test_bfloat16_of_other_libraries():
    session = cinch.InferenceSession(cinch.compile(small.reverse(TensorProto.BFLOAT16)))
    x = np.array([1, -2, 3, 0], ml_dtypes.bfloat16)
    y = np.empty(4, np.uint16)
    session.run(None, {"x": small.Foreign(x, 4, 16)},
                out={"y": small.Foreign(y, 4, 16)})
    np.testing.assert_array_equal(y.view(ml_dtypes.bfloat16), x[::-1])
    with pytest.raises(cinch.SessionError, match="has type bf16, but ui16"):
        session.run(None, {"x": y})


def test_scalars():
    session = cinch.InferenceSession(
        cinch.compile(small.make([helper.make_node("Neg", ["x"], ["y"])],
                                 [("x", TensorProto.FLOAT, ())],
                                 [("y", TensorProto.FLOAT, ())])))
    assert session.run(None, {"x": np.float32(2)})[0] == -2
    y, = session.run(None, {"x": np.array(2, np.float32)})
    assert y.shape == () and y == -2


# -- Memory, counters, threads -----------------------------------------------

def test_memory(long_model):
    session = cinch.InferenceSession(long_model)
    before = session.memory  # all sizes are fixed
    assert before.predicted_peak_bytes >= before.lower_bound_bytes > 0
    assert before.arena_bytes == session.info.guaranteed_peak_bytes
    assert before.inputs_bytes == before.outputs_bytes == 512 * 512 * 4
    assert before.measured_peak_bytes is None
    measured = session.measure_memory({"x": np.zeros((512, 512), np.float32)})
    assert measured.measured_peak_bytes == measured.predicted_peak_bytes
    assert session.memory == measured


def test_memory_of_sizes(session):
    with pytest.raises(cinch.SessionError, match="run or prepare it first"):
        session.memory
    prepared = session.prepare({"x": (5, 8)})
    assert prepared.inputs_bytes == 5 * 8 * 4
    session.run(None, {"x": values(5, 8)})
    assert session.counters.plans_made == 1
    measured = session.measure_memory({"x": values(2, 8)})
    assert session.memory == measured and measured.inputs_bytes == 64
    assert session.prepare({"x": (5, 8)}) == prepared  # not measured at this size
    with pytest.raises(cinch.SessionError, match="shape|dimension|size"):
        session.prepare({"x": (5, 7)})


def test_counters_and_kernels(linear):
    session = cinch.InferenceSession(linear, profile=True, threads=1)
    for _ in range(3):
        session.run(None, {"x": values(4, 8)})
    counters = session.counters
    assert counters.runs == 3 and counters.failed_runs == 0
    assert counters.threads == 1 and counters.plans_made == 1
    kernels = session.kernels
    assert len(kernels) == session.info.kernel_count == counters.kernel_calls
    assert all(k.calls == 3 and k.time_ns > 0 for k in kernels)


def test_threads_are_set_for_the_process():
    before = cinch.get_threads()
    cinch.set_threads(1)
    assert cinch.get_threads() == 1
    cinch.set_threads(before)
    with pytest.raises(cinch.SessionError):
        cinch.set_threads(0)


def test_shared_sessions_run_at_once(linear):
    first = cinch.InferenceSession(linear, threads=1)
    sessions = [first, *(first.share() for _ in range(3))]
    failures = []

    def work(number):
        x = values(number + 1, 8)
        try:
            for _ in range(200):
                y, z = sessions[number].run(None, {"x": x})
                np.testing.assert_array_equal(y, x @ small.WEIGHT)
        except BaseException as error:
            failures.append(error)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [s.counters.runs for s in sessions] == [200] * 4


def test_one_session_on_two_threads_is_busy(long_model):
    """Which also shows that a run holds no lock of the interpreter."""
    session = cinch.InferenceSession(long_model, threads=1)
    x = np.zeros((512, 512), np.float32)
    stop, failures = threading.Event(), []

    def work():
        while not stop.is_set():
            try:
                session.run(None, {"x": x})
            except cinch.SessionError as error:
                failures.append(error.status)
    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 60
    while "busy" not in failures and time.monotonic() < deadline:
        try:
            session.run(None, {"x": x})
        except cinch.SessionError as error:
            failures.append(error.status)
    stop.set()
    thread.join()
    assert set(failures) == {"busy"}
    session.run(None, {"x": x})
