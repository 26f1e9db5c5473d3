"""The device code of a model that is one kernel, launched by cinch-emulate: for
counters, for damaged code, and for what ptxas says of it."""
import json
import os
import re
import shutil
import subprocess

import numpy as np

import harness

TYPES = {"f32": np.float32, "f16": np.float16, "bf16": np.uint16, "i1": np.bool_}
PTXAS = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"


def ceil_div(a, b):
    return -(-a // b)


def is_fault(done):
    """Whether the device reports a fault of a thread; else the code was refused, or
    nothing is wrong."""
    return done.status == 1 and re.search(r"kernel \w+, line \d+, block", done.output)


class Fault(Exception):
    """What the emulated device reports."""


class DeviceKernel:
    """`model` compiled for `target`; its only kernel reads inputs or views of
    them."""

    def __init__(self, model, folder, target="cuda:sm_80"):
        self.folder = str(folder)
        self.ptx_path = self.path("kernel.ptx")
        program = self.path("program.mlir")
        for form, path in (("ptx", self.ptx_path), ("exec", program)):
            harness.compile_model(model, path, f"--target={target}", f"--emit={form}")
        with open(self.ptx_path) as file:
            self.ptx = file.read()
        with open(program) as file:
            text = file.read()
        lowered = harness.run("cinch-opt", program, "-lower-kernels-to-gpu")
        harness.check(lowered, "cinch-opt -lower-kernels-to-gpu")
        functions = re.search(r"exec\.device_functions = (\[.*?\])", lowered.output)[1]
        (self.function,) = json.loads(re.sub(r"(\w+) = ", r'"\1": ', functions).replace(
            " : i64", ""))
        main = text[text.index("func.func @main"):].split("\n  }\n")[0]
        self.sources = {name: (source, None) for name, source in re.findall(
            r'(%arg\d+): tensor<[^>]*> \{[^}]*graph\.name = "(\w+)"\}', main)}
        for name, source, dims in re.findall(
                r"(%\d+) = exec\.view (%\w+) \{dims = \[(\[.*?\])\]", main):
            self.sources[name] = (source, dims)
        ((arguments, self.result_dims, types, result),) = re.findall(
            r"= exec\.kernel @\w+\((.*?)\) \{dims = \[(\[.*?\])\].*"
            r" : \((.*?)\) -> tensor<(.*?)>", main)
        self.arguments = list(zip(arguments.split(", "),
                                  re.findall(r"tensor<(.*?)>", types)))
        self.result = result

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def record(self):
        return self.function["record"]

    @staticmethod
    def _shape(dims, symbols):
        return [int(dim) for dim in eval(dims.replace('"', ""), {}, symbols)]

    def _value(self, name, inputs, symbols):
        source, dims = self.sources[name]
        if dims is None:
            return inputs[source]
        return self._value(source, inputs, symbols).reshape(self._shape(dims, symbols))

    def run(self, inputs, symbols, blocks, ptx=None):
        """The result of a launch of `blocks` blocks, and its counters; raises
        Fault. `words` are those of the launch, by name."""
        flags, self.words = [], {}

        def add_sizes(shape, type_text):
            self.words[f"word{len(flags) - 1}"] = 0  # an address
            for size, dim in zip(shape, type_text.split("x")):
                if dim == "?":
                    self.words[f"word{len(flags)}"] = size
                    flags.append(f"--arg=i64:{size}")

        for number, (name, type_text) in enumerate(self.arguments):
            value = np.ascontiguousarray(self._value(name, inputs, symbols))
            path = self.path(f"argument{number}.npy")
            np.save(path, value)
            flags.append(f"--arg=in:{path}" if value.size else "--arg=zeros:16")
            add_sizes(value.shape, type_text)
        shape = self._shape(self.result_dims, symbols)
        dtype = np.dtype(TYPES[self.result.split("x")[-1]])
        out = self.path("result.bin")
        flags.append(f"--arg=out:{out}:{int(np.prod(shape)) * dtype.itemsize}")
        add_sizes(shape, self.result)
        code = self.ptx_path
        if ptx is not None:
            code = self.path("mutant.ptx")
            with open(code, "w") as file:
                file.write(ptx)
        done = harness.run("cinch-emulate", code, f"--kernel={self.function['name']}",
                           f"--grid={blocks}", f"--block={self.function['threads']}",
                           f"--shared={self.function['shared_bytes']}",
                           "--counters=json", *flags)
        if is_fault(done):
            raise Fault(done.output)
        harness.check(done, "cinch-emulate")
        counters = json.loads(done.output[done.output.index("{"):])
        counters = counters.get("kernels", counters)
        return (np.fromfile(out, dtype).reshape(shape),
                counters.get(self.function["name"], counters))

    def evaluate(self, expression):
        """An expression of the record, for the words of the last launch."""
        return eval(expression, {"ceildiv": ceil_div, "min": min, "max": max,
                                 "floordiv": lambda a, b: a // b}, self.words)

    def assemble(self, architecture):
        return assemble(self.ptx_path, architecture)


def assemble(path, architecture):
    """What ptxas says of the PTX in a file: the most registers that a kernel has, and
    bytes of spills of all; None if there is no ptxas."""
    if not os.path.exists(PTXAS):
        return None
    done = subprocess.run([PTXAS, "-v", f"-arch={architecture}", path, "-o",
                           os.devnull], capture_output=True, text=True, check=True)
    return (max(map(int, re.findall(r"Used (\d+) registers", done.stderr)), default=0),
            sum(map(int, re.findall(r"(\d+) bytes spill stores", done.stderr))))
