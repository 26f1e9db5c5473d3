"""If, Loop and Scan agree with ONNX Runtime: carried and collected values, no
iteration, conditions from data, values of the graph around, nesting."""
import numpy as np
import pytest

import harness
import models
from models import BOOL, F32, I64, graph, node

ROWS = [pytest.param(2, id="static"), pytest.param("n", id="dynamic")]


def agrees(folder, main, *feeds, opset=17):
    path, binary = models.compile_graph(folder, main, opset=opset)
    for inputs in feeds:
        got, _ = harness.run_model(binary, inputs, folder)
        want = harness.run_onnxruntime(path, inputs)
        assert harness.relative_error(got, want) <= 1e-5, (got, want)


def rows(seed, count, width=3):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def true(value):
    return np.array(value, bool)


def branch(*nodes, out="b", shape=(), weights=None):
    return graph(list(nodes), [], [(out, F32, list(shape))], weights)


@pytest.mark.parametrize("n", ROWS)
def test_if_takes_the_branch_of_a_condition_from_data(n, tmp_path):
    """Both branches read values of the graph around."""
    main = graph(
        [node("ReduceSum", ["x"], ["sum"], keepdims=0), node("Mul", ["x", "x"], ["square"]),
         node("Greater", ["sum", "zero"], ["c"]),
         node("If", ["c"], ["y"],
              then_branch=branch(node("Add", ["square", "x"], ["b"]), shape=(n, 3)),
              else_branch=branch(node("Sub", ["square", "w"], ["b"]), shape=(n, 3)))],
        [("x", F32, [n, 3])], [("y", F32, [n, 3])],
        {"zero": np.float32(0), "w": rows(0, 1)[0]})
    x = np.abs(rows(1, 2))
    agrees(tmp_path, main, {"x": x}, {"x": -x})


def test_if_with_two_outputs_and_one_inside_the_other(tmp_path):
    inner = node("If", ["d"], ["p"],
                 then_branch=branch(node("Neg", ["x"], ["b"]), shape=(2, 3)),
                 else_branch=branch(node("Exp", ["x"], ["b"]), shape=(2, 3)))
    main = graph(
        [node("If", ["c"], ["y", "z"],
              then_branch=graph([inner, node("Abs", ["x"], ["q"])], [],
                                [("p", F32, [2, 3]), ("q", F32, [2, 3])]),
              else_branch=graph([node("Identity", ["x"], ["p"]),
                                 node("Relu", ["x"], ["q"])], [],
                                [("p", F32, [2, 3]), ("q", F32, [2, 3])]))],
        [("x", F32, [2, 3]), ("c", BOOL, []), ("d", BOOL, [])],
        [("y", F32, [2, 3]), ("z", F32, [2, 3])])
    agrees(tmp_path, main, *({"x": rows(2, 2), "c": true(c), "d": true(d)}
                             for c in (0, 1) for d in (0, 1)))


def loop_body(nodes, states, scans=(), cond=None, weights=None):
    """States are (in, out, shape); the condition is handed on by default."""
    nodes = list(nodes)
    if cond is None:
        nodes.append(node("Identity", ["c"], ["again"]))
        cond = "again"
    return graph(nodes, [("i", I64, []), ("c", BOOL, [])]
                 + [(name, F32, shape) for name, _, shape in states],
                 [(cond, BOOL, [])] + [(name, F32, shape) for _, name, shape in states]
                 + [(name, F32, shape) for name, shape in scans], weights)


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_loop_of_constant_count(count, n, tmp_path):
    """Two states, two collected outputs, a value of the graph around."""
    body = loop_body(
        [node("Add", ["a", "x"], ["a2"]), node("Cast", ["i"], ["f"], to=F32),
         node("Mul", ["b", "half"], ["b1"]), node("Add", ["b1", "f"], ["b2"]),
         node("Sub", ["a2", "b2"], ["s"]), node("ReduceMax", ["a2"], ["t"], keepdims=0)],
        [("a", "a2", [n, 3]), ("b", "b2", [n, 3])], [("s", [n, 3]), ("t", [])],
        weights={"half": np.float32(0.5)})
    main = graph([node("Loop", ["count", "", "x", "x"], ["p", "q", "r", "u"], body=body)],
                 [("x", F32, [n, 3])],
                 [("p", F32, [n, 3]), ("q", F32, [n, 3]),
                  ("r", F32, [count, n, 3]), ("u", F32, [count])],
                 {"count": np.int64(count)})
    x = rows(3, 2)
    if count or n == 2:
        agrees(tmp_path, main, {"x": x})
        return
    # ONNX Runtime makes dimensions 0 that it does not know without iterations.
    _, binary = models.compile_graph(tmp_path, main)
    got, _ = harness.run_model(binary, {"x": x}, tmp_path)
    np.testing.assert_array_equal(got["p"], x)
    np.testing.assert_array_equal(got["q"], x)
    assert got["r"].shape == (0, 2, 3) and got["u"].shape == (0,)


@pytest.mark.parametrize("n", ROWS)
def test_loop_whose_count_is_data(n, tmp_path):
    body = loop_body([node("Mul", ["a", "x"], ["a1"]), node("Tanh", ["a1"], ["a2"])],
                     [("a", "a2", [n, 3])])
    main = graph([node("Loop", ["count", "", "x"], ["y"], body=body)],
                 [("x", F32, [n, 3]), ("count", I64, [])], [("y", F32, [n, 3])])
    agrees(tmp_path, main, *({"x": rows(4, 2), "count": np.array(k)} for k in (0, 1, 4)))


def test_loop_whose_count_is_a_dimension_collects(tmp_path):
    body = loop_body([node("Gather", ["x", "i"], ["row"], axis=0),
                      node("Add", ["a", "row"], ["a2"]), node("Exp", ["a2"], ["s"])],
                     [("a", "a2", [3])], [("s", [3])])
    main = graph([node("Shape", ["x"], ["sizes"]),
                  node("Gather", ["sizes", "zero"], ["count"], axis=0),
                  node("Loop", ["count", "", "start"], ["y", "z"], body=body)],
                 [("x", F32, ["n", 3])], [("y", F32, [3]), ("z", F32, ["n", 3])],
                 {"zero": np.int64(0), "start": np.zeros(3, np.float32)})
    agrees(tmp_path, main, {"x": rows(5, 4)}, {"x": rows(6, 1)})


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("limited", [True, False])
def test_loop_ended_by_a_condition(limited, n, tmp_path):
    body = loop_body([node("Add", ["a", "x"], ["a2"]),
                      node("ReduceSum", ["a2"], ["sum"], keepdims=0),
                      node("Less", ["sum", "end"], ["again"])],
                     [("a", "a2", [n, 3])], cond="again", weights={"end": np.float32(20)})
    main = graph([node("Loop", ["limit" if limited else "", "start", "x"], ["y"], body=body)],
                 [("x", F32, [n, 3]), ("start", BOOL, [])]
                 + ([("limit", I64, [])] if limited else []), [("y", F32, [n, 3])])
    x = np.abs(rows(7, 2))
    for start in (0, 1):
        feeds = [{"x": x, "start": true(start)}]
        if limited:
            feeds = [{**feeds[0], "limit": np.array(k)} for k in (0, 2, 100)]
        agrees(tmp_path, main, *feeds)


def test_loop_in_a_loop(tmp_path):
    """The inner one reads the counter and the state of the outer one."""
    inner = graph([node("Cast", ["i"], ["f"], to=F32), node("Mul", ["u", "f"], ["u1"]),
                   node("Add", ["u1", "a"], ["u2"]), node("Identity", ["d"], ["e"])],
                  [("j", I64, []), ("d", BOOL, []), ("u", F32, [3])],
                  [("e", BOOL, []), ("u2", F32, [3]), ("u1", F32, [3])])
    body = loop_body([node("Loop", ["two", "", "a"], ["a1", "all"], body=inner),
                      node("ReduceSum", ["all"], ["s"], keepdims=0),
                      node("Sigmoid", ["a1"], ["a2"])],
                     [("a", "a2", [3])], [("s", [])])
    main = graph([node("Loop", ["three", "", "x"], ["y", "z"], body=body)],
                 [("x", F32, [3])], [("y", F32, [3]), ("z", F32, [3])],
                 {"two": np.int64(2), "three": np.int64(3)})
    agrees(tmp_path, main, {"x": rows(8, 1)[0]})


def test_if_in_a_loop(tmp_path):
    choice = node("If", ["odd"], ["a2"],
                  then_branch=branch(node("Neg", ["a"], ["b"]), shape=(3,)),
                  else_branch=branch(node("Add", ["a", "x"], ["b"]), shape=(3,)))
    body = loop_body([node("Mod", ["i", "two"], ["m"]),
                      node("Cast", ["m"], ["odd"], to=BOOL), choice],
                     [("a", "a2", [3])], weights={"two": np.int64(2)})
    main = graph([node("Loop", ["count", "", "x"], ["y"], body=body)],
                 [("x", F32, [3]), ("count", I64, [])], [("y", F32, [3])])
    agrees(tmp_path, main, *({"x": rows(9, 1)[0], "count": np.array(k)} for k in (0, 1, 4)))


def scan(states, inputs, attributes, width=3):
    """a' = tanh(a + x + w), b' = b * 2, collected: a' and b' - x."""
    body = graph(
        [node("Add", ["sa", "sx"], ["a0"]), node("Add", ["a0", "w"], ["a1"]),
         node("Tanh", ["a1"], ["a2"]), node("Add", ["sb", "sb"], ["b2"]),
         node("Identity", ["a2"], ["c0"]), node("Sub", ["b2", "sx"], ["c1"])],
        [("sa", F32, [width]), ("sb", F32, [width]), ("sx", F32, [width])],
        [("a2", F32, [width]), ("b2", F32, [width]), ("c0", F32, [width]),
         ("c1", F32, [width])])
    return node("Scan", [*states, *inputs], ["h", "k", "s", "t"], body=body,
                num_scan_inputs=len(inputs), **attributes)


@pytest.mark.parametrize("n", [pytest.param(4, id="static"),
                               pytest.param("n", id="dynamic")])
@pytest.mark.parametrize("attributes", [
    {}, {"scan_input_directions": [1]}, {"scan_output_directions": [1, 0]},
    {"scan_input_axes": [1]}, {"scan_input_axes": [-1], "scan_output_axes": [1, 0]}],
    ids=["plain", "backwards", "out backwards", "axis", "axes"])
def test_scan(attributes, n, tmp_path):
    across = "scan_input_axes" in attributes
    first = [3, n] if attributes.get("scan_output_axes") else [n, 3]
    main = graph([scan(["h0", "k0"], ["xs"], attributes)],
                 [("h0", F32, [3]), ("k0", F32, [3]), ("xs", F32, [3, n] if across else [n, 3])],
                 [("h", F32, [3]), ("k", F32, [3]), ("s", F32, first), ("t", F32, [n, 3])],
                 {"w": rows(10, 1)[0]})
    xs = rows(11, 4)
    agrees(tmp_path, main, {"h0": rows(12, 1)[0], "k0": rows(13, 1)[0],
                            "xs": np.ascontiguousarray(xs.T) if across else xs})


def test_scan_in_a_loop(tmp_path):
    body = loop_body([scan(["a", "a"], ["xs"], {}), node("Add", ["h", "k"], ["next"])],
                     [("a", "next", [3])], [("s", [4, 3])])
    main = graph([node("Loop", ["two", "", "h0"], ["y", "z"], body=body)],
                 [("h0", F32, [3]), ("xs", F32, [4, 3])],
                 [("y", F32, [3]), ("z", F32, [2, 4, 3])],
                 {"w": rows(14, 1)[0], "two": np.int64(2)})
    agrees(tmp_path, main, {"h0": rows(15, 1)[0], "xs": rows(16, 4)})
