"""The closing line counts every part and fails when a part is missing."""
import summary

GOOD = """<testsuites><testsuite>
<testcase classname="a" name="one"/>
<testcase classname="a" name="two"><skipped/></testcase>
</testsuite></testsuites>"""
BAD = """<testsuite><testcase classname="b" name="three"><failure>no</failure></testcase>
<testcase name="four" status="notrun"/></testsuite>"""


def run(folder, capsys, checks=(), **files):
    for name, text in files.items():
        (folder / f"{name}.xml").write_text(text)
    status = summary.main(str(folder), checks)
    return status, capsys.readouterr().out.splitlines()


def test_all_good(tmp_path, capsys):
    status, lines = run(tmp_path, capsys, ["lint=0"], unit=GOOD)
    assert status == 0 and lines[-1] == "2 passed, 0 failed, 1 skipped"


def test_failures_are_named(tmp_path, capsys):
    status, lines = run(tmp_path, capsys, ["lint=1"], unit=GOOD, lit=BAD)
    assert status == 1 and lines[-1] == "1 passed, 2 failed, 2 skipped"
    assert "FAILED lint" in lines and "FAILED b three" in lines


def test_part_without_results(tmp_path, capsys):
    status, lines = run(tmp_path, capsys, unit=GOOD, pytest="", lit="<testsuite/>")
    assert status == 1 and lines[-1] == "1 passed, 2 failed, 1 skipped"
    assert "FAILED pytest wrote no results" in lines
    assert "FAILED lit ran no test" in lines
