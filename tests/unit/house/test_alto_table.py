# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of ALTO's rules (tests/alto/README.md) names tests that exist, and all ALTO tests of tests/lab."""

import glob
import os
import re

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(TESTS, "alto", "README.md")
ENTRY = re.compile(r"`((?:unit|lab)/[\w/]+\.(?:c|py))`: ([\w, ]+)")
RFCS = ("7285", "8189", "8895", "8896", "9240", "9275", "9439", "9569", "draft")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows():
    """Cells of each rule."""
    lines = [line for line in read(TABLE).splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "| rule |" not in line]


def named():
    """(file, test), as the table has them."""
    return {(path, name.strip()) for _, _, tests in rows() for path, names in ENTRY.findall(tests)
            for name in names.split(",")}


def those_of(path):
    text = read(os.path.join(TESTS, path))
    if path.endswith(".py"):
        return set(re.findall(r"^def (test_\w+)\(", text, re.M))
    run = text[text.index("struct CMUnitTest"):]
    return {name for name in re.findall(r"^static void (\w+)\(void \*\*state\)", text, re.M)
            if re.search(rf"\b{name}\b", run)}


@pytest.mark.parametrize("path", sorted({path for path, _ in named()}))
def test_named_tests_exist(path):
    wrong = {name for of, name in named() if of == path} - those_of(path)
    assert not wrong, f"{path} has no such tests: the table must name those that it has"


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(TESTS, "lab", "test_alto*.py"))), ids=os.path.basename)
def test_tests_of_the_wire_are_named(path):
    path = os.path.relpath(path, TESTS)
    missing = those_of(path) - {name for of, name in named() if of == path}
    assert not missing, f"tests/alto/README.md does not say what these of {path} check"


def test_every_rule_has_a_test():
    assert len(rows()) > 80
    for section, rule, tests in rows():
        assert section and rule and ENTRY.search(tests), (section, rule)
        assert re.sub(ENTRY, "", tests).strip("; ") == "", f"{rule}: cannot be read: {tests}"


def test_every_rfc_has_its_rules():
    headings = [line for line in read(TABLE).splitlines() if line.startswith("## ")]
    assert all(any(rfc in heading for heading in headings) for rfc in RFCS)
