#!/usr/bin/env python3
"""What calibration costs over running the same samples.

    calibration.py [--models minilm_l3] [--samples 256] [--rounds N]

Runs a model on its calibration samples (samples.py) in the compiler's own process,
then calibrates it on them, in processes that take turns: for ranges, as `fp8` does and
`w8a8` behind the smoothing; with second moments of values of at most 512 channels, as
`w8a8` does before it; with all, as recipes with 4 bits do. Compiling is timed apart.
Medians of the rounds; memory is the largest resident size. One thread. Needs a build
(tools/setup.sh) with tests.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import harness  # noqa: E402
import samples  # noqa: E402

MODES = {"running": "run", "ranges": "0", "second moments up to 512": "512",
         "all second moments": str(2**31)}


def measure(name, data, mode):
    """[seconds to compile, seconds for the samples, MiB at most]"""
    tool = os.path.join(harness.BUILD, "unittests", "calibration-cost")
    done = subprocess.run([tool, harness.model_path(name), data, mode], check=True,
                          stdout=subprocess.PIPE, text=True)
    load, run, _, peak = done.stdout.split()
    return float(load), float(run), int(peak) / 1024


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="minilm_l3")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| model | | compiling, s | samples, s | over running | peak, MiB | "
          "over running |\n|---|---|---|---|---|---|---|", flush=True)
    for name in options.models.split(","):
        with tempfile.TemporaryDirectory(prefix="cinch-calibration-") as folder:
            samples.write(samples.calibration(name, options.samples), folder)
            rounds = [[measure(name, folder, mode) for mode in MODES.values()]
                      for _ in range(options.rounds)]
        for number, title in enumerate(MODES):
            load, run, peak = (statistics.median(r[number][i] for r in rounds)
                               for i in range(3))
            time, memory = (statistics.median(r[number][i] / r[0][i] for r in rounds)
                            for i in (1, 2))
            print(f"| {name} | {title} | {load:.1f} | {run:.2f} | {time:.2f} | "
                  f"{peak:.0f} | {memory:.2f} |", flush=True)
    print(f"\nLoad average {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
