#!/usr/bin/env python3
"""Checks the rules of docs/style.md that a formatter does not.

    lint.py [FILE...]      default: every file of the project

Exits with 1 and prints `file:line: message` for each broken rule:
  includes     dependencies between folders point one way
  FileCheck    a directive that FileCheck would skip without a word
  whitespace   trailing blanks, tabs, no newline at the end of the file
  length       at most 400 lines in a source file
  TODO         `TODO(#12): what`
  paths        no path of one machine, no address without TLS in a script
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAX_LINES = 400

CXX = (".cpp", ".h", ".c", ".inc")
SOURCES = CXX + (".td", ".py", ".sh", ".cmake")
TEXT = SOURCES + (".txt", ".md", ".mlir", ".test", ".in", ".json", ".ini", ".toml")

# What a file of a folder may include, by first matching prefix. Generated
# headers (*.inc) count as files of the folder of their .td file.
ARROWS = [
    ("include/", ["include/"]),
    ("dialects/", ["dialects/", "runtime/Plan/", "include/"]),
    ("passes/", ["passes/", "dialects/", "runtime/Plan/", "include/"]),
    # Generated code and library calls follow the ABI header of the runtime.
    ("lib/", ["lib/", "passes/", "dialects/", "runtime/Plan/",
              "runtime/ModuleAbi.h", "runtime/Checksum.h",
              "runtime/RandomInput.h", "include/"]),
    ("runtime/Plan/", ["runtime/Plan/"]),
    ("runtime/", ["runtime/", "include/"]),
    ("tools/", ["tools/", "lib/", "passes/", "dialects/", "runtime/", "include/"]),
    ("python/", ["python/", "include/"]),
]
FOLDERS = ("include/", "dialects/", "passes/", "lib/", "runtime/", "tools/",
           "python/", "test/", "cinch/")
# Folders that must not see the headers of MLIR, LLVM (and, in passes, kernels).
FORBIDDEN = [
    ("runtime/", re.compile(r"^(mlir|llvm|clang)(-c)?/")),
    ("include/cinch/runtime", re.compile(r"^(mlir|llvm|clang)(-c)?/")),
    ("passes/", re.compile(r"^mlir/Dialect/(Linalg|GPU|NVGPU|LLVMIR|Vector)/")),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')

SUFFIXES = "|LABEL|NEXT|SAME|NOT|DAG|EMPTY|COUNT-[0-9]+"
MODIFIERS = r"(\{(LITERAL|LITERAL,.*|.*,LITERAL)\})?"
DIRECTIVE = re.compile(r"(?://|#|;)\s*((?:[A-Z][A-Z0-9_]*-)*CHECK[A-Z0-9_-]*)(.*)")
CHECK_PREFIXES = re.compile(r"--?check-prefix(?:es)?[= ]([\w,-]+)")

TODO = re.compile(r"\bTODO\b(?!\(#\d+\): \S)|\b(FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(home|root|work|Users|mnt|opt)/\w")
PLAIN_HTTP = re.compile(r"\bhttp://")


def check_includes(path, lines):
    if not path.endswith(CXX):
        return
    allowed = next((to for prefix, to in ARROWS if path.startswith(prefix)), None)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match[1]
        for prefix, pattern in FORBIDDEN:
            if path.startswith(prefix) and pattern.match(target):
                yield number, f"{prefix} may not include {target}"
        if ".." in target.split("/"):
            yield number, f"include {target} from the root of the repository"
        if target.startswith("cinch/"):
            target = "include/" + target
        if allowed is None or not target.startswith(FOLDERS):
            continue
        if not target.startswith(tuple(allowed)):
            yield number, f"{path.split('/')[0]}/ may not include {match[1]}"


def is_live(word, prefixes):
    """True if `word` is a prefix with one of FileCheck's suffixes."""
    for prefix in prefixes:
        if re.fullmatch(f"{re.escape(prefix)}(-({SUFFIXES[1:]}))?", word):
            return True
    return False


def check_filecheck(path, lines):
    if not (path.startswith("test/") and path.endswith((".mlir", ".test", ".onnxtxt"))):
        return
    prefixes = {"CHECK"}
    for line in lines:
        for match in CHECK_PREFIXES.finditer(line):
            prefixes.update(match[1].split(","))
    own = re.compile(r"(?://|#|;)\s*((?:" + "|".join(map(re.escape, sorted(prefixes)))
                     + r")[A-Z0-9_-]*)(.*)")
    for number, line in enumerate(lines, 1):
        if "RUN:" in line:
            continue
        match = own.search(line) or DIRECTIVE.search(line)
        if not match:
            continue
        word, rest = match.groups()
        if not is_live(word, prefixes):
            yield number, f"FileCheck does not know `{word}` and skips the line"
        elif not re.match(MODIFIERS + ":", rest):
            yield number, f"`{word}` without a colon: FileCheck skips the line"


def check_whitespace(path, lines, text):
    if not path.endswith(TEXT) and os.path.basename(path) != "CMakeLists.txt":
        return
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "trailing blanks"
        if "\t" in line:
            yield number, "tab"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end of the file"
    if text.endswith("\n\n"):
        yield len(lines), "empty line at the end of the file"


def check_length(path, lines):
    if path.endswith(SOURCES) and len(lines) > MAX_LINES:
        yield MAX_LINES + 1, f"{len(lines)} lines, at most {MAX_LINES}: split it by topic"


def check_todo(path, lines):
    if not path.endswith(SOURCES + (".mlir",)):
        return
    for number, line in enumerate(lines, 1):
        if TODO.search(line):
            yield number, "write `TODO(#issue): what`"


def check_paths(path, lines):
    is_script = path.endswith((".sh", ".py", ".cmake")) or path.startswith(".ci/")
    if not is_script and not path.endswith(TEXT):
        return
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield number, "path of one machine"
        if is_script and PLAIN_HTTP.search(line):
            yield number, "address without TLS"


def check_file(path, text):
    """Yields (line, message) for file `path`, relative to the root."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    yield from check_includes(path, lines)
    yield from check_filecheck(path, lines)
    yield from check_whitespace(path, lines, text)
    yield from check_length(path, lines)
    # The rules themselves and their tests spell out what they refuse.
    if path not in ("tools/lint.py", "test/tools/test_lint.py", "docs/style.md"):
        yield from check_todo(path, lines)
        yield from check_paths(path, lines)


def project_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return sorted(set(listed.stdout.splitlines()))
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders
                      if not f.startswith(("build", ".git", ".venv"))]
        found += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return sorted(found)


def main(arguments):
    problems = files = 0
    for path in arguments or project_files():
        path = os.path.relpath(os.path.abspath(path), ROOT) if arguments else path
        full = os.path.join(ROOT, path)
        if not os.path.isfile(full):
            continue
        try:
            with open(full, encoding="utf-8", newline="") as file:
                text = file.read()
        except UnicodeDecodeError:
            continue  # a model or data file
        files += 1
        for line, message in check_file(path, text):
            print(f"{path}:{line}: {message}")
            problems += 1
    print(f"lint: {files} files, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
