"""The first by the total order stays, however the rows are spread."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from lstmrec.frames import dedup

SCHEMA = (
    "user_id string, item_id string, event_type string, time bigint, event_id string, position bigint, value bigint, "
    "quantity bigint, row_hash bigint, _tie bigint, reject_reason string, reject_value string"
)
ORDER = (3, 4, 5, 8)


def rows(seed: int, n: int = 300) -> list[tuple[Any, ...]]:
    """Dirty events with many repeats; the hash is of the conformed columns, the tie-breaker of the source row."""
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        time = rng.choice([None, 1, 2])
        body = (
            rng.choice("uv"),
            rng.choice("ab"),
            rng.choice("xy"),
            time,
            rng.choice([None, "e"]),
            rng.choice([1, 2]),
            1,
            1,
        )
        reason = rng.choice([None, None, None, "too_early"])
        out.append((*body, hash(str(body)) % 1000, rng.randrange(10**6), reason, reason))
    return out


def null_first(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((row[n] is not None, row[n] if row[n] is not None else 0) for n in ORDER[:1]) + tuple(
        (row[n] is not None, row[n] or 0 if n != 4 else row[n] or "") for n in ORDER[1:]
    )


def oracle(given: list[tuple[Any, ...]], same: str) -> Counter[tuple[Any, ...]]:
    seen: set[tuple[Any, ...]] = set()
    out: Counter[tuple[Any, ...]] = Counter()
    for row in sorted(given, key=lambda r: (null_first(r), r[9])):
        key = (*row[:2], *(row[n] for n in ORDER))
        if same == "user_item_time":
            key = (*row[:4], row[5] if row[3] is None else None)
        reason = row[10]
        if reason is None and key in seen:
            reason = "duplicate"
        elif reason is None:
            seen.add(key)
        out[(*row[:10], reason)] += 1
    return out


@pytest.mark.parametrize("same", ["exact", "user_item_time"])
def test_duplicates_against_plain_python_under_any_spread(spark: Any, same: Any) -> None:
    given = rows(1)
    expected = oracle(given, same)
    assert sum(n for row, n in expected.items() if row[-1] == "duplicate") > 50
    for parts in (1, 2, 7):
        random.Random(parts).shuffle(given)
        frame = spark.createDataFrame(given, SCHEMA).repartition(parts)
        found = frame.transform(dedup.refuse_duplicates(same)).collect()
        assert Counter((*r[:10], r["reject_reason"]) for r in found) == expected


def test_repeated_ids_keep_the_newest_then_the_smallest_hash(spark: Any) -> None:
    given = [("a", 3, None, 7, 1), ("a", 1, None, 7, 1), ("a", 2, None, 8, 0), ("a", 0, "too_long_id", 7, 9),
             ("b", 9, None, 7, None), ("b", 1, None, 7, None), ("b", 2, None, 8, 1),
             (None, 1, "null_item", 7, 1)]  # fmt: skip
    schema = "item_id string, _tie bigint, reject_reason string, _payload bigint, _updated bigint"
    frame = spark.createDataFrame(given, schema).selectExpr("*", "cast(null as string) reject_value")
    found = frame.transform(dedup.refuse_repeated("item")).collect()
    assert {(r["item_id"], r["_tie"]): r["reject_reason"] for r in found} == {
        ("a", 1): None, ("a", 3): "duplicate_item", ("a", 2): "conflicting_item", ("a", 0): "too_long_id",
        ("b", 2): None, ("b", 1): "conflicting_item", ("b", 9): "conflicting_item", (None, 1): "null_item",
    }  # fmt: skip


@pytest.mark.parametrize("everywhere", [False, True])
def test_event_ids_stand_once(spark: Any, everywhere: bool) -> None:
    rng = random.Random(8)
    given = [
        (rng.choice("uvw"), rng.choice("ab"), "x", rng.choice([None, 1, 2]), rng.choice([None, *"efghijkl"]), None,
         rng.choice([None, 1]), 1, rng.randrange(10**6), n, rng.choice([None, None, None, "future"]), None)
        for n in range(300)
    ]  # fmt: skip
    first: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    expected = {}
    for row in sorted(given, key=lambda r: (null_first(r), r[0], r[9])):
        key, reason = (row[4] if everywhere else (row[0], row[4])), row[10]
        if reason is None and row[4] is not None:
            said = (row[0], *row[1:4], *row[6:8])
            if key in first:
                reason = "duplicate_event_id" if first[key] == said else "conflicting_event_id"
            first.setdefault(key, said)
        expected[row[9]] = reason
    assert {"duplicate_event_id", "conflicting_event_id"} <= set(expected.values())
    frame = spark.createDataFrame(given, SCHEMA).repartition(3)
    found = frame.transform(dedup.refuse_event_ids(everywhere)).collect()
    assert {r["_tie"]: r["reject_reason"] for r in found} == expected


def test_a_cancellation_repeats_no_purchase(spark: Any) -> None:
    row = ("u", "a", "x", 1, None, None, 1, 1, 5, 6, None, None)
    frame = spark.createDataFrame([(*row, False), (*row, False), (*row, True)], f"{SCHEMA}, _cancel boolean")
    found = frame.transform(dedup.refuse_duplicates("user_item_time")).collect()
    assert sorted((r["_cancel"], r["reject_reason"]) for r in found if r["reject_reason"]) == [(False, "duplicate")]
