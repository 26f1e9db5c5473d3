"""The command line tools of the package."""
import os
import sys
from typing import NoReturn


def _execute(name: str) -> NoReturn:
    path = os.path.join(os.path.dirname(__file__), "bin", name)
    os.execv(path, [name, *sys.argv[1:]])


def compile_main() -> NoReturn:
    """Becomes cinch-compile."""
    _execute("cinch-compile")


def opt_main() -> NoReturn:
    """Becomes cinch-opt."""
    _execute("cinch-opt")


def run_main() -> NoReturn:
    """Becomes cinch-run."""
    _execute("cinch-run")
