"""Each rule over a user's events against a plain-Python walk along them: many random users in one query."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

from lstmrec.frames import repeats

SCHEMA = (
    "user_id string, item_id string, event_type string, time bigint, event_id string, position bigint, "
    "row_hash bigint, _tie bigint, _many decimal(30,6), _cancel boolean, session string, reject_reason string, "
    "reject_value string, n int"
)
SECOND = 1_000_000
Row = dict[str, Any]


def world(seed: int, users: int = 60) -> list[Row]:
    """Events of many users: few items, close times, some without a time, cancellations, some refused before."""
    rng = random.Random(seed)
    out = []
    for user in range(users):
        for _ in range(rng.randrange(14)):
            reason = rng.choice([None] * 5 + ["future"])
            cancel = rng.random() < 0.4
            amount = rng.choice([1, 2]) * (-1 if cancel else 1)
            out.append({
                "user_id": f"u{user}", "item_id": rng.choice("ab"), "event_type": rng.choice("xy"),
                "time": rng.choice([None, *(rng.randrange(20) * SECOND for _ in range(6))]), "event_id": None,
                "position": rng.choice([None, 1, 2]), "row_hash": rng.randrange(50), "_tie": len(out),
                "_many": amount, "_cancel": cancel, "session": None, "reject_reason": reason, "reject_value": None,
                "n": len(out),
            })  # fmt: skip
    return out


def place(row: Row) -> tuple[Any, ...]:
    """The total order, nulls first."""
    return tuple((row[c] is not None, row[c] or 0) for c in ("time", "position", "row_hash", "_tie"))


def walks(rows: list[Row], *key: str) -> list[list[Row]]:
    """Rows still accepted, by key, each group in the total order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in sorted((r for r in rows if r["reject_reason"] is None), key=place):
        groups.setdefault(tuple(abs(row[k]) if k == "_many" else row[k] for k in key), []).append(row)
    return list(groups.values())


def ran(spark: Any, rows: list[Row], rule: Callable[[Any], Any], column: str = "reject_reason") -> dict[int, Any]:
    data = [tuple(Decimal(r[c]) if c == "_many" else r[c] for c in rows[0]) for r in rows]
    random.Random(9).shuffle(data)
    return {r["n"]: r[column] for r in spark.createDataFrame(data, SCHEMA).repartition(3).transform(rule).collect()}


def test_double_clicks(spark: Any) -> None:
    rows = world(1)
    expected = {r["n"]: r["reject_reason"] for r in rows}
    for walk in walks(rows, "user_id", "item_id", "event_type"):
        for before, row in pairwise(walk):
            if before["time"] is not None and row["time"] - before["time"] <= 3 * SECOND:
                expected[row["n"]] = "double_click"
    assert "double_click" in expected.values()
    assert ran(spark, rows, repeats.refuse_double_clicks(3)) == expected


def test_consecutive_repeats(spark: Any) -> None:
    rows = world(2)
    expected = {r["n"]: r["reject_reason"] for r in rows}
    for walk in walks(rows, "user_id"):
        last = None
        for row in walk:
            if row["item_id"] == last:
                expected[row["n"]] = "consecutive_repeat"
            last = row["item_id"]
    assert "consecutive_repeat" in expected.values()
    assert ran(spark, rows, repeats.refuse_consecutive_repeats) == expected


def test_cancellations_undo_the_latest_open_event(spark: Any) -> None:
    rows = world(3)
    expected = {r["n"]: r["reject_reason"] for r in rows}
    for walk in walks(rows, "user_id", "item_id", "_many"):
        pile: list[int] = []
        for row in walk:
            if not row["_cancel"]:
                pile.append(row["n"])
            elif pile:
                expected[pile.pop()], expected[row["n"]] = "cancelled", "cancellation"
            else:
                expected[row["n"]] = "unmatched_cancellation"
    assert {"cancelled", "cancellation", "unmatched_cancellation"} < set(expected.values())
    assert ran(spark, rows, repeats.refuse_cancelled) == expected


def test_sessions(spark: Any) -> None:
    rows = world(4)
    for row in rows:
        row["time"] = None if row["time"] is None else row["time"] * 60
    expected: dict[int, Any] = {r["n"]: None for r in rows}
    for walk in walks(rows, "user_id"):
        session, last = 0, None
        for row in walk:
            if last is not None and row["time"] - last > 3 * 60 * SECOND:
                session += 1
            last = row["time"]
            expected[row["n"]] = str(session)
    assert "3" in expected.values() and None in expected.values()
    assert ran(spark, rows, repeats.with_sessions(3), "session") == expected
