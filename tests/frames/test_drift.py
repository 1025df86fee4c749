"""The population stability index against plain Python, over bins of train events."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest

from lstmrec.frames import drift

ROLES = ("train", "validation", "test")


def plain(p: list[int], q: list[int]) -> float:
    ps, qs = ([(n + 0.5) / sum(m + 0.5 for m in side) for n in side] for side in (p, q))
    return sum((a - b) * math.log(a / b) for a, b in zip(ps, qs, strict=True))


def test_psi() -> None:
    assert drift.psi([10, 20, 30], [100, 200, 300]) < 0.01
    assert drift.psi([10, 20, 30], [30, 20, 10]) == pytest.approx(plain([10, 20, 30], [30, 20, 10]), abs=1e-4)
    assert drift.psi([10, 20, 30], [30, 20, 10]) > 0.5
    assert math.isfinite(drift.psi([5, 0], [0, 5]))


def test_ten_bins_of_as_many_train_events(spark: Any) -> None:
    rng = random.Random(2)
    rows = [("a", n, *(rng.randrange(9) for _ in ROLES)) for n in rng.sample(range(-999, 999), 300)]
    rows += [("held", n, 0, 1, 1) for n in range(3)] + [("one", 5, 7, 0, 2)]
    frame = spark.createDataFrame(rows, "feature string, bin bigint, train bigint, validation bigint, test bigint")
    found = {(r["feature"], r["bin"]): tuple(r)[2:] for r in drift.of_numbers(frame.repartition(3)).collect()}
    whole, below = sum(r[2] for r in rows if r[0] == "a"), 0
    expected: Counter[tuple[int, str]] = Counter()
    for r in sorted(r for r in rows if r[0] == "a"):
        place = min(below * 10 // whole, 9)
        for role, n in zip(ROLES, r[2:], strict=True):
            expected[place, role] += n
        below += r[2]
    for place in range(10):
        assert found["item:a", str(place)] == tuple(expected[place, role] for role in ROLES)
    assert max(expected[p, "train"] for p in range(10)) - min(expected[p, "train"] for p in range(10)) < 20
    assert found["item:held", "0"] == (0, 3, 3) and found["item:one", "0"] == (7, 0, 2)


def test_the_most_frequent_values_and_the_rest(spark: Any) -> None:
    rows = [("tag", f"t{n}", 1, 100 - n, 1, n) for n in range(80)] + [("user:x", None, 0, 4, 5, 6)]
    rows += [("user:x", "rest", 0, 1, 1, 1)]
    frame = spark.createDataFrame(
        rows, "feature string, value string, count bigint, train bigint, validation bigint, test bigint"
    )
    found = {(r["feature"], r["bin"]): tuple(r)[2:] for r in drift.of_values(frame.repartition(3)).collect()}
    assert found["tag", "=t49"] == (51, 1, 49) and ("tag", "=t50") not in found
    assert found["tag", "rest"] == (sum(100 - n for n in range(50, 80)), 30, sum(range(50, 80)))
    assert found["user:x", "missing"] == (4, 5, 6) and found["user:x", "=rest"] == (1, 1, 1)
    assert len(found) == 53


def test_indices_and_what_is_said() -> None:
    def row(feature: str, bin_: str, *counts: int) -> dict[str, Any]:
        return {"feature": feature, "bin": bin_} | dict(zip(ROLES, counts, strict=True))

    rows = [row("event_type", "=buy", 100, 50, 0), row("event_type", "=view", 100, 50, 0),
            row("item:price", "0", 60, 90, 0), row("item:price", "1", 60, 5, 0),
            row("user:x", "=a", 0, 3, 0), row("tag", "=t", 7, 7, 0)]  # fmt: skip
    found = drift.indices(rows)
    price = plain([60, 60, 80], [90, 5, 5])  # the last are events whose item has no price
    assert found[0] == ["item:price", "validation", pytest.approx(price, abs=1e-4)]
    assert [f[:2] for f in found[1:]] == [["event_type", "validation"], ["tag", "validation"]]
    assert drift.warned(found, 0.2) == [f"item:price drifts: PSI {found[0][2]} of validation"]
    assert drift.indices([]) == []
