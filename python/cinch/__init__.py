"""Cinch: compile ONNX models to native code whose memory is known before it
runs, and run them.

    model = cinch.compile("model.onnx", "model.so", memory_budget="64MiB")
    session = cinch.InferenceSession(model)
    outputs = session.run(None, {"x": x})
    print(session.memory)

Running needs libcinch_rt, which the package has; compiling needs LLVM and MLIR
22 of the system too. A compiled model is code: load only what you trust.
"""
from cinch._compile import CompiledModel, CompileWarning, compile
from cinch._errors import (CinchError, CompileError, Diagnostic, SessionError,
                           UnsupportedError, UsageError)
from cinch._runtime import get_threads, set_threads
from cinch._runtime import version as _version
from cinch._session import (Counters, InferenceSession, KernelInfo, MemoryInfo,
                            ModelInfo, StateInfo, ValueInfo)

__version__ = _version()

__all__ = [
    "CinchError", "CompileError", "CompileWarning", "CompiledModel", "Counters",
    "Diagnostic", "InferenceSession", "KernelInfo", "MemoryInfo", "ModelInfo",
    "SessionError", "StateInfo", "UnsupportedError", "UsageError", "ValueInfo",
    "compile", "get_threads", "set_threads",
]
