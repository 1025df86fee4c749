"""Roles and places: a total order under ties, any spread of the rows, and nothing of test in an earlier history."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from lstmrec.config.split import SplitConfig
from lstmrec.contracts import tables
from lstmrec.frames import split

DAY = 86_400_000_000
AS_OF = 100 * DAY


def rows(seed: int, n: int = 250, clock: bool = True) -> list[tuple[Any, ...]]:
    rng = random.Random(seed)
    out = []
    for k in range(n):
        time = rng.choice([None, *[d * DAY + rng.choice([-1, 0]) for d in (1, 50, 72, 86, 99)]]) if clock else None
        event_id, position = rng.choice([None, "a", "b"]), rng.choice([1, 2, 3])
        user = f"u{min(rng.randrange(12), rng.randrange(12))}"
        out.append((user, f"i{rng.randrange(5)}", "e", time, event_id, position, 1, None, k * 7919 % 1000 - 500))
    return out


def place(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python's own total order: nulls first."""
    return tuple((row[n] is not None, row[n] if row[n] is not None else "") for n in (3, 4)) + (row[5], row[8])


def oracle(given: list[tuple[Any, ...]], conf: SplitConfig) -> set[tuple[Any, ...]]:
    mine = defaultdict(list)
    for row in given:
        mine[row[0]].append(row)
    out = set()
    for history in mine.values():
        history.sort(key=place)
        n = len(history)
        test = min(conf.last, n - 1)
        validation = min(conf.last, n - 1 - test)
        for index, row in enumerate(history):
            if conf.by == "leave_last":
                role = "test" if index >= n - test else "validation" if index >= n - test - validation else "train"
            else:
                days = None if row[3] is None else row[3] - AS_OF
                role = "train" if days is None or days < -28 * DAY else "validation" if days < -14 * DAY else "test"
            out.add((row[0], row[8], index, role))
    return out


@pytest.mark.parametrize(
    "conf",
    [
        SplitConfig(by="time", test_days=14, validation_days=14),
        SplitConfig(by="leave_last"),
        SplitConfig(by="leave_last", last=3),
    ],
)
def test_split_against_plain_python_under_any_spread(spark: Any, conf: SplitConfig) -> None:
    given = rows(2)
    given = list({(r[0], r[8]): r for r in given}.values())
    expected = oracle(given, conf)
    assert {role for *_, role in expected} == {"train", "validation", "test"}
    for parts in (1, 7):
        random.Random(parts).shuffle(given)
        frame = spark.createDataFrame(given, tables.EVENTS.ddl).repartition(parts)
        found = frame.transform(split.with_split(conf, AS_OF))
        assert found.columns == list(tables.SPLIT.names)
        assert {(r["user_id"], r["row_hash"], r["index"], r["role"]) for r in found.collect()} == expected


def test_item_ids_do_not_decide_ties(spark: Any) -> None:
    given = [("u", item, "e", 5, None, None, None, None, hashed) for item, hashed in (("a", 3), ("b", 1), ("c", 2))]
    frame = spark.createDataFrame(given, tables.EVENTS.ddl)
    found = frame.transform(split.with_split(SplitConfig(by="leave_last"), AS_OF)).collect()
    assert [r["item_id"] for r in sorted(found, key=lambda r: r["index"])] == ["b", "c", "a"]


def test_cuts_and_rules() -> None:
    conf = SplitConfig(by="time", test_days=14, validation_days=7)
    assert split.cuts_us(conf, AS_OF) == {
        "train": 79 * DAY, "validation": 79 * DAY, "test": 86 * DAY, "serve": AS_OF,
    }  # fmt: skip
    assert set(split.cuts_us(SplitConfig(by="leave_last"), AS_OF).values()) == {None}
    assert set(split.rule(conf)) == set(split.rule(SplitConfig(by="leave_last"))) == set(tables.ROLES)


def test_tally_and_ties(spark: Any) -> None:
    given = [
        ("u", "train", 1),
        ("u", "train", 1),
        ("u", "test", 9),
        ("v", "train", 1),
        ("v", "test", 1),
        ("w", "train", None),
    ]
    frame = spark.createDataFrame(given, "user_id string, role string, time bigint")
    frame = frame.selectExpr("*", "cast(null as string) event_id", "cast(null as bigint) position")
    found = {r["role"]: (r["users"], r["events"]) for r in split.tally(frame).collect()}
    assert found == {"train": (3, 4), "test": (2, 2), "serve": (3, 6)}
    assert split.ties(frame).collect()[0]["tied"] == 4
