"""Ids by train counts, a hashed tail, and a grown vocabulary that moves nothing."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import functions as F

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.contracts.errors import ConfigError
from lstmrec.frames import vocabulary

COUNTED = "feature string, value string, count bigint, train bigint, validation bigint, test bigint"
ITEMS = [
    {"item": n + 2, "count": n % 3, "validation": 1, "test": n, "tags": [f"a={n % 4}", f"b={n}"]} for n in range(9)
]
USERS = [(f"u{n}", {"sex": "FM"[n % 2], "zip": str(n // 3)} if n % 5 else {}) for n in range(12)]
ACTIVE = [(f"u{n}", int(n < 9), int(n % 2), 0) for n in range(11)] + [("nobody", 1, 1, 1)]


def test_how_often_a_tag_a_type_and_a_demographic_is_there(spark: Any) -> None:
    frame = spark.createDataFrame(ITEMS, "item int, count bigint, validation bigint, test bigint, tags array<string>")
    found = {r["value"]: tuple(r)[2:] for r in vocabulary.tag_counts(frame).collect()}
    for value, counts in found.items():
        mine = [i for i in ITEMS if value in i["tags"]]
        assert counts == (sum(i["count"] > 0 for i in mine), *(sum(i[c] for i in mine) for c in
                                                              ("count", "validation", "test")))  # fmt: skip
    rows = [("i", "buy", 3, 1, 0), ("j", "buy", 2, 0, 4), ("j", "view", 0, 1, 0)]
    tallied = spark.createDataFrame(rows, "item_id string, event_type string, train bigint, validation bigint, "
                                    "test bigint")  # fmt: skip
    assert sorted(map(tuple, vocabulary.type_counts(tallied).collect())) == [
        ("event_type", "buy", 5, 5, 1, 4), ("event_type", "view", 0, 0, 1, 0)
    ]  # fmt: skip
    people = spark.createDataFrame(USERS, tables.USERS.ddl)
    active = spark.createDataFrame(ACTIVE, "user_id string, train bigint, validation bigint, test bigint")
    found = vocabulary.user_counts(people, active, ["sex", "zip"]).collect()
    expected: Counter[tuple[str, str | None, str]] = Counter()
    for user, train, validation, _ in ACTIVE:
        for name in ("sex", "zip"):
            if user in dict(USERS):
                value = dict(USERS)[user].get(name)
                expected[f"user:{name}", value, "train"] += train
                expected[f"user:{name}", value, "validation"] += validation
    assert {(r["feature"], r["value"], role): r[role] for r in found for role in ("train", "validation")} == expected
    assert all(r["count"] == r["train"] for r in found)


def counted(seed: int, values: int = 60) -> list[tuple[Any, ...]]:
    rng = random.Random(seed)
    return [(f, f"{f}{rng.randrange(values)}-{n}" if n else None, rng.randrange(4), 0, 0, 0)
            for f in ("tag", "event_type", "user:zip") for n in range(40)]  # fmt: skip


def fit(spark: Any, rows: list[tuple[Any, ...]], parts: int, base: Any = None, **conf: Any) -> dict[Any, Any]:
    """(feature, value) -> (id, count)."""
    old = None
    if base is not None:
        data = [(f, v, i, n) for (f, v), (i, n) in base.items()]
        old = spark.createDataFrame(data, tables.VOCABULARY.ddl)
    frame = spark.createDataFrame(rows, COUNTED).repartition(parts)
    found = vocabulary.fit_vocabulary(frame, NormaliseConfig(**conf), old).collect()
    return {(r["feature"], r["value"]): (r["id"], r["count"]) for r in found}


def plain(rows: list[tuple[Any, ...]], feature: str, least: int, first: int, most: int) -> dict[Any, Any]:
    known = sorted((-n, v) for f, v, n, *_ in rows if f == feature and v is not None and n >= least)[:most]
    return {(feature, v): (first + place, -n) for place, (n, v) in enumerate(known)}


def test_ids_by_falling_count_then_value(spark: Any) -> None:
    rows = counted(1)
    conf: dict[str, Any] = {"min_tag_count": 2, "min_value_count": 3, "tail_buckets": 5, "max_values": 12}
    expected = plain(rows, "tag", 2, 7, 12) | plain(rows, "user:zip", 3, 7, 12) | plain(rows, "event_type", 1, 2, 12)
    for parts in (1, 3, 7):
        assert fit(spark, rows[:: parts % 2 * 2 - 1], parts, **conf) == expected
    assert len(plain(rows, "tag", 2, 7, 99)) > 12  # the limit cuts


def test_growing_twice_moves_no_value(spark: Any) -> None:
    conf: dict[str, Any] = {"tail_buckets": 3, "max_values": 70}
    first = fit(spark, counted(1), 2, **conf)
    second = fit(spark, counted(2), 3, first, **conf)
    third = fit(spark, counted(3), 1, second, **conf)
    for old, new in ((first, second), (second, third)):
        assert {k: v[0] for k, v in new.items() if k in old} == {k: v[0] for k, v in old.items()}
    now = {(f, v): n for f, v, n, *_ in counted(3)}
    assert all(n == now.get(k, 0) for k, (_, n) in third.items())
    for feature, start in (("tag", 5), ("user:zip", 5), ("event_type", 2)):
        ids = sorted(i for (f, _), (i, _) in third.items() if f == feature)
        assert ids == list(range(start, start + 70))  # full: later values are in the tail
    assert fit(spark, counted(2), 1, first, **conf) == second


def test_sizes(spark: Any) -> None:
    frame = spark.createDataFrame([("tag", "a", 7, 1), ("tag", "b", 8, 1), ("event_type", "x", 2, 1)],
                                  tables.VOCABULARY.ddl)  # fmt: skip
    assert sorted(map(tuple, vocabulary.sizes(frame).collect())) == [("event_type", 3, 1), ("tag", 9, 2)]


@pytest.mark.parametrize("buckets", [0, 4])
def test_ids_of_tags_and_values(spark: Any, buckets: int) -> None:
    conf = NormaliseConfig(tail_buckets=buckets, tags_max=4)
    words = spark.createDataFrame([("tag", f"k{n}", 2 + buckets + n, 9 - n) for n in range(6)]
                                  + [("user:x", "k9", 2 + buckets, 1)], tables.VOCABULARY.ddl)  # fmt: skip
    known = {f"k{n}": 2 + buckets + n for n in range(6)}
    cases = [
        ["k3", "k1"],
        ["z", "k5", "k0"],
        ["z", "y", "x", "w", "v", "u"],
        ["k0", "k1", "k2", "k3", "k4", "z"],
        ["k9"],
    ]
    tags = spark.createDataFrame(list(enumerate(cases)), "item int, tags array<string>")
    names = spark.createDataFrame([(t,) for t in {t for c in cases for t in c}], "value string")
    mine = names.select("value", vocabulary.id_of(F.col("value"), F.lit(None).cast("int"), conf).alias("id"))
    tail = {r["value"]: r["id"] for r in mine.collect() if r["value"] not in known}
    found = {r["item"]: r["tag_ids"] for r in vocabulary.tag_ids(tags, words, conf).collect()}
    for n, case in enumerate(cases):
        ids = sorted(known[t] for t in case if t in known) + sorted({tail[t] for t in case if t not in known})
        assert found[n] == ids[:4]
    assert set(tail.values()) <= set(range(2, 2 + buckets)) if buckets else set(tail.values()) == {1}
    assert len(set(tail.values())) > 1 or not buckets
    one = spark.range(1).select(vocabulary.id_of(F.lit(None).cast("string"), F.lit(None).cast("int"), conf)).first()
    assert one[0] == 1


def test_another_shape_of_vocabulary_does_not_grow() -> None:
    base = NormaliseConfig(tail_buckets=8).model_dump(mode="json")
    vocabulary.growable(NormaliseConfig(tail_buckets=8, min_tag_count=3, grow_from="old"), base)
    vocabulary.growable(NormaliseConfig(grow_from="old"), {})  # of a version that knew no tail
    with pytest.raises(ConfigError, match=r"C332.*tail_buckets is 4, and 8"):
        vocabulary.growable(NormaliseConfig(tail_buckets=4, grow_from="old"), base)
