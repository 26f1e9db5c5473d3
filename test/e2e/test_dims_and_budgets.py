"""Dimensions, budgets and reports of real models keep their word."""
import json
import re

import numpy as np
import pytest

import harness
import workloads

DIMS = {"minilm_l3": ["batch_size=1", "sequence_length=1..128"], "gen_qdq_cnn": [],
        "magika": ["unk__214=1..5"]}


def flags(name):
    return [flag for dim in DIMS[name] for flag in ("--dim", dim)]


def compile_with(name, output, *more):
    return harness.run("cinch-compile", harness.model_path(name), "-o", output,
                       *flags(name), *more)


def value_names(name):
    graph = harness.load_model(name).graph
    return {output for node in graph.node for output in node.output}


@pytest.mark.parametrize("name", ["minilm_l3", "gen_qdq_cnn", "magika"])
def test_smallest_budget(name, tmp_path):
    done = compile_with(name, tmp_path / "none.so", "--memory-budget=1")
    assert done.status == 1, done.output
    need, arena, weights = map(int, re.search(
        r"needs (\d+) bytes \(arena (\d+), weights (\d+)\), the budget is 1\n",
        done.output).groups())
    smallest, bound = map(int, re.search(
        r"smallest budget that works: (\d+) bytes; proven lower bound: (\d+) bytes",
        done.output).groups())
    assert arena + weights == need == smallest >= bound
    # What is alive at the peak, by ONNX names, is what bounds the arena.
    alive = re.findall(r"alive at the peak: '(.*)', (\d+) bytes", done.output)
    assert sum(int(size) for _, size in alive) == bound - weights
    assert {value for value, _ in alive} <= value_names(name)
    # One byte decides.
    done = compile_with(name, tmp_path / "less.so", f"--memory-budget={smallest - 1}")
    assert done.status == 1 and f"the budget is {smallest - 1}" in done.output
    done = compile_with(name, tmp_path / "model.so", f"--memory-budget={smallest}")
    assert done.status == 0, done.output
    assert not list(tmp_path.glob("none.*")) and not list(tmp_path.glob("less.*"))
    # And it is what a run needs.
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    result = harness.measure(workload, 0, tmp_path / "model.so", tmp_path)
    assert result.error <= workload.tolerance
    assert result.measured <= result.stats["guaranteed_peak_bytes"] == arena
    assert result.stats["arena_bytes"] + result.stats["weights_bytes"] == smallest


def test_budget_with_embedded_weights_is_the_same(tmp_path):
    for more in ([], ["--embed-weights"]):
        done = compile_with("gen_qdq_cnn", tmp_path / "x.so", "--memory-budget=1", *more)
        assert "smallest budget that works: 655040 bytes" in done.output


@pytest.mark.parametrize("size", ["0", "-1", "x", "1Q", "1.5M", "", "9999999999G"])
def test_bad_budget(size, tmp_path):
    done = compile_with("gen_qdq_cnn", tmp_path / "x.so", f"--memory-budget={size}")
    assert done.status == 2 and f"got '{size}'" in done.output


@pytest.mark.parametrize("option", ["-o", "--report", "--pipeline", "--cpu"])
def test_empty_values(option):
    done = harness.run("cinch-compile", harness.model_path("gen_qdq_cnn"), option, "")
    assert done.status == 2 and f"{option.lstrip('-')}: expected a value" in done.output


def test_budget_needs_bounds(tmp_path):
    done = harness.run("cinch-compile", harness.model_path("minilm_l3"), "-o",
                       tmp_path / "x.so", "--memory-budget=1G", "--dim", "batch_size=1")
    assert done.status == 1 and "'sequence_length' has no upper bound" in done.output
    assert "bound it with --dim sequence_length=lo..hi" in done.output


@pytest.mark.parametrize("dim, status, message", [
    ("no_such=1", 1, "'no_such' is not in the model, which has batch_size, sequence_length"),
    ("batch_size", 2, "expected name=value or name=lo..hi, but got 'batch_size'"),
    ("batch_size=", 2, "expected name=value"), ("batch_size=x", 2, "expected name=value"),
    ("batch_size=-1", 2, "expected name=value"), ("batch_size=1..", 2, "lo..hi"),
    ("batch_size=4..3", 2, "lo..hi"), ("=3", 2, "lo..hi"),
    ("batch_size=1 batch_size=2", 2, "'batch_size' is given twice")])
def test_wrong_dimensions(dim, status, message, tmp_path):
    done = harness.run("cinch-compile", harness.model_path("minilm_l3"), "-o",
                       tmp_path / "x.so",
                       *(flag for text in dim.split() for flag in ("--dim", text)))
    assert done.status == status and message in done.output
    assert not list(tmp_path.iterdir())


def run_tokens(binary, batch, tokens, folder):
    ids = np.ones((batch, tokens), np.int64)
    given = folder / "in.npz"
    harness.write_npz(given, {"input_ids": ids, "attention_mask": ids})
    return harness.run("cinch-run", binary, "--inputs", given)


def test_bounds_and_pins_are_checked_at_run_time(tmp_path):
    assert compile_with("minilm_l3", tmp_path / "m.so").status == 0
    assert run_tokens(tmp_path / "m.so", 1, 128, tmp_path).status == 0
    for batch, tokens, message in [
            (1, 129, "'input_ids' is 129, but 'sequence_length' must be from 1 to 128"),
            (1, 0, "'input_ids' is 0, but 'sequence_length' must be from 1 to 128"),
            (2, 8, "[1, sequence_length]")]:
        done = run_tokens(tmp_path / "m.so", batch, tokens, tmp_path)
        assert done.status == 1 and message in done.output


def test_report(tmp_path):
    name = "minilm_l3"
    pins = ["--dim", "batch_size=1", "--dim", "sequence_length=128"]
    reports = {}
    for kind in ("json", "txt"):
        path = tmp_path / f"report.{kind}"
        harness.compile_model(harness.model_path(name), tmp_path / "m.so", *pins,
                              "--report", path)
        reports[kind] = path.read_text()
    report = json.loads(reports["json"])
    memory, kernels = report["memory"], report["kernels"]
    workload = next(w for w in workloads.WORKLOADS if w.model == name)
    stats = harness.measure(workload, 0, tmp_path / "m.so", tmp_path).stats
    assert memory["arena_bytes"] == stats["measured_peak_bytes"]
    assert memory["lower_bound_bytes"] == stats["lower_bound_bytes"]
    assert memory["weights_bytes"] == stats["weights_bytes"]
    assert memory["method"] == stats["plan_method"]
    # The timeline adds up, and its top is named.
    live = {moment["step"]: moment["live_bytes"] for moment in memory["timeline"]}
    assert max(live.values()) == live[memory["peak_step"]] == memory["lower_bound_bytes"]
    for step, size in live.items():
        assert size == sum(int(slot["bytes"]) for slot in memory["slots"]
                           if slot["first"] <= step <= slot["last"])
    alive = memory["alive_at_peak"]
    assert sum(value["bytes"] for value in alive) == live[memory["peak_step"]]
    assert {value["name"] for value in alive} <= value_names(name)
    # Each kernel that ran; the feed-forward layers by hand: 128 rows, 384 and
    # 1536 columns, two operations per product.
    assert len(kernels) == stats["kernel_calls"]
    assert {kernel["kind"] for kernel in kernels} == {"library", "generated"}
    layers = [kernel for kernel in kernels if "/intermediate/" in kernel["name"]]
    assert len(layers) == 3
    product, columns = 2 * 128 * 384 * 1536, 128 * 1536
    for kernel in layers:
        operations = kernel["op"].split("+")
        assert operations[0] == "matmul" and "erf" in operations[1:]
        assert kernel["kind"] == "library"
        assert product <= int(kernel["flops"]) <= product + 32 * columns
        assert int(kernel["bytes"]) == 4 * (128 * 384 + 384 * 1536 + 1536 + columns)
    # The text says the same.
    text = reports["txt"]
    assert f"arena        {memory['arena_bytes']} bytes" in text
    assert f"weights      {memory['weights_bytes']} bytes" in text
    assert f"(plan is {memory['arena_bytes'] / memory['lower_bound_bytes']:.3f}x)" in text
    assert f"Alive at the peak (step {memory['peak_step']})" in text
    for value in alive:
        assert f"{value['bytes']:>14}  {value['name']}\n" in text
    for kernel in kernels:
        assert "  " + ", ".join(kernel[key] for key in
                                ("name", "op", "kind", "flops", "bytes")) + "\n" in text


def test_report_without_bounds(tmp_path):
    harness.compile_model(harness.model_path("minilm_l3"), tmp_path / "m.so",
                          "--report", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["memory"]["arena_bytes"] is None
    assert any("sequence_length" in slot["bytes"] for slot in report["memory"]["slots"])
    harness.compile_model(harness.model_path("minilm_l3"), tmp_path / "m.so",
                          "--report", tmp_path / "r.txt")
    assert "the sizes have no upper bound" in (tmp_path / "r.txt").read_text()


def test_report_of_another_kind(tmp_path):
    done = compile_with("gen_qdq_cnn", tmp_path / "x.so", "--report=x.pdf")
    assert done.status == 2 and "expected a .txt, .json or .html report" in done.output
