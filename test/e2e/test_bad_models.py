"""Models that are damaged, contradictory or hostile are refused in words: exit
status 1 (or 77 where they are only unsupported), no crash, no file left."""
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import harness

F32 = TensorProto.FLOAT


def refused(path, folder, statuses=(1, 77)):
    """Compiles and asserts the refusal; returns what the tool said."""
    output = os.path.join(folder, "out", "model.so")
    os.makedirs(os.path.dirname(output), exist_ok=True)
    done = harness.run("cinch-compile", path, "-o", output, timeout=60)
    assert done.status in statuses, f"status {done.status}\n{done.output}"
    assert done.output.strip(), "refused without a word"
    assert not os.listdir(os.path.dirname(output))
    return done.output


def survives(path, folder):
    """Compiles; any status of a clean end will do."""
    output = os.path.join(folder, "out", "model.so")
    os.makedirs(os.path.dirname(output), exist_ok=True)
    done = harness.run("cinch-compile", path, "-o", output, timeout=120)
    assert done.status in (0, 1, 77), f"status {done.status}\n{done.output}"
    if done.status:
        assert done.output.strip(), "refused without a word"
        assert not os.listdir(os.path.dirname(output))


def save(folder, nodes, inputs=None, outputs=None, initializers=(), opset=17,
         change=None):
    def infos(values):
        return [helper.make_tensor_value_info(name, kind, shape)
                for name, kind, shape in values]

    graph = helper.make_graph(
        nodes, "main", infos(inputs or [("x", F32, [2, 3])]),
        infos(outputs or [("y", F32, [2, 3])]), list(initializers))
    model = helper.make_model(graph, ir_version=8,
                              opset_imports=[helper.make_opsetid("", opset)])
    if change:
        change(model)
    path = os.path.join(folder, "model.onnx")
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    return path


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


@pytest.mark.parametrize("text", [b"", b"\x00", b"not a model", b"\xff" * 1000,
                                  b"\x3a\xff\xff\xff\xff\x7f"])
def test_not_a_model(text, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(text)
    refused(path, tmp_path)


def test_no_such_file(tmp_path):
    assert "absent.onnx" in refused(tmp_path / "absent.onnx", tmp_path)


def test_folder(tmp_path):
    refused(tmp_path, tmp_path, (1, 2))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99, 0.9999])
def test_truncated(share, tmp_path):
    with open(harness.model_path("gen_qdq_cnn"), "rb") as file:
        data = file.read()
    path = tmp_path / "model.onnx"
    path.write_bytes(data[:int(len(data) * share)])
    refused(path, tmp_path)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits(seed, tmp_path):
    """In the structure of the file, outside the weights' bytes."""
    with open(harness.model_path("light_squeezenet"), "rb") as file:
        data = bytearray(file.read())
    rng = np.random.default_rng(seed)
    for _ in range(1 + seed % 4):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    survives(path, tmp_path)


def test_cycle(tmp_path):
    refused(save(tmp_path, [node("Add", ["x", "b"], ["a"]),
                            node("Relu", ["a"], ["b"]),
                            node("Relu", ["b"], ["y"])]), tmp_path)


def test_missing_input(tmp_path):
    message = refused(save(tmp_path, [node("Add", ["x", "nowhere"], ["y"])]), tmp_path)
    assert "nowhere" in message


def test_missing_output(tmp_path):
    message = refused(save(tmp_path, [node("Relu", ["x"], ["z"])]), tmp_path)
    assert "y" in message


def test_value_defined_twice(tmp_path):
    refused(save(tmp_path, [node("Relu", ["x"], ["y"]),
                            node("Abs", ["x"], ["y"])]), tmp_path)


def test_duplicate_inputs(tmp_path):
    refused(save(tmp_path, [node("Relu", ["x"], ["y"])],
                 inputs=[("x", F32, [2, 3]), ("x", F32, [2, 3])]), tmp_path)


def test_no_outputs(tmp_path):
    refused(save(tmp_path, [node("Relu", ["x"], ["y"])],
                 change=lambda m: m.graph.ClearField("output")), tmp_path)


def test_operands_of_different_types(tmp_path):
    refused(save(tmp_path, [node("Add", ["x", "i"], ["y"])],
                 inputs=[("x", F32, [2, 3]), ("i", TensorProto.INT64, [2, 3])]),
            tmp_path)


def test_operands_that_do_not_broadcast(tmp_path):
    refused(save(tmp_path, [node("Add", ["x", "z"], ["y"])],
                 inputs=[("x", F32, [2, 3]), ("z", F32, [2, 4])]), tmp_path)


def test_declared_output_of_another_type(tmp_path):
    refused(save(tmp_path, [node("Relu", ["x"], ["y"])],
                 outputs=[("y", TensorProto.INT64, [2, 3])]), tmp_path)


@pytest.mark.parametrize("kind", [0, 99, -1])
def test_unknown_element_type(kind, tmp_path):
    def change(model):
        model.graph.input[0].type.tensor_type.elem_type = kind
    refused(save(tmp_path, [node("Relu", ["x"], ["y"])], change=change), tmp_path)


def test_unknown_operator(tmp_path):
    message = refused(save(tmp_path, [node("Frobnicate", ["x"], ["y"])]), tmp_path, (77,))
    for word in ("Frobnicate", "domain 'ai.onnx'", "opset 17", "[2, 3] float"):
        assert word in message


def test_operator_of_another_opset(tmp_path):
    """BitwiseAnd came with opset 18: with 17 the model is invalid."""
    message = refused(save(tmp_path, [node("BitwiseNot", ["x"], ["y"])]), tmp_path, (1,))
    assert "from opset 18" in message


def test_opset_of_the_future(tmp_path):
    message = refused(save(tmp_path, [node("Relu", ["x"], ["y"])], opset=1000),
                      tmp_path, (77,))
    assert "opset 1000" in message


def test_operator_of_another_domain(tmp_path):
    def change(model):
        model.opset_import.add(domain="com.example", version=3)
    message = refused(save(tmp_path, [node("Fuse", ["x"], ["y"], domain="com.example",
                                           name="here")], change=change), tmp_path, (77,))
    for word in ("'here'", "Fuse", "'com.example'", "opset 3"):
        assert word in message


def test_everything_unsupported_is_listed_at_once(tmp_path):
    message = refused(save(tmp_path, [node("Frobnicate", ["x"], ["a"], name="first"),
                                      node("Defenestrate", ["a"], ["y"], name="second")]),
                      tmp_path, (77,))
    for word in ("Frobnicate", "first", "Defenestrate", "second", "2 places"):
        assert word in message


def test_what_depends_on_the_unsupported_is_checked(tmp_path):
    """Attributes, and the nodes inside branches and functions."""
    then = helper.make_graph([node("Frobnicate", ["a"], ["t"], name="inner")], "then", [],
                             [helper.make_tensor_value_info("t", F32, None)])
    other = helper.make_graph([node("Identity", ["a"], ["e"])], "else", [],
                              [helper.make_tensor_value_info("e", F32, None)])

    def change(model):
        model.opset_import.add(domain="local", version=1)
        model.functions.append(helper.make_function(
            "local", "Twice", ["u"], ["v"], [node("Wobble", ["u"], ["v"])],
            [helper.make_opsetid("", 17)]))
    message = refused(save(tmp_path, [
        node("Defenestrate", ["x"], ["a"]),
        node("If", ["a"], ["i"], name="choice", then_branch=then, else_branch=other),
        node("Twice", ["i"], ["y"], domain="local")], change=change), tmp_path, (77,))
    for word in ("Defenestrate", "Frobnicate", "Wobble", "3 places"):
        assert word in message
    message = refused(save(tmp_path, [node("Defenestrate", ["x"], ["a"]),
                                      node("Softmax", ["a"], ["y"], axes=1)]),
                      tmp_path, (1,))
    assert "'axes' does not exist" in message and "Defenestrate" in message


@pytest.mark.parametrize("dims", [[-3, 2], [2**62, 2**62], [2**63 - 1, 2],
                                  [2**40, 2**20]])
def test_absurd_input_dimensions(dims, tmp_path):
    refused(save(tmp_path, [node("Relu", ["x"], ["y"])], inputs=[("x", F32, dims)],
                 outputs=[("y", F32, dims)]), tmp_path)


@pytest.mark.parametrize("dims, count", [([-1, 4], 4), ([2**62, 2**62], 4), ([100], 4),
                                         ([2], 4)])
def test_weight_whose_bytes_do_not_fit_its_dimensions(dims, count, tmp_path):
    weight = TensorProto(name="w", data_type=F32, dims=dims, raw_data=b"\0" * 4 * count)
    refused(save(tmp_path, [node("Add", ["x", "w"], ["y"])], initializers=[weight]),
            tmp_path)


CONV = [("x", F32, [1, 4, 8, 8])]
WEIGHT = numpy_helper.from_array(np.ones((4, 4, 3, 3), np.float32), "w")


@pytest.mark.parametrize("attributes", [
    {"strides": [0, 0]}, {"strides": [-1, 1]}, {"dilations": [0, 1]}, {"group": 0},
    {"group": 3}, {"group": -4}, {"pads": [-9, 0, 0, 0]}, {"pads": [1, 1]},
    {"kernel_shape": [0, 0]}, {"kernel_shape": [5, 5]}, {"strides": [1, 1, 1]},
    {"pads": [2**62, 2**62, 2**62, 2**62]}, {"dilations": [2**62, 2**62]},
    {"auto_pad": "SOMEHOW"}, {"strides": 2}, {"group": "two"}])
def test_absurd_convolution(attributes, tmp_path):
    refused(save(tmp_path, [node("Conv", ["x", "w"], ["y"], **attributes)], inputs=CONV,
                 outputs=[("y", F32, None)], initializers=[WEIGHT]), tmp_path)


@pytest.mark.parametrize("op, attributes", [
    ("Transpose", {"perm": [0, 0]}), ("Transpose", {"perm": [0, 5]}),
    ("Transpose", {"perm": [0]}), ("Softmax", {"axis": 7}), ("Softmax", {"axis": -9}),
    ("Flatten", {"axis": 2**62}), ("Concat", {"axis": 9}), ("Cast", {"to": 1000}),
    ("ReduceMean", {"axes": [4]}), ("ReduceMean", {"axes": [0, 0]})])
def test_absurd_attribute(op, attributes, tmp_path):
    refused(save(tmp_path, [node(op, ["x"], ["y"], **attributes)],
                 outputs=[("y", F32, None)]), tmp_path)


@pytest.mark.parametrize("shape", [[7], [-1, -1], [-5, 2], [2**62, 2**62], [0, 0, 0]])
def test_absurd_reshape(shape, tmp_path):
    target = numpy_helper.from_array(np.array(shape, np.int64), "s")
    refused(save(tmp_path, [node("Reshape", ["x", "s"], ["y"])], initializers=[target],
                 outputs=[("y", F32, None)]), tmp_path)


@pytest.mark.parametrize("inputs", [[], ["x"], ["x", "x", "x"]])
def test_wrong_number_of_inputs(inputs, tmp_path):
    refused(save(tmp_path, [node("Add", inputs, ["y"])]), tmp_path)


def external(name, location, offset="0", length="24"):
    tensor = TensorProto(name=name, data_type=F32, dims=[2, 3],
                         data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=value)
    return tensor


def with_external(folder, tensor):
    return save(folder, [node("Add", ["x", "w"], ["y"])], initializers=[tensor])


@pytest.mark.parametrize("location, offset, length", [
    ("../outside.bin", "0", "24"), ("sub/../../outside.bin", "0", "24"),
    ("link.bin", "0", "24"), ("absent.bin", "0", "24"), ("", "0", "24"),
    ("inside.bin", "8", "24"), ("inside.bin", "-8", "24"), ("inside.bin", "0", "-24"),
    ("inside.bin", "9223372036854775807", "24"), ("inside.bin", "0", "20"),
    ("inside.bin", "zero", "24"), ("ABSOLUTE", "0", "24")])
def test_external_data(location, offset, length, tmp_path):
    (tmp_path / "outside.bin").write_bytes(bytes(24))
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "inside.bin").write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    if location == "ABSOLUTE":
        location = str(folder / "inside.bin")
    refused(with_external(folder, external("w", location, offset, length)), folder)


def test_good_external_data_is_accepted(tmp_path):
    (tmp_path / "inside.bin").write_bytes(bytes(24))
    harness.compile_model(with_external(tmp_path, external("w", "inside.bin")),
                          tmp_path / "model.so")
