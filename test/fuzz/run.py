#!/usr/bin/env python3
"""Runs the fuzzers of the preset `fuzz`: run.py [--seconds N] [NAME...]

    cmake --preset fuzz && cmake --build --preset fuzz && test/fuzz/run.py

NAME: import, kernels, expr, load, ptx (default: all but kernels). Corpora are kept in
build-fuzz/corpus and begin with the seeds of write_seeds.py. An input that fails
is kept in build-fuzz/findings; `build-fuzz/fuzzers/fuzz-NAME FILE` repeats it.
Exits with 1 if there is one.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

import write_seeds

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Seconds of an input (the sanitizers cost a factor of ten), and its memory.
LIMITS = ["-timeout=25", "-rss_limit_mb=2560", "-malloc_limit_mb=1024"]
SEEDS = {"kernels": "import"}
# What runs when the time is short: the ones without MLIR take a tenth of it.
SHARES = {"import": 1.0, "kernels": 1.0, "expr": 0.2, "load": 0.2, "ptx": 0.4}


def run(name, build, seconds):
    """Returns what to print, and whether nothing was found."""
    corpus = os.path.join(build, "corpus", name)
    findings = os.path.join(build, "findings", name) + "-"
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(os.path.dirname(findings), exist_ok=True)
    seeds = os.path.join(build, "seeds", SEEDS.get(name, name))
    time = max(1, round(seconds * SHARES[name]))
    done = subprocess.run(
        [os.path.join(build, "fuzzers", "fuzz-" + name), *LIMITS, "-seed=1",
         f"-max_total_time={time}", f"-artifact_prefix={findings}", corpus, seeds],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        return f"fuzz-{name} found something:\n{output[-8000:]}", False
    coverage = [int(c) for c in re.findall(r" cov: (\d+)", output)]
    runs = re.search(r"Done (\d+) runs", output)
    return (f"fuzz-{name}: {runs[1] if runs else '?'} runs in {time} s, "
            f"coverage {coverage[0]} -> {coverage[-1]}"), True


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build-fuzz"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("names", nargs="*", default=["import", "expr", "load", "ptx"])
    arguments = parser.parse_args()
    write_seeds.main(os.path.join(arguments.build, "seeds"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(
            lambda name: run(name, arguments.build, arguments.seconds), arguments.names))
    for text, _ in results:
        print(text)
    return 0 if all(is_right for _, is_right in results) else 1


if __name__ == "__main__":
    sys.exit(main())
