"""Faults in device code, put there one at a time: each must be noticed.

A mutant of the PTX lacks a barrier, a wait or the end of a group of copies, has a
load of matrices that is not transposed, or one address that is further by the bytes
of its access (an element, or what its alignment asks for: 16 for a copy of 16 bytes).
The emulated device reports it, or the result is wrong by more than rounding explains.
What survives would be superfluous: nothing does. (bar.warp.sync is not tried: the
lanes of the emulated device take every step together.)

Where most of the addresses are those of unrolled loops, every second, fourth or eighth
is shifted, or all with CINCH_TEST_ALL=1.
"""
import math
import os

import numpy as np
from onnx import TensorProto, helper
import pytest

import ptx_mutants
from device_kernel import DeviceKernel, Fault
from gpu_products import (TYPES, Device, error, gemm, multiply, random_inputs, save, tiles,
                          value)
from test_device_attention import Attention
from test_gpu_schedules import INTEGERS

ALL = bool(os.environ.get("CINCH_TEST_ALL"))


def check_mutants(case, step=1):
    """`case.ptx` is right by `case.is_right`, and none of its mutants is."""
    assert case.is_right(case.ptx)
    shifted = list(ptx_mutants.shifted(case.ptx))
    mutants = [*ptx_mutants.without(case.ptx), *ptx_mutants.straight(case.ptx),
               *shifted[::1 if ALL else step]]
    assert len(shifted) >= 3
    assert [str(mutant) for mutant in mutants if case.is_right(mutant.ptx)] == []


class Product:
    """A matrix product of m x n x k; options are those of lower-kernels-to-gpu."""

    def __init__(self, folder, kind, trans_a, trans_b, m, n, k, options=""):
        self.folder = str(folder)
        model = gemm(f"{folder}/m.onnx", m, n, k, kind, trans_a, trans_b)
        self.inputs = random_inputs(model)
        self.want = multiply(self.inputs, trans_a, trans_b)
        self.like = self.want.astype(TYPES[kind][1])
        self.tolerance = 2e-3 if options else TYPES[kind][2]  # tf32
        self.device = Device(model, options=options)
        self.ptx = self.device.ptx
        schedule = self.device.field("schedule").split()
        self.blocks = (tiles(self.device, m, n) if schedule[0] in ("mma", "fma") else
                       math.ceil(max(m, n) / int(schedule[-1].split("x")[1])))

    def is_right(self, ptx):
        got, _ = self.device.launch(self.folder, [self.inputs["a"], self.inputs["b"]],
                                    self.like, self.blocks, ptx)
        return got is not None and error(got, self.want) <= self.tolerance


@pytest.mark.parametrize("kind, trans_a, trans_b, m, n, k", [
    ("f16", 0, 0, 64, 64, 288), ("f16", 1, 1, 64, 64, 288), ("f16", 0, 1, 33, 35, 131),
    ("f16", 1, 0, 64, 40, 96), ("f32", 0, 0, 64, 64, 160), ("f32", 1, 1, 40, 72, 64),
    ("f32", 0, 1, 33, 35, 131), ("f32", 1, 0, 65, 64, 80)])
def test_products(tmp_path, kind, trans_a, trans_b, m, n, k):
    check_mutants(Product(tmp_path, kind, trans_a, trans_b, m, n, k))


@pytest.mark.parametrize("trans_a, trans_b", [(0, 0), (1, 1)])
def test_products_of_tf32(tmp_path, trans_a, trans_b):
    check_mutants(Product(tmp_path, "f32", trans_a, trans_b, 64, 64, 160,
                          "allow-tf32=true"))


@pytest.mark.parametrize("kind", ["f16", "f32"])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_products_of_few_rows(tmp_path, kind, trans_b):
    check_mutants(Product(tmp_path, kind, 0, trans_b, 2, 200, 300))


class Integers:
    """A product of 35 x 44 x 120 bytes; in every step some of each 32 are there."""

    def __init__(self, folder):
        self.folder = str(folder)
        body = "\n".join(f"{to} = arith.extsi {of} : i8 to i32"
                         for to, of in (("%p", "%x"), ("%q", "%y")))
        path = folder / "k.mlir"
        path.write_text(INTEGERS.format("i8", body).replace("70", "120"))
        self.device = Device(str(path), program=str(path))
        self.ptx = self.device.ptx
        random = np.random.default_rng(3)
        self.inputs = [random.integers(-128, 127, shape, np.int8, endpoint=True)
                       for shape in ((35, 120), (120, 44))]
        a, b = (array.astype(np.int32) for array in self.inputs)
        self.want = a @ b

    def is_right(self, ptx):
        got, _ = self.device.launch(self.folder, self.inputs, self.want,
                                    tiles(self.device, 35, 44), ptx)
        return got is not None and np.array_equal(got, self.want)


def test_products_of_integers(tmp_path):
    check_mutants(Integers(tmp_path))


class Heads:
    """Attention of many queries and of few, each with keys and without."""

    def __init__(self, folder, kind, size, **options):
        self.case = Attention(folder, kind, size, **options)
        self.ptx = self.case.kernel.ptx
        few = 15 // self.case.group
        self.runs = [self.case.make_inputs(1, queries, keys)
                     for queries, keys in [(130, 150), (few, 300), (few, 0), (20, 0)]]
        for inputs in self.runs:
            if options.get("mask") == "causal":  # of which neighbours are equal
                random = np.random.default_rng(7)
                inputs["mask"] = random.random(inputs["mask"].shape) < 0.6
        ways = [self.case.get_way(inputs["q"].shape[3]) for inputs in self.runs]
        assert ways[0] == ways[3] != ways[1] == ways[2]

    def is_right(self, ptx):
        try:
            return all(self.case.check(inputs, ptx) for inputs in self.runs)
        except Fault:
            return False


@pytest.mark.parametrize("kind, size, step", [("f32", 64, 4), ("f32", 24, 4),
                                              ("f16", 64, 2), ("f16", 256, 8),
                                              ("f16", 9, 1)])
def test_attention(kind, size, step, tmp_path):
    check_mutants(Heads(tmp_path, kind, size), step)


@pytest.mark.parametrize("kind, mask", [("f16", "causal"), ("f32", "added")])
def test_masked_attention(kind, mask, tmp_path):
    check_mutants(Heads(tmp_path, kind, 64, group=3, mask=mask), 8)


class Rows:
    """The softmax of rows, or their mean (a single statistic)."""

    def __init__(self, folder, operator, rows, columns):
        node = helper.make_node(operator, ["x"], ["y"])
        node.attribute.append(helper.make_attribute(
            *(("axis", -1) if operator == "Softmax" else ("axes", [-1]))))
        x = 4 * np.random.default_rng(5).standard_normal((rows, columns))
        self.x = x.astype(np.float32)
        x = self.x.astype(np.float64)
        e = np.exp(x - x.max(1, keepdims=True))
        self.want = (e / e.sum(1, keepdims=True) if operator == "Softmax" else
                     x.mean(1, keepdims=True))
        model = save(f"{folder}/m.onnx", [node],
                     [value("x", TensorProto.FLOAT, x.shape)],
                     value("y", TensorProto.FLOAT, self.want.shape), opset=17)
        self.kernel = DeviceKernel(model, folder)
        self.ptx = self.kernel.ptx
        self.blocks = min(rows, 512)

    def is_right(self, ptx):
        try:
            got, _ = self.kernel.run({"x": self.x}, {}, self.blocks, ptx)
        except Fault:
            return False
        return error(got, self.want) <= 1e-5


@pytest.mark.parametrize("operator", ["Softmax", "ReduceMean"])
@pytest.mark.parametrize("rows, columns", [(3, 2048), (3, 4099), (600, 1040)])
def test_rows(operator, rows, columns, tmp_path):
    """Of 600 rows some blocks have two."""
    check_mutants(Rows(tmp_path, operator, rows, columns), 1 if rows == 3 else 4)
