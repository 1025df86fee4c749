"""The catalogue and everybody as numbers, by what was fitted."""

from __future__ import annotations

from typing import Any

import pytest

from lstmrec.config.normalise import NormaliseConfig
from lstmrec.contracts import tables
from lstmrec.frames import normalise
from lstmrec.frames.facts import Facts
from lstmrec.frames.scalers import Scaler
from lstmrec.frames.vectors import Vector

CONF = NormaliseConfig(text_buckets=64, text_max=8, tags_max=2)
CATALOGUE = (
    "item int, item_id string, title string, id int, count bigint, tags array<string>, text string, "
    "numeric map<string,double>, vectors map<string,array<float>>"
)
WORDS = [("tag", "a", 2, 5), ("tag", "b", 3, 4), ("user:sex", "F", 2, 9), ("user:zip", "1", 2, 9)]
SCALERS = [Scaler("item:size", False, 2.0, 4.0, 9), Scaler("item:price", False, 0.0, 1.0, 9)]


def facts(**more: Any) -> Facts:
    base: dict[str, Any] = {"conf": CONF, "attributes": ["sex", "zip"], "sizes": {"tag": {"size": 4, "n": 2}},
                            "catalogue": {}, "scalers": SCALERS, "vectors": [Vector("image", 2, 9)]}  # fmt: skip
    return Facts(**(base | more))


def encoded(spark: Any, rows: list[dict[str, Any]], f: Facts) -> list[dict[str, Any]]:
    frame, words = spark.createDataFrame(rows, CATALOGUE), spark.createDataFrame(WORDS, tables.VOCABULARY.ddl)
    made = normalise.apply_items(frame, words, f)
    assert sorted(made.columns) == sorted(tables.ENCODED_ITEMS.names)
    return [r.asDict() for r in made.orderBy("item").collect()]


ROWS: list[dict[str, Any]] = [
    {"item": 2, "item_id": "x", "title": "X", "id": 2, "count": 3, "tags": ["b", "z", "a"], "text": "red tea",
     "numeric": {"size": 6.0, "price": 1.5}, "vectors": {"image": [3.0, 4.0]}},
    {"item": 3, "item_id": "y", "title": None, "id": 1, "count": 0, "tags": [], "text": None, "numeric": {},
     "vectors": {"image": [1.0]}},
]  # fmt: skip


def test_items(spark: Any) -> None:
    x, y = encoded(spark, ROWS, facts())
    assert [x[k] for k in ("item", "item_id", "title", "id", "count", "tags")] == [2, "x", "X", 2, 3, [2, 3]]
    assert x["numeric"] == [1.0, 1.5, 0.0, 0.0] and y["numeric"] == [0.0, 0.0, 1.0, 1.0]
    assert len(x["text"]) == 3 and (y["tags"], y["text"]) == ([], [])


def test_vectors_are_units_or_zeros(spark: Any) -> None:
    x, y = encoded(spark, ROWS, facts())
    assert x["vectors"] == pytest.approx([1.0, 0.6, 0.8]) and y["vectors"] == [0.0, 0.0, 0.0]
    assert [r["vectors"] for r in encoded(spark, ROWS, facts(vectors=()))] == [[], []]


def test_what_is_switched_off_is_empty(spark: Any) -> None:
    off = facts(conf=NormaliseConfig(text_buckets=0), sizes={}, scalers=())
    assert [(r["tags"], r["text"], r["numeric"]) for r in encoded(spark, ROWS, off)] == [([], [], [])] * 2


def test_users(spark: Any) -> None:
    rows = [("u", {"sex": "F", "zip": "1"}), ("v", {"sex": "M"}), ("w", {}), ("x", {"zip": "1", "sex": "zip"})]
    users, words = spark.createDataFrame(rows, tables.USERS.ddl), spark.createDataFrame(WORDS, tables.VOCABULARY.ddl)
    found = {r["user_id"]: r["static"] for r in normalise.apply_users(users, words, ["sex", "zip"], CONF).collect()}
    assert found == {"u": [2, 2], "v": [1, 1], "w": [1, 1], "x": [1, 2]}
    none = normalise.apply_users(users, words, [], CONF)
    assert sorted(map(tuple, none.collect())) == [(u, []) for u, _ in rows]
    tail = NormaliseConfig(tail_buckets=3)
    later = {r["user_id"]: r["static"] for r in normalise.apply_users(users, words, ["sex"], tail).collect()}
    assert later["u"] == [2] and later["v"][0] in (2, 3, 4) and later["w"] == [1]
