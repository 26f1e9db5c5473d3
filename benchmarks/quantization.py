#!/usr/bin/env python3
"""What each quantization is worth on text: accuracy, bytes and time.

    quantization.py [--models tiny_lm,minilm_l3] [--recipes w8a8,w4a16,...]
                    [--samples N] [--threads N] [-o FILE.md] [-- FLAGS...]

Compiles each model with `--quantize=RECIPE` on its calibration text and measures it
on text that it was not calibrated on (test/models/accuracy.py): bits per byte for
tiny_lm, the mean and worst cosine of sentence embeddings for minilm_l3. Bytes are
those of the weights file and of the arena at the first size of the workload; time is
that of the float binary over that of the quantized one in alternating rounds. FLAGS
go to cinch-compile. Needs a build (tools/setup.sh).
"""
import argparse
import os
import statistics
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "models")]

import accuracy  # noqa: E402
import harness  # noqa: E402
import workloads  # noqa: E402

RECIPES = ["f32", "w8a8", "w8a8-dynamic", "w8a16", "w4a16", "w4a8", "w4a4", "w3a16", "nf4",
           "fp8", "mxfp8", "mxfp4"]
ROUNDS = 5


class Binary:
    def __init__(self, path, folder, threads):
        self.path, self.folder, self.threads = path, folder, threads

    def run(self, inputs):
        return harness.run_model(self.path, inputs, self.folder,
                                 f"--threads={self.threads}")[0]

    def weight_bytes(self):
        return os.path.getsize(self.path.removesuffix(".so") + ".safetensors")

    def measure(self, workload, *flags):
        inputs = workloads.feed(workload, harness.load_model(workload.model), 0)
        return harness.run_model(self.path, inputs, self.folder,
                                 f"--threads={self.threads}", *flags)[1]


def write_samples(name, folder, count):
    for number, sample in enumerate(accuracy.calibration_samples(name, count)):
        harness.write_npz(os.path.join(folder, f"{number:04}.npz"), sample)


def compile_recipe(name, recipe, samples, folder, flags):
    path = os.path.join(folder, f"{name}-{recipe}.so")
    if recipe != "f32":
        flags = [f"--quantize={recipe}", f"--calibration-data={samples}",
                 f"--calibration={os.path.join(folder, name)}.safetensors.stats", *flags]
    harness.compile_model(harness.model_path(name), path, *flags)
    return path


def score(name, binary, reference):
    """Text and the value that less accurate models have more (or less) of."""
    if name == "tiny_lm":
        return f"{accuracy.bits_per_byte(binary.run):.4f}"
    mean, worst = accuracy.cosine(accuracy.embeddings(binary.run), reference)
    return f"{mean:.4f} / {worst:.4f}"


def time_ratio(workload, exact, binary):
    """Time of `binary` over that of `exact`, the median of alternating rounds."""
    ratios = []
    for _ in range(ROUNDS):
        times = [b.measure(workload, "--benchmark=20")["median_ms"]
                 for b in (exact, binary)]
        ratios.append(times[1] / times[0])
    return statistics.median(ratios)


def measure_model(name, options, flags):
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    with tempfile.TemporaryDirectory() as folder:
        samples = os.path.join(folder, "samples")
        os.mkdir(samples)
        write_samples(name, samples, options.samples)
        exact = Binary(compile_recipe(name, "f32", samples, folder, []), folder,
                       options.threads)
        reference = accuracy.embeddings(exact.run) if name == "minilm_l3" else None
        base = exact.measure(workload)["predicted_peak_bytes"]
        for recipe in options.recipes.split(","):
            binary = Binary(compile_recipe(name, recipe, samples, folder, flags),
                            folder, options.threads)
            arena = binary.measure(workload)["predicted_peak_bytes"]
            yield (f"| {name} | {recipe} | {score(name, binary, reference)} | "
                   f"{binary.weight_bytes() / exact.weight_bytes():.3f} | "
                   f"{arena / base:.3f} | "
                   f"{time_ratio(workload, exact, binary):.2f} |")


def main():
    arguments = sys.argv[1:]
    flags = []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, flags = arguments[:split], arguments[split + 1:]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="tiny_lm,minilm_l3")
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--samples", type=int, help="calibration samples (default: all)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", dest="output", help="also write the table to this file")
    options = parser.parse_args(arguments)
    lines = ["| model | recipe | accuracy | weights | arena | time |",
             "|---|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for name in options.models.split(","):
        for line in measure_model(name, options, flags):
            lines.append(line)
            print(line, flush=True)
    if options.output:
        with open(options.output, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
