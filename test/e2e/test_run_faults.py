"""What only the data of a run decides (an index, a shape that the model
declares) is checked by the run: it fails in words, and does not compute with
something else."""
import os

import numpy as np
import pytest

import harness
import models
from models import F32, I64, graph, node

CINCH_ERROR_RUN = 11
TABLE = np.arange(50, dtype=np.float32).reshape(10, 5)


def fails(folder, main, inputs, *words, opset=17, flags=()):
    """Compiles and runs; the run fails with a message that has `words`."""
    _, binary = models.compile_graph(folder, main, *flags, opset=opset)
    given, got = os.path.join(folder, "in.npz"), os.path.join(folder, "no.npz")
    harness.write_npz(given, inputs)
    done = harness.run("cinch-run", binary, "--inputs", given, "--outputs", got)
    assert done.status == 1, f"status {done.status}\n{done.output}"
    for word in words:
        assert word in done.output, done.output
    assert not os.path.exists(got)


def agrees(folder, main, inputs, opset=17, flags=()):
    path, binary = models.compile_graph(folder, main, *flags, opset=opset)
    got, _ = harness.run_model(binary, inputs, folder)
    assert harness.relative_error(got, harness.run_onnxruntime(path, inputs)) <= 1e-6


def gather(indices=(4,)):
    return graph([node("Gather", ["table", "ids"], ["y"], axis=0)],
                 [("ids", I64, list(indices))], [("y", F32, None)], {"table": TABLE})


PIPELINES = [(), ("--pipeline=reference",)]


@pytest.mark.parametrize("flags", PIPELINES, ids=["default", "reference"])
@pytest.mark.parametrize("index", [10, -11, 2**40, -2**63, 2**63 - 1])
def test_gather_outside(index, flags, tmp_path):
    ids = np.array([1, 2, index, 3])
    fails(tmp_path, gather(), {"ids": ids}, "gather 'y'", "'ids'", "axis 0",
          "'table'", "10", flags=flags)


@pytest.mark.parametrize("flags", PIPELINES, ids=["default", "reference"])
def test_gather_negative(flags, tmp_path):
    agrees(tmp_path, gather(), {"ids": np.array([9, 0, -1, -10])}, flags=flags)


def test_gather_of_dynamic_size(tmp_path):
    main = graph([node("Gather", ["x", "ids"], ["g"], axis=1),
                  node("Mul", ["g", "g"], ["y"])],
                 [("x", F32, ["a", "b"]), ("ids", I64, ["n"])], [("y", F32, None)])
    x = np.ones((3, 4), np.float32)
    agrees(tmp_path, main, {"x": x, "ids": np.array([3, -4])})
    fails(tmp_path, main, {"x": x, "ids": np.array([3, 4])}, "gather 'g'", "axis 1", "'x'")
    fails(tmp_path, main, {"x": x[:, :0], "ids": np.array([0])}, "axis that is indexed")


def test_gather_in_a_row_statistic(tmp_path):
    """The check is hoisted, the kernel has reductions over the row."""
    main = graph([node("Gather", ["table", "ids"], ["g"], axis=0),
                  node("Add", ["g", "x"], ["s"]),
                  node("Softmax", ["s"], ["y"], axis=-1)],
                 [("ids", I64, [4]), ("x", F32, [4, 5])], [("y", F32, None)],
                 {"table": TABLE})
    x = np.ones((4, 5), np.float32)
    agrees(tmp_path, main, {"x": x, "ids": np.array([3, -4, 9, 0])})
    fails(tmp_path, main, {"x": x, "ids": np.array([3, -4, 9, 10])}, "gather 'g'")


@pytest.mark.parametrize("op, data, ids, bad, more", [
    ("GatherElements", (3, 4), (3, 2), 4, {"axis": 1}),
    ("GatherND", (3, 4), (2, 2), 4, {}),
    ("GatherND", (2, 3, 4), (2, 2, 1), 3, {"batch_dims": 1})])
def test_gather_elements_and_tuples(op, data, ids, bad, more, tmp_path):
    main = graph([node(op, ["x", "ids"], ["y"], **more)],
                 [("x", F32, data), ("ids", I64, ids)], [("y", F32, None)])
    x = np.arange(np.prod(data), dtype=np.float32).reshape(data)
    good = np.zeros(ids, np.int64)
    good.flat[-1] = -1
    agrees(tmp_path, main, {"x": x, "ids": good})
    for wrong in (bad, -bad - 1):
        good.flat[-1] = wrong
        fails(tmp_path, main, {"x": x, "ids": good}, "'y'", "'ids'", "'x'")


@pytest.mark.parametrize("flags", PIPELINES, ids=["default", "reference"])
@pytest.mark.parametrize("op, ids, updates, bad, more", [
    ("ScatterElements", (3, 2), (3, 2), 4, {"axis": 1}),
    ("ScatterElements", (3, 2), (3, 2), 4, {"axis": 1, "reduction": "add"}),
    ("ScatterND", (2, 2), (2,), 4, {}), ("ScatterND", (2, 1), (2, 4), 3, {})])
def test_scatter(op, ids, updates, bad, more, flags, tmp_path):
    main = graph([node(op, ["x", "ids", "u"], ["y"], **more)],
                 [("x", F32, (3, 4)), ("ids", I64, ids), ("u", F32, updates)],
                 [("y", F32, None)])
    inputs = {"x": np.zeros((3, 4), np.float32), "u": np.ones(updates, np.float32)}
    good = np.zeros(ids, np.int64)
    good.flat[-1] = -1
    agrees(tmp_path, main, {**inputs, "ids": good}, flags=flags)
    for wrong in (bad, -bad - 1):
        good.flat[-1] = wrong
        fails(tmp_path, main, {**inputs, "ids": good}, "'y'", "'ids'", "'x'", flags=flags)


@pytest.mark.parametrize("op", ["Gather", "GatherElements", "GatherND"])
@pytest.mark.parametrize("index", [10, -11])
def test_constant_index_is_checked_when_compiling(op, index, tmp_path):
    ids = np.array([[index] * 5] if op == "GatherElements" else [[index]])
    path = models.save(tmp_path, graph([node(op, ["x", "ids"], ["y"])], [("x", F32, [10, 5])],
                                       [("y", F32, None)], {"ids": ids}))
    done = harness.run("cinch-compile", path, "-o", tmp_path / "out.so")
    assert done.status == 1
    assert str(index) in done.output and "axis 0" in done.output, done.output


def test_constant_indices_are_not_checked_again(tmp_path):
    path = models.save(tmp_path, graph(
        [node("Gather", ["x", "ids"], ["y"])], [("x", F32, [10, 5])], [("y", F32, None)],
        {"ids": np.array([9, -10])}))
    text = tmp_path / "model.mlir"
    harness.check(harness.run("cinch-compile", path, "--emit=exec", "-o", text), "compile")
    assert "exec.kernel" in text.read_text() and "cf.assert" not in text.read_text()


def test_the_first_failure_is_reported_and_the_session_goes_on(tmp_path):
    main = graph([node("Gather", ["table", "a"], ["first"], axis=0),
                  node("Gather", ["table", "b"], ["second"], axis=0),
                  node("MatMul", ["first", "square"], ["m"]),
                  node("Add", ["m", "second"], ["y"])],
                 [("a", I64, ["n"]), ("b", I64, ["n"])], [("y", F32, None)],
                 {"table": TABLE, "square": np.eye(5, dtype=np.float32)})
    _, binary = models.compile_graph(tmp_path, main)
    session = models.Session(binary)
    good, bad = np.arange(4), np.array([0, 1, 99, 2])
    got = np.zeros((4, 5), np.float32)
    for a, b, word in ((bad, good, "'first'"), (good, bad, "'second'"),
                       (bad, bad, "'first'")):
        status, message = session.run([a, b], [got])
        assert status == CINCH_ERROR_RUN and word in message
        assert session.run([good, good], [got])[0] == 0
        np.testing.assert_array_equal(got, TABLE[:4] * 2)
    session.close()


def test_failure_in_a_loop_ends_it(tmp_path):
    """The trip count is gathered; a wrong one must not keep the run busy."""
    body = graph([node("Add", ["v", "one"], ["w"])],
                 [("i", I64, []), ("c", models.BOOL, []), ("v", F32, [1])],
                 [("c", models.BOOL, []), ("w", F32, [1])],
                 {"one": np.ones(1, np.float32)})
    main = graph([node("Gather", ["counts", "ids"], ["n"], axis=0),
                  node("Loop", ["n", "", "x"], ["y"], body=body)],
                 [("counts", I64, [2]), ("ids", I64, []), ("x", F32, [1])],
                 [("y", F32, [1])])
    x = np.zeros(1, np.float32)
    counts = np.array([3, 2**60])
    agrees(tmp_path, main, {"counts": counts, "ids": np.array(0), "x": x})
    fails(tmp_path, main, {"counts": counts, "ids": np.array(2), "x": x}, "gather 'n'")


# What is declared: (nodes, inputs, declared output, good data, wrong data, opset).
X = np.arange(8, dtype=np.float32).reshape(2, 4)


def ints(*values):
    return np.array(values, np.int64)


DECLARED = {
    "reshape": (node("Reshape", ["x", "s"], ["y"]), [4, 2],
                [ints(4, 2), ints(-1, 2), ints(4, -1)],
                [ints(2, 4), ints(8, 1), ints(-1, 4), ints(-1, -1), ints(0, 2)]),
    "reshape_zero": (node("Reshape", ["x", "s"], ["y"]), [2, 2, 2],
                     [ints(0, 2, 2), ints(0, -1, 2)], [ints(0, 0, 1)]),
    "expand": (node("Expand", ["x", "s"], ["y"]), [3, 2, 4],
               [ints(3, 1, 1), ints(3, 2, 4), ints(3, 1, 4)],
               [ints(2, 2, 4), ints(1, 1, 1), ints(3, 2, 1) * 2]),
    "tile": (node("Tile", ["x", "s"], ["y"]), [4, 4], [ints(2, 1)],
             [ints(1, 2), ints(2, 2), ints(0, 0)]),
    "constant_of_shape": (node("ConstantOfShape", ["s"], ["y"]), [2, 3], [ints(2, 3)],
                          [ints(3, 2), ints(2, 2)]),
    "squeeze": (node("Squeeze", ["z", "s"], ["y"]), [2, 4], [ints(0, 2), ints(-2, 0)],
                [ints(0, 0), ints(0, 1), ints(0, 9), ints(-9, 2)]),
    "unsqueeze": (node("Unsqueeze", ["x", "s"], ["y"]), [2, 1, 4, 1],
                  [ints(1, 3), ints(-1, 1), ints(-3, 3)],
                  [ints(0, 1), ints(1, 1), ints(1, 4), ints(2, 3)]),
    "reduce": (node("ReduceSum", ["x", "s"], ["y"], keepdims=0), [2], [ints(1), ints(-1)],
               [ints(0), ints(-2)]),
    "top_k": (node("TopK", ["x", "s"], ["y", "i"]), [2, 3], [ints(3)], [ints(2), ints(4)]),
    "split": (node("Split", ["x", "s"], ["y", "t"], axis=1), [2, 1], [ints(1, 3)],
              [ints(3, 1), ints(2, 2)]),
    "center_crop_pad": (node("CenterCropPad", ["x", "s"], ["y"]), [4, 2], [ints(4, 2)],
                        [ints(2, 4)]),
    "resize": (node("Resize", ["r", "", "", "s"], ["y"], mode="nearest"), [1, 1, 4, 8],
               [ints(1, 1, 4, 8)], [ints(1, 1, 8, 4)]),
    "one_hot": (node("OneHot", ["h", "s", "v"], ["y"]), [2, 5], [ints(5)], [ints(4)]),
    "range": (node("Range", ["zero", "s", "two"], ["y"]), [3], [ints(6), ints(5)],
              [ints(7), ints(4), ints(-1)]),
}
FEEDS = {"x": X, "z": X.reshape(1, 2, 1, 4), "r": X.reshape(1, 1, 2, 4),
         "h": ints(1, -1), "v": np.array([0, 1], np.float32), "zero": np.array(0),
         "two": np.array(2)}
CASES = [pytest.param(name, data, True, id=f"{name}-{'x'.join(map(str, data))}")
         for name, case in DECLARED.items() for data in case[2]]
CASES += [pytest.param(name, data, False, id=f"{name}-{'x'.join(map(str, data))}-wrong")
          for name, case in DECLARED.items() for data in case[3]]


@pytest.mark.parametrize("name, data, right", CASES)
def test_declared_shape_is_checked(name, data, right, tmp_path):
    op, shape, _, _ = DECLARED[name]
    if name in ("one_hot", "range"):
        data = np.array(data[0])
    inputs = {other: FEEDS[other] for other in op.input if other in FEEDS}
    inputs["s"] = data
    signature = [(n, {"float32": F32, "int64": I64}[a.dtype.name], a.shape)
                 for n, a in inputs.items()]
    kind = I64 if name == "range" else F32
    outputs = [("y", kind, shape)]
    if name == "split":
        outputs.append(("t", F32, [2, 3]))
    main = graph([op], signature, outputs)
    if right:
        agrees(tmp_path, main, inputs, opset=18)
    else:
        fails(tmp_path, main, inputs, "'y'", "declares", opset=18)


def test_declared_shape_inside_a_graph(tmp_path):
    """The value that is checked is not an input, and is used by more nodes."""
    main = graph([node("Add", ["s", "s"], ["t"]), node("Reshape", ["x", "t"], ["r"]),
                  node("Relu", ["r"], ["y"])],
                 [("x", F32, [2, 4]), ("s", I64, [2])], [("y", F32, [4, 2])],
                 declared=[("r", F32, [4, 2])])
    agrees(tmp_path, main, {"x": X, "s": ints(2, 1)})
    fails(tmp_path, main, {"x": X, "s": ints(1, 2)}, "'r'", "declares")


def test_without_a_declaration_it_is_refused(tmp_path):
    path = models.save(tmp_path, graph([node("Reshape", ["x", "s"], ["y"])],
                                       [("x", F32, [2, 4]), ("s", I64, [2])],
                                       [("y", F32, ["a", "b"])]))
    done = harness.run("cinch-compile", path, "-o", tmp_path / "out.so")
    assert done.status == harness.UNSUPPORTED, done.output
    assert "'s'" in done.output
