#!/usr/bin/env python3
"""Adds up JUnit files and plain checks: summary.py FOLDER [NAME=STATUS...]

Prints a line for each part, the names of failed tests, and as its last line
`N passed, N failed[, N skipped]`. Exits with 1 if anything failed or a part
ran no test.
"""
import os
import sys
import xml.etree.ElementTree as ElementTree


def read(path):
    """Returns (passed, failed names, skipped) of one JUnit file."""
    passed, skipped, failed = 0, 0, []
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname', '')} {case.get('name')}".strip()
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(folder, checks):
    total_passed = total_skipped = 0
    total_failed = []
    for check in checks:
        name, status = check.split("=")
        if status == "0":
            total_passed += 1
        else:
            total_failed.append(name)
    for file in sorted(f for f in os.listdir(folder) if f.endswith(".xml")):
        part = file[:-len(".xml")]
        try:
            passed, failed, skipped = read(os.path.join(folder, file))
        except ElementTree.ParseError:
            passed, failed, skipped = 0, [f"{part} wrote no results"], 0
        if not passed + len(failed) + skipped:
            failed = [f"{part} ran no test"]
        print(f"{part}: {passed} passed, {len(failed)} failed, {skipped} skipped")
        total_passed += passed
        total_skipped += skipped
        total_failed += failed
    for name in total_failed[:100]:
        print("FAILED", name)
    skipped = f", {total_skipped} skipped" if total_skipped else ""
    print(f"{total_passed} passed, {len(total_failed)} failed{skipped}")
    return 1 if total_failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
