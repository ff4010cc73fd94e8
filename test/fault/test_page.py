"""docs/faults.md names the tests that cover each fault: every one of them must exist, and every
numbered case must stand there. What only a test of a part shows is «not covered yet; in part by»,
or «by» it where a real fleet can show no more. `test_page.py --write` fills in the numbers."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/faults.md"
ROW = re.compile(r"^\| ([A-Z]\d\d) \| ([^|]+) \| ([^|]+) \|$", re.M)
REFERENCE = re.compile(r"`([\w./]+)::(\w+)`")
NOT_COVERED = "not covered yet"
COUNTS = {"C": 27, "L": 19, "F": 17, "S": 14, "R": 24, "A": 15, "N": 13}


def numbered_cases():
    """{"C01": ["test/fault/test_c.py::test_C01_…"]} from the sources."""
    result = {}
    for file in sorted((ROOT / "test/fault").glob("test_*.py")):
        for name in re.findall(r"def (test_[A-Z]\d\d\w*)", file.read_text()):
            reference = f"{file.relative_to(ROOT)}::{name}"
            result.setdefault(name[5:8], []).append(reference)
    return result


def exists(file, name):
    path = ROOT / file
    if not path.exists():
        return False
    text = path.read_text()
    if path.suffix == ".py":
        return f"def {name}(" in text
    return re.search(rf"BOOST_\w+_TEST_CASE\(\s*{name}\b", text) is not None


def write():
    cases = numbered_cases()

    def filled(match):
        number, fault, cover = match.groups()
        mine = ", ".join(f"`{reference}`" for reference in cases.get(number, []))
        return f"| {number} | {fault} | {mine or cover} |"
    PAGE.write_text(ROW.sub(filled, PAGE.read_text()))


class Page(unittest.TestCase):
    def setUp(self):
        self.rows = ROW.findall(PAGE.read_text())

    def test_every_fault_once_in_order(self):
        expected = [f"{letter}{i:02}" for letter, count in COUNTS.items()
                    for i in range(1, count + 1)]
        self.assertEqual(expected, [number for number, _, _ in self.rows])

    def test_every_reference_exists(self):
        for number, _, cover in self.rows:
            with self.subTest(number):
                references = REFERENCE.findall(cover)
                if not references:
                    self.assertEqual(NOT_COVERED, cover)
                elif not any(file.startswith("test/fault/") for file, _ in references):
                    self.assertTrue(cover.startswith((f"{NOT_COVERED}; in part by ", "by ")), cover)
                for file, name in references:
                    self.assertTrue(exists(file, name), f"{file} has no {name}")

    def test_every_numbered_case_is_listed(self):
        listed = {number: REFERENCE.findall(cover) for number, _, cover in self.rows}
        for number, references in numbered_cases().items():
            for reference in references:
                self.assertIn(tuple(reference.split("::")), listed[number],
                              "run test_page.py --write")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main()
