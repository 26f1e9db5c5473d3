"""The compiler."""
import os
import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from cinch._errors import (CompileError, Diagnostic, UnsupportedError,
                           UsageError)

SEVERITIES = ("error", "warning", "remark", "note")  # cinch_severity_t
EXTENSIONS = {"so": ".so", "obj": ".o", "llvm": ".ll", "exec": ".mlir",
              "mlir": ".mlir", "onnx": ".onnx", "ptx": ".ptx",
              "cubin": ".cubin"}  # in the order of cinch_emit_t
FAILURES = {1: CompileError, 2: UsageError, 77: UnsupportedError}
UNITS = {"": 1, "B": 1, "K": 2**10, "KiB": 2**10, "KB": 10**3, "M": 2**20,
         "MiB": 2**20, "MB": 10**6, "G": 2**30, "GiB": 2**30, "GB": 10**9}
MAX_PROTO_BYTES = 2**31 - 1

Path: TypeAlias = str | os.PathLike[str]


class ModelProto(Protocol):
    """`onnx.ModelProto`, which this package does not import."""

    def SerializeToString(self) -> bytes: ...
    def ByteSize(self) -> int: ...


class CompileWarning(UserWarning):
    """The compiler warned of something in a model that it compiled."""


class CompiledModel(os.PathLike[str]):
    """The file that a compilation wrote; can be used as its path.

    `diagnostics` has what the compiler said. If no output was named for a model
    in memory, the files are temporary and go with this object.
    """

    def __init__(self, path: str, diagnostics: list[Diagnostic]) -> None:
        self.path = path
        self.diagnostics = diagnostics

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"CompiledModel({self.path!r})"


def _encode(path: "Path | None") -> bytes | None:
    return None if path is None else os.fsencode(path)


def compile(model: "Path | bytes | ModelProto", output: Path | None = None, *,
            target: str = "cpu", cpu: str = "native",
            dims: Mapping[str, int | tuple[int, int | None]] | None = None,
            memory_budget: int | str | None = None, pipeline: str = "default",
            emit: str = "so", report: Path | None = None,
            embed_weights: bool = False,
            states: Mapping[str, str] | None = None,
            precision: str = "f32", precision_samples: "int | Path" = 1,
            precision_goal: float = 0,
            report_dims: Mapping[str, int] | None = None,
            kernel_report: Path | None = None, embed_cubin: bool = False,
            fail_on_fallback: bool = False, allow_tf32: bool = False,
            quantize: str | None = None, calibration_data: Path | None = None,
            calibration: Path | None = None, quantization_plan: Path | None = None,
            write_quantization_plan: Path | None = None, accuracy_goal: float = 0,
            progress: Callable[[str, float], object] | None = None
            ) -> CompiledModel:
    """Compiles a model to native code, as `cinch-compile` does.

    model: path of a .onnx, .mlir or .mlirbc file, an `onnx.ModelProto`, or the
        bytes of one. Weights in other files are found from a path only.
    output: file to write. Default: in the working folder, named after the
        model; of a model in memory, a temporary file.
    target: "cpu", or a GPU such as "cuda:sm_80".
    cpu: "native", or a name such as "x86-64-v3".
    dims: sizes of symbolic dimensions: a number pins one, (low, high) bounds it
        so that the memory plan holds up to `high`; high None leaves it open.
    memory_budget: bytes, or text such as "512MiB", for arena and weights
        together; compiling fails unless they fit.
    pipeline: "default", "reference", or passes as text.
    emit: "so", "obj", "llvm", "exec", "mlir", "onnx", or for a GPU "ptx" or
        "cubin" (which needs NVIDIA's ptxas).
    report: .txt or .json file for kernels and the memory timeline.
    embed_weights: put the weights into the output itself.
    states: {past: present} of inputs and the outputs that continue them with
        new rows. Default: all that the compiler finds.
    precision: "f32", or "f16" or "bf16" to store f32 weights and values in 16
        bits; sums are computed in f32, inputs and outputs keep their types.
    precision_samples: inputs that show which values f16 does not hold, and on
        which the outputs are compared with those of f32: a number of random
        sets (0: none), or a .npz file or a folder, as docs/precision.md says.
    precision_goal: products stay in f32 until the largest error of each output
        on these inputs, over its largest value, is at most this. 0: any.
    report_dims: sizes of symbolic dimensions without a bound, at which reports
        show the program and samples are made. Default: 128 in reports, the
        smallest in samples.
    kernel_report: .txt or .json file that says how each kernel is computed, or
        "-": as text to the standard output of the process.
    embed_cubin: put machine code for the GPU beside the PTX, into the output
        itself; needs NVIDIA's ptxas, and fails without.
    fail_on_fallback: raise UnsupportedError where the GPU has no schedule for a
        kernel, instead of a remark in `diagnostics`.
    allow_tf32: let a GPU round the factors of f32 products to 10 bits of
        mantissa, for which it has matrix instructions.
    quantize: "w8a8", "w8a8-dynamic", "w8a16", "w4a16", "w4a8", "w4a4", "w3a16", "nf4",
        "fp8", "mxfp8", "mxfp4" to
        store weights and what products read in few bits, or "auto": the cheapest
        of these that holds `accuracy_goal` (docs/quantization.md).
    calibration_data: a .npz file or a folder of inputs that ranges are taken from.
    calibration: .safetensors file of the statistics: written if there is
        `calibration_data` (and gone on from if it is there), else read.
    quantization_plan, write_quantization_plan: .json file of the values to
        quantize, and how, to take instead of choosing, or to write.
    accuracy_goal: largest norm of an output's error over its norm in f32, on the
        samples; compiling fails if it does not hold. 0: any.
    progress: called with the phase that begins and the share of the time that
        is over, 0 to 1. What it raises is raised when the compilation ends.

    Raises UnsupportedError, UsageError, or CompileError for all else, with the
    compiler's diagnostics; then no file is left. Warnings are Python warnings
    (CompileWarning). The interpreter lock is not held: several threads may
    compile at once. RuntimeError: LLVM and MLIR are not installed.
    """
    if emit not in EXTENSIONS:
        raise _usage_error(f"unknown emit '{emit}'; there are: {', '.join(EXTENSIONS)}")
    options: dict[str, Any] = dict(
        target=target, cpu=cpu, pipeline=pipeline,
        report=_encode(report),
        dims=[_make_dim(name, size) for name, size in (dims or {}).items()],
        budget_bytes=_parse_size(memory_budget), emit=list(EXTENSIONS).index(emit),
        embeds_weights=embed_weights,
        states=[f"{past}={present}" for past, present in (states or {}).items()],
        precision=precision,
        precision_samples=precision_samples if isinstance(precision_samples, int) else 1,
        precision_sample_files=(None if isinstance(precision_samples, int)
                                else os.fsencode(precision_samples)),
        precision_goal=precision_goal,
        kernel_report=_encode(kernel_report),
        report_dims=[_make_dim(name, size)
                     for name, size in (report_dims or {}).items()],
        embeds_cubin=embed_cubin, fails_on_fallback=fail_on_fallback,
        allows_tf32=allow_tf32, quantize=quantize,
        calibration_data=_encode(calibration_data), calibration=_encode(calibration),
        read_plan=_encode(quantization_plan),
        write_plan=_encode(write_quantization_plan), accuracy_goal=accuracy_goal,
        progress=progress)
    if isinstance(model, (str, os.PathLike)):
        name = os.path.splitext(os.path.basename(model))[0] + EXTENSIONS[emit]
        if output is None and os.path.abspath(name) == os.path.abspath(model):
            raise _usage_error("the output would replace the input; name another")
        path = os.fspath(name if output is None else output)
        return CompiledModel(path, _run(os.fspath(model), path, options))
    folder = tempfile.mkdtemp(prefix="cinch-")
    try:
        source = os.path.join(folder, "model.onnx")
        with open(source, "wb") as file:
            file.write(_serialize(model))
        path = (os.path.join(folder, "model" + EXTENSIONS[emit])
                if output is None else os.fspath(output))
        if os.path.abspath(path) == source:
            path = os.path.join(folder, "simplified.onnx")
        compiled = CompiledModel(path, _run(source, path, options))
    except BaseException:
        shutil.rmtree(folder)
        raise
    if output is None:
        os.remove(source)
        weakref.finalize(compiled, shutil.rmtree, folder, ignore_errors=True)
    else:
        shutil.rmtree(folder)
    return compiled


def _run(source: str, output: str, options: dict[str, Any]) -> list[Diagnostic]:
    try:
        from cinch import _compiler
    except ImportError as error:
        raise RuntimeError(
            "cinch.compile needs LLVM and MLIR 22 of the system (Debian: "
            f"libmlir-22, libllvm22, lld-22): {error}") from error
    status, messages = _compiler.compile(os.fsencode(source), os.fsencode(output),
                                         **options)
    diagnostics = [Diagnostic(SEVERITIES[severity], text)
                   for severity, text in messages]
    if status:
        raise FAILURES[status](diagnostics)
    for diagnostic in diagnostics:
        if diagnostic.severity == "warning":
            warnings.warn(diagnostic.message, CompileWarning, stacklevel=3)
    return diagnostics


def _usage_error(message: str) -> UsageError:
    return UsageError([Diagnostic("error", message)])


def _serialize(model: "bytes | ModelProto") -> bytes:
    if isinstance(model, bytes):
        return model
    if not hasattr(model, "SerializeToString"):
        raise TypeError("expected a path, an onnx.ModelProto or bytes, but got "
                        f"{type(model).__name__}")
    if model.ByteSize() > MAX_PROTO_BYTES:
        raise _usage_error("the model has over 2 GiB: save it with external data "
                           "and give its path")
    return model.SerializeToString()


def _make_dim(name: str, size: int | tuple[int, int | None]) -> tuple[str, int, int]:
    low, high = size if isinstance(size, tuple) else (size, size)
    if low < 0 or (high is not None and high < low):
        raise _usage_error(f"dims: expected 0 <= low <= high for '{name}', but got "
                           f"{low}..{high}")
    return name, low, -1 if high is None else high


def _parse_size(size: int | str | None) -> int:
    """Returns bytes; 0: no budget."""
    if size is None:
        return 0
    if isinstance(size, str):
        match = re.fullmatch(r"([0-9]+)([A-Za-z]*)", size)
        number = int(match[1]) * UNITS.get(match[2], 0) if match else 0
    else:
        number = size
    if not 0 < number < 2**63:
        raise _usage_error("memory_budget: expected bytes, or text such as 512MiB, "
                           f"but got {size!r}")
    return number
