#!/usr/bin/env python3
"""Runs clang-tidy on our sources, newest first, within a time limit.

    tidy.py [--build FOLDER] [--seconds N] [--jobs N] [FILE...]

Reads FOLDER/compile_commands.json, and takes python/src as well. A file that
was clean and has not changed since (nor any header of ours, nor .clang-tidy) is
not checked again. Exits with 1 if there are findings; files beyond the limit
are counted, not failed.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIDY, CLANG = "clang-tidy-22", "clang++-22"
FOLDERS = ("dialects/", "lib/", "passes/", "runtime/", "tools/", "python/")
COMPILER = re.compile(r"(.*/)?(clang(\+\+)?|g?cc|[cg]\+\+)(-\d+)?")
# What g++ takes and clang does not, and its precompiled header (clang's is in
# -Xclang).
DROPPED = ("-fpch-preprocess", "-Winvalid-pch")


def commands(build):
    """{source relative to the root: clang arguments} of our sources."""
    found, extra = {}, gcc_headers()
    with open(os.path.join(build, "compile_commands.json")) as file:
        for entry in json.load(file):
            path = os.path.relpath(entry["file"], ROOT)
            if not path.startswith(FOLDERS):
                continue
            words = shlex.split(entry["command"])
            start = next(i for i, w in enumerate(words) if COMPILER.fullmatch(w))
            kept, skip = [], False
            for word in words[start + 1:]:
                if skip:
                    skip = False
                elif word in ("-o", "-c", "-include", "-Xclang"):
                    skip = True
                elif word not in DROPPED:
                    kept.append(word)
            kept += extra
            # GCC's own std::stable_sort uses what C++17 deprecates.
            kept.append("-Wno-deprecated-declarations")
            found[path] = (entry["directory"], kept,
                           "-include" in words or "-include-pch" in words)
    return found


def bindings(build):
    """The same for the Python module, which is a project of its own
    (python/CMakeLists.txt). Needs a Python that has nanobind."""
    import nanobind
    import sysconfig
    flags = ["-std=c++17", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden",
             "-I", ROOT, "-I", os.path.join(ROOT, "include"),
             "-isystem", nanobind.include_dir(),
             "-isystem", sysconfig.get_path("include"), *gcc_headers()]
    return {path: (build, flags, False)
            for path in sorted(glob.glob("python/src/*.cpp", root_dir=ROOT))}


def precompile(sources, build):
    """Adds clang's precompiled form of cmake/Pch.h to the sources that use it:
    parsing the MLIR headers is a third of the time of a check."""
    header, compiled = os.path.join(ROOT, "cmake", "Pch.h"), {}
    for path, (directory, flags, uses_header) in sources.items():
        if uses_header:
            key = hashlib.sha256(" ".join(flags).encode()).hexdigest()[:16]
            target = os.path.join(build, "tidy", f"{key}.pch")
            if target not in compiled:
                compiled[target] = subprocess.run(
                    [CLANG, *flags, "-x", "c++-header", header, "-o", target],
                    cwd=directory).returncode == 0
            flags = [*flags, *(["-include-pch", target] if compiled[target]
                               else ["-include", header])]
        sources[path] = (directory, flags)


def newest_first(paths):
    """By the last commit that changed them; uncommitted ones come first."""
    log = subprocess.run(["git", "log", "--format=", "--name-only"], cwd=ROOT,
                         capture_output=True, text=True).stdout.splitlines()
    rank = {}
    for i, path in enumerate(filter(None, log)):
        rank.setdefault(path, i)
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT,
                             capture_output=True, text=True).stdout.splitlines()
    rank.update((line[3:], -1) for line in changed)
    return sorted(paths, key=lambda p: (rank.get(p, -1), p))


def shared_key():
    """Hash of all that every result depends on beside its source."""
    key = hashlib.sha256()
    headers = [p for f in FOLDERS for end in ("h", "td")
               for p in glob.glob(f"{f}**/*.{end}", root_dir=ROOT, recursive=True)]
    for path in [".clang-tidy", "cmake/Pch.h", *sorted(headers)]:
        with open(os.path.join(ROOT, path), "rb") as file:
            key.update(path.encode() + b"\0" + file.read())
    return key.hexdigest()


def gcc_headers():
    """The folder of omp.h, after clang's own headers."""
    found = subprocess.run(["g++", "-print-file-name=include"],
                           capture_output=True, text=True).stdout.strip()
    return ["-idirafter", found]


def check(path, directory, flags):
    """Returns clang-tidy's findings in `path`, "" if there are none."""
    def tidy(*more):
        return subprocess.run(
            [TIDY, "--quiet", os.path.join(ROOT, path), "--", *flags, *more],
            cwd=directory, capture_output=True, text=True)

    done = tidy()
    if "/rapidjson/" in done.stdout:
        # An unused template of RapidJSON 1.1 is one that clang refuses to parse.
        done = tidy("-fdelayed-template-parsing")
    if done.returncode == 0:
        return ""
    return done.stdout + (done.stderr if "error:" in done.stderr else "")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()

    sources = {**commands(arguments.build), **bindings(arguments.build)}
    wanted = {os.path.relpath(os.path.abspath(f), ROOT) for f in arguments.files}
    sources = {p: s for p, s in sources.items() if not wanted or p in wanted}
    order = newest_first(sources)
    shared = shared_key()
    cache = os.path.join(arguments.build, "tidy")
    os.makedirs(cache, exist_ok=True)
    precompile(sources, os.path.abspath(arguments.build))
    deadline = time.monotonic() + arguments.seconds

    def work(path):
        with open(os.path.join(ROOT, path), "rb") as file:
            key = hashlib.sha256(shared.encode() + file.read()).hexdigest()
        stamp = os.path.join(cache, path.replace("/", "_") + "." + key[:16])
        if os.path.exists(stamp):
            return ""
        if time.monotonic() > deadline:
            return None
        findings = check(path, *sources[path])
        if not findings:
            open(stamp, "w").close()
        return findings

    clean = bad = late = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for findings in pool.map(work, order):
            if findings is None:
                late += 1
            elif findings:
                bad += 1
                print(findings, flush=True)
            else:
                clean += 1
    beyond = f", {late} beyond {arguments.seconds:g} s" if late else ""
    print(f"tidy: {clean} files clean, {bad} with findings{beyond}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
