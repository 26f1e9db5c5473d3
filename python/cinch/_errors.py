"""What can go wrong, as exceptions."""
from collections.abc import Sequence
from typing import NamedTuple


class Diagnostic(NamedTuple):
    """One message of the compiler.

    `severity` is "error", "warning", "remark" or "note"; a note belongs to the
    message before it.
    """
    severity: str
    message: str


class CinchError(RuntimeError):
    """Base of every exception of this package."""


class CompileError(CinchError):
    """A model could not be compiled: it is invalid, the memory budget cannot
    hold, or a file cannot be read or written.

    `diagnostics` has all messages in order; `status` says what kind of failure
    it is: "failed", "unsupported" or "wrong usage".
    """
    status = "failed"

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = list(diagnostics)
        super().__init__("\n".join(
            message if severity == "error" else f"{severity}: {message}"
            for severity, message in self.diagnostics if severity != "remark"))


class UnsupportedError(CompileError):
    """The model is valid, but something in it is not supported."""
    status = "unsupported"


class UsageError(CompileError, ValueError):
    """An option is wrong."""
    status = "wrong usage"


class SessionError(CinchError):
    """A model could not be loaded or run.

    `status` is the name of the status in cinch/runtime.h, such as "io", "cpu",
    "shape", "buffer" or "busy".
    """

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status
