"""A made log of few users against plain Python."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.contracts import tables
from lstmrec.contracts.units import DAY_US as DAY
from lstmrec.frames import targets
from lstmrec.frames.sums import COLD, NEW, REPEAT, WEIGHT

EVENTS = [
    # user, item, day, role
    ("a", "x", 0, "train"), ("a", "y", 5, "train"), ("a", "x", 40, "validation"), ("a", "z", 60, "test"),
    ("a", "x", 61, "test"), ("a", "z", 62, "test"), ("b", "y", 50, "train"), ("b", "q", 70, "test"),
    ("c", "x", 66, "test"), ("d", "x", 9, "train"), ("e", "x", 2, "context"), ("e", "z", 59, "test"),
]  # fmt: skip
KEYS = ("item_id", "mark", "popular", "weight")


def split(spark: Any, clock: bool = True) -> Any:
    rows = [(u, i, "e", day * DAY if clock else None, None, n, None, None, n, role, n)
            for n, (u, i, day, role) in enumerate(EVENTS)]  # fmt: skip
    return spark.createDataFrame(rows, tables.SPLIT.ddl)


def told(frame: Any) -> dict[tuple[str, str], Any]:
    rows = [r.asDict() for r in frame.collect()]
    return {(r["role"], r["user_id"]): r | {"targets": sorted(r["targets"])} for r in rows}


def test_targets_are_distinct_items_with_the_history_before_the_role(spark):
    got = told(targets.targets(split(spark)))
    assert {k: ([(t["item_id"], t["mark"]) for t in r["targets"]], r["history"]) for k, r in got.items()} == {
        ("validation", "a"): ([("x", REPEAT)], 2), ("test", "a"): ([("x", REPEAT), ("z", 0)], 3),
        ("test", "b"): ([("q", 0)], 1), ("test", "c"): ([("x", 0)], 0), ("test", "e"): ([("z", 0)], 1),
    }  # fmt: skip
    times = {k: (r["since"], r["at"], [t["time"] for t in r["targets"]]) for k, r in got.items()}
    assert times["test", "a"] == (0, 60 * DAY, [61 * DAY, 60 * DAY]) and times["test", "c"][0] is None


def test_marks_weights_and_places_in_the_popularity_list(spark):
    known = targets.items(split(spark), power=0.5, clip=0.6)
    weights = {r["item_id"]: (r["cold"], r["weight"] / WEIGHT) for r in known.collect()}
    # x and y have two train events each, the most; context trains nothing; z and q have none: clipped
    assert weights == {"x": (False, 1.0), "y": (False, 1.0), "z": (True, pytest.approx(1 / 0.6, abs=1e-6)),
                       "q": (True, pytest.approx(1 / 0.6, abs=1e-6))}  # fmt: skip
    popular = spark.createDataFrame([("test", "a", [("y", 2.0, 1), ("x", 1.0, 2)])],
                                    "role string, user_id string, items array<struct<item_id:string,score:float,rank:int>>")  # fmt: skip # noqa: E501
    got = told(targets.marked(targets.targets(split(spark)), known, popular, item_days=3))
    marks = {k: {t["item_id"]: (t["mark"], t["popular"]) for t in r["targets"]} for k, r in got.items()}
    # z is first seen on day 59, q on day 70, x on day 0
    assert marks["test", "a"] == {"x": (REPEAT, 2), "z": (COLD + NEW, 0)}
    assert marks["test", "b"] == {"q": (COLD + NEW, 0)} and marks["test", "c"] == {"x": (0, 0)}
    later = told(targets.marked(targets.targets(split(spark)), known, None, item_days=1))
    assert {t["item_id"]: t["mark"] for t in later["test", "a"]["targets"]} == {"x": REPEAT, "z": COLD}


def test_groups_of_users(spark):
    users = spark.createDataFrame([("a", {"age": "old"}), ("b", {"age": "young"}), ("c", {"age": "young"}), ("d", {})],
                                  "user_id string, attributes map<string,string>")  # fmt: skip
    segments = targets.segments(users, "age", 1)
    got = told(targets.sliced(targets.targets(split(spark)), [1, 3], [10, 55], segments))
    assert {k[1]: sorted(r["slices"]) for k, r in got.items() if k[0] == "test"} == {
        "a": ["history:long", "segment:other", "user:warm", "user_age:old"],
        "b": ["history:medium", "segment:young", "user:warm", "user_age:middle"],
        "c": ["history:short", "segment:young", "user:cold", "user_age:new"],
        "e": ["history:medium", "segment:unknown", "user:warm", "user_age:old"],
    }


def test_without_a_clock_nothing_has_an_age(spark):
    made = targets.targets(split(spark, clock=False))
    known = targets.items(split(spark, clock=False), 1.0, 0.1)
    got = told(targets.sliced(targets.marked(made, known, None, 28), [1, 3], [10, 55], None))
    assert all(not t["mark"] & NEW for r in got.values() for t in r["targets"])
    assert not [s for r in got.values() for s in r["slices"] if s.startswith("user_age")]


def test_effective_number_of_targets(spark):
    known = targets.items(split(spark), power=0.5, clip=0.5)
    got = {r["role"]: r for r in targets.effective(targets.marked(targets.targets(split(spark)), known, None, 1), 0.5)
           .collect()}  # fmt: skip
    weights = [1.0, 2.0, 2.0, 1.0, 2.0]  # a: x z, b: q, c: x, e: z
    assert got["test"]["targets"] == 5 and got["test"]["clipped"] == 3
    assert got["test"]["effective"] == pytest.approx(sum(weights) ** 2 / sum(w * w for w in weights))
    assert got["validation"]["effective"] == 1
