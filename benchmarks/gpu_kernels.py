#!/usr/bin/env python3
"""Prints what kernels for CUDA do, counted on the emulated device, with bounds.

    gpu_kernels.py [--only NAME,...] [--json FILE] [--binaries FOLDER]

Every figure but the seconds of emulation is exact and the same on every machine;
none says how fast a GPU is. Registers and spills are what ptxas states for sm_80, sm_89
and sm_90 ("-": there is no ptxas). Exit status 1 if a bound does not hold. Needs a build (tools/setup.sh).
"""
import argparse
import dataclasses
import json
import math
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
from onnx import helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import device_kernel  # noqa: E402
import gpu_coded  # noqa: E402
import gpu_products  # noqa: E402
import harness  # noqa: E402
import test_device_attention  # noqa: E402
import workloads  # noqa: E402

TARGET = "--target=cuda:sm_80"
CHIPS = ("sm_80", "sm_89", "sm_90")
SECTOR = 32  # bytes


@dataclasses.dataclass
class Figure:
    """A counted value; `bound`: what it must be at most, or equal if `exact`."""
    kernel: str
    name: str
    value: float | int | str
    bound: float | int | None = None
    exact: bool = False

    @property
    def holds(self):
        """None without a bound, or where the value could not be had ("-")."""
        if self.bound is None or isinstance(self.value, str):
            return None
        return self.value == self.bound if self.exact else self.value <= self.bound

    def cells(self):
        def text(number):
            return f"{number:.3f}" if isinstance(number, float) else (
                f"{number:,}" if isinstance(number, int) else number)

        bound = "" if self.bound is None else (
            ("= " if self.exact else "<= ") + text(self.bound))
        return [self.kernel, self.name, text(self.value), bound,
                {None: "", True: "yes", False: "NO"}[self.holds]]


def traffic(kernel):
    """Bytes of global memory in the sectors that a kernel touches."""
    return SECTOR * (kernel["globalLoad"]["sectors"] + kernel["globalStore"]["sectors"])


def bank_figures(name, kernel):
    """A pass over the banks moves at most 128 bytes. A request of 16 bytes a thread
    takes 4 passes at least, one of 4 bytes takes 1."""
    wavefronts, requests, size = (
        sum(kernel[side][what] for side in ("sharedLoad", "sharedStore"))
        for what in ("wavefronts", "requests", "bytes"))
    yield Figure(name, "wavefronts / (bytes of shared memory / 128)",
                 wavefronts * 128 / size, 1.6)
    yield Figure(name, "wavefronts / requests of shared memory", wavefronts / requests)


def ptxas_figures(name, model, folder, *flags):
    """Registers of the kernel that has most, on each of CHIPS, and what all kernels
    spill, on all of them."""
    ptx = harness.compile_model(model, os.path.join(folder, "assembled.ptx"), TARGET,
                                "--emit=ptx", *flags)
    used = [device_kernel.assemble(ptx, chip) for chip in CHIPS]
    if None in used:
        yield Figure(name, "registers", "-")
        yield Figure(name, "spilled bytes", "-", 0, True)
    else:
        yield Figure(name, "registers", " / ".join(
            str(registers) for registers, _ in used))
        yield Figure(name, "spilled bytes", sum(spills for _, spills in used), 0, True)


def matmul_figures(folder, kind, trans_a, trans_b, size=512):
    name = f"matmul {size}x{size}x{size} {kind}, A{'ᵀ' * trans_a} B{'ᵀ' * trans_b}"
    model = gpu_products.gemm(os.path.join(folder, "m.onnx"), size, size, size, kind,
                              trans_a, trans_b)
    device = gpu_products.Device(model)
    kernel = gpu_products.count(device, folder, model, size, size)
    rows, columns, _ = map(int, device.field("schedule").split()[1].split("x"))
    blocks = math.ceil(size / rows) * math.ceil(size / columns)
    element = 4 if kind == "f32" else 2
    least = (blocks * (rows + columns) * size + size * size) * element
    yield Figure(name, f"sectors x 32 / bytes of {blocks} tiles of {rows} x {columns}",
                 traffic(kernel) / least, 1.10)
    yield from bank_figures(name, kernel)
    if kind != "f32":
        yield Figure(name, "mma / (m n k / 2048)",
                     sum(kernel["matrix"].values()) * 2048 / size ** 3, 1.0, True)
    yield from ptxas_figures(name, model, folder)


def matmul(folder):
    for trans_a, trans_b in gpu_products.LAYOUTS:
        yield from matmul_figures(folder, "f16", trans_a, trans_b)
    yield from matmul_figures(folder, "f32", 0, 0)


def coded_figures(folder, name, case, inputs, per, size):
    """The counters of the only kernel with matrix instructions, the number of others,
    and what is said of all products of codes."""
    binary = harness.compile_model(case.path, case.path + ".so", TARGET)
    given = os.path.join(folder, "inputs.npz")
    harness.write_npz(given, inputs)
    kernels = count_run(binary, folder, f"--inputs={given}")
    (product,) = [k for k in kernels.values() if k["matrix"]]
    return product, len(kernels) - 1, [
        Figure(name, f"mma / (m n k / {per})",
               sum(product["matrix"].values()) * per / size ** 3, 1.0, True),
        *bank_figures(name, product), *ptxas_figures(name, case.path, folder)]


def coded_weights(folder, size=512):
    """f16 times weights in 8 and 4 bits."""
    for code, group, share in (("i8", 0, 1 / 2), ("i4", 0, 1 / 4), ("i8", 64, 1 / 2),
                               ("i4", 64, 1 / 4), ("e4m3", 0, 1 / 2)):
        name = (f"matmul {size}x{size}x{size} f16 by {code}, " +
                (f"groups of {group}" if group else "a scale a column"))
        case = gpu_coded.WeightProduct(os.path.join(folder, "m.onnx"), size, size, size,
                                       "f16", code, group)
        schedule = gpu_coded.get_record(case)["schedule"]
        rows, columns, _ = map(int, schedule.split()[1].split("x"))
        product, others, figures = coded_figures(folder, name, case, case.make_inputs(),
                                                 2048, size)
        activations = size // columns * size * size * 2
        weights = size // rows * size * size * 2
        loaded = product["globalLoad"]["sectors"] * SECTOR - activations
        # An f16 for each group; those of columns are read behind the sums.
        yield Figure(name, "sectors x 32 of weights and scales / those of f16 weights",
                     loaded / weights, share + (1 / group if group else 0.03))
        yield Figure(name, "other kernels", others, 0, True)
        yield from figures


def coded_operands(folder, size=512):
    """Activations, rounded by one kernel, times weights in few bits."""
    for codes, per in ((("i4", "i4"), 8192), (("i8", "i4"), 4096), (("i8", "i8"), 4096),
                       (("e4m3", "e4m3"), 2048)):
        name = f"matmul {size}x{size}x{size} {codes[0]} by {codes[1]}, groups of 64"
        case = gpu_coded.CodedProduct(os.path.join(folder, "m.onnx"), size, size, size,
                                      codes, (0, 64))
        _, others, figures = coded_figures(folder, name, case, {"x": case.x}, per, size)
        yield Figure(name, "other kernels: the one that rounds", others, 1, True)
        yield from figures


def attention(folder, length=1024, size=64, heads=2):
    name = f"attention, {heads} heads of {size}, {length} positions, f16"
    path = pathlib.Path(folder)
    case = test_device_attention.Attention(path, "f16", size, heads=heads,
                                           fixed=(length, length))
    _, kernel = case.run(case.make_inputs(1, length, length))
    blocks = math.ceil(length / case.kernel.record["rows"])
    operand = heads * length * size * 2
    yield Figure(name, f"sectors x 32 / bytes of Q + O + {blocks} (K + V)",
                 traffic(kernel) / (operand * (2 + 2 * blocks)), 1.15)
    yield Figure(name, "mma / (4 m n d / 4096)", sum(kernel["matrix"].values()) * 1024 /
                 (heads * length * length * size), 1.0, True)
    yield from bank_figures(name, kernel)
    yield from ptxas_figures(name, path / "model.onnx", folder)
    yield from attention_memory(name, path, size, heads)


def attention_memory(name, path, size, heads):
    case = test_device_attention.Attention(path, "f16", size, heads=heads)
    binary = harness.compile_model(path / "model.onnx", path / "model.so", TARGET)
    stats = [harness.run_model(binary, case.make_inputs(1, length, length), path,
                               "--device=emulated")[1] for length in (512, 1024)]
    yield Figure(name, "bytes of the arena", stats[1]["predicted_peak_bytes"],
                 2 * stats[0]["predicted_peak_bytes"])
    yield Figure(name, "bytes on the device / those for half of the positions",
                 stats[1]["device_bytes"] / stats[0]["device_bytes"], 2.0)


def count_run(binary, folder, *flags):
    """{kernel: counters} of one run on the emulated device, with random inputs."""
    counters = os.path.join(folder, "counters.json")
    harness.check(harness.run("cinch-run", binary, "--device=emulated", "--quiet",
                              f"--counters={counters}", *flags), binary)
    with open(counters) as file:
        return json.load(file)["kernels"]


def moved(folder, name, kind, shape, nodes, inputs=1, constants=()):
    """A model of one kernel, from `inputs` tensors of `shape` (x0, x1, …) to y."""
    title = f"{name} {'x'.join(map(str, shape))} {kind}"
    element, dtype, _ = gpu_products.TYPES[kind]
    weights = [helper.make_node("Constant", [], [constant], value=numpy_helper.from_array(
        np.linspace(0.5, 1.5, shape[-1]).astype(dtype))) for constant in constants]
    model = gpu_products.save(
        os.path.join(folder, "m.onnx"), weights + nodes,
        [gpu_products.value(f"x{n}", element, shape) for n in range(inputs)],
        gpu_products.value("y", element, shape))
    binary = harness.compile_model(model, model + ".so", TARGET)
    kernels = count_run(binary, folder)
    tensor = math.prod(shape) * np.dtype(dtype).itemsize
    least = (inputs + 1) * tensor + len(constants) * tensor // math.prod(shape[:-1])
    assert [k["launches"] for k in kernels.values()] == [1], f"{title}: {list(kernels)}"
    yield Figure(title, "sectors x 32 / bytes of inputs and outputs",
                 sum(map(traffic, kernels.values())) / least, 1.05)
    yield from ptxas_figures(title, model, folder)


SOFTMAX_SHAPES = ((4096, 64), (4096, 128), (4096, 256), (4096, 384), (4096, 1024),
                  (1024, 4096))


def softmax(folder, cases=tuple((kind, shape) for kind in ("f32", "f16", "bf16")
                                for shape in SOFTMAX_SHAPES)):
    for kind, shape in cases:
        yield from moved(folder, "softmax", kind, shape,
                         [helper.make_node("Softmax", ["x0"], ["y"], axis=-1)])


def layer_norm(folder, cases=(("f32", (65536, 256)), ("f32", (65536, 512)),
                              ("f16", (65536, 64)), ("f16", (65536, 128)),
                              ("f16", (65536, 256)), ("f16", (65536, 384)),
                              ("bf16", (65536, 256)))):
    """Enough rows that the scale and the offset, read once by each warp, are few."""
    for kind, shape in cases:
        yield from moved(
            folder, "layer norm", kind, shape, [helper.make_node(
                "LayerNormalization", ["x0", "scale", "offset"], ["y"], axis=-1)],
            constants=("scale", "offset"))


def gelu(folder, kinds=("f32", "f16", "bf16")):
    for kind in kinds:
        yield from moved(folder, "GELU (erf)", kind, (1024, 1024),
                         [helper.make_node("Gelu", ["x0"], ["y"])])


def residual(folder, kinds=("f32", "f16", "bf16")):
    for kind in kinds:
        yield from moved(folder, "residual add", kind, (1024, 1024),
                         [helper.make_node("Add", ["x0", "x1"], ["y"])], inputs=2)


def sentence_encoder(folder, layers=3):
    workload = next(w for w in workloads.WORKLOADS if w.name == "minilm_l3")
    model = harness.model_path(workload.model)
    inputs = os.path.join(folder, "inputs.npz")
    harness.write_npz(inputs, workloads.feed(
        workload, harness.load_model(workload.model)))
    for kind, flags in (("f16", ["--precision=f16"]), ("f32", [])):
        name = f"minilm_l3, 128 tokens, {kind}"
        binary = harness.compile_model(model, os.path.join(folder, "m.so"), TARGET,
                                       *flags)
        started = time.monotonic()
        kernels = count_run(binary, folder, f"--inputs={inputs}").values()
        seconds = time.monotonic() - started
        launches = [k["launches"] for k in kernels]
        # Kernels of a layer run once, or several times, in each of them.
        yield Figure(name, "launches of a layer",
                     sum(n for n in launches if n % layers == 0) // layers, 8)
        yield Figure(name, "launches", sum(launches))
        yield Figure(name, "mma", sum(sum(k["matrix"].values()) for k in kernels))
        yield from ptxas_figures(name, model, folder, *flags)
        yield Figure(name, "emulation takes (no time of a GPU)", f"{seconds:.1f} s")


MEASUREMENTS = {"matmul": matmul, "coded_weights": coded_weights,
                "coded_operands": coded_operands, "attention": attention, "softmax": softmax,
                "layer_norm": layer_norm, "gelu": gelu, "residual": residual,
                "minilm_l3": sentence_encoder}


def row(cells):
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME,...",
                        help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--binaries", metavar="FOLDER", default=harness.BUILD,
                        help="a build folder (default: build)")
    arguments = parser.parse_args()
    harness.BUILD = os.path.abspath(arguments.binaries)
    selected = list(filter(None, arguments.only.split(","))) or list(MEASUREMENTS)
    for name in set(selected) - set(MEASUREMENTS):
        parser.error(f"--only: {name} is not one of {', '.join(MEASUREMENTS)}")
    for tool in ("cinch-compile", "cinch-emulate", "cinch-opt", "cinch-run"):
        if not os.path.exists(os.path.join(harness.BUILD, "bin", tool)):
            sys.exit(f"gpu_kernels: no {tool} in {harness.BUILD}/bin: run tools/setup.sh")
    figures = []
    print(row(["kernel", "figure", "value", "bound", "holds"]))
    print(row(["---", "---", "---:", "---:", "---"]))
    for name in selected:
        with tempfile.TemporaryDirectory(prefix="cinch-gpu-") as folder:
            for figure in MEASUREMENTS[name](folder):
                figures.append(figure)
                print(row(figure.cells()), flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump([{**dataclasses.asdict(f), "holds": f.holds} for f in figures],
                      file, indent=1)
    sys.exit(any(f.holds is False for f in figures))


if __name__ == "__main__":
    main()
