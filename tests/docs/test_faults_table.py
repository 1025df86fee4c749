"""docs/reference/faults.md: each row is whole, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "faults.md"
#: Rows that the page had once: a fault is added, or said in other words, but never dropped.
FLOOR = 134
#: Faults that no test plays yet.
OPEN: set[str] = set()
HEAD = ["what goes wrong", "what happens", "test"]
#: A test, the case in brackets left aside.
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[[^`]*\])?`")


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row != HEAD and not all(re.fullmatch(r":?-+:?", cell) for cell in row)]


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of the functions in a file, methods too; none where there is no file."""
    if not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


def wrong(row: list[str]) -> str:
    """What a row lacks, empty where it is whole."""
    if len(row) != len(HEAD) or not all(row):
        return f"{len(row)} cells, {sum(map(bool, row))} filled"
    found = NAMED.findall(row[2])
    if NAMED.sub("", row[2]).strip() != ("" if found else "none"):
        return f"the last cell is no list of tests: {row[2]}"
    return ", ".join(f"no test {path}::{name}" for path, name in found if name not in names_in(path))


def test_every_row_is_whole_and_its_tests_are_there() -> None:
    found = rows(PAGE.read_text(encoding="utf-8"))
    assert len(found) >= FLOOR
    assert {row[0]: wrong(row) for row in found if wrong(row)} == {}
    assert len({row[0] for row in found}) == len(found), "a fault stands twice"
    assert {row[0] for row in found if row[2] == "none"} == OPEN


def test_links_hold() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text(encoding="utf-8"))
    assert links and [link for link in links if not (PAGE.parent / link).exists()] == []


HERE = "`tests/docs/test_faults_table.py::test_links_hold`"


@pytest.mark.parametrize(("line", "said"), [
    (f"| a | b | {HERE} |", ""),
    (f"| a | b | {HERE} {HERE[:-1]}[some case]` |", ""),
    ("| a | b | none |", ""),
    (f"| a | {HERE} |", "2 cells"),
    (f"| a | | {HERE} |", "3 cells, 2 filled"),
    ("| a | b | some test |", "no list of tests"),
    (f"| a | b | none {HERE} |", "no list of tests"),
    (f"| a | b | {HERE[:-2]}` |", "no test tests/docs/test_faults_table.py::test_links_hol"),
    ("| a | b | `tests/docs/test_nowhere.py::test_it` |", "no test tests/docs/test_nowhere.py::test_it"),
])  # fmt: skip
def test_what_is_wrong_with_a_row_is_told(line: str, said: str) -> None:
    (row,) = rows(f"{line}\n| what goes wrong | what happens | test |\n| --- | :-- | --- |\n")
    assert said in wrong(row) and bool(wrong(row)) == bool(said)
