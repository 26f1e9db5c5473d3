"""States: a decoder that appends to its cache in place."""
import ctypes
import mmap

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import cinch
import harness
import small

LAYERS, KV_HEADS, HEAD, STEPS = 4, 2, 32, 100  # of tiny_lm
PASTS = [f"past_{kind}_{layer}" for layer in range(LAYERS) for kind in "kv"]
ROW_BYTES = KV_HEADS * HEAD * 4
ALIGNMENT = 64


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return cinch.compile(harness.model_path("tiny_lm"),
                         tmp_path_factory.mktemp("state") / "lm.so")


def feeds_at(tokens, position):
    """The feeds of a run on tokens[batch, count] from `position` on."""
    positions = np.broadcast_to(np.arange(position, position + tokens.shape[1]),
                                tokens.shape)
    return {"input_ids": np.ascontiguousarray(tokens),
            "position_ids": np.ascontiguousarray(positions)}


def empty(batch):
    return {past: np.zeros((batch, KV_HEADS, 0, HEAD), np.float32) for past in PASTS}


def buffers(batch, capacity):
    return {past: (batch, KV_HEADS, capacity, HEAD) for past in PASTS}


def explicit_run(session, tokens, position, cache):
    """Returns (logits, cache with the new rows)."""
    logits, *present = session.run(None, {**feeds_at(tokens, position), **cache})
    return logits, dict(zip(PASTS, present))


def get_tokens(batch, count, seed=0):
    return np.random.default_rng(seed).integers(32, 127, (batch, count))


def test_pairs_are_found(decoder):
    session = cinch.InferenceSession(decoder)
    assert {(s.past, s.present, s.axis) for s in session.get_states()} == {
        (past, past.replace("past", "present"), 2) for past in PASTS}


def test_pairs_that_are_named_are_the_only_ones(tmp_path):
    model = harness.model_path("tiny_lm")
    compiled = cinch.compile(model, tmp_path / "lm.so",
                             states={"past_k_0": "present_k_0"})
    session = cinch.InferenceSession(compiled)
    assert [(s.past, s.present) for s in session.get_states()] == [
        ("past_k_0", "present_k_0")]
    with pytest.raises(cinch.CompileError, match="no input 'cache'"):
        cinch.compile(model, tmp_path / "bad.so", states={"cache": "present_k_0"})
    assert not (tmp_path / "bad.so").exists()


@pytest.mark.parametrize("batch", [1, 3])
def test_owned_is_explicit_to_the_bit(decoder, batch):
    """A prompt of 5, then 100 steps; every 25th against ONNX Runtime as well."""
    tokens = get_tokens(batch, 5 + STEPS)
    explicit, owned = (cinch.InferenceSession(decoder) for _ in range(2))
    owned.reserve_states(buffers(batch, 5 + STEPS))
    assert [i.name for i in owned.get_inputs()] == ["input_ids", "position_ids"]
    assert [o.name for o in owned.get_outputs()] == ["logits"]
    cache, position, copied = empty(batch), 0, set()
    for count in [5] + [1] * STEPS:
        part = tokens[:, position:position + count]
        if position % 25 == 0:
            want = harness.run_onnxruntime(
                harness.model_path("tiny_lm"),
                {**feeds_at(part, position), **cache})["logits"]
        logits, cache = explicit_run(explicit, part, position, cache)
        got, = owned.run(None, feeds_at(part, position))
        np.testing.assert_array_equal(got, logits)
        if position % 25 == 0:
            assert np.abs(got - want).max() <= 1e-4 * np.abs(want).max()
        copied.add(owned.counters.copied_bytes)
        position += count
    assert copied == {0}  # however many rows there are
    for past, rows in owned.states.items():
        np.testing.assert_array_equal(rows, cache[past])


@pytest.mark.parametrize("batch", [1, 2])
def test_one_buffer_of_the_caller(decoder, batch):
    tokens = get_tokens(batch, 12, seed=1)
    capacity = 16
    explicit, bound = (cinch.InferenceSession(decoder) for _ in range(2))
    rooms = {past: np.full((batch, KV_HEADS, capacity, HEAD), 7, np.float32)
             for past in PASTS}
    cache, position = empty(batch), 0
    for count in [4, 1, 1, 3, 1, 2]:
        part, end = tokens[:, position:position + count], position + count
        logits, cache = explicit_run(explicit, part, position, cache)
        out = {past.replace("past", "present"): room[:, :, :end]
               for past, room in rooms.items()}
        got, = bound.run(["logits"], {
            **feeds_at(part, position),
            **{past: room[:, :, :position] for past, room in rooms.items()}}, out=out)
        np.testing.assert_array_equal(got, logits)
        assert bound.counters.copied_bytes == 0
        for past, room in rooms.items():
            np.testing.assert_array_equal(room[:, :, :end], cache[past])
            assert (room[:, :, end:] == 7).all()
        position = end
    assert bound.memory.staging_bytes == 0


def test_past_rows_are_not_written(decoder):
    """They lie in pages that cannot be written, the new row in the next one."""
    rows = mmap.PAGESIZE // (HEAD * 4)
    session = cinch.InferenceSession(decoder)
    libc = ctypes.CDLL(None, use_errno=True)
    maps, arrays = [], {}
    for past in PASTS:  # one head per page of past rows, and a page behind it
        area = mmap.mmap(-1, 2 * KV_HEADS * mmap.PAGESIZE)
        array = np.frombuffer(area, np.float32).reshape(1, KV_HEADS, 2 * rows, HEAD)
        array[:] = 0.5
        maps.append(area)
        arrays[past] = array
        for head in range(KV_HEADS):
            address = array.ctypes.data + 2 * head * mmap.PAGESIZE
            assert libc.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, 1) == 0
    session.run(["logits"], {
        **feeds_at(get_tokens(1, 1), rows),
        **{past: array[:, :, :rows] for past, array in arrays.items()}},
        out={past.replace("past", "present"): array[:, :, :rows + 1]
             for past, array in arrays.items()})


@pytest.mark.parametrize("shift, room", [(1, 16), (0, 15)])
def test_other_overlap_is_refused(decoder, shift, room):
    """Another first row, or other distances between rows."""
    session = cinch.InferenceSession(decoder)
    memory = np.zeros(4 * KV_HEADS * 16 * HEAD, np.float32)
    size = 1 * KV_HEADS * 16 * HEAD
    past = memory[:size].reshape(1, KV_HEADS, 16, HEAD)[:, :, :4]
    start = shift * HEAD
    present = memory[start:start + KV_HEADS * room * HEAD].reshape(
        1, KV_HEADS, room, HEAD)[:, :, :5]
    cache = {name: np.zeros((1, KV_HEADS, 4, HEAD), np.float32) for name in PASTS}
    with pytest.raises(cinch.SessionError,
                       match="output 'present_k_0' overlaps input 'past_k_0'"):
        session.run(None, {**feeds_at(get_tokens(1, 1), 4), **cache,
                           "past_k_0": past}, out={"present_k_0": present})


def test_another_past_is_refused(decoder):
    session = cinch.InferenceSession(decoder)
    room = np.zeros((1, KV_HEADS, 16, HEAD), np.float32)
    cache = {name: np.zeros((1, KV_HEADS, 4, HEAD), np.float32) for name in PASTS}
    with pytest.raises(cinch.SessionError,
                       match="output 'present_k_0' overlaps input 'past_v_0'"):
        session.run(None, {**feeds_at(get_tokens(1, 1), 4), **cache,
                           "past_v_0": room[:, :, :4]},
                    out={"present_k_0": room[:, :, :5]})


def test_capacity(decoder):
    session = cinch.InferenceSession(decoder)
    session.reserve_states(buffers(1, 3))
    tokens = get_tokens(1, 4)
    first, = session.run(None, feeds_at(tokens[:, :2], 0))
    before = session.states
    for use in (session.run, lambda _, feeds: session.prepare(
            {name: array.shape for name, array in feeds.items()})):
        with pytest.raises(cinch.SessionError, match=(
                "state 'past_k_0' has 2 rows and would have 4, but its capacity "
                "is 3")) as caught:
            use(None, feeds_at(tokens[:, 2:], 2))
        assert caught.value.status == "shape"
    for past, rows in session.states.items():  # nothing happened
        np.testing.assert_array_equal(rows, before[past])
    session.run(None, feeds_at(tokens[:, 2:3], 2))  # the last row
    session.reset_states()
    assert session.states["past_k_0"].shape == (1, KV_HEADS, 0, HEAD)
    again, = session.run(None, feeds_at(tokens[:, :2], 0))
    np.testing.assert_array_equal(again, first)


def test_a_failed_run_keeps_the_rows(decoder):
    session = cinch.InferenceSession(decoder)
    session.reserve_states(buffers(1, 8))
    tokens = get_tokens(1, 4)
    session.run(None, feeds_at(tokens[:, :3], 0))
    before = session.states
    with pytest.raises(cinch.SessionError) as caught:
        session.run(None, feeds_at(np.full((1, 1), 10**6), 3))
    assert caught.value.status == "run"
    for past, rows in session.states.items():
        np.testing.assert_array_equal(rows, before[past])


def test_batch_must_be_that_of_the_states(decoder):
    session = cinch.InferenceSession(decoder)
    session.reserve_states(buffers(2, 8))
    with pytest.raises(cinch.SessionError, match=r"input 'past_k_0' has the shape"):
        session.run(None, feeds_at(get_tokens(1, 1), 0))


def test_memory_of_states(decoder):
    """Counted to the byte, and apart from the arena and from the caller's."""
    session = cinch.InferenceSession(decoder)
    tokens = get_tokens(2, 3)
    session.reserve_states(buffers(2, 9))
    memory = session.measure_memory(feeds_at(tokens, 0))
    bytes_each = 2 * 9 * ROW_BYTES
    assert bytes_each % ALIGNMENT == 0
    assert memory.state_bytes == len(PASTS) * bytes_each
    assert memory.measured_peak_bytes == memory.predicted_peak_bytes > 0
    assert memory.inputs_bytes == 2 * 2 * 3 * 8
    assert memory.staging_bytes == 0
    # A measurement is a run.
    explicit = cinch.InferenceSession(decoder)
    _, cache = explicit_run(explicit, tokens, 0, empty(2))
    for past, rows in session.states.items():
        np.testing.assert_array_equal(rows, cache[past])
    session.reserve_states({})
    assert session.states == {}
    _, again = explicit_run(session, tokens, 0, empty(2))
    np.testing.assert_array_equal(again["past_v_3"], cache["past_v_3"])
    assert session.memory.state_bytes == 0


def test_reset_without_states(decoder):
    session = cinch.InferenceSession(decoder)
    with pytest.raises(cinch.SessionError, match="the session owns no states"):
        session.reset_states()


@pytest.mark.parametrize("changed, message", [
    ({"past_v_0": None}, "state 'past_v_0' is not given"),
    ({"logits": (1,)}, "the model has no state 'logits'"),
    ({"past_k_1": (1, 8, HEAD)}, "state 'past_k_1' has rank 4, but a shape of rank 3"),
    ({"past_k_1": (1, 3, 8, HEAD)},
     "dimension 1 of state 'past_k_1' is 2, but 3 was given"),
    ({"past_k_1": (1, KV_HEADS, -1, HEAD)},
     "dimension 2 of state 'past_k_1' is past, but -1 was given"),
    ({"past_k_1": (2**31, KV_HEADS, 2**31, HEAD)},
     "the state 'past_k_1' is too large"),
], ids=["missing", "unknown", "rank", "heads", "negative", "too large"])
def test_bad_reservation_keeps_states(changed, message, decoder):
    session = cinch.InferenceSession(decoder)
    session.reserve_states(buffers(1, 4))
    session.run(None, feeds_at(get_tokens(1, 2), 0))
    shapes = {name: shape for name, shape in {**buffers(1, 8), **changed}.items()
              if shape is not None}
    with pytest.raises(cinch.SessionError, match=message):
        session.reserve_states(shapes)
    assert len(session.get_inputs()) == 2
    assert session.states["past_v_3"].shape == (1, KV_HEADS, 2, HEAD)


def test_no_states(tmp_path):
    session = cinch.InferenceSession(cinch.compile(small.linear(), tmp_path / "l.so"))
    assert session.get_states() == []
    with pytest.raises(cinch.SessionError, match="the model has no state 'x'"):
        session.reserve_states({"x": (1, 8)})


def outermost():
    """present = past and row, along the first axis; s = sum over the rows."""
    axes = onnx.numpy_helper.from_array(np.array([0]), "axes")
    return small.make(
        [helper.make_node("Neg", ["row"], ["new"]),
         helper.make_node("Concat", ["past", "new"], ["present"], axis=0),
         helper.make_node("ReduceSum", ["present", "axes"], ["s"], keepdims=0)],
        [("past", TensorProto.FLOAT, ["n", 8]), ("row", TensorProto.FLOAT, [1, 8])],
        [("present", TensorProto.FLOAT, ["n_next", 8]), ("s", TensorProto.FLOAT, [8])],
        [axes])


def last_axis():
    """Rows along the last axis: every element has its own place."""
    axes = onnx.numpy_helper.from_array(np.array([2]), "axes")
    return small.make(
        [helper.make_node("Neg", ["row"], ["new"]),
         helper.make_node("Concat", ["past", "new"], ["present"], axis=2),
         helper.make_node("ReduceSum", ["present", "axes"], ["s"], keepdims=0)],
        [("past", TensorProto.FLOAT, [2, 3, "n"]),
         ("row", TensorProto.FLOAT, [2, 3, 1])],
        [("present", TensorProto.FLOAT, [2, 3, "n_next"]),
         ("s", TensorProto.FLOAT, [2, 3])], [axes])


@pytest.mark.parametrize("pipeline", ["default", "reference"])
@pytest.mark.parametrize("make, axis, shape", [(outermost, 0, (50, 8)),
                                               (last_axis, 2, (2, 3, 50))])
def test_any_axis(make, axis, shape, pipeline, tmp_path):
    session = cinch.InferenceSession(
        cinch.compile(make(), tmp_path / "m.so", pipeline=pipeline))
    assert session.get_states() == [cinch.StateInfo("past", "present", axis)]
    session.reserve_states({"past": shape})
    one = tuple(1 if a == axis else size for a, size in enumerate(shape))
    rows = []
    for step in range(50):
        row = np.random.default_rng(step).integers(-9, 9, one).astype(np.float32)
        rows.append(-row)
        total, = session.run(None, {"row": row})
        want = np.concatenate(rows, axis)
        np.testing.assert_array_equal(total, want.sum(axis))
        np.testing.assert_array_equal(session.states["past"], want)
        assert session.counters.copied_bytes == 0
    with pytest.raises(cinch.SessionError, match="its capacity is 50"):
        session.run(None, {"row": row})


def test_named_pairs(tmp_path):
    def compile_with(*states):
        return harness.run("cinch-compile", harness.model_path("tiny_lm"), "--quiet",
                           "-o", tmp_path / "m.so",
                           *(f"--state={state}" for state in states))
    assert compile_with("past_k_0=present_k_0,past_v_0=present_v_0",
                        "past_k_3=present_k_3").status == 0
    session = cinch.InferenceSession(tmp_path / "m.so")
    assert [s.past for s in session.get_states()] == ["past_k_0", "past_v_0",
                                                      "past_k_3"]
    session.reserve_states({s.past: (1, KV_HEADS, 8, HEAD)
                            for s in session.get_states()})
    assert len(session.get_inputs()) == 2 + len(PASTS) - 3
    for state, status, message in [
            ("past_k_0=present_v_0", 1, "expected 'present_v_0' to be 'past_k_0' with "
             "new rows, but the output is no concatenation of the input"),
            ("past_k_0=logits", 1, "but the output is no concatenation"),
            ("past_k_9=logits", 1, "the model has no input 'past_k_9'"),
            ("past_k_0", 2, "--state: expected past=present, but got 'past_k_0'")]:
        done = compile_with(state)
        assert done.status == status and message in done.output
