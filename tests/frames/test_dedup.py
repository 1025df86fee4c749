"""The first by the total order stays, however the rows are spread; counts over what is left."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from lstmrec.frames import dedup, outliers

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


def test_repeated_ids_keep_the_smallest_hash(spark: Any) -> None:
    given = [("a", 3, None), ("a", 1, None), ("a", 0, "too_long_id"), ("b", 9, None), (None, 1, "null_item")]
    frame = spark.createDataFrame(given, "item_id string, _tie bigint, reject_reason string")
    found = (
        frame.selectExpr("*", "cast(null as string) reject_value").transform(dedup.refuse_repeated("item")).collect()
    )
    assert {(r["item_id"], r["_tie"]): r["reject_reason"] for r in found} == {
        ("a", 1): None, ("a", 3): "duplicate_item", ("a", 0): "too_long_id", ("b", 9): None, (None, 1): "null_item",
    }  # fmt: skip


def test_rare_items_then_rare_users_then_bots(spark: Any) -> None:
    pairs = [("u", "a"), ("u", "a"), ("u", "b"), ("v", "b"), ("v", "c"), ("w", "a"), ("w", "b"), ("w", "b"), ("w", "a")]
    dead = [("v", "c"), ("u", "c")]
    given = [(u, i, None, None) for u, i in pairs] + [(u, i, "future", None) for u, i in dead]
    schema = "user_id string, item_id string, reject_reason string, reject_value string"
    frame = spark.createDataFrame(given, schema).repartition(3)
    found = frame.transform(outliers.refuse_rare_items(2)).transform(outliers.refuse_by_user_count(2, 3)).collect()
    counts = Counter((r["user_id"], r["item_id"], r["reject_reason"], r["reject_value"]) for r in found)
    assert counts == {
        ("u", "a", None, None): 2, ("u", "b", None, None): 1, ("v", "c", "rare_item", "1"): 1,
        ("v", "b", "rare_user", "1"): 1, ("w", "a", "bot", "4"): 2, ("w", "b", "bot", "4"): 2,
        ("v", "c", "future", None): 1, ("u", "c", "future", None): 1,
    }  # fmt: skip
