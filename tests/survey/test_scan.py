from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from lstmrec.contracts.errors import DataError
from lstmrec.contracts.units import DAY_US
from lstmrec.survey import scan
from lstmrec.survey.clock import Clock
from lstmrec.survey.table import opened

DAY = 86_400


def test_counts_against_plain_python(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [
        (f"u{rng.randrange(9)}", f"i{rng.randrange(7)}", 1_700_000_000 + rng.randrange(20 * DAY)) for _ in range(500)
    ]
    lines = ["u,i,t", *(",".join(map(str, r)) for r in rows), "u0,i0,never"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    found = scan.count(opened(str(tmp_path / "t.csv")), "u", "i", "t", Clock(unit="s"))
    days: dict[int, list[int]] = {}
    for *_, t in rows:
        days.setdefault(t // DAY, []).append(t)
    assert found.days == {d: (len(ts), max(ts) * 1_000_000) for d, ts in days.items()}
    assert (found.events, found.users, found.items, found.unreadable, found.stray) == (501, 9, 7, 1, 0)
    assert found.span == max(days) - min(days) + 1 and found.last_us == max(r[2] for r in rows) * 1_000_000
    cut = (min(days) + 5) * DAY * 1_000_000
    assert found.after(cut) == sum(len(ts) for d, ts in days.items() if d >= min(days) + 5)


def test_a_clock_set_wrong_does_not_move_the_end() -> None:
    days = {d: (1000, d * DAY_US) for d in range(100)}
    assert scan._without_strays(days | {20_000: (3, 20_000 * DAY_US)}) == (days, 3)
    many = days | {200: (3000, 200 * DAY_US)}
    assert scan._without_strays(many) == (many, 0), "a month's silence alone is no fault"
    late = days | {105: (3, 105 * DAY_US)}
    assert scan._without_strays(late) == (late, 0)


def test_repeats_do_not_count_what_was_delivered_twice() -> None:
    rows = pa.table({"u": ["a", "a", "a", "b"], "i": ["x", "x", "y", "x"], "t": [1, 1, 2, 3]})
    assert scan.repeats(rows, "u", "i", "t") == 0.0
    assert scan.repeats(rows, "u", "i", None) == pytest.approx(1 / 3)
    assert scan.repeats(rows.set_column(2, "t", pa.array([1, 9, 2, 3])), "u", "i", "t") == pytest.approx(1 / 3)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("u,i,t\n" + "a,b,1\n" * 10 + "a,b\n")
    with pytest.raises(DataError, match="D852"):
        scan.count(opened(str(tmp_path / "t.csv")), "u", "i", "t", Clock(unit="s"))
