from __future__ import annotations

import hashlib
from typing import Any

import pytest

from lstmrec.config.score import Ladder
from lstmrec.contracts.errors import DataError
from lstmrec.scoring import roles

SPLIT = [
    ("a", "train"), ("a", "train"), ("a", "validation"), ("a", "test"), ("b", "test"), ("c", "train"),
    ("d", "validation"),
]  # fmt: skip


def frames(spark: Any) -> tuple[Any, Any]:
    return spark.createDataFrame(SPLIT, "user_id string, role string"), spark.createDataFrame(
        [(u,) for u in "abcde"], "user_id string"
    )


def test_users_and_histories_of_each_role(spark: Any) -> None:
    found = roles.users(*frames(spark), ["validation", "test", "serve"]).collect()
    assert sorted(tuple(r) for r in found) == [
        ("serve", "a", 4), ("serve", "b", 1), ("serve", "c", 1), ("serve", "d", 1), ("serve", "e", 0),
        ("test", "a", 3), ("test", "b", 0), ("validation", "a", 2), ("validation", "d", 0),
    ]  # fmt: skip


def test_the_ladder_has_a_rung_for_everyone(spark: Any) -> None:
    users = spark.createDataFrame([("a", 5), ("b", 4), ("c", 0), ("d", 0), ("e", 2)], "user_id string, history int")
    lists = spark.createDataFrame(
        [("a", True), ("b", False), ("c", True), ("d", False), ("e", True)], "user_id string, known boolean"
    ).selectExpr("user_id", "cast(array() as array<struct<item_id:string,score:float,rank:int>>) as items", "known")

    def got(**more: Any) -> dict[str, str]:
        return {r["user_id"]: r["reason"] for r in roles.ladder(lists, users, Ladder(**more)).collect()}

    assert got() == {"a": "full_history", "b": "short_history", "c": "profile_only", "d": None, "e": "short_history"}
    assert got(short_history=0)["b"] == "full_history" and got(short_history=0)["d"] is None
    few = got(rungs=["full_history", "profile_only", "popularity"])  # e has events: the profile is not why
    assert few == {"a": "full_history", "b": None, "c": "profile_only", "d": None, "e": None}


def test_lost_doubled_and_uninvited_users_are_found(spark: Any) -> None:
    users = spark.createDataFrame([("test", u) for u in "abcd"], "role string, user_id string")
    lists = spark.createDataFrame(
        [("m", "test", u, "popularity") for u in ("a", "b", "b", "x")],
        "recommender string, role string, user_id string, reason string",
    )
    tally, due = roles.tally(lists).collect(), users.groupBy("role").agg(*roles.whose()).collect()
    got, wrong = roles.compared(due, tally, ["m", "gone"])
    assert got == {"m": {"test": 4}, "gone": {"test": 0}} and wrong == [("m", "test"), ("gone", "test")]
    assert [r["user_id"] for r in roles.differing(lists, users, "m", "test").collect()] == ["b", "c", "d", "x"]
    with pytest.raises(DataError) as caught:
        roles.proven(users, lists, ["m"], lambda frame: frame.collect())
    hidden = [f"sha2 {hashlib.sha256(u.encode()).hexdigest()[:12]}" for u in "bcdx"]
    assert caught.value.code == "D710" and str(hidden) in str(caught.value)
    for other in ("abdc", "abdd", "abcx", "abccd", "abc", "acbd"):  # as many lists are not yet the same users
        mine = spark.createDataFrame([("m", "test", u, "popularity") for u in other], lists.schema)
        _, wrong = roles.compared(due, roles.tally(mine).collect(), ["m"])
        assert (wrong == []) == (sorted(other) == list("abcd")), other
    whole = users.selectExpr("'m' as recommender", "role", "user_id", "'full_history' as reason")
    rows, facts = roles.proven(users, whole, ["m"], lambda frame: frame.collect())
    assert rows == 4 and facts["scored"] == {"m": {"test": 4}}
    assert facts["reasons"] == {"m": {"test": {"full_history": 4}}}


def test_buckets_part_the_files(spark: Any) -> None:
    rows = [(f, length, before) for f in range(5) for length in (8, 16) for before in (0, 4)]
    frame = spark.createDataFrame(rows, "file int, length int, before int")
    parts = [[tuple(r) for r in roles.bucket(frame, b, 3).collect()] for b in range(3)]
    assert sorted(x for part in parts for x in part) == sorted(rows) and all(parts)
    assert roles.bucket(frame, 0, 1) is frame
