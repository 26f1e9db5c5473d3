"""The HTML report: structure, numbers, untrusted names, and how it runs in a
browser where there is one."""
import base64
import hashlib
import html.parser
import json
import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest

import harness

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = """<script>document.title="broken"</script>'"&amp;</title>]]>\x07"""


class Page(html.parser.HTMLParser):
    """Elements with their attributes and text; fails where tags do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names))
        element = {"tag": tag, "text": "", "in": [e["tag"] for e in self.open],
                   "table": next((e.get("id") for e in self.open if e["tag"] == "table"),
                                 None)} | dict(attributes)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def find(self, tag, **wanted):
        return [e for e in self.elements if e["tag"] == tag
                and all(e.get(key) == value for key, value in wanted.items())]


def reports(model, folder, *flags):
    """(page, its text, the JSON report) of the same compilation."""
    texts = []
    for kind in ("html", "json"):
        path = folder / f"r.{kind}"
        harness.compile_model(model, folder / "m.ll", "--emit=llvm", "--report", path,
                              *flags)  # no machine code: that takes most of the time
        texts.append(path.read_text())
    return Page(texts[0]), texts[0], json.loads(texts[1])


def hostile_model(path):
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, 3])
            for name in ("x", "y"))
    middle = HOSTILE + "m"
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Softmax", ["x"], [middle], axis=1),
         onnx.helper.make_node("CumSum", [middle, "axis"], ["y"])], "main", [x], [y],
        [onnx.numpy_helper.from_array(np.array(0), "axis")])
    onnx.save(onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
    return path


FLAGS = {"minilm_l3": ["--dim=batch_size=1", "--dim=sequence_length=1..128"],
         "tiny_lm": ["--report-dim=batch=2", "--report-dim=seq=3"], "gen_qdq_cnn": []}


@pytest.mark.parametrize("name", FLAGS)
def test_page_says_what_the_json_report_says(name, tmp_path):
    page, text, report = reports(harness.model_path(name), tmp_path, *FLAGS[name])
    memory = report["memory"]
    # Blocks of the plan, each within the arena, and their bytes.
    blocks = [slot for slot in memory["slots"] if slot["bytes_at_sizes"]]
    drawn = [e for e in page.find("rect") if e.get("class", "").startswith("slot")]
    titles = [e["text"] for e in page.find("title") if "at " in e["text"] and "rect" in e["in"]
              and "steps" in e["text"]]
    assert len(drawn) == len(titles) == len(blocks) > 0
    for slot, title in zip(blocks, titles):
        assert title.startswith(slot["name"])
        assert title.endswith(f"({slot['bytes_at_sizes']}), steps {slot['first']} to "
                              f"{slot['last']}, at {slot['offset']}")
        assert slot["offset"] + slot["bytes_at_sizes"] <= memory["arena_bytes_at_sizes"]
    for element in drawn:
        box = {key: float(element[key]) for key in ("x", "y", "width", "height")}
        assert 85 < box["x"] and box["x"] + box["width"] < 991
        assert 23 < box["y"] and box["y"] + box["height"] < 427
    # What is alive at the peak adds up, in both.
    rows = [int(e["data-key"]) for e in page.find("td", table="peak") if "data-key" in e]
    assert sum(rows) == sum(v["bytes"] for v in memory["alive_at_peak"])
    assert sum(rows) == memory["lower_bound_bytes"] <= memory["arena_bytes_at_sizes"]
    # Kernels: numbers and what is fused.
    keys = [int(e["data-key"]) for e in page.find("td", table="kernels") if "data-key" in e]
    assert keys == [number for kernel in report["kernels"] for number in
                    (kernel["step"], kernel["flops_at_sizes"], kernel["bytes_at_sizes"])]
    chips = [e for e in page.find("span", table="kernels") if e["class"].startswith("op")]
    assert [chip["text"] for chip in chips] == [
        op for kernel in report["kernels"] for op in kernel["op"].split("+")]
    assert [chip["title"] for chip in chips] == [
        value for kernel in report["kernels"] for value in kernel["values"]]
    for kernel in report["kernels"]:
        assert len(kernel["values"]) == len(kernel["op"].split("+"))
        assert kernel["values"][-1] == kernel["name"]
    # Passes, in the order in which they ran.
    passes = [row["pass"] for row in report["passes"]]
    assert passes.index("graph-simplify") < passes.index("form-kernels") < passes.index(
        "plan-memory") < passes.index("lower-exec")
    cells = [e["text"] for e in page.find("td", table="passes")]
    assert cells[::5] == passes
    for row in report["passes"]:
        assert row["before"]["operations"] > 0 and row["after"]["operations"] > 0


def test_passes_are_counted(tmp_path):
    _, _, report = reports(harness.model_path("minilm_l3"), tmp_path)
    model = onnx.load(harness.model_path("minilm_l3"))
    rows = {row["pass"]: row for row in report["passes"]}
    first = report["passes"][0]
    assert first["pass"] == "graph-simplify"
    assert first["counts"]["folded"] > 0 and first["counts"]["removed"] > 0
    assert first["after"]["operations"] < first["before"]["operations"]
    for before, after in zip(report["passes"], report["passes"][1:]):
        assert before["after"] == after["before"]
    weights = sum(onnx.numpy_helper.to_array(tensor).nbytes
                  for tensor in model.graph.initializer)
    assert 0.99 * weights < first["before"]["constant_bytes"] < 1.01 * weights
    assert rows["schedule"]["counts"]["peak"] <= rows["schedule"]["counts"]["given_peak"]
    assert rows["plan-memory"]["counts"] == report["memory"]["counts"]


def test_states_are_counted(tmp_path):
    _, _, report = reports(harness.model_path("tiny_lm"), tmp_path)
    rows = {row["pass"]: row for row in report["passes"]}
    assert rows["form-state"]["counts"] == {"found": 8, "left": 0}
    assert rows["bind-state"]["counts"] == {"bound": 8, "left": 0}


def check_self_contained(page, text):
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"https?:|//[\w.]+/|url\(|@import", text)
    assert not any({"src", "href", "xlink:href", "style"} & set(e)
                   or any(key.startswith("on") for key in e) for e in page.elements)
    script, = page.find("script")
    digest = base64.b64encode(hashlib.sha256(script["text"].encode()).digest()).decode()
    policy, = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy["content"]
    assert "prefers-color-scheme: dark" in text


def test_names_are_escaped(tmp_path):
    page, text, report = reports(hostile_model(tmp_path / "x.onnx"), tmp_path)
    check_self_contained(page, text)
    assert "<script>document" not in text and "\x07" not in text
    shown = HOSTILE.replace("\x07", "�") + "m"
    assert any(kernel["name"] == HOSTILE + "m" for kernel in report["kernels"])
    assert any(e["text"] == shown for e in page.find("td", table="kernels"))


def test_pages_refer_to_nothing_outside(tmp_path):
    page, text, _ = reports(harness.model_path("gen_qdq_cnn"), tmp_path)
    check_self_contained(page, text)


@pytest.mark.parametrize("flags, message", [
    (["--report-dim=x=3"], "the program has no dimension 'x'"),
    (["--report-dim=batch=2", "--report-dim=batch=3"], "'batch' is given twice"),
    (["--dim=batch=1..4", "--report-dim=batch=2"], "'batch' has a bound"),
    (["--dim=batch=3..", "--report-dim=batch=2"], "--dim: expected"),
])
def test_wrong_report_sizes(flags, message, tmp_path):
    done = harness.run("cinch-compile", harness.model_path("tiny_lm"), "-o",
                       tmp_path / "m.so", "--report", tmp_path / "r.html", *flags)
    assert done.status in (1, 2) and message in done.output
    assert not (tmp_path / "r.html").exists() and not (tmp_path / "m.so").exists()


def in_browser(path, folder):
    """The page after its script has run; fails on messages of its console."""
    browser = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not browser:
        pytest.skip("no chromium-headless-shell and no chromium")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0 and "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def test_browser_sorts_and_does_not_complain(tmp_path):
    _, text, report = reports(harness.model_path("minilm_l3"), tmp_path)
    in_browser(tmp_path / "r.html", tmp_path)
    # A click on a heading, by a second script that the policy admits here only.
    click = "document.querySelectorAll('#kernels th button')[4].click();"
    page = re.sub(r"<meta http-equiv=[^>]*>", "", text).replace(
        "</body>", f"<script>{click}</script></body>")
    (tmp_path / "clicked.html").write_text(page)
    rows = Page(in_browser(tmp_path / "clicked.html", tmp_path))
    keys = [int(e["data-key"]) for e in rows.find("td", table="kernels") if "data-key" in e]
    assert keys[1::3] == sorted((k["flops_at_sizes"] for k in report["kernels"]),
                                reverse=True)
    assert len(rows.find("th", **{"aria-sort": "descending"})) == 1


def test_browser_runs_no_name(tmp_path):
    _, _, _ = reports(hostile_model(tmp_path / "x.onnx"), tmp_path)
    assert "<title>x — Cinch report</title>" in in_browser(tmp_path / "r.html", tmp_path)
