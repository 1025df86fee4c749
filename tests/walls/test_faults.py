"""Every test that FAULTS.md names is there, and every fault has its line."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LINE = re.compile(r"^\| (\d+) \|.*\|([^|]*)\|$", re.MULTILINE)
#: Faults that no test plays yet.
OPEN = {50, 131}


def lines() -> dict[int, list[str]]:
    found = LINE.findall((TESTS / "FAULTS.md").read_text())
    assert len({n for n, _ in found}) == len(found), "a fault stands twice"
    return {int(n): re.findall(r"`([^`]+)`", cell) for n, cell in found}


def test_every_named_test_is_there() -> None:
    missing = []
    for number, names in lines().items():
        for name in names:
            path, _, test = name.partition("::")
            place = TESTS.parent / path
            if not place.is_file() or not re.search(rf"^\s*def {re.escape(test)}\(", place.read_text(), re.MULTILINE):
                missing.append(f"{number}: {name}")
    assert missing == []


def test_every_fault_has_a_test() -> None:
    table = lines()
    assert set(table) == {*range(1, 135)}
    assert {number for number, names in table.items() if not names} == OPEN
